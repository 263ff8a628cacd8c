"""Prediction against truth, and how large the error has been so far."""

from __future__ import annotations

from bokeh.models import (
    BasicTicker,
    CDSView,
    ColumnDataSource,
    CrosshairTool,
    CustomJSFilter,
    DataRange1d,
    HoverTool,
    VSpan,
)
from bokeh.plotting import figure

from .event_axis import EventAxis, event_figure
from .style import MODEL, NAIVE, TRUTH, place_legend


def prediction_figure(
    axis: EventAxis,
    *,
    interval: bool = False,
    drifts: ColumnDataSource | None = None,
    height: int = 340,
) -> figure:
    """Draw what was predicted for each event and what then came.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: ``target``,
        ``prediction`` and ``error``, in the target's unit; NaN leaves a gap.
    interval : bool
        Also draw the columns ``lower`` and ``upper`` as a band.
    drifts : ColumnDataSource, optional
        Events, in a column ``event``, where the error was seen to change.
    height : int
        In pixels.
    """
    plot = event_figure(axis, "Prediction and truth", height, "target")
    _fit_to_window(plot)
    if interval:
        band = plot.varea(
            "event",
            "lower",
            "upper",
            source=axis.source,
            fill_color=MODEL,
            fill_alpha=0.15,
            legend_label="interval",
        )
        band.level = "underlay"
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
    if drifts is not None:
        mark_drifts(plot, drifts)
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
    metric: str = "Mean absolute error",
    height: int = 220,
) -> figure:
    """Draw the running error, or another metric, of the model and of a naive forecast.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: ``model_error`` and
        ``naive_error``, up to each event.
    naive_name : str
        What the naive forecast does.
    metric : str
        Name of what is drawn.
    height : int
        In pixels.
    """
    plot = event_figure(axis, f"{metric} so far", height, metric.split()[-1].lower())
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
        legend_label="model",
    )
    plot.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[
                ("", "@label"),
                ("model", "@model_error{0.[0000]}"),
                (naive_name, "@naive_error{0.[0000]}"),
            ],
        )
    )
    place_legend(plot)
    return plot


def score_figure(axis: EventAxis, *, height: int = 220) -> figure:
    """Draw how odd each event is, as an anomaly detector says, and those known to be anomalies.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: ``prediction``, the score,
        and ``target``, above zero for known anomalies.
    height : int
        In pixels.
    """
    plot = event_figure(axis, "Anomaly score", height, "score")
    _fit_to_window(plot)
    score = plot.line(
        "event", "prediction", source=axis.source, color=MODEL, line_width=1.3, legend_label="score"
    )
    known = CDSView(
        filter=CustomJSFilter(code="return Array.from(source.data.target, (y) => y > 0)")
    )
    plot.scatter(
        "event",
        "prediction",
        source=axis.source,
        view=known,
        size=8,
        color=NAIVE,
        legend_label="known anomaly",
    )
    plot.add_tools(
        HoverTool(
            renderers=[score],
            mode="vline",
            tooltips=[("", "@label"), ("score", "@prediction{0.[0000]}")],
        )
    )
    place_legend(plot)
    return plot


def mark_drifts(plot: figure, drifts: ColumnDataSource) -> None:
    """Draw a line at each event where the error was seen to change."""
    spans = plot.add_glyph(
        drifts, VSpan(x="event", line_color=NAIVE, line_dash="dashed", line_width=1.5)
    )
    plot.add_tools(HoverTool(renderers=[spans], tooltips="the error changed here (ADWIN)"))


def _fit_to_window(plot: figure) -> None:
    """Let the vertical axis follow what the horizontal one shows."""
    if not isinstance(plot.x_range, DataRange1d):  # that one would follow itself
        plot.window_axis = "x"
    plot.y_range = DataRange1d(range_padding=0.08)
