"""Forecasts several steps ahead, scored as they come true."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..conformal import conformal_rank

ERRORS = 512
"""How many of the last errors a horizon's margin is made from."""


class Fan(NamedTuple):
    """What was forecast after an event.

    Attributes
    ----------
    step : int
        Of the first value forecast.
    values : list of float
        One a step.
    last : float or None
        The last value known then, which the naive forecast repeats.
    """

    step: int
    values: list[float]
    last: float | None


class LookAhead:
    """The last forecasts of the next `horizon` values, and how good they were, step by step ahead.

    Parameters
    ----------
    horizon : int
        How many steps.
    coverage : float
        Share of values that margins shall hold.

    Attributes
    ----------
    fan : Fan or None
        The last one.

    References
    ----------
    Margins are split conformal ones for each step ahead: Vovk et al. (2005), "Algorithmic learning
    in a random world", section 2.2.

    Examples
    --------
    >>> ahead = LookAhead(2, coverage=0.5)
    >>> ahead.issue(1, [10.0, 20.0], last=5.0)
    >>> ahead.score(1, 11.0)
    >>> ahead.score(2, 17.0)
    >>> model, naive = ahead.errors()
    >>> model.tolist(), naive.tolist()
    ([1.0, 3.0], [6.0, 12.0])
    """

    def __init__(self, horizon: int, coverage: float) -> None:
        self.horizon = horizon
        self.coverage = coverage
        self.fan: Fan | None = None
        self._open: deque[Fan] = deque()
        self._sums = np.zeros((2, horizon))
        self._counts = np.zeros((2, horizon), np.int64)
        self._last = np.full((ERRORS, horizon), np.nan)

    def issue(self, step: int, values: Sequence[float], last: float | None) -> None:
        """Take a forecast of the values from a step on."""
        self.fan = Fan(step, [float(value) for value in values], last)
        self._open.append(self.fan)

    def score(self, step: int, target: float) -> None:
        """Compare a value that has come with what was forecast for its step."""
        while self._open and self._open[0].step + self.horizon <= step:
            self._open.popleft()
        for fan in self._open:
            place = step - fan.step
            error = abs(fan.values[place] - target)
            if math.isfinite(error):
                self._last[self._counts[0, place] % ERRORS, place] = error
                self._sums[0, place] += error
                self._counts[0, place] += 1
            if fan.last is not None:
                self._sums[1, place] += abs(fan.last - target)
                self._counts[1, place] += 1

    def errors(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean absolute error of each step ahead, of the model and the naive forecast.

        Each is (horizon,), NaN where nothing has come true yet.
        """
        with np.errstate(invalid="ignore"):
            model, naive = self._sums / self._counts
        return model, naive

    def margins(self) -> NDArray[np.float64]:
        """Return half the width of an interval around each value, (horizon,); NaN if unknown."""
        known = np.minimum(self._counts[0], ERRORS)
        ranks = np.array([conformal_rank(self.coverage, count) for count in known.tolist()])
        ordered = np.sort(self._last, axis=0)  # NaN last
        found = ordered[np.minimum(ranks, ERRORS - 1), np.arange(self.horizon)]
        return np.where(ranks < known, found, np.nan)
