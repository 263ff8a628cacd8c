"""Lines over the steps that heatmaps of units stand above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    HoverTool,
    NumeralTickFormatter,
)
from bokeh.models.annotations import Span
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from numpy.typing import NDArray

from .state_parts import over_steps, shared_tools
from .step_axis import StepAxis
from .style import MODEL, TRUTH, place_legend

COLOURS = ("#d55e00", "#56b4e9", "#009e73", "#cc79a7", "#e69f00", "#0072b2")
"""Of Okabe & Ito (2008), those that can be seen on white as well as on dark."""

LOOKS = {"target": (TRUTH, 4.0), "prediction": (MODEL, 1.5)}
"""Colour and width of numbers that are known; their lines come first."""


class StepColumns:
    """A figure of the numbers that go with the steps, such as target and prediction.

    Attributes
    ----------
    source : ColumnDataSource
        One row a line.
    figure : figure
        Hidden where there are no numbers.
    """

    def __init__(self, axis: StepAxis, cross: Span) -> None:
        empty: dict[str, Any] = {name: [] for name in ("x", "y", "name", "color", "width")}
        self.source = ColumnDataSource(empty, name="columns")
        self.figure = plot = lines_over_steps(axis, "Numbers at each step", cross, 110)
        lines = plot.multi_line(
            "x", "y", source=self.source, color="color", line_width="width", legend_field="name"
        )
        plot.add_tools(line_hover(axis, lines, ("@name", "$data_y{0.[000]}")))
        place_legend(plot)
        plot.legend.click_policy = "none"  # it would hide all lines at once

    def show(self, steps: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Show other numbers."""
        known = {name: column for name, column in columns.items() if np.isfinite(column).any()}
        names = [name for name in LOOKS if name in known]
        names += [name for name in known if name not in LOOKS]
        further = iter(COLOURS * len(names))
        looks = [LOOKS.get(name) or (next(further), 1.5) for name in names]
        self.source.data = {
            "x": [line_ends(steps)] * len(names),
            "y": [line_values(known[name]) for name in names],
            "name": [_plain(name) for name in names],
            "color": [colour for colour, _ in looks],
            "width": [width for _, width in looks],
        }
        self.figure.visible = bool(names)


def lines_over_steps(axis: StepAxis, title: str, cross: Span, height: int) -> figure:
    """Return an empty figure whose vertical axis follows what the horizontal one shows."""
    plot = over_steps(axis, title, y_range=DataRange1d(range_padding=0.08), frame_height=height)
    plot.window_axis = "x"
    plot.add_tools(*shared_tools(), CrosshairTool(overlay=cross, visible=False))
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=4)
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    return plot


def line_ends(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where a line runs; over a single step, from where it begins to where it ends."""
    x = steps.astype(np.float64)
    return x if len(x) > 1 else np.array([x[0] - 0.5, x[0] + 0.5])


def line_values(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return how high a line runs; over a single step it is level."""
    y = values.astype(np.float64)
    return y if len(y) > 1 else np.repeat(y, 2)


def line_hover(axis: StepAxis, line: GlyphRenderer[Any], row: tuple[str, str]) -> HoverTool:
    """Return the tool that says step and value of a line under the pointer."""
    return HoverTool(
        renderers=[line],
        tooltips=[("", "$x{custom}"), row],
        formatters={"$x": axis.hover()},
        line_policy="nearest",
        visible=False,
    )


def _plain(text: str) -> str:
    """Return text in which Bokeh finds no formulas, for which it would fetch a typesetter."""
    for begin in ("$$", "\\(", "\\["):
        text = text.replace(begin, f"{begin[0]}\u200b{begin[1]}")
    return text
