"""One look for all figures: colours and fonts, on light pages and on dark ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.models import CustomJS
from bokeh.palettes import RdBu, Viridis256, interp_palette
from bokeh.plotting import figure
from bokeh.themes import Theme

# Okabe & Ito (2008), "Color universal design": told apart by colour-blind eyes as well.
TRUTH, MODEL, NAIVE = "#b3b3b3", "#0072b2", "#d55e00"
TEXT, FAINT, GRID = "#333333", "#6b6b6b", "#ececec"
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

SEQUENTIAL = tuple(Viridis256)
"""For gates, from 0 to 1."""

DIVERGING = tuple(interp_palette(RdBu[11], 255))
"""For cell state and hidden output: blue below zero, white at it, red above."""

LEFT, RIGHT, BELOW = 70, 80, 56
"""Margins in pixels, the same in every figure, so that their event axes stand below each other."""


Attributes = dict[str, dict[str, Any]]
"""By Bokeh's class and the name of an attribute."""


def _look(text: str, faint: str, grid: str, frame: str) -> Attributes:
    """Return what a theme sets; what lies behind the figures is the page's."""
    label = {
        "axis_label_text_font": FONT,
        "axis_label_text_font_style": "normal",
        "axis_label_text_font_size": "13px",
        "axis_label_text_color": faint,
        "major_label_text_font": FONT,
        "major_label_text_font_size": "12px",
        "major_label_text_color": faint,
    }
    return {
        "Plot": {
            "background_fill_color": None,
            "border_fill_color": None,
            "outline_line_color": None,
        },
        "Title": {
            "text_font": FONT,
            "text_font_size": "15px",
            "text_font_style": "bold",
            "text_color": text,
        },
        "Axis": {
            **label,
            "axis_line_color": frame,
            "major_tick_line_color": frame,
            "minor_tick_line_color": None,
        },
        "Grid": {"grid_line_color": grid},
        "Legend": {
            "border_line_color": None,
            "background_fill_alpha": 0,
            "inactive_fill_alpha": 0,
            "label_text_font": FONT,
            "label_text_font_size": "12px",
            "label_text_color": text,
        },
        "ColorBar": {
            "border_line_color": None,
            "bar_line_color": None,
            "background_fill_alpha": 0,
            "major_label_text_font": FONT,
            "major_label_text_font_size": "12px",
            "major_label_text_color": faint,
            "major_tick_line_color": None,
        },
    }


LIGHT = _look(text=TEXT, faint=FAINT, grid=GRID, frame=GRID)
DARK = _look(text="#e6e6e6", faint="#a8a8a8", grid="#2c2c2c", frame="#3a3a3a")
THEMES = (Theme(json={"attrs": LIGHT}), Theme(json={"attrs": DARK}))


def both_colours() -> dict[str, dict[str, tuple[str, str]]]:
    """Return the colours that differ, light and dark, for a page that follows its reader's."""
    return {
        kind: {
            name: (value, DARK[kind][name])
            for name, value in attributes.items()
            if value != DARK[kind][name]
        }
        for kind, attributes in LIGHT.items()
    }


def place_legend(plot: figure) -> None:
    """Put a figure's legend above its frame, where it covers nothing."""
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.location = "top_left"
    plot.legend.margin = 2
    plot.legend.spacing = SPACING
    plot.legend.click_policy = "hide"


def fit_width(plot: Any) -> None:
    """Let a figure suit whatever width it gets in a page, that of a phone too.

    Where there is little room, the legend stands in several rows and the figure is as much taller,
    the title is shorter or smaller, and the ticks are fewer.
    """
    legend: Any = plot.legend[0] if plot.legend else None
    ticker = plot.xaxis.ticker
    entries = [] if legend is None else [SYMBOL + LETTER * len(i.label.value) for i in legend.items]
    arguments: dict[str, Any] = {
        "plot": plot,
        "legend": legend,
        "columns": [(n, _width(entries, n)) for n in range(len(entries), 1, -1)],
        "entries": len(entries),
        "row": ROW,
        "height": plot.height,
        "title": plot.title.text,
        "ticker": ticker,
        "ticks": getattr(ticker, "desired_num_ticks", None),
    }
    plot.js_on_change("inner_width", CustomJS(args=arguments, code=FIT))


def _width(entries: Sequence[float], columns: int) -> float:
    """Return how wide a legend is, in pixels, whose entries stand in so many columns."""
    return sum(max(entries[n::columns]) + SPACING for n in range(columns))


LETTER, SYMBOL, SPACING, ROW = 6.5, 28, 10, 28
"""Of a legend in pixels: a letter on average, what is before a name, between entries, a row."""

FIT = """
setTimeout(() => { // the layout that gave the width ends first
  const width = plot.inner_width, room = width + 60; // a title may go on above the margin
  if (legend) {
    const [fitting] = columns.find(([, needed]) => needed <= room) ?? [1];
    if (legend.ncols !== fitting) legend.ncols = fitting;
    plot.height = height + row * (Math.ceil(entries / fitting) - 1);
  }
  if (ticks) ticker.desired_num_ticks = Math.max(2, Math.min(ticks, Math.floor(width / 60)));
  const fits = (text) => 8.5 * text.length <= room;
  const text = fits(title) ? title : title.split(":")[0];
  const size = Math.max(11, Math.min(15, (15 * room) / (8.5 * text.length)));
  plot.title.setv({ text, text_font_size: `${size}px` });
});
"""
