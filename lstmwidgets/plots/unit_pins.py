"""Units that are pinned: a mark at their row in every heatmap, and their state as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, Range1d
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from ..analysis.excerpt import Excerpt
from .state_lines import COLOURS, line_ends, line_hover, line_values, lines_over_steps
from .step_axis import StepAxis
from .style import place_legend

Images = Mapping[str, ColumnDataSource]

NOTHING: dict[str, Any] = {
    name: [] for name in ("unit", "label", "color", "row", "x", "cell", "hidden")
}

# Does the same as `UnitPins.pin`, where there may be no Python. A second click takes a pin out.
CLICK = """
    const row = Math.floor(cb_obj.y)
    const units = Array.from(rows.data.unit)
    const x = Array.from(steps.data.x)
    const half = x.length > 1 ? (x[1] - x[0]) / 2 : 0.5
    if (row < 0 || row >= units.length) return
    if (cb_obj.x < x[0] - half || cb_obj.x > x.at(-1) + half) return
    const data = Object.fromEntries(
        Object.entries(pins.data).map(([name, column]) => [name, Array.from(column)]))
    const at = data.unit.indexOf(units[row])
    if (at >= 0) {
        for (const column of Object.values(data)) column.splice(at, 1)
    } else {
        const values = source => {
            const image = source.data.image[0]
            return x.map((_, n) => image[row * x.length + n])
        }
        const free = palette.find(colour => !data.color.includes(colour))
        data.unit.push(units[row])
        data.label.push(`unit ${units[row]}`)
        data.color.push(free ?? palette[0])
        data.row.push(row + 0.5)
        const wide = line => line.length > 1 ? line : [line[0], line[0]]
        data.x.push(x.length > 1 ? x : [x[0] - half, x[0] + half])
        data.cell.push(wide(values(cell)))
        data.hidden.push(wide(values(hidden)))
    }
    pins.data = data
    lines.visible = data.unit.length > 0
"""


class UnitPins:
    """What is pinned, kept in a source that clicks in the page change as well.

    Parameters
    ----------
    axis : StepAxis
        Of the steps.
    cross : Span
        The vertical line that follows the pointer.

    Attributes
    ----------
    source : ColumnDataSource
        One row a pin.
    figure : figure
        The lines; hidden while nothing is pinned.
    """

    def __init__(self, axis: StepAxis, cross: Span) -> None:
        self.source = ColumnDataSource(dict(NOTHING), name="pins")
        title = "Pinned units: cell state (solid), hidden output (dashed)"
        self.figure = plot = lines_over_steps(axis, title, cross, 140)
        plot.update(name="pinned units", visible=False)
        look: Any = {"source": self.source, "color": "color", "line_width": 2}
        cell = plot.multi_line("x", "cell", legend_field="label", **look)
        hidden = plot.multi_line("x", "hidden", line_dash="dashed", **look)
        for line, name in ((cell, "cell state"), (hidden, "hidden output")):
            plot.add_tools(line_hover(axis, line, ("@label", f"{name} $data_y{{0.000}}")))
        place_legend(plot)
        plot.legend.click_policy = "none"  # it would hide all lines at once

    @property
    def units(self) -> list[int]:
        """Their numbers."""
        data: Any = self.source.data
        return [int(unit) for unit in data["unit"]]

    def on_click(
        self, plot: figure, steps: ColumnDataSource, rows: ColumnDataSource, images: Images
    ) -> None:
        """Let clicks on a heatmap pin units, and mark there which ones are."""
        args = {"steps": steps, "rows": rows, "pins": self.source, "lines": self.figure}
        values = {name: images[name] for name in ("cell", "hidden")}
        click = CustomJS(args={**args, **values, "palette": COLOURS}, code=CLICK)
        plot.js_on_event("tap", click)
        plot.js_on_event("doubletap", click)  # comes in place of the second of two quick clicks
        plot.extra_x_ranges = {"margin": Range1d(start=0, end=1)}
        plot.scatter(
            x=0,
            y="row",
            source=self.source,
            marker="triangle",
            angle=-np.pi / 2,
            size=16,
            color="color",
            line_color="white",
            x_range_name="margin",
        )

    def pin(self, excerpt: Excerpt, units: Sequence[int]) -> None:
        """Pin these units, with lines that are up to date; those pinned keep their colours."""
        colours = dict(zip(self.units, self.source.data["color"], strict=True))
        colours = {unit: colours[unit] for unit in units if unit in colours}
        for unit in units:
            free = [colour for colour in COLOURS if colour not in colours.values()]
            colours.setdefault(unit, (free or COLOURS)[0])
        rows = {int(unit): row + 0.5 for row, unit in enumerate(excerpt.units)}
        numbers = np.array(units, dtype=np.int64)
        data: dict[str, Any] = {
            "unit": list(units),
            "label": [f"unit {unit}" for unit in units],
            "color": [colours[unit] for unit in units],
            "row": [rows.get(unit, np.nan) for unit in units],  # not all units have a row
            "x": [line_ends(excerpt.steps)] * len(units),
            "cell": [line_values(line) for line in excerpt.of_units("cell", numbers).T],
            "hidden": [line_values(line) for line in excerpt.of_units("hidden", numbers).T],
        }
        present: Any = self.source.data
        if not _same(data, present):  # whoever listens may call this again
            self.source.data = data
        self.figure.visible = len(units) > 0


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        len(one[name]) == len(other[name])
        and all(
            a == b if name in ("unit", "label", "color") else np.array_equal(a, b, equal_nan=True)
            for a, b in zip(one[name], other[name], strict=True)
        )
        for name in NOTHING
    )
