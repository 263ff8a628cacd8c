"""River estimators that learn from one event at a time with a carried LSTM state."""

from .regressor import LSTMRegressor

__all__ = ["LSTMRegressor"]
