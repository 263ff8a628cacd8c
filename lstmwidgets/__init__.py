"""See and use an LSTM while it runs.

One PyTorch LSTM with its state in your hands: batched training, compiled steps of microseconds,
and every gate to look at, on the same weights.

The names below are imported when they are first used: the command ``lstmwidgets`` has PyTorch to
wait for only once it has work to do.
"""

from typing import TYPE_CHECKING

from .lazy import lazily as _lazily

if TYPE_CHECKING:
    from .generation import Generated, generate
    from .lstm import LSTM
    from .models import SequenceModel
    from .onnx import export_onnx, onnx_state
    from .saving import load, save
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
    "export_onnx",
    "fit",
    "generate",
    "iter_fit",
    "load",
    "load_word_vectors",
    "onnx_state",
    "predict",
    "predict_proba",
    "save",
]
__version__ = "0.1.0"

_MODULES = {
    "LSTM": "lstm",
    "Epoch": "training",
    "FitResult": "training",
    "FullGateState": "state",
    "Gates": "state",
    "Generated": "generation",
    "LSTMState": "state",
    "SequenceModel": "models",
    "Stepper": "stepper",
    "Tokenizer": "text",
    "Trace": "trace",
    "Vocabulary": "text",
    "WordVectors": "word_vectors",
    "export_onnx": "onnx",
    "fit": "training",
    "generate": "generation",
    "iter_fit": "training",
    "load": "saving",
    "load_word_vectors": "word_vectors",
    "onnx_state": "onnx",
    "predict": "training",
    "predict_proba": "training",
    "save": "saving",
}

if not TYPE_CHECKING:  # to a type checker every name would exist
    __getattr__ = _lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
