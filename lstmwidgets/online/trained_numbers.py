"""Trained models that predict numbers, on a stream."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from river import base
from river.time_series.base import Forecaster

from ..models import SequenceModel
from ..values import target_in
from .optimizers import OptimizerFactory
from .trained import TrainedEstimator


class TrainedRegressor(TrainedEstimator, base.Regressor):
    """A `SequenceModel` for regression as a River regressor; see `TrainedEstimator`.

    Examples
    --------
    >>> from river import datasets
    >>> from lstmwidgets.models import SequenceModel
    >>> from lstmwidgets.online import from_model
    >>> model = from_model(SequenceModel(input_size=6, hidden_size=8))
    >>> for x, y in datasets.TrumpApproval().take(20):
    ...     forecast = model.predict_one(x)
    ...     model.learn_one(x, y)
    """

    def __init__(
        self,
        model: SequenceModel,
        features: Sequence[str] | None = None,
        *,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.001,
        window: int = 16,
        clip: float = 1.0,
    ) -> None:
        if model.output_size != 1:
            raise ValueError(
                f"a River regressor predicts one number; this model has {model.output_size} outputs"
            )
        super().__init__(model, features, optimizer=optimizer, lr=lr, window=window, clip=clip)

    def predict_one(self, x: Any) -> float:
        """Return the prediction for an event, a step or a whole sequence; changes no weight."""
        if self._is_step(x):
            return self._in_units(self._peek(self._numbers(x)))[0]
        return self._in_units(self._sequence_outputs(self._sequence(x)))[0]

    def step_one(self, x: Any) -> float:
        """Return the same as `predict_one` and advance; learn nothing."""
        if self._is_step(x):
            return self._in_units(self._advance(self._numbers(x, learns=True)))[0]
        return self.predict_one(x)

    def learn_one(self, x: Any, y: float | None) -> None:
        """Learn an event. A target that is missing or not finite only advances the state."""
        target = target_in(y)
        if target is None:
            self.unlearned += 1
            self.step_one(x)
            return
        if self._is_step(x):
            self._advance(self._numbers(x, learns=True), target)
            self._learn_values(self._past, [target])
        else:
            sequence = self._sequence(x)
            self._sequence_outputs(sequence)
            self._learn_values(sequence, [target])


class TrainedForecaster(TrainedEstimator, Forecaster):
    """A `SequenceModel` for forecasting as a River forecaster; see `TrainedEstimator`.

    A step's input is the series' last value, beside the features that the model reads with it, of
    which `target` is then the name of the series itself. A forecast is learned when the last value
    that it speaks of has come.

    Parameters
    ----------
    model : SequenceModel
        Trained with ``task="forecasting"`` on one series; its outputs are the next values of it.
    features : sequence of str, optional
        Names of the model's inputs; not needed if the series is the only one, or if the model was
        trained with a dataframe.
    target : str, optional
        Which of them is the series; by default the one that `fit` was told.
    optimizer, lr, window, clip
        As of `TrainedEstimator`.
    """

    def __init__(
        self,
        model: SequenceModel,
        features: Sequence[str] | None = None,
        *,
        target: str | None = None,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.001,
        window: int = 16,
        clip: float = 1.0,
    ) -> None:
        if model.series > 1:
            raise ValueError(
                f"a River forecaster is of one series; this model forecasts {model.series} together"
            )
        names = features or model.features or (["y"] if model.input_size == 1 else [])
        if target is None:
            target = names[0] if model.input_size == 1 else (model.targets or [None])[0]
        if model.targets not in (None, [target]):
            raise ValueError(
                f"target= names {target!r} and the model was trained to forecast {model.targets}"
            )
        if target not in names:
            raise ValueError(
                f"the model has {model.input_size} inputs: name them and which of them is the "
                "series, from_model(model, features=[…], target=…)"
            )
        self.target = target
        super().__init__(model, names, optimizer=optimizer, lr=lr, window=window, clip=clip)

    @property
    def horizon(self) -> int:
        """How many values ahead the model forecasts."""
        return self.model.output_size

    def forecast(self, horizon: int, xs: Sequence[Mapping[str, Any]] | None = None) -> list[float]:  # noqa: ARG002
        """Forecast the next values; changes nothing.

        Parameters
        ----------
        horizon : int
            How many, up to the model's own `horizon`.
        xs : optional
            Not read: the model knows the features of the past only.

        Raises
        ------
        ValueError
            If the model does not see so far.
        """
        if not 1 <= horizon <= self.horizon:
            raise ValueError(f"the model forecasts 1 to {self.horizon} values, got {horizon}")
        if not self._past:
            return self.model.target_mean[:horizon].tolist()
        output = self._outputs(self._stepper.state[0][-1, 0].numpy())
        return self._in_units(output)[:horizon]

    def learn_one(self, y: float | None, x: Mapping[str, Any] | None = None) -> None:
        """Take in the next value, and learn the forecast that it completes."""
        target = target_in(y)
        if target is None:
            self.unlearned += 1
        self._take_in(target, x)
        ahead = self.horizon
        events = list(self._past)
        came = [event.target for event in events[-ahead:] if event.target is not None]
        if len(events) > ahead and len(came) == ahead:
            self._learn_values(events[:-ahead], came)

    def step_one(self, x: Mapping[str, Any] | None = None) -> float:
        """Return the next value's forecast and take it in as if it had come true."""
        forecast = self.forecast(1)[0]
        self._take_in(forecast, x)
        return forecast

    @property
    def _reach(self) -> int:
        return int(self.window) + self.horizon

    def _take_in(self, value: float | None, x: Mapping[str, Any] | None) -> None:
        event: dict[Hashable, Any] = dict(x or {}) | {self.target: value}
        self._advance(self._numbers(event, learns=True), value)
