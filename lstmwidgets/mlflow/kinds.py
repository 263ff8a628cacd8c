"""Which models answer, and what does it for each."""

from __future__ import annotations

from typing import Any

from ..models import SequenceModel
from ..saving import THINGS
from .answering import Answering


def kind_of(model: Any) -> Answering:
    """Return what answers for a model, which is then its own.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, LSTMForecaster, SequenceModel or SentimentModel
        Has learned.
    """
    if isinstance(model, SequenceModel):
        from .networks import steps_or_whole

        return steps_or_whole(model)
    name = type(model).__name__
    if name in ("LSTMRegressor", "LSTMClassifier", "LSTMForecaster") and _is_ours(model):
        from .streams import Stream

        return Stream(model)
    if name == "SentimentModel" and _is_ours(model):
        from .texts import Texts

        return Texts(model)
    raise TypeError(
        "expected an LSTMRegressor, LSTMClassifier, LSTMForecaster, SequenceModel or "
        f"SentimentModel, got {name}"
    )


def _is_ours(model: Any) -> bool:
    home = THINGS[type(model).__name__]
    return type(model).__module__ == f"lstmwidgets.{home}"
