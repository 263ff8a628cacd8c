"""Cheap experts beside a network, and how far each of them is to be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import experts as kernels
from ..kernels.mixture import PRIOR, WEIGHT

Array = NDArray[np.float64]

Advice = tuple[int, Array, Array, Array, Array]

NO_EXPERTS: Advice = (0, np.zeros(6), np.zeros((0, 0, 0)), np.zeros((4, 0)), np.zeros(0))
"""What kernels are handed without experts: no weights, and nothing else that is read."""

LARGEST_LINEAR = 64
"""How many features the linear experts read: their cost grows with the square of it."""

LAST_VALUE_PRIOR = 0.95
"""Prior weight of repeating the last target; the other cheap experts share the rest. A high one
costs them a few events, and the stream nothing where nothing beats the last value."""

LSTM_PRIOR = 0.1
"""Prior weight of the LSTM against all cheap experts together."""


class Experts:
    """Forecasts the next target by a mixture of cheap experts, and mixes a network's forecast in.

    ================ ===============================================================================
    expert           forecast
    ================ ===============================================================================
    last value       the last target
    mean             the running mean of all targets
    seasonal change  the last target and the change of one season ago; only with a seasonality
    linear           the last target and a linear function of the features, the last three changes,
                     the distance to the mean and, with a seasonality, the distance to the target
                     and three changes of one season ago: recursive least squares
    linear, recent   the same over the last fifty events or so
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

    Attributes
    ----------
    names : tuple of str
        The experts; the last one is ``"lstm"``.

    Examples
    --------
    >>> import numpy as np
    >>> experts, x = Experts(features=0, seasonality=4), np.zeros(0)
    >>> for y in [1.0, 5.0, 2.0, 2.0] * 20:
    ...     experts.learn(x, y, lstm=experts.base(x))
    >>> round(experts.base(x), 1)
    1.0
    >>> max(experts.shares, key=experts.shares.get)
    'seasonal change'
    """

    def __init__(self, features: int, seasonality: int | None = None) -> None:
        seasonal = ("seasonal change",) if seasonality else ()
        self.names = ("last value", "mean", *seasonal, "linear", "linear, recent", "lstm")
        self._season = seasonality or 0
        self._lags = np.zeros(max(kernels.RECENT, self._season + 1) + 1)
        self._scalars = np.zeros(6)
        self._others = 2 + kernels.RECENT + 4 * len(seasonal)  # regressors that are no features
        models = len(kernels.FORGETTING)
        self._linear = np.zeros((models, self._others + 1, self._others))
        self._linear[:, 1:] = kernels.VARIANCE * np.eye(self._others)
        cheap = len(self.names) - 1
        self._mixture = np.zeros((4, cheap + 2))
        prior = self._mixture[PRIOR]
        prior[:cheap] = (1 - LAST_VALUE_PRIOR) / (cheap - 1)
        prior[0] = LAST_VALUE_PRIOR
        prior[cheap:] = 1 - LSTM_PRIOR, LSTM_PRIOR
        self._mixture[WEIGHT] = prior
        self.grow(features)

    def base(self, x: Array) -> float:
        """Return the cheap experts' forecast; changes nothing. 0.0 before the first target.

        Parameters
        ----------
        x : ndarray
            The event's features, standardised and zero where missing, (features,).
        """
        forecast: float = kernels.expect(x, *self._bundle)
        return forecast

    def mix(self, base: float, lstm: float) -> float:
        """Return the forecast of LSTM and cheap experts together; changes nothing.

        Parameters
        ----------
        base : float
            What `base` returned.
        lstm : float
            The network's forecast, in the target's unit; passed over if not finite.
        """
        forecast: float = kernels.mix(lstm, base, self._lags, self._scalars, self._mixture)
        return forecast

    def predict(self, x: Array, lstm: float) -> float:
        """Return the mixture's forecast for an event: `base` and `mix` in one."""
        return self.mix(self.base(x), lstm)

    def learn(self, x: Array, y: float, lstm: float) -> None:
        """Learn an event's target.

        Parameters
        ----------
        x : ndarray
            As of `base`.
        y : float
            The target, finite.
        lstm : float
            What the network had forecast; it gains and loses nothing if that is not finite.
        """
        kernels.learn(x, y, lstm, *self._bundle)

    def observe(self, x: Array, y: float) -> None:  # noqa: ARG002
        """Let an event pass, its target being y, without learning."""
        kernels.observe(y, self._lags, self._scalars)

    def grow(self, features: int) -> None:
        """Let events have that many features from now on: new ones at the end."""
        size = self._others + min(features, LARGEST_LINEAR)
        new = size - self._linear.shape[2]
        grown = np.pad(self._linear, ((0, 0), (0, new), (0, new)))
        places = np.arange(size - new, size)
        grown[:, 1 + places, places] = kernels.VARIANCE
        self._linear = grown
        self._prepare()

    def reset(self) -> None:
        """Forget the recent past, as between two sequences; keep what was learned."""
        self._lags[:] = 0
        self._scalars[kernels.SEEN] = 0

    def get_state(self) -> tuple[float, ...]:
        """Return the recent past: how many targets have come, and those that are looked back on."""
        return (float(self._scalars[kernels.SEEN]), *self._lags.tolist())

    def set_state(self, state: tuple[float, ...]) -> None:
        """Put back what `get_state` returned: another stream's, or the same one's from before."""
        self.reset()
        if state:
            self._scalars[kernels.SEEN], self._lags[:] = state[0], state[1:]

    @property
    def lags(self) -> Array:
        """The targets that are looked back on, by reference: a ring."""
        return self._lags

    @property
    def seen(self) -> float:
        """How many targets have come in this stream."""
        return float(self._scalars[kernels.SEEN])

    def recall(self, seen: float, lags: Array) -> None:
        """Put back a recent past."""
        self._scalars[kernels.SEEN], self._lags[:] = seen, lags

    @property
    def arrays(self) -> Advice:
        """What kernels take beside the lags, by reference: season, scalars and so on."""
        season, _, *arrays = self._bundle
        return (season, *arrays)  # type: ignore[return-value]

    @property
    def memory(self) -> int:
        """How many targets are looked back on."""
        return len(self._lags)

    def packed(self) -> Advice:
        """Return copies of what kernels take beside the lags: season, scalars and so on."""
        season, *arrays = self.arrays
        scalars, linear, mixture, scratch = (array.copy() for array in arrays)
        return season, scalars, linear, mixture, scratch

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the forecast; they add up to 1."""
        weights = self._mixture[WEIGHT].tolist()
        *cheap, together, lstm = weights
        shares = [together * weight for weight in cheap] + [lstm]
        return dict(zip(self.names, shares, strict=True))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_bundle"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    def _prepare(self) -> None:
        """Lay out what kernels are handed; the last array is scratch."""
        scratch = np.zeros(len(self._mixture[0]) + 2 * self._linear.shape[2])
        arrays = (self._lags, self._scalars, self._linear, self._mixture, scratch)
        self._bundle = (self._season, *arrays)
