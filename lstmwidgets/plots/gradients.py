"""What predictions feel of the steps before them, for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis.gradient_flow import Gradients
from .style import MODEL, NAIVE, place_legend

Array = NDArray[np.float64]

NAMES = {
    "model": "the model",
    "rnn": "plain RNN",
    "standard": "standard LSTM",
    "peephole": "peephole",
    "full_gate_recurrence": "full gate recurrence",
    "coupled": "coupled gates",
    "layer_norm": "layer norm",
}
COLOURS = {
    "model": MODEL,
    "rnn": NAIVE,
    "standard": "#009e73",
    "peephole": "#cc79a7",
    "full_gate_recurrence": "#c07f00",
    "coupled": "#8a9a00",
    "layer_norm": "#9970ab",
}
TITLES = {"cell": "cell state", "hidden": "hidden output", "input": "input"}

DECADES = 40
"""How far below the largest value the axis goes at most."""

DASHED = "; dashed: along the cells alone"

PRODUCTS = ("model", "standard")
"""Of which the product of forget gates is drawn."""


def gradients_figure(
    curves: Mapping[str, Gradients],
    *,
    of: str = "cell",
    layer: int = -1,
    relative: bool = True,
    height: int = 360,
) -> figure:
    """Draw how much predictions feel of the steps before them.

    Parameters
    ----------
    curves : mapping of str to Gradients
        By name; ``"model"`` and those of `lstmwidgets.analysis.rivals.RIVALS` have colours.
    of : str
        ``"cell"``, ``"hidden"`` or ``"input"``.
    layer : int
        Of which layer.
    relative : bool
        As shares of each curve's value at the prediction.
    height : int
        In pixels.
    """
    plot = figure(
        title=f"Gradient of a prediction with respect to the {TITLES[of]}{DASHED * (of == 'cell')}",
        height=height,
        sizing_mode="stretch_width",
        y_axis_type="log",
        x_range=Range1d(start=max([1, *map(len, curves.values())]) - 1, end=0),
        x_axis_label="steps before the prediction",
        y_axis_label="share of that at the prediction" if relative else "size of the gradient",
        tools="xpan,xbox_zoom,reset,save",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    drawn = []
    for name, gradients in curves.items():
        values = gradients.norms(of, layer)
        unit = values[-1] if relative and values[-1] > 0 else 1.0
        lines = {"solid": values / unit}
        if of == "cell" and gradients.along_cell is not None and name in PRODUCTS:
            lines["dashed"] = gradients.along_cell[layer] / unit
        for dash, line in lines.items():
            drawn.append(line[line > 0])
            _draw(plot, name, gradients.labels, line, dash)
    if any(len(line) for line in drawn):
        top = max(line.max() for line in drawn if len(line))
        low = min(line.min() for line in drawn if len(line))
        plot.y_range = Range1d(start=max(low, top * 10.0**-DECADES) / 2, end=2 * top)
    if curves:
        place_legend(plot)
    return plot


def _draw(plot: figure, name: str, labels: Sequence[str], line: Array, dash: str) -> None:
    """Draw a curve; it is known by its name when one points at it."""
    lags = np.arange(len(line) - 1, -1, -1)
    values = np.where(line > 0, line, np.nan)
    data = ColumnDataSource({"lag": lags, "value": values, "label": labels})
    glyph = plot.line(
        "lag",
        "value",
        source=data,
        color=COLOURS.get(name, "#666666"),
        line_width=3 if name == "model" else 1.8,
        line_dash=dash,
        legend_label=NAMES.get(name, name),
    )
    if dash == "solid":
        told = [("steps before", "@lag"), ("", "@label"), ("gradient", "@value{0.0e+0}")]
        tips = [("", NAMES.get(name, name)), *told]
        plot.add_tools(HoverTool(renderers=[glyph], tooltips=tips))
