"""Units by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure
from numpy.typing import NDArray

from .event_axis import EventAxis, event_figure
from .style import DIVERGING, SEQUENTIAL

SIGNED = ("cell", "hidden", "candidate")
"""Quantities on both sides of zero; the others are gates, from 0 to 1."""

TILE = 32
"""Steps a tile."""

WIDER = 1.2
"""By how much values must leave the colours' range for it to be widened."""


class UnitTiles:
    """Quantities of a layer's units over the steps, as images that heatmaps draw.

    They are cut into tiles, so that a new step costs one column of the last tile, and the oldest
    tile can be left behind.

    Parameters
    ----------
    quantities : sequence of str
        What is drawn, such as ``"forget_gate"``; a column of images each.
    units : ndarray of int
        The units drawn, from below.
    stride : int
        How many events lie between steps.

    Attributes
    ----------
    source : ColumnDataSource
        One row a tile: ``x`` (its left edge), ``dw`` (its width), and the images, (units, steps).
    order : ColumnDataSource
        ``unit``: the unit in each row of the images.
    y_range : Range1d
    mappers, scales : dict of str to LinearColorMapper
        The colours of the images, and the same for colour bars: whenever Bokeh colours an image it
        draws all bars anew that have its mapper.
    """

    def __init__(
        self, quantities: Sequence[str], units: NDArray[np.int64], *, stride: int = 1
    ) -> None:
        self.quantities = tuple(quantities)
        self.stride = stride
        self.source = ColumnDataSource({name: [] for name in ("x", "dw", *quantities)})
        self.order = ColumnDataSource({"unit": units})
        self.y_range = Range1d(start=0, end=len(units))
        self.mappers = {name: _mapper(name) for name in quantities}
        self.scales = {name: _mapper(name) for name in quantities}
        self._next = 0  # step
        self._filled = TILE  # columns of the last tile

    @property
    def units(self) -> NDArray[np.int64]:
        """The units drawn, from below."""
        return np.asarray(self.order.data["unit"], np.int64)

    def show(
        self, first: int, values: Mapping[str, NDArray[Any]], units: NDArray[np.int64]
    ) -> None:
        """Show other steps, (T, H) of each quantity, the first of them at a position."""
        if len(units) != len(self.units) or (units != self.units).any():
            self.order.data = {"unit": units}
            self.y_range.end = len(units)
        count = len(next(iter(values.values())))
        data: dict[str, Any] = {name: [] for name in ("x", "dw", *self.quantities)}
        for start in range(0, count, TILE):
            tile = self._tile(first + start * self.stride)
            for name, images in tile.items():
                data[name] += images
                if name in values:
                    part = values[name][start : start + TILE, units].T
                    images[0][:, : part.shape[1]] = part
        margin = WIDER if len(self.source.data["x"]) else 0.0
        self.source.data = data
        self._next = first + count * self.stride
        self._filled = (count - 1) % TILE + 1 if count else TILE
        for name in self.quantities:
            self._fit_colours(name, values[name], margin=margin)

    def append(self, values: Mapping[str, NDArray[Any]], most: int) -> None:
        """Show further steps, (T, H) of each quantity, and at most so many of the last tiles."""
        taken, count = 0, len(next(iter(values.values())))
        while taken < count:
            if self._filled == TILE:
                self.source.stream(self._tile(self._next), rollover=most)
                self._filled = 0
            room = min(TILE - self._filled, count - taken)
            place = (len(self.source.data["x"]) - 1, slice(None), self._columns(room))
            part = {name: values[name][taken : taken + room, self.units].T for name in values}
            self.source.patch(
                {name: [(place, np.ascontiguousarray(p).ravel())] for name, p in part.items()}
            )
            taken += room
            self._filled += room
            self._next += room * self.stride
        for name in self.quantities:
            self._fit_colours(name, values[name], margin=WIDER)

    def _columns(self, count: int) -> slice:
        return slice(self._filled, self._filled + count)

    def _tile(self, first: int) -> dict[str, Any]:
        """Return an empty tile that starts with the step at a position."""
        shape = (len(self.units), TILE)
        images = {name: [np.full(shape, np.nan, np.float32)] for name in self.quantities}
        return {"x": [first - self.stride / 2], "dw": [TILE * self.stride], **images}

    def _fit_colours(self, name: str, values: NDArray[Any], *, margin: float) -> None:
        """Let colours reach up to the 99th percentile of the size, where that is beyond a margin.

        Colours that followed every change would flicker.
        """
        if name not in SIGNED or not np.isfinite(values).any():
            return
        limit = float(np.nanpercentile(np.abs(values), 99)) or 1.0
        if limit > margin * float(self.mappers[name].high or 0):
            for mapper in (self.mappers[name], self.scales[name]):
                mapper.update(low=-limit, high=limit)


def unit_heatmap(
    axis: EventAxis,
    tiles: UnitTiles,
    quantity: str,
    title: str,
    *,
    height: int = 190,
    labelled: bool = True,
) -> figure:
    """Draw one quantity of every unit over the events.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    tiles : UnitTiles
        What is drawn.
    quantity : str
        Which of it. Colours diverge around zero for cell state, candidate and hidden output;
        for gates they run from 0 to 1.
    title : str
        Above the figure.
    height : int
        In pixels.
    labelled : bool
        Whether events are labelled below; not needed where another figure follows that does.
    """
    plot = event_figure(axis, title, height, "unit", y_range=tiles.y_range)
    if not labelled:
        plot.xaxis.visible = False
        plot.min_border_bottom = 4
    plot.yaxis.ticker = FixedTicker(ticks=[])  # positions in the order say nothing by themselves
    plot.grid.grid_line_color = None
    image = plot.image(
        image=quantity,
        x="x",
        y=0,
        dw="dw",
        dh=len(tiles.units),
        source=tiles.source,
        color_mapper=tiles.mappers[quantity],  # type: ignore[call-arg]  # Bokeh's stub leaves it out
        level="image",
    )
    unit_name = CustomJSHover(
        args={"order": tiles.order},
        code="return String(order.data.unit[Math.floor(special_vars.y)] ?? '')",
    )
    event_name = CustomJSHover(
        args={"source": axis.source},
        code="""
            const {event, label} = source.data
            const stride = (event[1] - event[0]) || 1
            return label[Math.round((special_vars.x - event[0]) / stride)] ?? ''
        """,
    )
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[
                ("", "$x{custom}"),
                ("unit", "$y{custom}"),
                ("value", f"@{quantity}{{0.000}}"),
            ],
            formatters={"$x": event_name, "$y": unit_name},
        )
    )
    bar = ColorBar(
        color_mapper=tiles.scales[quantity],
        ticker=BasicTicker(desired_num_ticks=4),
        width=10,
        padding=6,
        label_standoff=6,
    )
    plot.add_layout(bar, "right")
    return plot


def _mapper(quantity: str) -> LinearColorMapper:
    if quantity in SIGNED:
        return LinearColorMapper(palette=DIVERGING, low=-1, high=1, nan_color="rgba(0, 0, 0, 0)")
    return LinearColorMapper(palette=SEQUENTIAL, low=0, high=1, nan_color="rgba(0, 0, 0, 0)")
