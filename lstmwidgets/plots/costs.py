"""What an LSTM costs against its hidden size, for papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LayoutDOM
from bokeh.plotting import figure

from ..analysis.cost_counts import Counts
from ..analysis.cost_curves import CONTENDERS, KINDS, OURS, CostPoint, Workload
from .style import FAINT, MODEL, NAIVE

COLOURS = dict(zip(CONTENDERS, (MODEL, "#56b4e9", NAIVE, "#009e73"), strict=True))

MEMORY = {"weight_bytes": ("weights", MODEL), "state_bytes": ("state of a stream", "#009e73")}
KEPT = ("kept for a batch's way back", "#cc79a7")

TITLES = {
    "parameters": ("Parameters", "numbers"),
    "flops_per_step": ("Operations a step", "operations"),
    "memory": ("Memory", "bytes"),
    "step": ("A step", "µs"),
    "event": ("An event, predicted and learned", "µs"),
    "batch": ("A batch of {b} sequences of {t} steps", "ms"),
}
UNITS = {"step": 1e6, "event": 1e6, "batch": 1e3}


def costs_figure(
    points: Sequence[CostPoint],
    counts_of: Callable[[int], Counts],
    hidden_size: int,
    workload: Workload,
) -> LayoutDOM:
    """Draw what is counted and what was measured of one cell and number of layers.

    Parameters
    ----------
    points : sequence of CostPoint
        What was measured, sizes in order.
    counts_of : callable
        Returns the `Counts` of a hidden size.
    hidden_size : int
        A dashed line marks it.
    workload : Workload
        What was measured.
    """
    measured = sorted({point.hidden_size for point in points} | {hidden_size})
    sizes = np.unique(np.geomspace(measured[0], measured[-1], 60).round().astype(int)).tolist()
    counts = {name: [getattr(counts_of(n), name) for n in sizes] for name in Counts._fields}
    plots = {name: _plot(name, measured, hidden_size, workload) for name in TITLES}
    for name in ("parameters", "flops_per_step"):
        _line(plots[name], sizes, counts[name], "", MODEL, dots=False)
    for name, look in MEMORY.items():
        _line(plots["memory"], sizes, counts[name], *look, dots=False)
    batches = [point for point in points if (point.kind, point.contender) == ("batch", OURS)]
    _line(
        plots["memory"],
        [point.hidden_size for point in batches],
        [point.kept_bytes for point in batches],
        *KEPT,
    )
    for kind in KINDS:
        for name, colour in COLOURS.items():
            of = [point for point in points if (point.kind, point.contender) == (kind, name)]
            values = [point.seconds * UNITS[kind] for point in of]
            _line(plots[kind], [point.hidden_size for point in of], values, name, colour)
    drawn = [*plots.values()]
    for plot in drawn:
        if plot.legend:
            plot.legend.location = "top_left"
            plot.legend.label_text_font_size = "11px"
    rows = [
        row(*drawn[:3], sizing_mode="stretch_width"),
        row(*drawn[3:], sizing_mode="stretch_width"),
    ]
    return column(*rows, sizing_mode="stretch_width")


def _plot(name: str, measured: Sequence[int], hidden_size: int, workload: Workload) -> figure:
    title, unit = TITLES[name]
    plot = figure(
        title=title.format(b=workload.batch_size, t=workload.steps),
        height=260,
        sizing_mode="stretch_width",
        x_axis_type="log",
        y_axis_type="log",
        x_axis_label="hidden units",
        y_axis_label=unit,
        tools="save",
    )
    plot.xaxis.ticker = FixedTicker(ticks=list(measured))
    plot.vspan(x=[hidden_size], line_dash="dashed", line_color=FAINT)
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    return plot


def _line(
    plot: figure,
    sizes: Sequence[int],
    values: Sequence[float],
    name: str,
    colour: str,
    *,
    dots: bool = True,
) -> None:
    """Draw a curve; it says its values when one points at it."""
    if not sizes:
        return
    source = ColumnDataSource({"size": list(sizes), "value": list(values)})
    look: dict[str, Any] = {"source": source, "color": colour}
    if name:
        look["legend_label"] = name
    line = plot.line("size", "value", line_width=2, **look)
    drawn: Any = plot.scatter("size", "value", size=6, **look) if dots else line
    told = [("", name)] if name else []
    tips = [*told, ("hidden units", "@size"), ("", "@value{0,0.[00]}")]
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips))
