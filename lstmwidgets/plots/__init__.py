"""Bokeh figures. What they show is computed in `lstmwidgets.analysis`, or comes in as arrays."""

from .heatmap import unit_heatmap
from .lines import error_figure, prediction_figure
from .shares import share_figure
from .style import EventAxis, event_figure

__all__ = [
    "EventAxis",
    "error_figure",
    "event_figure",
    "prediction_figure",
    "share_figure",
    "unit_heatmap",
]
