"""Bokeh figures. What they show is computed in `lstmwidgets.analysis`, or comes in as arrays."""

from .costs import costs_figure
from .course import course_figure
from .event_axis import EventAxis, event_columns, event_figure
from .explanation import explanation_figure
from .flow import flow_figure
from .gradients import gradients_figure
from .heatmap import unit_heatmap
from .lines import error_figure, prediction_figure
from .matches import match_figure
from .memory import memory_figure
from .shares import share_figure
from .state_heatmap import StateFigures
from .style import THEMES
from .unit_brush import Brush

__all__ = [
    "THEMES",
    "Brush",
    "EventAxis",
    "StateFigures",
    "costs_figure",
    "course_figure",
    "error_figure",
    "event_columns",
    "event_figure",
    "explanation_figure",
    "flow_figure",
    "gradients_figure",
    "match_figure",
    "memory_figure",
    "prediction_figure",
    "share_figure",
    "unit_heatmap",
]
