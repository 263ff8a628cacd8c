"""A recurrent regressor for streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from ..values import target_in
from .dataframes import labelled_rows, rows, series_like
from .estimator import Features, shared
from .numeric import LEARN, PEEK, NumericEstimator, turns_of
from .optimizers import OptimizerFactory


class LSTMRegressor(NumericEstimator, base.MiniBatchRegressor):
    """Regression on a stream with an LSTM whose state is carried from event to event.

    Every learned event advances the state; prediction peeks and changes nothing. Nothing has to be
    scaled, windowed or declared beforehand: inputs and targets are standardised online, features
    may come and go, strings and datetimes are encoded.

    Parameters
    ----------
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
    echo : float
        Share of each layer's units, the first ones, that begin as an echo of the last inputs and
        learn at a tenth of `lr`: what came some events ago is at hand from the first event on. 0.25
        to 0.5 where targets depend on inputs of some events ago; it costs units for what depends on
        the event alone. With `tbptt` only: eligibility traces do not see the recurrent weights that
        an echo is made of.
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
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    shares : dict of str to float
        Weight of each expert in the predictions, the LSTM's among them.
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
        How many targets were missing or unusable; their events advanced the state only.

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
        lr: float = 0.005,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
        echo: float = 0.0,
        loss: str = "huber",
        quantile: float = 0.5,
        experts: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(**shared(locals()))
        self.loss = loss
        self.quantile = quantile
        self.experts = experts
        self._begin(None)

    def learn_one(self, x: Features, y: float | None) -> None:
        """Learn one event and advance the state.

        Parameters
        ----------
        x : dict
            Features: numbers, texts, times; `lstmwidgets.values` has what else counts.
        y : float
            Target. None, NaN, infinities and numbers beyond 1e30 are counted in `unlearned`; the
            event then advances the state as an unlabelled one.
        """
        self._learn(x, target_in(y))

    def predict_one(self, x: Features) -> float:
        """Predict the target of an event; changes nothing. 0.0 before anything was learned."""
        return self._peek(x)

    def step_one(self, x: Features) -> float:
        """Predict and advance the state for an event without a label; learn its scale only."""
        return self._step(x)

    def observe_one(self, x: Features, y: float | None = None) -> float:
        """Predict an event and let it pass without learning: a frozen model that goes on following.

        The state advances by the event, and a target is remembered as the stream's last one. What
        was learned stays as it is: weights, scales, features, the experts and their shares, and
        what `imputed` and `unlearned` count. `FrozenRegressor` does the same for many streams.

        Parameters
        ----------
        x : dict
            As of `learn_one`; features and strings that were never learned count as missing.
        y : float, optional
            The target, if it is known; what `learn_one` calls unusable counts as unknown.

        Returns
        -------
        float
            What `predict_one` returns for x. 0.0 before anything was learned.
        """
        return self._observe(x, y)

    def predict_learn_known(
        self, xs: Sequence[Features], ys: Sequence[float | None]
    ) -> NDArray[np.float64]:
        """Predict and learn events in one compiled call, and return what the LSTM did at each.

        The same numbers as `predict_one` and then `learn_one` or, without a target, `step_one` give
        for one event after the other; up to the first one that has something new or an unusable
        target, which is left to these.

        Parameters
        ----------
        xs : sequence of dict
            Features of each event.
        ys : sequence of float
            Targets, None where there is none.

        Returns
        -------
        ndarray
            A row for each of the events before that one, (n, 1 + L * 6H): its prediction, and what
            `activations` shows after it.
        """
        values, targets = self.take_in_known(xs, ys)
        results = np.empty((len(values), self._weights_begin))
        if len(values):
            turns = turns_of(PEEK | LEARN, np.zeros(len(values)))
            self._kernel(turns, values.ravel(), targets, results, *self._one[2:])
        return results

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a dataframe as consecutive events.

        Parameters
        ----------
        X : dataframe
            Of pandas, polars or any library that River takes.
        y : series
            Targets.
        """
        for x, target in labelled_rows(X, y):
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
