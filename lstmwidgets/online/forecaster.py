"""A recurrent forecaster of a time series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.time_series.base import Forecaster

from ..checks import check_probability, check_size
from ..kernels import numbers as kernels
from ..kernels import quantiles
from ..kernels.recent import SEEN
from ..shown import typed
from ..values import target_in
from .arrays import need, need_array
from .dataframes import is_dataframe, rows
from .estimator import Features, shared
from .horizons import AHEAD, Horizons
from .numeric import NumericEstimator, turns_of
from .optimizers import OptimizerFactory

FORECAST = kernels.PREDICT | kernels.PASS | kernels.SUPPOSE

PATHS = 200
"""Futures drawn for an interval more than one step ahead where there are no experts."""


class LSTMForecaster(NumericEstimator, Forecaster):
    """Forecasts a series, step after step, with an LSTM beside cheap experts.

    Works as given: the series is not to be scaled, differenced or windowed, and may trend, drift,
    be short or hardly predictable. One step ahead the LSTM and experts are mixed; the mixture
    starts from repeating the last value, and what is better has to earn its weight. Further ahead
    each horizon has experts of its own, weighed by what came so many steps later
    (`lstmwidgets.online.horizons`): a forecast fed with its own forecasts repeats its errors.

    Parameters
    ----------
    seasonality : int, optional
        Events a season, as in River's `HoltWinters`: 24 for hours with a daily pattern. None: it is
        found while the series goes on, if there is one of at most 512 events, after two of them;
        `season` tells which. 1: there is none. A longer one of whole seasons, as a week of days, is
        found beside either.
    hidden_size : int
        Units per layer, H.
    num_layers : int
        Layers on top of each other, L.
    cell : str
        ``"standard"``, ``"peephole"``, ``"full_gate_recurrence"``, ``"coupled"`` or
        ``"layer_norm"``; `lstmwidgets.LSTM` has the equations.
    gradient : str
        ``"tbptt"`` backpropagates through the last `window` events. ``"eligibility"`` keeps a trace
        for each weight instead, several times faster; not for full gate recurrence and layer
        normalisation.
    window : int
        How many events back the gradient of `tbptt` looks, T; memory reaches further.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), a class of `torch.optim`, or a factory
        called with ``(params, lr=lr)``; names and these three classes run compiled.
    lr : float
        Learning rate. May be set anew at any time.
    clip : float
        Bound on the gradient's global norm. May be set anew at any time.
    scale : bool
        Standardise inputs and targets online. If not, numbers are cut off at ±1e6.
    target_lag : bool
        Read the last learned target as a further input.
    loss : str
        ``"huber"``, ``"absolute"``, ``"squared"`` or ``"quantile"``, of the residual in its typical
        size. Huber's, quadratic up to that size and linear beyond, is not thrown by wild ones.
    quantile : float
        Which one the loss ``"quantile"`` aims at, between 0 and 1.
    experts : bool
        Mix the LSTM's forecasts with those of cheap experts, as `LSTMRegressor` does. Without them,
        or with the loss ``"quantile"``, ``scale=False`` or ``target_lag=False``, the LSTM alone
        forecasts, and further ahead than one step as if its own forecasts had come true.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    shares : dict of str to float
        Weight of each expert in the forecasts, the LSTM's among them.
    season : int or None
        Events a season, given or found.
    module : LSTM or None
        A copy of the weights as they are now, as a PyTorch module; None before the first event.
    head : torch.nn.Linear or None
        The same of the head, which reads the top layer's hidden output and the inputs beside it.
    state : LSTMState or FullGateState or None
        State after the last event, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last event, each (L, 1, H).
    imputed : int
        How many feature values counted as missing.
    unlearned : int
        How many values were missing or unusable; forecasts stood for them.

    Examples
    --------
    >>> from river import datasets
    >>> from lstmwidgets.online import LSTMForecaster
    >>> model = LSTMForecaster(seasonality=12, hidden_size=8, seed=1)
    >>> for x, y in datasets.AirlinePassengers():
    ...     model.learn_one(y)
    >>> len(model.forecast(horizon=12))
    12
    >>> low, high = model.forecast_interval(horizon=1)[0]
    >>> low < model.forecast(1)[0] < high
    True
    """

    LOOKS_AHEAD = True

    def __init__(
        self,
        *,
        seasonality: int | None = None,
        hidden_size: int = 32,
        num_layers: int = 1,
        cell: str = "standard",
        gradient: str = "tbptt",
        window: int = 16,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.005,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
        loss: str = "huber",
        quantile: float = 0.5,
        experts: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(**shared(locals()))
        if seasonality is not None:
            check_size("seasonality", seasonality)
        self.seasonality = seasonality
        self.loss = loss
        self.quantile = quantile
        self.experts = experts
        self._begin(seasonality)
        self._horizons = None if self._experts is None else Horizons(self._experts.is_seasonal)
        self._errors = np.zeros((AHEAD if self._horizons else 1, quantiles.WIDTH))

    @property
    def season(self) -> int | None:
        """Events a season, given or found; None if there is none so far."""
        return self.seasonality if self._experts is None else self._experts.season

    def learn_one(self, y: float | None, x: Features | None = None) -> None:
        """Learn the next value of the series.

        Parameters
        ----------
        y : float
            The value. None, NaN, infinities and numbers beyond 1e30 are counted in `unlearned`,
            and the forecast stands for them in what follows.
        x : dict, optional
            Features known at the time: numbers, texts, times; `lstmwidgets.values` has what else
            counts.
        """
        self.predict_and_learn_one(y, x)

    def predict_and_learn_one(self, y: float | None, x: Features | None = None) -> float:
        """Return the forecast of the next value, and learn it.

        Bit for bit what `forecast` of one step with its features returns, and what `learn_one`
        then learns, in one call.

        Parameters
        ----------
        y, x
            As of `learn_one`.

        Returns
        -------
        float
            What was forecast before the value was learned; 0.0 before anything was.

        Examples
        --------
        >>> forecaster = LSTMForecaster(seed=1)
        >>> [round(forecaster.predict_and_learn_one(2.0), 3) for _ in range(3)]
        [0.0, 2.0, 2.0]
        """
        target = target_in(y)
        if target is None:
            self.unlearned += 1
            return self.step_one(x)
        known, is_first = self._target.is_known, not self.has_learned
        prediction = self._predict_and_learn({} if x is None else x, target)
        is_constant = not (is_first or self._target.is_known)
        error = target - prediction if known or is_constant else math.nan
        if self._horizons is not None:
            assert self._experts is not None
            self._horizons.learn(error, self._event[1:], self._experts, self._errors)
        elif not math.isnan(error):
            quantiles.learn(error, self._errors[0])
        return prediction

    def forecast(self, horizon: int, xs: Sequence[Features | None] | None = None) -> list[float]:
        """Forecast the next values; changes nothing.

        Parameters
        ----------
        horizon : int
            How many steps.
        xs : list of dict, or dataframe, optional
            Features of each of them, None for none.

        Returns
        -------
        list of float
            One forecast a step. 0.0 before anything was learned.
        """
        events = _events(horizon, xs)
        if self._learner is None:
            return [0.0] * horizon
        values: list[float] = self._ahead(events).tolist()
        return values

    def forecast_interval(
        self, horizon: int, xs: Sequence[Features | None] | None = None, *, coverage: float = 0.9
    ) -> list[tuple[float, float]]:
        """Forecast between which bounds the next values will lie; changes nothing.

        Bounds are quantiles of past errors so many steps ahead, tracked so that they hold the
        promised share in the long run whatever the series does: Gibbs & Candès (2021), "Adaptive
        conformal inference under distribution shift"; `lstmwidgets.kernels.quantiles` has the
        formula. Beyond 24 steps they are those of 24, wider by the root of the steps. Features of
        later events, where xs has them, make them no narrower. Without experts, errors one step
        ahead are fed through the LSTM along 200 paths.

        Parameters
        ----------
        horizon, xs
            As of `forecast`.
        coverage : float
            Share of values that shall lie between the bounds, at most 0.995.

        Returns
        -------
        list of tuple of float
            Lower and upper bound of each step, infinite as long as there were too few errors to
            tell, for a coverage of 0.9 fewer than 19, and for a coverage above 0.995.
        """
        check_probability("coverage", coverage)
        events = _events(horizon, xs)
        tail = (1 - coverage) / 2
        if self._learner is None:
            return [(-math.inf, math.inf)] * horizon
        if self._horizons is None:
            return self._paths(events, tail)
        values, steps = self._ahead(events), np.arange(1, horizon + 1)
        rows, wider = self._errors[:horizon], np.sqrt(np.maximum(steps / AHEAD, 1.0))
        beyond = (0, max(horizon - AHEAD, 0))
        low, high = (
            (
                values + wider * np.pad(quantiles.errors_at(level, rows), beyond, mode="edge")
            ).tolist()
            for level in (tail, 1 - tail)
        )
        return list(zip(low, high, strict=True))

    def step_one(self, x: Features | None = None) -> float:
        """Forecast the next value and go on as if it had come, without learning."""
        what = kernels.UPDATE | kernels.PASS
        return self._step({} if x is None else x, what | self._remembering)

    def observe_one(self, y: float | None, x: Features | None = None) -> float:
        """Forecast the next value and let it pass without learning.

        The state advances and the value is remembered: later forecasts go on from there. What was
        learned, the experts' shares and past errors included, stays as it is.

        Parameters
        ----------
        y : float
            The value; the forecast stands for what `learn_one` calls unusable.
        x : dict, optional
            As of `learn_one`; features and strings that were never learned count as missing.

        Returns
        -------
        float
            What `forecast` of one step returns. 0.0 before anything was learned.
        """
        event = {} if x is None else x
        target = target_in(y)
        if target is None and self.has_learned:
            target = self._peek(event)
        return self._observe(event, target)

    @property
    def _remembering(self) -> int:
        """Whether forecasts are remembered: what stands for one before any value is no value."""
        return kernels.REMEMBER if self.has_learned else 0

    def _recent(self) -> tuple[Any, ...]:
        made = None if self._horizons is None else self._horizons.made.copy()
        return (super()._recent(), made)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        past, made = recent or ((), None)
        super()._put_recent(past)
        if self._horizons is not None:
            self._horizons.made[:] = 0.0 if made is None else made

    def stream_to_bytes(self) -> bytes:
        """Return what the stream has left behind, the forecasts not yet due among it."""
        whole = super().stream_to_bytes()
        return whole + self._horizons.made.tobytes() if whole and self._horizons else whole

    def stream_from_bytes(self, data: bytes) -> None:
        """Go on from what `stream_to_bytes` returned, bit for bit; ValueError if that is none."""
        made = b"" if self._horizons is None else self._horizons.made.tobytes()
        super().stream_from_bytes(data[: max(len(data) - len(made), 0)])
        if data and self._horizons is not None:
            due = np.frombuffer(data[-len(made) :])
            self._horizons.made[:] = due.reshape(self._horizons.made.shape)

    def _features_grew(self) -> None:
        super()._features_grew()
        if self._horizons is not None:
            self._horizons.grow(len(self._encoder.columns))

    def _verify(self) -> None:
        super()._verify()
        need((self._experts is None) == (self._horizons is None), "horizons")
        if self._horizons is not None:
            need(isinstance(self._horizons, Horizons), "horizons")
            assert self._experts is not None
            whole = Horizons(self._experts.is_seasonal, len(self._encoder.columns))
            need(self._horizons.layout == whole.layout, "horizons")
        need_array(self._errors, (AHEAD if self._horizons else 1, quantiles.WIDTH), np.float64)

    def _ahead(self, events: Sequence[Features]) -> NDArray[np.float64]:
        """Return the forecasts of the next events."""
        if self._horizons is None:
            alone: NDArray[np.float64] = self._futures(events, np.zeros((1, len(events))))[0]
            return alone
        values, later = np.zeros(len(events)), events[1:]
        values[0] = self._peek(events[0])
        if not later:
            return values
        assert self._learner is not None
        assert self._experts is not None
        if not self.parts.past[0, SEEN]:  # a stream's beginning: there is nothing to move on from
            return np.full(len(events), values[0])
        if any(later):
            numbers = self._encoder.encode_many(later)
        elif self._horizons.has_made(self._experts, values):
            return values
        else:
            numbers = np.tile(self._encoder.encode({}), (len(later), 1))
        inputs = np.zeros(self._learner.capacity)
        self._horizons.forecast(numbers, self._scaler, inputs, self._experts, values)
        return values

    def _paths(self, events: Sequence[Features], tail: float) -> list[tuple[float, float]]:
        """Return bounds of the LSTM alone, which is fed with errors like those one step ahead."""
        known = max(1 / (self._errors[0, quantiles.COUNT] + 1), quantiles.LEVELS[0])
        levels = np.clip((np.arange(PATHS) + 0.5) / PATHS, known, 1 - known)
        errors = np.array([quantiles.errors_at(level, self._errors[0]) for level in levels])
        first = self._peek(events[0])
        ends = [
            float(first + quantiles.errors_at(level, self._errors[0])) for level in (tail, 1 - tail)
        ]
        if len(events) == 1 or not np.isfinite(ends).all():
            return [(ends[0], ends[1])] * len(events)
        random = np.random.default_rng(0)  # the same future for the same past
        drawn = [random.permutation(errors) / self._target.unit for _ in events]
        paths = self._futures(events, np.stack(drawn, axis=1))
        lows, highs = np.quantile(paths, (tail, 1 - tail), axis=0).tolist()
        return [(ends[0], ends[1]), *zip(lows[1:], highs[1:], strict=True)]

    def _futures(
        self, events: Sequence[Features], errors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the values along paths, (paths, steps), whose steps miss their forecast by errors.

        Errors, (paths, steps), are in typical sizes.
        """
        learner, rows = self._learner, self._rows(1)
        assert learner is not None
        carry, recent = learner.get_carry(), self.parts.past.copy()
        inputs = self._encoder.encode_many(events)
        values, results = errors.copy(), np.zeros((len(events), 1))
        turns = turns_of(FORECAST | self._remembering, np.zeros(len(events)))
        try:
            for path in values:
                learner.put_back(carry)
                rows.past[:] = recent
                self.run_events(turns, inputs, path, results, rows)
        finally:
            learner.put_back(carry)
        return values


def _events(horizon: int, xs: Sequence[Features | None] | None) -> Sequence[Features]:
    """Return the features of each step."""
    check_size("horizon", horizon)
    if xs is None:
        return [{}] * horizon
    if isinstance(xs, Mapping):
        xs = [xs]
    try:
        events = [{} if x is None else x for x in (rows(xs) if is_dataframe(xs) else xs)]
    except TypeError as error:
        raise TypeError(f"expected features of each step as xs, got {typed(xs)}; {GIVE}") from error
    if len(events) != horizon:
        raise ValueError(
            f"expected features of each of horizon={horizon} steps as xs, got {len(events)}; {GIVE}"
        )
    return events


GIVE = "give a list with a dict for each, or None"
