"""Honest timing: contestants take turns in one process, and ratios are taken round by round.

A round gives each contestant one sample of some 25 ms. Two samples of one round are near enough in
time to share the machine's mood (clock rate, neighbours, caches), so the median of a ratio over the
rounds is steadier than the ratio of two medians.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import truediv
from statistics import median
from time import perf_counter
from typing import Any, Literal

SAMPLE = 0.025
"""Seconds that a sample takes, about; longer where a single call does."""

RATIO = "ratio"
"""The unit of a figure that has none."""

Samples = tuple[float, ...]
"""One number a round."""


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

    def passes(self) -> int:
        """Return how many passes make a sample; finding out warms it up."""
        self.time(1)  # what only the first call does, as compiling
        passes = 1
        while (seconds := self.time(passes)) < SAMPLE / 2:
            passes *= 2
        return max(1, round(passes * SAMPLE / seconds))


@dataclass(frozen=True)
class Figure:
    """A measured number: what it is, and what each round said.

    Parameters
    ----------
    case : str
        The circumstances: a column of the table.
    name : str
        What was measured: a row of the table.
    unit : str
        Such as ``"µs"``; `RATIO` for ratios.
    samples : tuple of float
        One number a round.
    """

    case: str
    name: str
    unit: str
    samples: Samples

    @property
    def value(self) -> float:
        """Median of the samples."""
        return median(self.samples)


@dataclass(frozen=True)
class Target:
    """A bound that a figure should keep: ``Target("≥", 25)``."""

    sign: Literal["≥", "≤"]
    bound: float

    def met(self, value: float) -> bool:
        """Say whether a figure keeps the bound."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


Targets = dict[tuple[str, str], Target]
"""Targets by the case and the name of a figure."""


def race(contestants: Sequence[Contestant], rounds: int = 25) -> dict[str, Samples]:
    """Time all contestants in turn.

    Parameters
    ----------
    contestants : sequence of Contestant
        Each begins a round as often as the others.
    rounds : int
        How many samples each one gives.

    Returns
    -------
    dict
        Microseconds a step by the contestant's name, one number a round.
    """
    passes = {one.name: one.passes() for one in contestants}
    samples: dict[str, list[float]] = {one.name: [] for one in contestants}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for start in range(rounds):
            first = start % len(contestants)
            for one in (*contestants[first:], *contestants[:first]):
                steps = passes[one.name] * len(one.inputs) * one.steps
                samples[one.name].append(one.time(passes[one.name]) / steps * 1e6)
    finally:
        if collecting:
            gc.enable()
    return {name: tuple(each) for name, each in samples.items()}


def ratio(case: str, times: dict[str, Samples], over: str, under: str) -> Figure:
    """Return how many times as long `over` took as `under`, round by round."""
    samples = tuple(map(truediv, times[over], times[under]))
    return Figure(case, f"{over} / {under}", RATIO, samples)
