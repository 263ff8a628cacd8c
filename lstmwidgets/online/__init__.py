"""River estimators that learn from one event at a time with a carried LSTM state."""

from .anomaly import LSTMAnomalyDetector
from .bridge import from_model
from .classifier import LSTMClassifier
from .forecaster import LSTMForecaster
from .regressor import LSTMRegressor
from .saving import load, save
from .serving import FrozenRegressor
from .text import LSTMTextClassifier

__all__ = [
    "FrozenRegressor",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMRegressor",
    "LSTMTextClassifier",
    "from_model",
    "load",
    "save",
]
