"""Predicting a class, of features or of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from lstmwidgets.analysis.tasks import Classification
from lstmwidgets.analysis.tasks import Task as Player
from lstmwidgets.online import LSTMClassifier, LSTMTextClassifier

from ..events import Event, Prediction
from ..sinks.rows import LABEL, SHARES, Fields, written
from .base import Task
from .class_scores import ClassScores
from .labels import label_of
from .scores import Scores


class ClassificationTask(Task):
    """Predicts the class that comes with an event, and the probability of each."""

    name = "classification"
    plays = Classification
    expects = "a classifier"
    targets = "label"

    @property
    def fields(self) -> Fields:
        """The likeliest class, all probabilities, and the true class."""
        return {"prediction": LABEL, "probabilities": SHARES, "target": LABEL}

    def new_model(self) -> Any:
        """Return a new `LSTMClassifier`."""
        return LSTMClassifier(**self.options.of_a_model)

    def scores(self, *, keyed: bool) -> Scores:
        """Return accuracy and macro F1 beside the last class."""
        del keyed
        return ClassScores()

    def target(self, y: Any) -> Any:
        """Return a label; None if it is missing."""
        return label_of(y)

    def knows(self, model: Any) -> bool:
        """Return True: a model that knows no class gives no probabilities."""
        del model
        return True

    def predict(self, player: Player, event: Event) -> Any:
        """Return the probability of each class; of a model that has none, the class for certain."""
        try:
            return player.predict(event.x)
        except NotImplementedError:
            likeliest = player.model.predict_one(event.x)
            return None if likeliest is None else {likeliest: 1.0}

    def record(self, event: Event, said: Mapping[Any, float] | None, player: Player) -> Prediction:
        """Return the likeliest class and all probabilities."""
        del player
        key = UNSET if event.key is None else event.key
        if not said:
            return Prediction(event.id, None, event.y, key, None)
        shares = {written(label): share for label, share in said.items()}
        return Prediction(event.id, max(said, key=said.__getitem__), event.y, key, shares)


class TextTask(ClassificationTask):
    """Predicts the class of a text, which is read word by word."""

    name = "text"
    expects = "a classifier of texts"

    def new_model(self) -> LSTMTextClassifier:
        """Return a new `LSTMTextClassifier`."""
        return LSTMTextClassifier(**self.options.of_a_model)
