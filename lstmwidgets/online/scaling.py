"""Standardising numbers whose mean and spread are only known from the past."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BOUND = 5.0
"""Standardised numbers are cut off here (in standard deviations): one wild value must not throw the
carried state, and inputs this far out saturate the gates anyway."""


class OnlineScaler:
    """Running mean and variance of each column (Welford 1962), ignoring missing numbers.

    Attributes
    ----------
    mean : ndarray
        (columns,).
    """

    def __init__(self) -> None:
        self.mean: NDArray[np.float64] = np.zeros(0)
        self._count: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)

    def learn(self, values: NDArray[np.float64]) -> None:
        """Take in one event's numbers, (columns,); NaN is skipped, new columns are added."""
        missing = len(values) - len(self.mean)
        if missing:
            grown = (np.pad(a, (0, missing)) for a in (self.mean, self._count, self._squares))
            self.mean, self._count, self._squares = grown
        known = ~np.isnan(values)
        value = values[known]
        self._count[known] += 1
        apart = value - self.mean[known]
        self.mean[known] += apart / self._count[known]
        self._squares[known] += apart * (value - self.mean[known])

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of each column so far; 0 where nothing is known."""
        return np.sqrt(self._squares / np.maximum(self._count, 1))

    def scale(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (value - mean) / standard deviation, cut off at ±5; 0 where NaN or unknown."""
        deviation, apart = self.deviation, values - self.mean
        scaled = np.divide(apart, deviation, out=np.zeros_like(apart), where=deviation > 0)
        bounded: NDArray[np.float64] = np.clip(scaled, -BOUND, BOUND)
        return np.where(np.isnan(bounded), 0.0, bounded)
