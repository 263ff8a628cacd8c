"""Prediction against truth, and how large the error has been so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource, CrosshairTool, DataRange1d, HoverTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from .style import MODEL, NAIVE, TRUTH, EventAxis, event_figure, place_legend

Numbers = Sequence[float | None]


def prediction_figure(
    axis: EventAxis, events: Sequence[int], target: Numbers, prediction: Numbers
) -> figure:
    """Draw what was predicted for each event and what then came.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    events : sequence of int
        Positions in the stream.
    target, prediction : sequence of float or None
        In the target's unit; None leaves a gap.
    """
    truth, predicted = _array(target), _array(prediction)
    source = ColumnDataSource(
        {
            "event": np.asarray(events),
            "label": axis.labels,
            "target": truth,
            "prediction": predicted,
            "error": predicted - truth,
        }
    )
    plot = event_figure(axis, "Prediction and truth", 340, "target")
    _fit_to_window(plot)
    truth_line = plot.line(
        "event", "target", source=source, color=TRUTH, line_width=4, legend_label="truth"
    )
    plot.line(
        "event",
        "prediction",
        source=source,
        color=MODEL,
        line_width=1.3,
        legend_label="prediction",
    )
    plot.add_tools(
        HoverTool(
            renderers=[truth_line],
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
    axis: EventAxis, events: Sequence[int], model: Numbers, naive: Numbers, naive_name: str
) -> figure:
    """Draw the running mean absolute error of the model and of a naive forecast.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    events : sequence of int
        Positions in the stream.
    model, naive : sequence of float or None
        Mean absolute error up to each event, in the target's unit.
    naive_name : str
        What the naive forecast does.
    """
    source = ColumnDataSource(
        {
            "event": np.asarray(events),
            "label": axis.labels,
            "model": _array(model),
            "naive": _array(naive),
        }
    )
    plot = event_figure(axis, "Mean absolute error so far", 220, "error")
    _fit_to_window(plot)
    line = plot.line(
        "event", "naive", source=source, color=NAIVE, line_width=1.6, legend_label=naive_name
    )
    plot.line("event", "model", source=source, color=MODEL, line_width=1.8, legend_label="model")
    plot.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[
                ("", "@label"),
                ("model", "@model{0.[0000]}"),
                (naive_name, "@naive{0.[0000]}"),
            ],
        )
    )
    place_legend(plot)
    return plot


def _fit_to_window(plot: figure) -> None:
    """Let the vertical axis follow what the horizontal one shows."""
    plot.window_axis = "x"
    plot.y_range = DataRange1d(range_padding=0.08)


def _array(values: Numbers) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)
