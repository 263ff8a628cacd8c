"""See and use an LSTM while it runs.

One PyTorch LSTM with its state in your hands: batched training, compiled steps of microseconds,
and every gate to look at, on the same weights.
"""

from .generation import Generated, generate
from .lstm import LSTM
from .models import SequenceModel, load_model, save_model
from .state import FullGateState, Gates, LSTMState
from .stepper import Stepper
from .text import Tokenizer, Vocabulary
from .trace import Trace
from .training import Epoch, FitResult, fit, iter_fit, predict, predict_proba
from .word_vectors import WordVectors, load_word_vectors

__all__ = [
    "LSTM",
    "Epoch",
    "FitResult",
    "FullGateState",
    "Gates",
    "Generated",
    "LSTMState",
    "SequenceModel",
    "Stepper",
    "Tokenizer",
    "Trace",
    "Vocabulary",
    "WordVectors",
    "fit",
    "generate",
    "iter_fit",
    "load_model",
    "load_word_vectors",
    "predict",
    "predict_proba",
    "save_model",
]
__version__ = "0.1.0"
