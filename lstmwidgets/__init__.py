"""See and use an LSTM while it runs.

One PyTorch LSTM with its state in your hands: batched training, compiled steps of microseconds,
and every gate to look at, on the same weights.
"""

from .lstm import LSTM
from .state import FullGateState, Gates, LSTMState
from .stepper import Stepper
from .trace import Trace

__all__ = ["LSTM", "FullGateState", "Gates", "LSTMState", "Stepper", "Trace"]
__version__ = "0.1.0"
