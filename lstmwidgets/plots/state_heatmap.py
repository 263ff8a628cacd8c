"""Units by time for gates, memory cell and hidden output: zoomed, pinned and brushed together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, LayoutDOM, Range1d
from bokeh.models.dom import Text
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis import QUANTITIES, Recording
from ..analysis.excerpt import Excerpt
from ..analysis.ordering import ORDERS
from ..analysis.titles import TITLES
from ..checks import check_choice
from . import state_parts as parts
from .heatmap import SIGNED
from .state_lines import StepColumns
from .step_axis import StepAxis
from .unit_brush import Brush, UnitBrush
from .unit_pins import UnitPins

HINT = (
    "Click a row to pin its unit, drag for the mean in a box (double-click removes it), hold Shift "
    "and turn the wheel to zoom."
)


class StateFigures:
    """Heatmaps of one layer, and figures of what is pinned and brushed.

    A click on a row pins its unit, a drag brushes a box; both work in the page alone, and reach
    Python through the sources of `pins` and `brushes` where there is a Python to reach.

    Parameters
    ----------
    recording : Recording
        What to show.
    layer : int
        From 0, the lowest; -1 is the top one.
    order : str
        One of those of `order_units`.
    quantities : collection of str
        Which of `QUANTITIES` to show.
    units : ndarray of int, optional
        Units to draw, from below; by default those that move the most, in that order.

    Attributes
    ----------
    order : str
        What the rows were ordered by.
    layout : LayoutDOM
        To be shown by a pane or by Bokeh.
    excerpt : Excerpt
        What is drawn of the recording; its units in the order of the rows, from below.
    pins : UnitPins
    brushes : UnitBrush

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> recording = Recording.from_trace(LSTM(3, 8).trace(torch.randn(1, 50, 3)))
    >>> figures = StateFigures(recording, order="peak")
    >>> figures.pinned = [2]
    >>> figures.brush = Brush((2,), (10, 19))
    """

    def __init__(
        self,
        recording: Recording,
        *,
        layer: int = -1,
        order: str = "similarity",
        quantities: Collection[str] = QUANTITIES,
        units: NDArray[np.int64] | None = None,
    ) -> None:
        self.order = order
        self._quantities = chosen_quantities(quantities)
        excerpt = Excerpt.of(recording, layer, units=units)
        self.excerpt = excerpt.ordered(order) if units is None else excerpt
        self.axis = StepAxis()
        self.rows = ColumnDataSource({"unit": []}, name="rows")
        self._gaps = ColumnDataSource({"x0": [], "x1": []}, name="gaps")
        self._row_range = Range1d(start=0, end=1, reset_start=0, reset_end=1)
        self._limits: dict[str, float] = {}
        self._images = {
            name: ColumnDataSource(_image(None, 0, 1), name=f"image {name}") for name in TITLES
        }
        self._colours = {name: parts.colours(name) for name in TITLES}
        cross = parts.crosshair()
        self._maps: dict[str, figure] = {
            name: parts.heatmap(
                self.axis,
                name,
                image,
                self.rows,
                self._gaps,
                self._row_range,
                self._colours[name],
                cross,
            )
            for name, image in self._images.items()
        }
        self.pins = UnitPins(self.axis, cross[0])
        self.brushes = UnitBrush()
        self._columns = StepColumns(self.axis, cross[0])
        for plot in self._maps.values():
            self.pins.on_click(plot, self.axis.source, self.rows, self._images)
        self.brushes.on_drag(self._maps, self.axis.source, self.rows, self._images)
        self._note = Text(content="")
        above = [*self._maps.values(), self.pins.figure, self._columns.figure]
        self.layout: LayoutDOM = parts.below_each_other(self._note, above, self.brushes.figure)
        self._draw()

    @property
    def units(self) -> NDArray[np.int64]:
        """Numbers of the units in the rows, from below."""
        return self.excerpt.units

    @property
    def quantities(self) -> tuple[str, ...]:
        """Which quantities are shown."""
        return self._quantities

    @quantities.setter
    def quantities(self, names: Collection[str]) -> None:
        self._quantities = chosen_quantities(names)
        self._draw()

    @property
    def pinned(self) -> list[int]:
        """Numbers of the pinned units; those that are not among the rows are lines only."""
        return self.pins.units

    @pinned.setter
    def pinned(self, units: Sequence[int]) -> None:
        hidden = self.excerpt.recording.hidden_size
        for unit in units:
            if not 0 <= unit < hidden:
                raise ValueError(f"units are numbers from 0 to {hidden - 1}, got {unit}")
        self.pins.pin(self.excerpt, list(dict.fromkeys(map(int, units))))

    @property
    def brush(self) -> Brush | None:
        """What the box is over, if there is one."""
        return self.brushes.get(self.excerpt)

    @brush.setter
    def brush(self, brush: Brush | None) -> None:
        self.brushes.set(self.excerpt, brush)
        self.refresh()

    def show(self, recording: Recording, *, layer: int | None = None) -> None:
        """Show another recording, or another layer.

        Rows keep their units while the layer and its size stay. Pins stay while there is their
        unit, and the box while it is over steps.

        Parameters
        ----------
        recording : Recording
        layer : int, optional
            By default the one that is shown, or the top one where there are fewer.
        """
        old = self.excerpt
        self.excerpt = old.moved_to(recording, self.order, layer=layer)
        if self.excerpt.units is not old.units:
            self.brushes.set(self.excerpt, None)
            self._limits.clear()
        self._draw()

    def reorder(self, order: str) -> None:
        """Choose and order the rows anew; the box goes."""
        check_choice("order", order, ORDERS)
        self.order = order
        self.excerpt = Excerpt.of(self.excerpt.recording, self.excerpt.layer).ordered(order)
        self.brushes.set(self.excerpt, None)
        self._draw()

    def refresh(self) -> None:
        """Bring lines of pins and means of the box up to date with what is recorded."""
        hidden = self.excerpt.recording.hidden_size
        self.pins.pin(self.excerpt, [unit for unit in self.pinned if unit < hidden])
        self.brushes.draw(self.excerpt, self._quantities)

    def _draw(self) -> None:
        excerpt = self.excerpt
        self.axis.show(excerpt.steps, excerpt.stride, excerpt.labels)
        if not np.array_equal(self.rows.data["unit"], excerpt.units):
            self.rows.data = {"unit": excerpt.units}
        rows = len(excerpt.units)
        if self._row_range.reset_end != rows:
            self._row_range.bounds = (0, rows)  # first: the page keeps both ends within
            self._row_range.update(start=0, end=rows, reset_start=0, reset_end=rows)
        lowest = [name for name in self._maps if name in self._quantities][-1]
        known: Any = True
        for name, plot in self._maps.items():
            plot.visible = name in self._quantities
            plot.frame_height = int(np.clip(14 * rows, 42, 126))
            self.axis.fit(plot, shown=name == lowest)
            known = known & self._draw_image(name)
        self._gaps.data = _runs(~known, excerpt)
        for plot in (self.pins.figure, self._columns.figure):
            self.axis.fit(plot)
        self._columns.show(excerpt.steps, excerpt.columns)
        notes = [note[0].upper() + note[1:] for note in excerpt.notes()]
        self._note.content = ". ".join([*notes, HINT])
        self.refresh()

    def _draw_image(self, name: str) -> NDArray[np.bool_]:
        """Draw a quantity, if it is shown, and return at which steps it is known."""
        excerpt = self.excerpt
        # Cell state and hidden output are there even if they are not seen: a click draws them.
        needed = name in self._quantities or name in ("cell", "hidden")
        start = excerpt.steps[0] - excerpt.stride / 2
        if not needed:
            self._images[name].data = _image(None, start, excerpt.stride)
            return np.ones(len(excerpt.steps), dtype=bool)
        values = excerpt.values(name)
        self._images[name].data = _image(values, start, excerpt.stride)
        if name in SIGNED:
            limit = parts.colour_limit(values, self._limits.get(name))
            self._limits[name] = limit
            self._colours[name].update(low=-limit, high=limit)
        return np.asarray(np.isfinite(values).all(axis=1))


def chosen_quantities(names: Collection[str]) -> tuple[str, ...]:
    """Return some of `QUANTITIES` in their order; raise if there are none, or others."""
    if isinstance(names, str) or not names:
        raise ValueError(f"choose one or more of {', '.join(QUANTITIES)}, got {names!r}")
    for name in names:
        check_choice("quantities", name, QUANTITIES)
    return tuple(name for name in QUANTITIES if name in names)


def _runs(missing: NDArray[np.bool_], excerpt: Excerpt) -> dict[str, Any]:
    """Return from where to where something is missing."""
    edges = np.diff(missing.astype(np.int8), prepend=0, append=0)
    start = excerpt.steps[0] - excerpt.stride / 2
    first, last = (start + excerpt.stride * np.flatnonzero(edges == edge) for edge in (1, -1))
    return {"x0": first, "x1": last}


def _image(values: NDArray[np.float32] | None, start: float, stride: int) -> dict[str, Any]:
    if values is None:
        return {name: [] for name in ("image", "x", "y", "dw", "dh")}
    steps, rows = values.shape
    image = np.ascontiguousarray(values.T)  # (U, T)
    return {"image": [image], "x": [start], "y": [0], "dw": [steps * stride], "dh": [rows]}
