"""Standardising numbers whose mean and spread are only known from the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..kernels.scaling import INDEX, NUMERIC
from .arrays import Arrays, Table


class OnlineScaler(Arrays):
    """Running mean and deviation of each column, ignoring missing numbers.

    Means look back on 10,000 events at the most, so that they follow what drifts, and a number far
    from all before enters as if it were ten deviations off; `lstmwidgets.kernels.scaling` has the
    details. Until there are that many events and without such numbers they are the plain mean and
    (population) standard deviation.

    Attributes
    ----------
    statistics : ndarray
        What kernels take, (5, columns); another array once it has grown.
    """

    ARRAYS: ClassVar[Table] = {
        "statistics": (np.float64, lambda own: (5, np.shape(own["statistics"])[-1]))
    }

    def __init__(self) -> None:
        self.statistics = np.zeros((5, 0))

    def grow(self, indices: Sequence[int], numeric: Sequence[bool]) -> None:
        """Add columns: where each goes in the inputs, and whether it is to be standardised."""
        new = np.zeros((5, len(indices)))
        new[NUMERIC], new[INDEX] = numeric, indices
        self.statistics = np.hstack([self.statistics, new])

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return self.statistics.shape[1]
