"""Prediction against truth, and how large the error has been so far."""

from __future__ import annotations

from bokeh.models import BasicTicker, CrosshairTool, DataRange1d, HoverTool
from bokeh.plotting import figure

from .event_axis import EventAxis, event_figure
from .style import MODEL, NAIVE, TRUTH, place_legend


def prediction_figure(axis: EventAxis, *, height: int = 340) -> figure:
    """Draw what was predicted for each event and what then came.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: ``target``,
        ``prediction`` and ``error``, in the target's unit; NaN leaves a gap.
    height : int
        In pixels.
    """
    plot = event_figure(axis, "Prediction and truth", height, "target")
    _fit_to_window(plot)
    truth = plot.line(
        "event", "target", source=axis.source, color=TRUTH, line_width=4, legend_label="truth"
    )
    plot.line(
        "event",
        "prediction",
        source=axis.source,
        color=MODEL,
        line_width=1.3,
        legend_label="prediction",
    )
    plot.add_tools(
        HoverTool(
            renderers=[truth],
            mode="vline",
            tooltips=[
                ("", "@label"),
                ("truth", "@target{0.[000]}"),
                ("prediction", "@prediction{0.[000]}"),
                ("error", "@error{+0.[000]}"),
            ],
        ),
        CrosshairTool(dimensions="height", line_alpha=0.3),
    )
    place_legend(plot)
    return plot


def error_figure(
    axis: EventAxis,
    naive_name: str,
    *,
    height: int = 220,
    title: str = "Mean absolute error so far",
    y_label: str = "error",
    model_name: str = "model",
) -> figure:
    """Draw the running mean absolute error of the model and of a naive forecast, or another score.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: ``model_error`` and
        ``naive_error``, up to each event.
    naive_name : str
        What the naive forecast does.
    height : int
        In pixels.
    title, y_label, model_name : str
        What is drawn, its axis, and whose it is beside the naive forecast's.
    """
    plot = event_figure(axis, title, height, y_label)
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=max(2, height // 60), num_minor_ticks=0)
    _fit_to_window(plot)
    line = plot.line(
        "event",
        "naive_error",
        source=axis.source,
        color=NAIVE,
        line_width=1.6,
        legend_label=naive_name,
    )
    plot.line(
        "event",
        "model_error",
        source=axis.source,
        color=MODEL,
        line_width=1.8,
        legend_label=model_name,
    )
    plot.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[
                ("", "@label"),
                (model_name, "@model_error{0.[0000]}"),
                (naive_name, "@naive_error{0.[0000]}"),
            ],
        )
    )
    place_legend(plot)
    return plot


def _fit_to_window(plot: figure) -> None:
    """Let the vertical axis follow what the horizontal one shows."""
    if not isinstance(plot.x_range, DataRange1d):  # that one would follow itself
        plot.window_axis = "x"
    plot.y_range = DataRange1d(range_padding=0.08)
