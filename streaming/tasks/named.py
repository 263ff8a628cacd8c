"""Tasks by name, by model and by target."""

from __future__ import annotations

from typing import Any

from lstmwidgets.analysis.tasks import task_of as player_of
from lstmwidgets.online import LSTMTextClassifier

from ..errors import StreamError
from .anomaly import AnomalyTask
from .base import Options, Task
from .classification import ClassificationTask, TextTask
from .forecast import ForecastTask
from .regression import RegressionTask

TASKS: dict[str, type[Task]] = {
    kind.name: kind
    for kind in (RegressionTask, ClassificationTask, ForecastTask, AnomalyTask, TextTask)
}
"""By what ``--task`` calls them."""

RIVER = {
    "Regression": "regression",
    "Binary classification": "classification",
    "Multi-class classification": "classification",
}
"""The task of River's data sets."""


def task_named(name: str, options: Options | None = None) -> Task:
    """Return the task of a name."""
    if name not in TASKS:
        raise StreamError(f"--task must be one of {', '.join(TASKS)}, got {name!r}")
    return TASKS[name](options)


def task_for(model: Any) -> str:
    """Return the name of the task that a model is for.

    Raises
    ------
    StreamError
        If it is for none.
    """
    if issubclass(type(model), LSTMTextClassifier):
        return TextTask.name
    try:
        player = player_of(model)
    except TypeError as error:
        raise StreamError(str(error)) from error
    return next(name for name, kind in TASKS.items() if isinstance(player, kind.plays))


def task_by(target: Any) -> str:
    """Return the name of the task that a first target stands for.

    Examples
    --------
    >>> task_by(3.5), task_by("spam"), task_by(True)
    ('regression', 'classification', 'classification')
    """
    is_label = isinstance(target, str | bool)
    return ClassificationTask.name if is_label else RegressionTask.name
