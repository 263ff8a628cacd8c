"""Cheap experts beside a network, and how far each of them is to be trusted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import experts as kernels
from ..kernels.least_squares import VARIANCE
from ..kernels.mixture import PRIOR, WEIGHT
from ..kernels.recent import LAGS
from ..kernels.regressors import FURTHEST, LONGER, OWN, RECENT, SEASONAL, SEASONS
from ..kernels.season import LONGEST as LONGEST_SEASON
from .arrays import Arrays, Table, need, need_array

Array = NDArray[np.float64]

Advice = tuple[NDArray[np.int64], Array]

NO_EXPERTS: Advice = (np.zeros(5, np.int64), np.zeros(0))
"""What kernels are handed without experts."""

LARGEST_LINEAR = 64
"""How many features the linear experts read: their cost grows with the square of it."""

LAST_VALUE_PRIOR = 0.95
"""Prior weight of repeating the last target; the other cheap experts share the rest. A high one
costs them a few events, and the stream nothing where nothing beats the last value."""

LSTM_PRIOR = 0.2
"""Prior weight of the LSTM against all cheap experts together."""


NAMES = ("last value", "mean", "linear", "linear, recent", "lstm")
SEASONAL_NAMES = (
    *("last value", "mean", "season ago", "seasonal change", "seasonal mean"),
    *("linear", "linear, seasonal", "linear, recent", "lstm"),
)
"""The experts in their order."""


class Experts(Arrays):
    """Forecasts the next target by a mixture of cheap experts, and mixes a network's forecast in.

    ================ ===============================================================================
    expert           forecast
    ================ ===============================================================================
    last value       the last target
    mean             the running mean of all targets
    season ago       the target one season ago; this and the next two only where there can be one
    seasonal change  the last target and the change of one season ago
    seasonal mean    the same, with the mean of the last four seasons' changes
    linear           the last target and a linear function of the features, the last three changes,
                     the distance to the mean and, where there can be a season, of what came one
                     and two seasons ago: recursive least squares
    linear, seasonal the same, from the seasonal mean on; only where there can be a season
    linear, recent   as linear, over the last fifty events or so
    lstm             what it is told
    ================ ===============================================================================

    There are two stages. The first mixes the cheap experts; its forecast is the `base` over which
    a network is to learn the rest. The second mixes that and the network's. Weights are learned by
    Bernstein online aggregation, see `lstmwidgets.kernels.mixture`. All starts at the last value,
    and others have to earn their weight. Predictions scale with the target.

    Parameters
    ----------
    features : int
        How many numbers an event has. The linear experts read the first 64.
    seasonality : int, optional
        Events a season.
    looks_ahead : bool
        Remember enough for forecasts further ahead than one step, and look for seasons of at most
        512 events; see `lstmwidgets.kernels.season`.

    Attributes
    ----------
    names : tuple of str
        The experts; the last one is ``"lstm"``.
    past : ndarray
        What is remembered of the stream's targets, (1, 4 + n); see `lstmwidgets.kernels.recent`.
    arrays : tuple of ndarray
        What kernels take beside it; others once features were added.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMForecaster
    >>> model = LSTMForecaster(seasonality=4, hidden_size=4, seed=1)
    >>> for y in [1.0, 5.0, 2.0, 2.0] * 20:
    ...     model.learn_one(y)
    >>> max(model.shares, key=model.shares.get)
    'season ago'
    """

    ARRAYS: ClassVar[Table] = {
        "numbers": (np.float64, lambda own: (kernels.kept(own["shape"]),)),
        "past": (np.float64, lambda own: (1, LAGS + own["shape"][kernels.RING])),
    }

    def __init__(
        self, features: int, seasonality: int | None = None, *, looks_ahead: bool = False
    ) -> None:
        sought = LONGEST_SEASON if looks_ahead and seasonality != 1 else 0
        given = 0 if seasonality == 1 else seasonality or 0
        longest = max(given, sought)
        ring = _ring(longest, looks_ahead)
        self.past = np.zeros((1, LAGS + ring))
        self._lay_out(np.array([longest, _others(longest), _cheap(longest), sought, ring]))
        self._views.scalars[kernels.GIVEN] = seasonality is not None
        self._views.scalars[kernels.SEASON] = given
        self._views.covariances[:] = VARIANCE * np.eye(_others(longest))
        prior, cheap = self._views.mixture[PRIOR], _cheap(longest)
        prior[:cheap] = (1 - LAST_VALUE_PRIOR) / (cheap - 1)
        prior[0] = LAST_VALUE_PRIOR
        prior[cheap:] = 1 - LSTM_PRIOR, LSTM_PRIOR
        self._views.mixture[WEIGHT] = prior
        self.grow(features)

    @property
    def is_seasonal(self) -> bool:
        """Whether there can be a season."""
        return bool(self._views.shape[kernels.LONGEST])

    def grow(self, features: int) -> None:
        """Let events have that many features from now on: new ones at the end."""
        old, shape = self._views, self._views.shape.copy()
        shape[kernels.REGRESSORS] = _others(shape[kernels.LONGEST]) + min(features, LARGEST_LINEAR)
        before, after = old.shape[kernels.REGRESSORS], shape[kernels.REGRESSORS]
        self._lay_out(shape)
        own, new = self._views, np.arange(before, after)
        own.scalars[:], own.mixture[:] = old.scalars, old.mixture
        own.distances[:] = old.distances
        own.coefficients[:, :before] = old.coefficients
        own.covariances[:, :before, :before] = old.covariances
        own.covariances[:, new, new] = VARIANCE

    @property
    def season(self) -> int | None:
        """Events a season, given or found; None if there is none."""
        return int(self._views.scalars[kernels.SEASON]) or None

    @property
    def weights(self) -> Array:
        """Those of both stages, as they are now, (K + 2,)."""
        weights: Array = self._views.mixture[WEIGHT]
        return weights

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the forecast; they add up to 1."""
        return self.shares_of(self.weights)

    def shares_of(self, weights: Array) -> dict[str, float]:
        """Return what `shares` was when the weights were these, (K + 2,)."""
        *cheap, together, lstm = weights.tolist()
        shares = [together * weight for weight in cheap]
        shares.append(lstm)
        return dict(zip(self.names, shares, strict=True))

    def _lay_out(self, shape: Any) -> None:
        """Make the arrays that kernels are handed, all zeros."""
        made = shape[kernels.CHEAP] + 2 + 2 * shape[kernels.REGRESSORS]
        self.arrays: Advice = (shape, np.zeros(kernels.kept(shape) + made))
        self._views = kernels.experts(*self.arrays)
        self.names = SEASONAL_NAMES if self.is_seasonal else NAMES

    def _kept(self) -> dict[str, Any]:
        shape, flat = self.arrays
        return {"shape": shape, "numbers": flat[: kernels.kept(shape)], "past": self.past}

    def _restore(self, kept: dict[str, Any]) -> None:
        self.past = np.array(kept["past"].tolist())
        self._lay_out(np.array(kept["shape"].tolist()))
        self.arrays[1][: len(kept["numbers"])] = kept["numbers"]
        for season in self._views.scalars[[kernels.SEASON, kernels.LONGER_SEASON]]:
            need(season in range(int(kept["shape"][kernels.LONGEST]) + 1), "season")

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        need_array(kept["shape"], (5,), np.int64)
        longest, size, cheap, sought, ring = kept["shape"].tolist()
        features = size - _others(longest)
        need(0 <= longest < 2**24 and cheap == _cheap(longest), "experts")
        need(sought in (0, LONGEST_SEASON) and sought <= longest, "season")
        need(ring in (_ring(longest, False), _ring(longest, True)), "targets")
        need(0 <= features <= LARGEST_LINEAR, "experts")


def _cheap(longest: int) -> int:
    """Return how many cheap experts there are."""
    return len(SEASONAL_NAMES if longest else NAMES) - 1


def _ring(longest: int, looks_ahead: bool) -> int:
    """Return how many targets are looked back on, as those of four seasons: a power of two."""
    fewest = RECENT + 1 + looks_ahead * FURTHEST
    return 1 << (max(fewest, SEASONS * longest) - 1).bit_length()


def _others(longest: int) -> int:
    """Return how many regressors there are that are no features."""
    return OWN + (SEASONAL + LONGER) * bool(longest)
