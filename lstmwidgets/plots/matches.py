"""Matches of a pattern under the range that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FactorRange, HoverTool, LinearColorMapper
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure

from ..analysis.alignment import Alignment, Strip
from ..analysis.patterns import Found
from ..analysis.recording import Recording, noun_of
from .state_parts import NEUTRAL
from .style import MODEL, SEQUENTIAL

BEFORE, AFTER = 5, 5
"""Steps drawn around the longer of match and range."""

MOST_WORDS, MOST_STEPS = 10, 60
"""Most steps drawn from the first one of a match on: words need room to be read."""

ROW = 24
"""Pixels of a row."""


def match_figure(
    recordings: Sequence[Recording],
    found: Found,
    brushed: tuple[int, int, int] | None = None,
    *,
    most: int = 20,
) -> figure:
    """Draw matches as rows, aligned at their first steps; colours say how many units are on.

    Parameters
    ----------
    recordings : sequence of Recording
        What was searched.
    found : Found
        What was found in them.
    brushed : tuple of int, optional
        The range that the hypothesis is from, as the row above: recording, first and last step.
    most : int
        How many matches are drawn at most.
    """
    alignment = Alignment(recordings)
    words = any(not noun_of(each.labels[:100], each.steps[:100]) for each in recordings)
    most_steps = MOST_WORDS if words else MOST_STEPS
    rows = _strips(recordings, alignment, found, brushed, most, most_steps)
    units = max(1, len(found.units))
    tracks = [f"track {n}" for n in range(len(alignment.tracks))]
    cells = ColumnDataSource(_cells(rows, alignment, tracks, units), name="cells")
    colours = LinearColorMapper(palette=SEQUENTIAL, low=0, high=units, nan_color="#00000000")
    plot = figure(
        title=_title(found, len(rows) - (brushed is not None)),
        x_axis_label="steps from the first one of the match; colours: units of the hypothesis on",
        y_range=FactorRange(factors=list(rows)[::-1]),
        height=110 + ROW * max(1, len(rows)),
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,reset,save",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = None
    fill: Any = {"field": "on", "transform": colours}
    boxes = plot.rect(
        "x", "row", width=1, height=0.8, source=cells, line_color=None, fill_color=fill
    )
    _outline(plot, rows)
    if words:
        _write_words(plot, cells)
    names = [track.name for track in alignment.tracks]
    shown = [(name, f"@{{{track}}}") for track, name in zip(tracks, names, strict=True)]
    told = [("", "@label"), ("units on", f"@on of {len(found.units)}"), *shown]
    plot.add_tools(HoverTool(renderers=[boxes], tooltips=told))
    if len(found.units):
        ticker = BasicTicker(min_interval=1, num_minor_ticks=0)
        plot.add_layout(ColorBar(color_mapper=colours, ticker=ticker, width=10), "right")
    return plot


def _strips(
    recordings: Sequence[Recording],
    alignment: Alignment,
    found: Found,
    brushed: tuple[int, int, int] | None,
    most: int,
    most_steps: int,
) -> dict[str, Strip]:
    """Return what is drawn in each row, by its name, from above."""
    places = {
        f"{n} ": (match.recording, match.first, match.length)
        for n, match in enumerate(found.matches[:most], 1)
    }
    if brushed is not None:
        recording, first, last = brushed
        steps = recordings[recording].numbers
        length = int(((steps >= first) & (steps <= last)).sum())
        places = {"range ": (recording, first, length), **places}
    longest = max((length for *_, length in places.values()), default=1)
    width = min(longest + AFTER, most_steps)
    strips = {}
    for name, (recording, first, length) in places.items():
        place = int(np.searchsorted(recordings[recording].numbers, first))
        drawn = min(length, width)
        strips[name] = alignment.strip(found, recording, place, drawn, before=BEFORE, width=width)
    return strips


def _outline(plot: figure, rows: Mapping[str, Strip]) -> None:
    """Frame the steps of each match."""
    lengths = np.array([strip.length for strip in rows.values()])
    frames = ColumnDataSource({"row": list(rows), "x": (lengths - 1) / 2, "length": lengths})
    plot.rect(
        "x",
        "row",
        width="length",
        height=0.9,
        source=frames,
        fill_color=None,
        line_color=MODEL,
        line_width=2,
    )


def _write_words(plot: figure, cells: ColumnDataSource) -> None:
    plot.text(
        "x",
        "row",
        text="word",
        source=cells,
        text_align="center",
        text_baseline="middle",
        text_font_size="11px",
        text_color="ink",
    )


def _title(found: Found, drawn: int) -> str:
    units = "a unit is" if len(found.units) == 1 else f"{len(found.units)} units are"
    what = f"Where else {units} on together" if len(found.units) else "Steps that were searched for"
    return f"{what}: {drawn} of {found.total:,} places"


def _cells(
    rows: Mapping[str, Strip],
    alignment: Alignment,
    tracks: Sequence[str],
    units: int,
) -> dict[str, Any]:
    """Return a cell for each step of each row, in columns."""
    cells: dict[str, list[Any]] = {
        name: [] for name in ("x", "row", "on", "label", "word", "ink", *tracks)
    }
    for name, strip in rows.items():
        count = len(strip.labels)
        cells["x"] += (np.arange(count) - strip.at).tolist()
        cells["row"] += [name] * count
        on = strip.together.tolist() if strip.together.size else [np.nan] * count
        cells["on"] += on
        cells["label"] += strip.labels
        cells["word"] += [label if len(label) <= 12 else f"{label[:11]}…" for label in strip.labels]
        cells["ink"] += [_ink(each / units) for each in on]
        for column, track, values in zip(tracks, alignment.tracks, strip.values, strict=True):
            cells[column] += [_told(value, track.words) for value in values.tolist()]
    return cells


def _ink(share: float) -> str:
    """Return the colour of words on the colour of a share, or on none."""
    if np.isnan(share):
        return NEUTRAL
    return "#222222" if share > 0.6 else "#ffffff"


def _told(value: float, words: tuple[str, ...] | None) -> str:
    if np.isnan(value):
        return "none"
    return f"{value:.4g}" if words is None else words[int(value)]
