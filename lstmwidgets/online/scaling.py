"""Standardising numbers whose mean and spread are only known from the past."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..kernels.scaling import COUNT, MEAN, NUMERIC, SQUARES, standardise, take_in


class OnlineScaler:
    """Running mean and deviation of each column, ignoring missing numbers.

    Means look back on 10,000 events at the most, so that they follow what drifts, and a number far
    from all before enters as if it were ten deviations off; `lstmwidgets.kernels.scaling` has the
    details. Until there are that many events and without such numbers they are the plain mean and
    (population) standard deviation.
    """

    def __init__(self) -> None:
        self._statistics = np.zeros((4, 0))
        self._places = np.zeros(0, np.int64)

    def grow(self, places: Sequence[int], numeric: Sequence[bool]) -> None:
        """Add columns: where each goes in the inputs, and whether it is to be standardised."""
        new = np.zeros((4, len(places)))
        new[NUMERIC] = numeric
        grown = np.hstack([self._statistics, new])
        all_places = np.concatenate([self._places, np.asarray(places, np.int64)])
        self._statistics, self._places = grown, all_places

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self._places)

    def learn(self, values: NDArray[np.float64]) -> None:
        """Take in one event's numbers, (columns,); NaN is skipped."""
        take_in(values, self._statistics)

    @property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What kernels take, by reference: statistics and places."""
        return self._statistics, self._places

    def packed(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return copies of what `kernels.scaling.standardise` takes: statistics and places."""
        return self._statistics.copy(), self._places.copy()

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each column so far; 0 where nothing is known."""
        mean: NDArray[np.float64] = self._statistics[MEAN].copy()
        return mean

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of each column so far; 0 where nothing is known."""
        deviation: NDArray[np.float64] = np.sqrt(
            self._statistics[SQUARES] / np.maximum(self._statistics[COUNT], 1)
        )
        return deviation

    def scale(
        self,
        values: NDArray[np.float64],
        features: NDArray[np.float64],
        inputs: NDArray[np.float32],
    ) -> None:
        """Write (value - mean) / deviation, cut off at ±5, 0 where NaN, in order and to its place.

        Parameters
        ----------
        values : ndarray
            (columns,).
        features : ndarray
            (columns,); written.
        inputs : ndarray
            (I,); written at the places that `grow` was told.
        """
        standardise(values, self._statistics, self._places, features, inputs)
