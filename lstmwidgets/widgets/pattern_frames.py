"""What the pages of a `PatternMatch` are sent: a part of a recording, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import Found, Recording
from ..analysis.alignment import Alignment, Strip
from ..analysis.excerpt import MOST_UNITS, Excerpt
from ..analysis.ordering import liveliest, order_units
from ..analysis.recording import noun_of
from ..analysis.titles import TITLES
from ..live import Choice, Frame, still_frame
from ..live.still import times_of
from ..plots.heatmap import SIGNED
from ..plots.state_parts import SHORT
from .pattern_traits import WINDOW
from .shown_states import column_panels

BEFORE, AFTER = 20, 40
"""Steps around a match that are sent, as far as there are."""

Place = tuple[int, int, int]
"""Number of a recording, place of a first step in it, from 0, and number of steps."""


def panels_of(recording: Recording, quantity: str) -> list[dict[str, Any]]:
    """Return what is drawn of a recording, from above."""
    above = column_panels(recording.columns)
    heat = {"id": quantity, "kind": "units", "title": TITLES[quantity], "height": 150}
    heat |= {"short": SHORT[quantity], "signed": quantity in SIGNED}
    title = "Units of the hypothesis that are on: at each step"
    return [heat, {"id": "together", "kind": "together", "title": title, "height": 56}, *above]


class Rows:
    """Which units of a layer are drawn, and in which order; they stay while the layer does."""

    def __init__(self) -> None:
        self._of: tuple[int, int] | None = None
        self._units: NDArray[np.int64] = np.zeros(0, np.int64)

    def units(self, part: Recording, layer: int) -> NDArray[np.int64]:
        """Return them, from below: those that move the most, alike ones beside each other."""
        key = (layer % part.num_layers, part.hidden_size)
        if key != self._of:
            cells = part.layers["cell"][:, layer]
            units = liveliest(cells, MOST_UNITS)
            self._of, self._units = key, units[order_units(cells[:, units])]
        return self._units


def part_frame(
    recording: Recording, start: int, quantity: str, layer: int, rows: Rows, seq: int
) -> Frame:
    """Return what is drawn of a recording from a place on."""
    part = recording.part(slice(start, start + WINDOW))
    excerpt = Excerpt.of(part, layer, units=rows.units(part, layer), most_steps=WINDOW)
    return still_frame(excerpt, seq, Choice(excerpt.layer), [quantity])


class FoundFrames:
    """Says what was found in some recordings.

    Parameters
    ----------
    recordings : sequence of Recording
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings
        self._alignment = Alignment(recordings)
        few = [each.part(slice(WINDOW)) for each in recordings if len(each)]
        self._words = any(
            not noun_of(each.labels, each.steps) and times_of(each.labels) is None for each in few
        )

    def frame(self, found: Found, brushed: Place | None, drawn: tuple[int, int], seq: int) -> Frame:
        """Return hypothesis and matches, each with what is around it.

        Parameters
        ----------
        found : Found
        brushed : Place or None
            The range that the hypothesis is from.
        drawn : tuple of int
            Number of the recording that is drawn, and place of the first step that is.
        seq : int
            Number of the frame, above that of the last one.
        """
        places = [self._place(match) for match in found.matches]
        longest = max([length for *_, length in [*places, *([brushed] if brushed else [])]] or [0])
        strips = [
            self._alignment.strip(found, *place, before=BEFORE, width=longest + AFTER)
            for place in ([brushed] if brushed else []) + places
        ]
        matches = ([None] if brushed else []) + [match._asdict() for match in found.matches]
        together = found.together(drawn[0], slice(drawn[1], drawn[1] + WINDOW))
        header = {
            "seq": seq,
            "units": found.units.tolist(),
            "total": found.total,
            "drawn": list(drawn),
            "words": self._words,
            "tracks": [track._asdict() for track in self._alignment.tracks],
            "strips": [
                self._described(strip) | {"match": match}
                for strip, match in zip(strips, matches, strict=True)
            ],
        }
        values = [_numbers(strip).tobytes() for strip in strips]
        return Frame(header, [together.astype("<f4").tobytes(), b"".join(values)])

    def _place(self, match: Any) -> Place:
        steps = self._recordings[match.recording].steps
        return match.recording, int(np.searchsorted(steps, match.first)), match.length

    def _described(self, strip: Strip) -> dict[str, Any]:
        recording = self._recordings[strip.recording]
        return {
            "recording": strip.recording,
            "number": int(recording.steps[strip.begin]),
            "stride": recording.stride,
            "at": strip.at,
            "length": strip.length,
            "labels": list(strip.labels),
        }


def _numbers(strip: Strip) -> NDArray[np.float64]:
    """Return what is drawn of a strip, (1 + tracks, T): units on together, then the tracks."""
    together = strip.together if strip.together.size else np.full(len(strip.labels), np.nan)
    return np.vstack([together, strip.values]).astype("<f8")
