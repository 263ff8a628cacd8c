"""What predicting and learning an event means for each kind of River estimator."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

from river import base

from ..codec import plain
from ..labels import label_in
from ..values import number_in, target_in

if TYPE_CHECKING:  # River's metrics and time series bring SciPy along, which a job may do without
    from river.metrics.base import Metric


class Task(ABC):
    """Predicts and learns with a model.

    Attributes
    ----------
    kind : str
        What is predicted: ``"numbers"``, ``"classes"``, or ``"scores"``.
    naive : str
        What the naive forecast does, which the model is measured against.
    looks_ahead : bool
        Whether it can `forecast` several steps.
    """

    kind = "numbers"
    naive = "repeating the last value"
    looks_ahead = False

    def __init__(self, model: Any) -> None:
        self.model = model
        *self._before, self._last = _steps(model)

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Return the prediction for an event: a number or None, or probabilities by class."""

    @abstractmethod
    def learn(self, x: Any, y: Any) -> None:
        """Learn an event."""

    def predict_and_learn(self, x: Any, y: Any) -> Any:
        """Return the prediction for an event, and learn it."""
        said = self.predict(x)
        self.learn(x, y)
        return said

    def target(self, y: Any) -> Any:
        """Return what comes true as predictions are compared with it; None if it is missing."""
        return finite(y)

    def skip(self, x: Any, y: Any) -> None:
        """Go past an event without learning, where the model has a state that goes on."""
        if y is not None and hasattr(self._last, "observe_one"):
            self._last.observe_one(self._transformed(x), y)
        elif hasattr(self._last, "step_one"):
            self._last.step_one(self._transformed(x))

    def _transformed(self, x: Any) -> Any:
        """Return what a pipeline's last step gets."""
        for step in self._before:
            x = step.transform_one(x)
        return x

    def reset(self) -> None:
        """Begin another sequence, where the model has a state."""
        getattr(self._last, "reset_stream", lambda: None)()

    def metric(self) -> Metric:
        """Return a new metric of the usual kind."""
        from river.metrics import MAE

        return MAE()

    def forecast(self, horizon: int) -> list[float] | None:
        """Return the next values, None as long as the model has too few to go by."""
        raise NotImplementedError

    def readings(self, x: Any) -> Iterator[tuple[str, Any]]:
        """Yield the parts of an event that are read one after the other, and a prediction each."""
        raise NotImplementedError


@final
class Regression(Task):
    """Numbers."""

    def predict(self, x: Any) -> Any:
        """Return the number."""
        return self.model.predict_one(x)

    def learn(self, x: Any, y: Any) -> None:
        """Learn the number."""
        self.model.learn_one(x, y)


@final
class Forecasting(Task):
    """The next values of a series."""

    looks_ahead = True

    def predict(self, x: Any) -> Any:
        """Return the next value, None as long as the model has too few to go by."""
        values = self._forecast(1, None if _is_empty(x) else [x])
        return None if values is None else values[0]

    def forecast(self, horizon: int) -> list[float] | None:
        """Return the next values; what goes with them is not known yet."""
        return self._forecast(horizon, None)

    def _forecast(self, horizon: int, xs: list[Any] | None) -> list[float] | None:
        try:
            values: list[float] = self.model.forecast(horizon, xs)
        except IndexError:  # River's HoltWinters, before the first season is full
            return None
        return values

    def learn(self, x: Any, y: Any) -> None:
        """Learn the value."""
        self.model.learn_one(y, None if _is_empty(x) else x)

    def predict_and_learn(self, x: Any, y: Any) -> Any:
        """Return the next value and learn it: by one of our models in one call."""
        both = getattr(self.model, "predict_and_learn_one", None)
        return super().predict_and_learn(x, y) if both is None else both(y, x)


class Classification(Task):
    """Classes with probabilities."""

    kind = "classes"
    naive = "repeating the last class"

    def predict(self, x: Any) -> Any:
        """Return the probability of each class."""
        return self.model.predict_proba_one(x) or None

    def learn(self, x: Any, y: Any) -> None:
        """Learn the class."""
        self.model.learn_one(x, y)

    def target(self, y: Any) -> Any:
        """Return the class."""
        return label_in(y)

    def metric(self) -> Metric:
        """Return a new accuracy."""
        from river.metrics import Accuracy

        return Accuracy()


@final
class TextClassification(Classification):
    """Classes of texts, which are read word by word."""

    def readings(self, x: Any) -> Iterator[tuple[str, Any]]:
        """Yield each word, and the probabilities of the text up to it."""
        read_one = getattr(self.model, "read_one", None)
        if read_one is not None:
            yield from read_one(x)
            return
        words = str(x).split()
        for read, word in enumerate(words, 1):
            yield word, self.predict(" ".join(words[:read]))


@final
class AnomalyDetection(Task):
    """Scores of how odd an event is. Targets, where there are any, are for the eye only."""

    kind = "scores"
    naive = ""

    def predict(self, x: Any) -> Any:
        """Return the score."""
        return self.model.score_one(x)

    def learn(self, x: Any, y: Any) -> None:  # noqa: ARG002
        """Learn the event."""
        self.model.learn_one(x)

    def target(self, y: Any) -> Any:
        """Return a number, None for whatever else there is."""
        return number_in(plain(y))


def task_of(model: Any) -> Task:
    """Return the task that a River estimator, or a pipeline that ends in one, is for.

    Raises
    ------
    TypeError
        If it is neither a regressor, a forecaster, a classifier nor an anomaly detector.
    """
    last = last_step(model)
    if isinstance(last, type):
        raise TypeError(
            f"expected a model, got the class {last.__name__}; make one: {last.__name__}()"
        )
    forecasters = sys.modules.get("river.time_series.base")  # loaded if it is one of them
    if forecasters is not None and isinstance(last, forecasters.Forecaster):
        return Forecasting(model)
    if isinstance(last, base.AnomalyDetector):
        return AnomalyDetection(model)
    if isinstance(last, base.Classifier):
        return Classification(model)
    if isinstance(last, base.Regressor):
        return Regression(model)
    raise TypeError(
        "expected a River regressor, forecaster, classifier or anomaly detector, "
        f"got {type(last).__name__}"
    )


def last_step(model: Any) -> Any:
    """Return what predicts: a pipeline's last step, or the model itself."""
    return _steps(model)[-1]


def _steps(model: Any) -> list[Any]:
    """Return the steps of a pipeline, those of pipelines in it as well."""
    if not hasattr(model, "steps"):
        return [model]
    return [step for part in model.steps.values() for step in _steps(part)]


def _is_empty(x: Any) -> bool:
    """Say whether there are no features; of an array or a table, the model says what it thinks."""
    return x is None or (isinstance(x, Mapping) and not x)


def finite(value: Any) -> float | None:
    """Return a number as a float, None if it is missing or not finite.

    Raises
    ------
    TypeError
        If it is no number, such as a text that reads as one.
    """
    return target_in(value, sys.float_info.max)
