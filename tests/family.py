"""The five online estimators behind one set of calls, for tests of what they have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from river import base
from river.time_series.base import Forecaster

from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.online.estimator import LSTMEstimator

Event = tuple[Any, Any]

WORDS = ("good", "bad", "fine", "slow", "screen", "battery", "box", "don't", "!", "the", "a")


@dataclass(frozen=True)
class Member:
    """One of the five, with small sizes."""

    kind: type[LSTMEstimator]
    fixed: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def reads_text(self) -> bool:
        return self.kind is LSTMTextClassifier

    @property
    def has_labels(self) -> bool:
        return issubclass(self.kind, base.Classifier)

    @property
    def has_target(self) -> bool:
        return not issubclass(self.kind, base.AnomalyDetector)

    def make(self, **options: Any) -> Any:
        return self.kind(**({"hidden_size": 6, "window": 4, "seed": 1} | self.fixed | options))

    def events(self, count: int = 30, first: int = 0) -> list[Event]:
        """Return the events first, first + 1, … of an endless stream."""
        return [(self._x(n), self._y(n)) for n in range(first, first + count)]

    def learn(self, model: Any, event: Event) -> None:
        x, y = event
        if isinstance(model, Forecaster):
            model.learn_one(y, x)
        elif self.has_target:
            model.learn_one(x, y)
        else:
            model.learn_one(x)

    def predict(self, model: Any, x: Any) -> Any:
        """Return what the model says of an event: a number, a list of them, or probabilities."""
        if isinstance(model, Forecaster):
            return model.forecast(2, [x, x])
        if self.has_labels:
            return model.predict_proba_one(x)
        return model.predict_one(x) if self.has_target else model.score_one(x)

    def ask_everything(self, model: Any, x: Any) -> None:
        """Call all that is to change nothing."""
        self.predict(model, x)
        if isinstance(model, Forecaster):
            model.forecast(3)
            model.forecast_interval(2, [x, x])
        elif self.has_labels:
            model.predict_one(x)
        for name in ("module", "head", "state", "gates", "imputed", "unlearned"):
            getattr(model, name)
        model.get_stream()

    def learned(self, model: Any, events: Iterable[Event]) -> Any:
        for event in events:
            self.learn(model, event)
        return model

    def run(self, model: Any, events: Iterable[Event]) -> list[Any]:
        """Return prequential predictions."""
        made = []
        for event in events:
            made.append(self.predict(model, event[0]))
            self.learn(model, event)
        return made

    def _x(self, n: int) -> Any:
        random = np.random.default_rng(n)
        if self.reads_text:
            return " ".join(random.choice(WORDS, 1 + n % 7))
        return {
            "a": float(random.normal()),
            "b": n % 5,
            "on": bool(n % 3),
            "kind": "xyz"[n % 3],
            "at": datetime(2024, 5, 1 + n % 20, n % 24),
        }

    def _y(self, n: int) -> Any:
        if self.has_labels:
            return ("low", "high", 3)[int(1.5 + 1.4 * math.sin(n / 3))]
        return math.sin(n / 3) + n % 5


FAMILY = (
    Member(LSTMRegressor),
    Member(LSTMClassifier),
    Member(LSTMForecaster, {"seasonality": 4}),
    Member(LSTMAnomalyDetector),
    Member(LSTMTextClassifier, {"embedding_size": 5}),
)


def numbers(said: Any) -> list[float]:
    """Return the numbers in what `Member.predict` returns."""
    if isinstance(said, dict):
        return list(said.values())
    return list(said) if isinstance(said, list) else [said]
