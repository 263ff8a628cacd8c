"""The single figures that show the state of a layer over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column, group_tools
from bokeh.models import (
    BasicTicker,
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    CustomJSHover,
    CustomJSTicker,
    CustomJSTickFormatter,
    FixedTicker,
    GridPlot,
    HoverTool,
    LayoutDOM,
    LinearColorMapper,
    NumeralTickFormatter,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    Tool,
    Toolbar,
    ToolProxy,
    WheelZoomTool,
)
from bokeh.models.annotations import ColorBar, Span
from bokeh.models.dom import Text
from bokeh.models.ui import Pane
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis.titles import TITLES
from .heatmap import SIGNED
from .step_axis import StepAxis
from .style import DIVERGING, FONT, LEFT, RIGHT, SEQUENTIAL

SHORT = {name: title.partition(":")[0] for name, title in TITLES.items()}
"""Their names."""

NEUTRAL = "#808080"
"""Is seen on white as well as on dark."""


def heatmap(
    axis: StepAxis,
    name: str,
    image: ColumnDataSource,
    rows: ColumnDataSource,
    gaps: ColumnDataSource,
    row_range: Range1d,
    mapper: LinearColorMapper,
    cross: tuple[Span, Span],
) -> figure:
    """Return the heatmap of a quantity, its units from below as `rows` has them.

    Where values are missing, a hatching is seen through: white would be a zero.
    """
    plot = over_steps(
        axis, TITLES[name], y_range=row_range, y_axis_label="unit", name=f"map {name}"
    )
    brush = BoxSelectTool(renderers=[])
    plot.add_tools(brush, *shared_tools(), CrosshairTool(overlay=cross, visible=False))
    plot.toolbar.active_drag = brush
    plot.vstrip(
        "x0",
        "x1",
        source=gaps,
        fill_color=None,
        line_color=None,
        hatch_pattern="right_diagonal_line",
        hatch_color=NEUTRAL,
        hatch_alpha=0.6,
        hatch_weight=0.7,
        hatch_scale=8,
        level="image",
    )
    plot.grid.visible = False
    plot.yaxis.ticker = CustomJSTicker(args={"rows": rows, "plot": plot}, major_code=ROW_TICKS)
    plot.yaxis.formatter = CustomJSTickFormatter(
        args={"rows": rows}, code="return String(rows.data.unit[Math.floor(tick)] ?? '')"
    )
    drawn = plot.image(
        image="image",
        x="x",
        y="y",
        dw="dw",
        dh="dh",
        source=image,
        color_mapper=mapper,  # type: ignore[call-arg]  # Bokeh's stub leaves it out
        level="image",
    )
    unit = CustomJSHover(
        args={"rows": rows}, code="return String(rows.data.unit[Math.floor(special_vars.y)] ?? '')"
    )
    plot.add_tools(
        HoverTool(
            renderers=[drawn],
            tooltips=[("", "$x{custom}"), ("unit", "$y{custom}"), ("value", "@image{0.000}")],
            formatters={"$x": axis.hover(), "$y": unit},
            point_policy="follow_mouse",
            visible=False,
        )
    )
    plot.add_layout(_color_bar(mapper, name), "right")
    return plot


def colours(name: str) -> LinearColorMapper:
    """Return the colours of a quantity, around zero or from 0 to 1; none where it has no value."""
    return LinearColorMapper(
        palette=DIVERGING if name in SIGNED else SEQUENTIAL,
        low=-1 if name in SIGNED else 0,
        high=1,
        nan_color=(0, 0, 0, 0.0),
    )


def crosshair() -> tuple[Span, Span]:
    """Return the vertical and the horizontal line that all figures share.

    They follow the pointer, which Python need not be told of.
    """
    upright, level = (
        Span(dimension=dimension, line_color=NEUTRAL, line_width=1, syncable=False)
        for dimension in ("height", "width")
    )
    return upright, level


def below_each_other(note: Text, plots: Sequence[figure], further: figure) -> LayoutDOM:
    """Return a layout of a note, figures that share one toolbar, where a drag brushes, and one.

    The margins of those above do not follow those of the last one.
    """
    tools = group_tools([tool for plot in plots for tool in plot.tools])
    proxies = [tool for tool in tools if isinstance(tool, ToolProxy)]
    brush = next(proxy for proxy in proxies if isinstance(proxy.tools[0], BoxSelectTool))
    grid = GridPlot(
        children=[(plot, n, 0) for n, plot in enumerate(plots)],
        toolbar=Toolbar(tools=tools, logo=None, active_drag=brush),
        toolbar_location="above",
        sizing_mode="stretch_width",
    )
    pane = Pane(
        elements=[note],
        styles={"color": NEUTRAL, "font": f"13px/1.4 {FONT}", "padding": f"0 0 4px {LEFT}px"},
    )
    return column(pane, grid, further, sizing_mode="stretch_width")


def colour_limit(values: NDArray[Any], present: float | None = None) -> float:
    """Return where the colours of a quantity around zero end: at the 99th percentile of its size.

    The limit is a round number, and stays what it is while it still fits, so that colours keep
    their meaning while data comes in.
    """
    known = np.abs(values[np.isfinite(values)])
    size = float(np.percentile(known, 99)) if known.size else 0.0
    if present is not None and present / 2.5 < size <= present:
        return present
    if size < 1e-12:
        return 1.0
    power = 10.0 ** np.floor(np.log10(size))
    return float(next(power * k for k in (1, 1.5, 2, 3, 5, 7.5, 10) if size <= power * k * 1.0001))


def over_steps(axis: StepAxis, title: str, **options: Any) -> figure:
    """Return an empty figure over the steps."""
    plot = figure(
        title=title,
        x_range=axis.range,
        tools="",
        toolbar_location=None,
        sizing_mode="stretch_width",
        min_border_left=LEFT,
        min_border_right=RIGHT,
        **options,
    )
    axis.serve(plot)
    plot.yaxis.major_tick_line_color = None
    plot.below[0].update(major_tick_in=0)
    plot.toolbar.active_drag = None
    return plot


def shared_tools() -> list[Tool]:
    """Return the tools that all figures over the steps have.

    The wheel zooms with a key held down, so that alone it goes on scrolling the page.
    """
    return [
        PanTool(dimensions="width"),
        BoxZoomTool(dimensions="auto"),
        WheelZoomTool(dimensions="width", modifiers={"shift": True}),
        ResetTool(),
        SaveTool(),
    ]


def _color_bar(mapper: LinearColorMapper, name: str) -> ColorBar:
    ticker = BasicTicker(desired_num_ticks=3) if name in SIGNED else FixedTicker(ticks=[0, 0.5, 1])
    return ColorBar(
        color_mapper=mapper,
        ticker=ticker,
        formatter=NumeralTickFormatter(format="0.[00]"),
        width=10,
        padding=6,
        label_standoff=6,
    )


# Numbers of the units, once rows are high enough for them.
ROW_TICKS = """
    const {start, end} = cb_data
    let height = 0
    try { height = plot.inner_height } catch { /* not laid out yet */ }
    if (!(height / (end - start) >= 13)) return []
    const low = Math.max(0, Math.ceil(start - 0.5))
    const high = Math.min(rows.data.unit.length - 1, Math.floor(end - 0.5))
    return Array.from({length: Math.max(0, high - low + 1)}, (_, n) => low + n + 0.5)
"""
