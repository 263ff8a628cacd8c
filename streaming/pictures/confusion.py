"""Which class was taken for which, slice after slice of a run."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ..events import Outcome
from ..sinks.rows import written

SLICES = 48
"""Slices of a run at most; when there are as many, two become one."""

FIRST = 16
"""Events of a slice in the beginning."""

Pair = tuple[str, str]
"""The true class, and the one that was said."""


class Slice(NamedTuple):
    """Some events in a row.

    Attributes
    ----------
    first, last : int
        Their numbers.
    pairs : Counter of Pair
        How often each came.
    """

    first: int
    last: int
    pairs: Counter[Pair]


class Confusion:
    """Counts pairs of true and said classes in slices of as many events each.

    Attributes
    ----------
    slices : list of Slice
    """

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self._size = FIRST
        self._room = 0  # in the last slice

    def add(self, outcome: Outcome) -> None:
        """Take in an event, if its class is known and one was said."""
        target, said = outcome.event.y, outcome.prediction
        if target is None or said is None:
            return
        if not self._room:
            if len(self.slices) == SLICES:
                self._merge()
            self.slices.append(Slice(outcome.number, outcome.number, Counter()))
            self._room = self._size
        last = self.slices[-1]
        last.pairs[written(target), written(said)] += 1
        self.slices[-1] = last._replace(last=max(last.last, outcome.number))
        self._room -= 1

    def total(self) -> Counter[Pair]:
        """Return how often each pair came in all of the run."""
        total: Counter[Pair] = Counter()
        for each in self.slices:
            total.update(each.pairs)
        return total

    def _merge(self) -> None:
        """Make one slice of two."""
        pairs = zip(self.slices[::2], self.slices[1::2], strict=True)
        self.slices = [Slice(a.first, b.last, a.pairs + b.pairs) for a, b in pairs]
        self._size *= 2
