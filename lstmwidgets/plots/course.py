"""How a training went, for papers."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, LayoutDOM, NumeralTickFormatter, Range1d
from bokeh.models.renderers import DataRenderer, GlyphRenderer
from bokeh.plotting import figure

from ..analysis.course import Course, Line, Panel
from .style import FAINT, LEFT, MODEL, NAIVE, place_legend

COLOURS = {"model": MODEL, "naive": NAIVE}
HEIGHTS = {"loss": 240}
OTHERS = 170


def course_figure(course: Course) -> LayoutDOM:
    """Draw a training, its panels below each other over the same epochs or events.

    Parameters
    ----------
    course : Course
        As `lstmwidgets.analysis.course.epoch_course` makes it. From where it overfits on, the gap
        between the losses is shaded; the best epoch is marked in all panels.
    """
    numbers = course.columns[course.unit]
    last = float(numbers.max()) if len(numbers) else 1.0
    across = Range1d(start=0, end=last + 0.5 if course.unit == "epoch" else last)
    source = ColumnDataSource(dict(course.columns))
    batches = ColumnDataSource(
        dict(zip(("x", "loss", "gradient_norm"), course.batches.T, strict=True))
    )
    plots = [_panel(course, panel, source, batches, across) for panel in course.panels]
    if plots:
        plots[-1].xaxis.axis_label = course.unit
    return column(*plots, sizing_mode="stretch_width")


def _panel(
    course: Course,
    panel: Panel,
    source: ColumnDataSource,
    batches: ColumnDataSource,
    across: Range1d,
) -> figure:
    plot = figure(
        title=panel.title,
        height=HEIGHTS.get(panel.id, OTHERS),
        sizing_mode="stretch_width",
        x_range=across,
        y_axis_type="log" if panel.scale == "log" else "linear",
        min_border_left=LEFT,
        tools="xpan,xbox_zoom,reset,save",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    if panel.scale == "share":
        plot.y_range = Range1d(start=0, end=1.02)
        plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    if panel.batches and len(course.batches):
        plot.line("x", panel.batches, source=batches, color=MODEL, alpha=0.25, line_width=1)
    if panel.id == "loss":
        _shade(plot, course)
    glyphs: list[DataRenderer] = [_line(plot, course.unit, line, source) for line in panel.lines]
    if panel.limit is not None:
        plot.hspan(panel.limit, line_color=FAINT, line_dash="dashed")
    if course.best is not None:
        plot.vspan(course.best, line_color=FAINT, line_dash="dotted")
    told = [(line.label, f"@{line.column}{{0.[0000]}}") for line in panel.lines]
    tips = [(course.unit, f"@{course.unit}"), *told]
    plot.add_tools(HoverTool(renderers=glyphs[:1], mode="vline", tooltips=tips))
    if len(panel.lines) > 1:
        place_legend(plot)
    else:
        plot.legend.visible = False  # the title says what it is
    return plot


def _line(plot: figure, unit: str, line: Line, source: ColumnDataSource) -> GlyphRenderer[Any]:
    glyph: GlyphRenderer[Any] = plot.line(
        unit,
        line.column,
        source=source,
        color=COLOURS.get(line.colour, line.colour),
        line_width=1.8,
        line_dash="dashed" if line.is_dashed else "solid",
        legend_label=line.label,
    )
    return glyph


def _shade(plot: figure, course: Course) -> None:
    """Shade the gap between the losses, from the best epoch on where it overfits afterwards."""
    if course.overfits_from is None:
        return
    from_best = course.columns["epoch"] >= course.overfits_from - 1
    plot.varea(
        course.columns["epoch"][from_best],
        course.columns["train_loss"][from_best],
        np.maximum(course.columns["train_loss"], course.columns["validation_loss"])[from_best],
        color=NAIVE,
        alpha=0.18,
    )
