"""Honest timing: contestants take turns in one process, and ratios are taken round by round.

A round gives each contestant one sample of some milliseconds. Two samples of one round are near
enough in time to share the machine's mood (clock rate, neighbours, caches), so the median of a
ratio over the rounds is steadier than the ratio of two medians.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Contestant:
    """One way to do the job.

    Parameters
    ----------
    name : str
        What the tables call it.
    call : callable
        Takes one input. It may carry a state from call to call.
    inputs : sequence
        What it is called with, in order and then again, in the form that suits it best.
    steps : int
        How many steps of the job one call does.
    """

    name: str
    call: Callable[[Any], object]
    inputs: Sequence[Any]
    steps: int = 1

    def time(self, passes: int) -> float:
        """Return the seconds that it takes to go through all inputs so many times."""
        call, inputs = self.call, self.inputs
        begin = perf_counter()
        for _ in repeat(None, passes):
            for x in inputs:
                call(x)
        return perf_counter() - begin

    def passes(self, sample: float) -> int:
        """Return how many passes make a sample of so many seconds; finding out warms it up."""
        self.time(1)  # what only the first call does, as compiling
        passes = 1
        while (seconds := self.time(passes)) < sample / 2:
            passes *= 2
        return max(1, round(passes * sample / seconds))


def iter_rounds(contestants: Sequence[Contestant], sample: float) -> Iterator[dict[str, float]]:
    """Time all contestants in turn, round after round, as long as they are asked for.

    Parameters
    ----------
    contestants : sequence of Contestant
        Each begins a round as often as the others.
    sample : float
        Seconds that a sample takes, about; longer where a single pass does.

    Yields
    ------
    dict
        Seconds a step by the contestant's name. Garbage is not collected while they are at work.

    Examples
    --------
    >>> from math import sqrt
    >>> [times] = [t for t, _ in zip(iter_rounds([Contestant("√", sqrt, [2.0])], 1e-4), "a")]
    >>> times["√"] > 0
    True
    """
    passes = {one.name: one.passes(sample) for one in contestants}
    for start in count():
        first = start % len(contestants)
        times = {}
        collecting = gc.isenabled()
        gc.disable()
        try:
            for one in (*contestants[first:], *contestants[:first]):
                steps = passes[one.name] * len(one.inputs) * one.steps
                times[one.name] = one.time(passes[one.name]) / steps
        finally:
            if collecting:
                gc.enable()
        yield times
