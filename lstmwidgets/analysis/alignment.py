"""Stretches of steps under each other, so that what is alike stands in one column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .patterns import Found
from .recording import Recording
from .titles import LOOKED_AT

LONGEST = 200
"""Most steps of a strip: what a screen shows side by side."""


class Track(NamedTuple):
    """What stands at each step, as a row below the labels.

    Attributes
    ----------
    name : str
        The recording's name for it.
    words : tuple of str or None
        Of a category its words, the n-th one being value n; None where it is a number.
    """

    name: str
    words: tuple[str, ...] | None = None


class Strip(NamedTuple):
    """A match, or the range that it is compared with, and what is around it.

    Attributes
    ----------
    recording : int
        Which of the recordings it is in.
    begin : int
        Place of its first step that is drawn, from 0.
    at, length : int
        Where in it the match begins, and how many steps that has.
    labels : tuple of str
        What stands at each step that is drawn.
    together : ndarray of int
        How many units of the hypothesis are on at each of them, (T,); (0,) without a hypothesis.
    values : ndarray
        A row for each track, (tracks, T); NaN where there is none.
    """

    recording: int
    begin: int
    at: int
    length: int
    labels: tuple[str, ...]
    together: NDArray[np.int64]
    values: NDArray[np.float64]


class Alignment:
    """Cuts stretches out of recordings, with all that goes with their steps.

    Parameters
    ----------
    recordings : sequence of Recording

    Attributes
    ----------
    tracks : tuple of Track
        All numbers and categories of the recordings, truth and prediction first.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings
        numbers = _first(LOOKED_AT, (name for each in recordings for name in each.columns))
        named = _first(LOOKED_AT, (name for each in recordings for name in each.categories))
        self.tracks = (*map(Track, numbers), *(Track(name, self._words(name)) for name in named))
        self._codes = {
            track.name: {word: n for n, word in enumerate(track.words)}
            for track in self.tracks
            if track.words is not None
        }

    def _words(self, name: str) -> tuple[str, ...]:
        """Return the words of a category in all recordings, in their order.

        Truth and prediction have theirs in common, so that equal ones are equal values.
        """
        names = LOOKED_AT if name in LOOKED_AT else (name,)
        there = (each.categories.get(name, ()) for each in self._recordings for name in names)
        return tuple(sorted({word for words in there for word in words if word}))

    def strip(
        self, found: Found, recording: int, first: int, length: int, *, before: int, width: int
    ) -> Strip:
        """Cut a stretch out.

        Parameters
        ----------
        found : Found
            Says which units are the hypothesis.
        recording : int
            Which of the recordings.
        first, length : int
            Place of the match, from 0, and how many steps it has.
        before : int
            How many steps before it are drawn, if there are.
        width : int
            How many steps from its first one on are drawn, if there are.
        """
        source = self._recordings[recording]
        begin = max(0, first - before)
        places = slice(begin, min(len(source), first + min(width, LONGEST)))
        return Strip(
            recording,
            begin,
            first - begin,
            length,
            source.labels[places],
            found.together(recording, places),
            self._values(source, places),
        )

    def _values(self, source: Recording, places: slice) -> NDArray[np.float64]:
        """Return what the tracks have at some steps, (tracks, T)."""
        rows = np.full((len(self.tracks), places.stop - places.start), np.nan)
        for row, (name, words) in zip(rows, self.tracks, strict=True):
            if words is None:
                if name in source.columns:
                    row[:] = source.columns[name][places]
            elif name in source.categories:
                codes = self._codes[name]
                row[:] = [codes.get(word, np.nan) for word in source.categories[name][places]]
        return rows


def _first(names: Sequence[str], there: Iterable[str]) -> list[str]:
    """Return each name that there is once, some of them first."""
    known = dict.fromkeys(there)
    return [*(n for n in names if n in known), *(n for n in known if n not in names)]
