"""A recurrent classifier for streams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from river import base

from .batches import frame_like, labelled_rows, rows, series_like
from .estimator import Features, LSTMEstimator
from .labels import Labels
from .learner import OnlineLearner
from .optimizers import OptimizerFactory


class LSTMClassifier(LSTMEstimator, base.MiniBatchClassifier):
    """Classification on a stream with an LSTM whose state is carried from event to event.

    Two classes or many, named by any hashable label; they need not be known beforehand. A new one
    starts at a small probability, and the logits of the others do not move. Every learned event
    advances the state; prediction peeks and changes nothing. The head reads the hidden output and,
    beside it, the inputs, so that what is linear is learned as fast as by logistic regression.

    Parameters
    ----------
    hidden_size, num_layers, cell, gradient, window, optimizer, lr, clip, scale, target_lag, seed
        As in `lstmwidgets.online.estimator.LSTMEstimator`. The implicit input of `target_lag` is
        the last learned class, one-hot.

    Attributes
    ----------
    classes : list
        Labels seen so far, in the order of first appearance.
    module, head, state, gates, imputed, unlearned
        As in `lstmwidgets.online.estimator.LSTMEstimator`.

    Notes
    -----
    With River's delayed labels an event advances the state when its label arrives.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from lstmwidgets.online import LSTMClassifier
    >>> model = LSTMClassifier(hidden_size=8, seed=1)
    >>> stream = datasets.Phishing().take(500)
    >>> metric = evaluate.progressive_val_score(stream, model, metrics.Accuracy())
    >>> metric.get() > 0.75
    True
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
        lr: float = 0.01,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
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
        self._labels = Labels()
        self._last: int | None = None
        self._last_places: list[int] = []
        self._goal = np.zeros(1, np.float32)

    @property
    def classes(self) -> list[Any]:
        """Labels seen so far, in the order of first appearance."""
        return list(self._labels.places)

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Features, y: Any) -> None:
        """Learn one event and advance the state.

        Parameters
        ----------
        x : dict
            Features: numbers, booleans, strings, datetimes.
        y : hashable
            Label. None and NaN are counted in `unlearned`; the event then advances the state as an
            unlabelled one.
        """
        if not self._labels.is_usable(y):
            self.unlearned += 1
            self._advance(x)
            return
        values = self._take_in(x)
        assert self._learner is not None
        place = self._labels.learn(y, self._learner)
        if self.target_lag and place == len(self._last_places):
            self._last_places.append(self._learner.input_size)
            name = y.item() if isinstance(y, np.generic) else y  # the same weights for equal labels
            self._learner.grow_inputs([f"last is {name!r}"])
            self._make_room()
        self._read(values)
        self._write_last()
        self._goal[0] = place
        self._learn(self._goal)
        self._last = place

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[Any, float]:  # noqa: ARG002
        """Return the probability of each class seen so far, in float64; changes nothing."""
        if self._learner is None or not self._labels.places:
            return {}
        self._read(self._encoder.encode(x))
        self._write_last()
        return self._labels.distribution(self._learner.predict(self._inputs))

    def step_one(self, x: Features) -> dict[Any, float]:
        """Predict as `predict_proba_one` and advance the state: for events without a label."""
        prediction = self.predict_proba_one(x)
        self._advance(x)
        return prediction

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a dataframe (pandas, polars, …) as consecutive events."""
        for x, label in labelled_rows(X, y):
            self.learn_one(x, label)

    def predict_proba_many(self, X: Any) -> Any:
        """Return the probabilities for each row as the next event; changes nothing."""
        each = [self.predict_proba_one(x) for x in rows(X)]
        return frame_like(X, {label: [row[label] for row in each] for label in self.classes})

    def predict_many(self, X: Any) -> Any:
        """Return the likeliest class of each row as the next event; changes nothing."""
        return series_like(X, [self.predict_one(x) for x in rows(X)])

    def _advance(self, x: Features) -> None:
        values = self._take_in(x)
        assert self._learner is not None
        self._read(values)
        self._write_last()
        self._learner.advance(self._inputs)

    def _write_last(self) -> None:
        for label, place in enumerate(self._last_places):
            self._inputs[place] = label == self._last

    def _implicit_inputs(self) -> Sequence[str]:
        return ("nothing",)  # one that is always there, for events without any feature

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        return OnlineLearner(input_names, loss="cross_entropy", **self._learner_options())

    def _recent(self) -> tuple[Any, ...]:
        return (self._last,)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        (self._last,) = recent if recent else (None,)
