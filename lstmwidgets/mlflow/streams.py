"""Online estimators that answer: each row is an event, and brings the target of the one before.

The event itself is let pass with the next one, once its target may be known. Nothing is learned.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, NamedTuple

from ..kernels import scaling
from ..online import LSTMClassifier, LSTMForecaster, LSTMRegressor
from ..online.columns import IS
from ..online.estimator import StreamState
from .answering import Rows
from .columns import LAST_TARGET, RESERVED, Column, as_clock, as_date, same
from .labelled import TYPES, label_type, labelled

FURTHEST = 10_000
"""Values ahead that a call may ask for."""

NOON = datetime(2024, 1, 1, 12)


class Left(NamedTuple):
    """What a sequence has left behind.

    Attributes
    ----------
    stream : StreamState
        Before its last event.
    event : dict
        The features of that.
    """

    stream: StreamState | None
    event: dict[Hashable, Any]


class Stream:
    """An online estimator that answers events; see `lstmwidgets.mlflow.answering.Answering`.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier or LSTMForecaster
        It is put from stream to stream.
    """

    carries_state = True

    def __init__(self, model: LSTMRegressor | LSTMClassifier | LSTMForecaster) -> None:
        if model.module is None or (isinstance(model, LSTMClassifier) and not model.classes):
            raise ValueError("the model has not learned anything yet; let it learn_one first")
        self.columns = [*_features(model), _last_target(model)]
        self.params: dict[str, Any] = {}
        self.results = {"prediction": "double"}
        if isinstance(model, LSTMClassifier):
            kind = label_type(model.classes)
            self.results = {"prediction": kind, "probabilities": "{double}"}
        if isinstance(model, LSTMForecaster):
            self.results = {"forecast": "[double]"}
            self.params = {"horizon": 1}
        self._model = model

    def run(self, rows: Rows, state: Left | None, **params: Any) -> tuple[Rows, Left]:
        """Answer consecutive events, each before its target is known."""
        model = self._model
        model.set_stream(None if state is None else state.stream)
        event = None if state is None else state.event
        answers, stream = [], None
        for row in rows:
            x = {column.key: row[column.name] for column in self.columns[:-1]}
            self._let_pass(event, row[LAST_TARGET])
            stream, event = model.get_stream(), x
            answers.append(self._answer(x, **params))
        assert event is not None
        return answers, Left(stream, event)

    def _let_pass(self, event: dict[Hashable, Any] | None, target: Any) -> None:
        model = self._model
        if isinstance(model, LSTMForecaster):
            if event is not None or target is not None:  # a series may begin with a value
                model.observe_one(target, event)
        elif event is not None:
            model.observe_one(event, target)

    def _answer(self, x: dict[Hashable, Any], horizon: int = 1) -> dict[str, Any]:
        model = self._model
        if isinstance(model, LSTMForecaster):
            if horizon > FURTHEST:
                raise ValueError(f"horizon must be at most {FURTHEST}, got {horizon}")
            later: list[Any] = [None] * (horizon - 1)
            return {"forecast": model.forecast(horizon, [x, *later])}
        if isinstance(model, LSTMClassifier):
            return labelled(model.predict_proba_one(x), self.results["prediction"])
        return {"prediction": model.predict_one(x)}


def _features(model: Any) -> list[Column]:
    """Return a column for each feature, with an example of what was learned of it."""
    told: dict[Hashable, list[tuple[str, float]]] = {}
    encoder, means = model._encoder, model._scaler.statistics[scaling.MEAN]  # noqa: SLF001
    for (feature, what), mean in zip(encoder.meanings, means, strict=True):
        told.setdefault(feature, []).append((what, float(mean)))
    columns = [_column(feature, *zip(*each, strict=True)) for feature, each in told.items()]
    names = [column.name for column in columns]
    for name in names:
        if name in RESERVED or names.count(name) > 1:
            raise ValueError(
                f"a call cannot name the feature {name!r}: the name stands for something else; "
                "train with another one"
            )
    return columns


def _column(feature: Hashable, whats: tuple[str, ...], means: tuple[float, ...]) -> Column:
    """Return the column of a feature, by what its columns in the model say."""
    name = str(feature)
    texts = [what for what in whats if what.startswith(IS)]
    turns = {what.partition(" ")[0] for what in whats if what and what not in texts}
    if bool(texts) + bool(turns) + ("" in whats) > 1:  # it came in several types
        return Column(name, "any", means[0] if "" in whats else "", feature, same)
    if texts:
        return Column(name, "string", literal_eval(texts[0].removeprefix(IS)), feature, str)
    if turns == {"hour"}:
        return Column(name, "string", "12:00", feature, as_clock)
    if turns:
        return Column(name, "datetime", NOON, feature, same if "hour" in turns else as_date)
    return Column(name, "double", means[0], feature, float)


def _last_target(model: Any) -> Column:
    """Return the column of the target of the event before."""
    if isinstance(model, LSTMClassifier):
        read, first = _label_of(model.classes), model.classes[0]
        example = first if type(first) in TYPES else str(first)
        # Of any type, for MLflow would make a missing one true.
        return Column(LAST_TARGET, "any", example, None, read, is_required=False)
    return Column(LAST_TARGET, "double", 0.0, None, float, is_required=False)


def _label_of(labels: list[Any]) -> Callable[[Any], Any]:
    """Return what finds the label that is meant, itself or as text; None if it is unknown."""
    texts = {str(label): label for label in labels}
    values = {label: label for label in labels}
    return lambda given: values.get(given, texts.get(str(given)))
