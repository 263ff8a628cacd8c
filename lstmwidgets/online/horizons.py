"""Experts for each of the next events of a series."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import horizons as kernels
from ..kernels.least_squares import VARIANCE
from ..kernels.recent import SEEN
from ..kernels.regressors import LONGER, OWN, SEASONAL
from .arrays import Arrays, Table, need
from .experts import Experts
from .scaling import OnlineScaler

Array = NDArray[np.float64]

AHEAD = kernels.AHEAD
"""The longest horizon with experts of its own."""

LARGEST_DIRECT = 8
"""How many features the linear experts of each horizon read."""


class Horizons(Arrays):
    """Forecasts two and more steps ahead by experts for each of 24 horizons.

    ================== =============================================================================
    expert             forecast
    ================== =============================================================================
    last value         the last value
    mean               the running mean of all
    season ago         the value a season before
    longer season ago  that a longer season before, a week where the season is a day; while there is
                       none, as the last
    seasonal mean      the last value, and the mean change over the same events of the last four
                       seasons
    seasonal drift     the value a season before, and how far the series has moved since
    linear             the last value and a linear function of what linear experts one step ahead
                       read: recursive least squares, learned by what came so many steps later
    linear, seasonal   the same, from the seasonal mean on
    ================== =============================================================================

    The middle five and the last are there where there can be a season. Weights come of each
    expert's errors at the horizon; see `lstmwidgets.kernels.horizons`. Those of 24 steps serve for
    longer horizons.

    Parameters
    ----------
    seasonal : bool
        Whether there can be a season.
    features : int
        How many numbers an event has; the first 8 are read.
    """

    ARRAYS: ClassVar[Table] = {
        "numbers": (np.float64, lambda own: (kernels.kept(own["seasonal"], own["size"]),))
    }

    def __init__(self, seasonal: bool, features: int = 0) -> None:
        self.seasonal = seasonal
        self._lay_out(_size(seasonal, features))
        self._views.covariances[:] = VARIANCE * np.eye(self.size)

    def grow(self, features: int) -> None:
        """Let events have that many features from now on: new ones at the end."""
        old, before = self._views, self.size
        self._lay_out(_size(self.seasonal, features))
        own, new = self._views, np.arange(before, self.size)
        own.seasons[:], own.learned[:], own.made[:] = old.seasons, old.learned, old.made
        own.coefficients[..., :before] = old.coefficients
        own.covariances[:, :before, :before] = old.covariances
        own.covariances[:, new, new] = VARIANCE

    def learn(self, error: float, features: Array, experts: Experts, errors: Array) -> None:
        """Learn the value that experts have just learned.

        Parameters
        ----------
        error : float
            That of the forecast one step ahead; NaN: there was none.
        features : ndarray
            The event's, standardised.
        experts : Experts
            Those one step ahead.
        errors : ndarray
            Of each horizon, see `lstmwidgets.kernels.quantiles`, (24, numbers); updated.
        """
        known = (experts.past[0], *experts.arrays, self.numbers, errors)
        kernels.learn(error, features, self.size, *known)

    def forecast(
        self, values: Array, scaler: OnlineScaler, inputs: Array, experts: Experts, results: Array
    ) -> None:
        """Write forecasts of the next values but the first.

        Parameters
        ----------
        values : ndarray
            Numbers of the events from the second one on, (steps - 1, columns).
        scaler : OnlineScaler
            What was learned of them.
        inputs : ndarray
            Scratch, as many as a network has inputs.
        experts : Experts
            Those one step ahead.
        results : ndarray
            (steps,); written from the second on.
        """
        features = np.zeros(scaler.columns)
        known = (self.size, experts.past[0], *experts.arrays, self.numbers, results)
        kernels.look_ahead(values, scaler.statistics, features, inputs, *known)

    def has_made(self, experts: Experts, results: Array) -> bool:
        """Write what was forecast without features when the last value was learned, if it was.

        Parameters
        ----------
        experts, results
            As of `forecast`.
        """
        seen, steps = int(experts.past[0, SEEN]), len(results)
        made = self.made[seen % AHEAD]
        if steps > AHEAD or made[0, 0] != seen:
            return False
        results[1:] = made[1:steps, kernels.FORECAST]
        return True

    @property
    def made(self) -> Array:
        """Forecasts whose values have not come, which belong to the stream; zeros: none."""
        return self._views.made

    @property
    def layout(self) -> tuple[bool, int]:
        """Whether there can be a season, and how many regressors there are."""
        return self.seasonal, self.size

    def _lay_out(self, size: int) -> None:
        self.size = size
        scratch = len(kernels.SEASONAL_PRIOR) + 2 + 2 * size
        self.numbers = np.zeros(kernels.kept(self.seasonal, size) + scratch)
        self._views = kernels.horizons(self.seasonal, size, self.numbers)

    def _kept(self) -> dict[str, Any]:
        numbers = self.numbers[: kernels.kept(*self.layout)]
        return {"seasonal": self.seasonal, "size": self.size, "numbers": numbers}

    def _restore(self, kept: dict[str, Any]) -> None:
        self.seasonal = kept["seasonal"]
        self._lay_out(kept["size"])
        self.numbers[: len(kept["numbers"])] = kept["numbers"]

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        seasonal, size = kept["seasonal"], kept["size"]
        need(type(seasonal) is bool and type(size) is int, "horizons")
        need(_size(seasonal, 0) <= size <= _size(seasonal, LARGEST_DIRECT), "horizons")


def _size(seasonal: bool, features: int) -> int:
    return OWN + (SEASONAL + LONGER) * seasonal + min(features, LARGEST_DIRECT)
