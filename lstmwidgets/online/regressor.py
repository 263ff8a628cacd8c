"""A recurrent regressor for streams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from river import base

from ..checks import check_choice, check_probability
from ..kernels.scaling import LARGEST
from .batches import column, rows, series_like
from .estimator import Features, LSTMEstimator
from .experts import Experts
from .features import NUMBER
from .learner import OnlineLearner
from .optimizers import OptimizerFactory
from .target import Recent, TargetScaler

LOSSES = ("absolute", "huber", "squared", "quantile")


class TargetModel(LSTMEstimator):
    """What regression and forecasting share: a numeric target, its scale, and experts beside it."""

    loss: str
    quantile: float
    experts: bool

    def _begin(self, seasonality: int | None) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_probability("quantile", self.quantile)
        self._target = TargetScaler(self.scale, self.target_lag)
        mixed = self.experts and self.scale and self.target_lag and self.loss != "quantile"
        self._experts = Experts(0, seasonality) if mixed else None
        self._goal = np.zeros(1, np.float32)

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the predictions; they add up to 1."""
        return {"lstm": 1.0} if self._experts is None else self._experts.shares

    def _recent(self) -> tuple[Any, ...]:
        experts = () if self._experts is None else self._experts.get_state()
        return (self._target.recent, experts)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        targets, experts = recent if recent else (Recent(), ())
        self._target.recent = targets
        if self._experts is not None:
            self._experts.set_state(experts)

    def _implicit_inputs(self) -> Sequence[str]:
        return self._target.inputs

    def _features_grew(self) -> None:
        if self._experts is not None:
            self._experts.grow(len(self._encoder.columns))

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        level = self.quantile if self.loss == "quantile" else 1.0
        return OnlineLearner(
            input_names, loss=self.loss, levels=(level,), **self._learner_options()
        )

    def _base(self) -> float:
        """Write the past targets into the inputs, and return what is to be expected from them."""
        experts = self._experts
        base = self._target.base if experts is None else experts.base(self._features)
        recent = self._target.as_inputs(base)
        self._inputs[: len(recent)] = recent
        return base

    def _own(self, base: float) -> float:
        """Return the LSTM's own prediction."""
        assert self._learner is not None
        return self._target.unscaled(float(self._learner.predict(self._inputs)[0]), base)

    def _mixed(self, own: float) -> float:
        return own if self._experts is None else self._experts.predict(self._features, own)

    def _predict(self, x: Features) -> float:
        if self._learner is None:
            return 0.0
        self._read(self._encoder.encode(x))
        return self._mixed(self._own(self._base()))

    def _learn_target(self, x: Features, y: float | None) -> None:
        check_target(y)
        self._read(self._take_in(x))
        assert self._learner is not None
        base = self._base()
        if y is None or not abs(y) <= LARGEST:
            self.unlearned += 1
            self._learner.advance(self._inputs)
            return
        y = float(y)
        self._goal[0] = self._target.scaled(y, base)
        self._learn(self._goal)
        if self._experts is not None:
            own = self._target.unscaled(float(self._learner.output[0]), base)
            self._experts.learn(self._features, y, own)
        self._target.learn(y, base)

    def _step(self, x: Features) -> float:
        prediction = self._predict(x)
        self._read(self._take_in(x))
        assert self._learner is not None
        self._base()
        self._learner.advance(self._inputs)
        return prediction


class LSTMRegressor(TargetModel, base.MiniBatchRegressor):
    """Regression on a stream with an LSTM whose state is carried from event to event.

    Every learned event advances the state; prediction peeks and changes nothing. Nothing has to be
    scaled, windowed or declared beforehand: inputs and targets are standardised online, features
    may come and go, strings and datetimes are encoded.

    Parameters
    ----------
    hidden_size, num_layers, cell, gradient, window, optimizer, lr, clip, scale, target_lag, seed
        As in `lstmwidgets.online.estimator.LSTMEstimator`.
    loss : str
        ``"huber"``, ``"absolute"``, ``"squared"`` or ``"quantile"``, of the residual in its typical
        size. Huber's, quadratic up to that size and linear beyond, learns from small errors and is
        not thrown by wild ones.
    quantile : float
        Which one the loss ``"quantile"`` aims at.
    experts : bool
        Mix the LSTM's predictions with those of cheap experts (repeating the last target, the mean,
        online linear regressions), each weighted by how well it has done so far, and let the LSTM
        learn what they leave. It bounds what can be lost on streams that an LSTM is no use for.
        Without it, without `scale` or `target_lag` and for quantiles the LSTM predicts alone.

    Attributes
    ----------
    shares : dict of str to float
        Weight of each expert in the predictions, the LSTM's among them.
    module, head, state, gates, imputed, unlearned
        As in `lstmwidgets.online.estimator.LSTMEstimator`.

    Notes
    -----
    With River's delayed labels an event advances the state when its label arrives.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from lstmwidgets.online import LSTMRegressor
    >>> model = LSTMRegressor(hidden_size=8, window=4, seed=1)
    >>> stream = datasets.AirlinePassengers().take(40)
    >>> metric = evaluate.progressive_val_score(stream, model, metrics.MAE())
    >>> metric.get() < 30  # passengers, in thousands
    True
    >>> model.gates.forget_gate.shape
    torch.Size([1, 1, 8])
    """

    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        gradient: str = "tbptt",
        window: int = 16,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.002,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
        loss: str = "huber",
        quantile: float = 0.5,
        experts: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            hidden_size,
            num_layers,
            cell=cell,
            gradient=gradient,
            window=window,
            optimizer=optimizer,
            lr=lr,
            clip=clip,
            scale=scale,
            target_lag=target_lag,
            seed=seed,
        )
        self.loss = loss
        self.quantile = quantile
        self.experts = experts
        self._begin(None)

    def learn_one(self, x: Features, y: float | None) -> None:
        """Learn one event and advance the state.

        Parameters
        ----------
        x : dict
            Features: numbers, booleans, strings, datetimes.
        y : float
            Target. None, NaN, infinities and numbers beyond 1e30 are counted in `unlearned`; the
            event then advances the state as an unlabelled one.
        """
        self._learn_target(x, y)

    def predict_one(self, x: Features) -> float:
        """Predict the target of an event; changes nothing. 0.0 before anything was learned."""
        return self._predict(x)

    def step_one(self, x: Features) -> float:
        """Predict and advance the state without learning: for events without a label."""
        return self._step(x)

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a dataframe as consecutive events.

        Parameters
        ----------
        X : dataframe
            Of pandas, polars or any library that River takes.
        y : series
            Targets.
        """
        for x, target in zip(rows(X), column(y), strict=True):
            self.learn_one(x, target)

    def predict_many(self, X: Any) -> Any:
        """Predict each row of a dataframe as the next event; changes nothing.

        Parameters
        ----------
        X : dataframe
            As of `learn_many`.

        Returns
        -------
        series
            Of the dataframe's own library, with its index.
        """
        return series_like(X, [self.predict_one(x) for x in rows(X)])


def check_target(y: object) -> None:
    """Raise unless a target is a number or missing."""
    if y is not None and not isinstance(y, NUMBER):
        raise TypeError(f"expected a number as target, got {type(y).__name__} {y!r}")
