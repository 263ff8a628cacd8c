"""Figures of contestants that take turns, as `lstmwidgets.analysis.racing` times them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import truediv
from statistics import median
from typing import Literal

from lstmwidgets.analysis.racing import Contestant, iter_rounds

__all__ = [
    "RATIO",
    "SAMPLE",
    "Contestant",
    "Figure",
    "Samples",
    "Target",
    "Targets",
    "race",
    "ratio",
]

SAMPLE = 0.025
"""Seconds that a sample takes, about; longer where a single call does."""

RATIO = "ratio"
"""The unit of a figure that has none."""

Samples = tuple[float, ...]
"""One number a round."""


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
    samples: dict[str, list[float]] = {one.name: [] for one in contestants}
    for _, times in zip(range(rounds), iter_rounds(contestants, SAMPLE), strict=False):
        for name, seconds in times.items():
            samples[name].append(seconds * 1e6)
    return {name: tuple(each) for name, each in samples.items()}


def ratio(case: str, times: dict[str, Samples], over: str, under: str) -> Figure:
    """Return how many times as long `over` took as `under`, round by round."""
    samples = tuple(map(truediv, times[over], times[under]))
    return Figure(case, f"{over} / {under}", RATIO, samples)
