"""What is asked of every forecaster, and how it is scored: one protocol, ours and the rivals'.

Values are fed one by one. At some of them, the origins, what comes some steps later is forecast.
The error is the mean over the steps of the mean absolute error over the origins. An interval's
score is its width, and where the value lies outside, 2 / (1 - coverage) times the distance besides
(Gneiting & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", eq. 43).
"""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .forecast_worker import microseconds

Array = NDArray[np.float64]

FLOOR = 0.3
"""What ratios to the last value's error count as at least, in their geometric mean."""

LEVEL = 1e-3
"""Ratios to the last value's error that differ by less are level."""


class Question(NamedTuple):
    """A series and the forecasts wanted; an origin is the number of values known by then."""

    values: list[float]
    steps: tuple[int, ...]
    origins: list[int]

    @property
    def truth(self) -> Array:
        """What came, (origins, steps)."""
        return np.array(self.values)[self._places(self.steps)]

    def error(self, forecasts: Any) -> float:
        """Return the mean over the steps of the mean absolute error of forecasts."""
        return float(np.abs(np.asarray(forecasts, np.float64) - self.truth).mean())

    def last_value(self) -> Array:
        """Return the last value, for all steps ahead."""
        return np.array(self.values)[self._places([1] * len(self.steps)) - 1]

    def seasonal_naive(self, season: int) -> Array:
        """Return what came at the same place of the last season."""
        return np.array(self.values)[
            self._places([(n - 1) % season - season + 1 for n in self.steps])
        ]

    def _places(self, steps: Sequence[int]) -> NDArray[np.int64]:
        return np.array(self.origins)[:, None] + np.array(steps) - 1


def one_step(values: list[float]) -> Question:
    """Ask for every value but the first."""
    return Question(values, (1,), list(range(1, len(values))))


def many_steps(values: list[float], steps: Sequence[int], first: int, every: int) -> Question:
    """Ask for steps ahead at the first origin and every so many events later."""
    origins = range(first, len(values) - max(steps) + 1, every)
    return Question(values, tuple(steps), list(origins))


class Answered(NamedTuple):
    """Forecasts, (origins, steps), and the CPU's time for an event with what was asked at it."""

    forecasts: Array
    microseconds: float


def follow(model: Any, question: Question) -> Answered:
    """Feed the values to a model with `learn_one` and `forecast`, as River's forecasters have."""
    origins, made, clock = set(question.origins), [], [process_time()]
    for known, value in enumerate(question.values, 1):
        model.learn_one(value)
        if known in origins:
            made.append(model.forecast(max(question.steps)))
        clock.append(process_time())
    forecasts = np.array(made, np.float64)[:, np.array(question.steps) - 1]
    return Answered(forecasts, microseconds(clock))


def interval_score(bounds: Array, truth: Array, coverage: float) -> Array:
    """Return the score of intervals, (…, 2), on what came, (…): less is better."""
    low, high = bounds[..., 0], bounds[..., 1]
    missed = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return high - low + 2 / (1 - coverage) * missed


def is_covered(bounds: Array, truth: Array) -> NDArray[np.bool_]:
    """Return what lies between its bounds."""
    return (bounds[..., 0] <= truth) & (truth <= bounds[..., 1])


def geometric_mean(ratios: Sequence[float], floor: float = 0.0) -> float:
    """Return the geometric mean of ratios, each counting as the floor at least."""
    return float(np.exp(np.log(np.maximum(ratios, floor)).mean()))


def wins(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return on how many series ours is ahead, of ratios to the last value; level is half."""
    pairs = zip(ours, theirs, strict=True)
    return float(sum(0.5 if abs(one - other) < LEVEL else one < other for one, other in pairs))
