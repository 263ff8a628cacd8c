"""River estimators that learn from one event at a time with a carried LSTM state.

The names below are imported when they are first used: River's base class of forecasters brings its
metrics, SciPy and scikit-learn along, two seconds that whoever regresses need not wait for.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

if TYPE_CHECKING:
    from .anomaly import LSTMAnomalyDetector
    from .classifier import LSTMClassifier
    from .features import FeatureWarning
    from .forecaster import LSTMForecaster
    from .from_trained import from_model
    from .frozen import FrozenRegressor
    from .regressor import LSTMRegressor
    from .stream_slots import StreamSlots
    from .text_classifier import LSTMTextClassifier

__all__ = [
    "FeatureWarning",
    "FrozenRegressor",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMRegressor",
    "LSTMTextClassifier",
    "StreamSlots",
    "from_model",
]

_MODULES = {
    "FeatureWarning": "features",
    "FrozenRegressor": "frozen",
    "LSTMAnomalyDetector": "anomaly",
    "LSTMClassifier": "classifier",
    "LSTMForecaster": "forecaster",
    "LSTMRegressor": "regressor",
    "LSTMTextClassifier": "text_classifier",
    "StreamSlots": "stream_slots",
    "from_model": "from_trained",
}


if not TYPE_CHECKING:  # to a type checker every name would exist
    __getattr__ = lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
