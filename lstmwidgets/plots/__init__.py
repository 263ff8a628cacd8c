"""Bokeh figures. What they show is computed in `lstmwidgets.analysis`, or comes in as arrays."""

from .event_axis import EventAxis, event_columns, event_figure
from .flow import flow_figure
from .heatmap import unit_heatmap
from .lines import error_figure, prediction_figure
from .shares import share_figure
from .state_heatmap import StateFigures
from .style import THEMES
from .unit_brush import Brush

__all__ = [
    "THEMES",
    "Brush",
    "EventAxis",
    "StateFigures",
    "error_figure",
    "event_columns",
    "event_figure",
    "flow_figure",
    "prediction_figure",
    "share_figure",
    "unit_heatmap",
]
