"""Whether an estimator from a file is whole.

Kernels trust the arrays that they are handed. What a program has made itself fits; what comes from
a file is looked at here before any kernel sees it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import learn as kernels
from ..kernels import parameters as layout
from ..kernels.losses import CROSS_ENTROPY
from ..kernels.optimizers import ADAM, ADAMW, SGD
from .estimator import LSTMEstimator
from .experts import Experts
from .features import FeatureEncoder
from .labels import Labels
from .learner import CELL_NAMES, GRADIENTS, TRACED_CELLS, OnlineLearner
from .scaling import OnlineScaler
from .words import UNKNOWN, WordVectors


def verify(model: LSTMEstimator) -> None:
    """Raise ValueError unless all parts of an estimator fit together."""
    parts: dict[str, Any] = vars(model)
    encoder, scaler, learner = parts["_encoder"], parts["_scaler"], parts["_learner"]
    _need(isinstance(encoder, FeatureEncoder) and isinstance(scaler, OnlineScaler), "its parts")
    columns = len(encoder.columns)
    _need(_counts_up(encoder.columns), "columns")
    _need(len(encoder.numeric) == len(encoder._keys) == columns, "columns")  # noqa: SLF001
    _need_array(scaler._statistics, (4, columns), np.float64)  # noqa: SLF001
    _need_array(scaler._places, (columns,), np.int64)  # noqa: SLF001
    if "_goal" in parts:
        _need_array(parts["_goal"], (1,), np.float32)
    if learner is None:
        _need(columns == 0, "columns without a learner")
        return
    _need(isinstance(learner, OnlineLearner), "learner")
    kept: dict[str, Any] = vars(learner)
    numeric, labelled = "_target" in parts, "_labels" in parts
    _need(not numeric or learner.outputs == 1, "outputs")
    _need((kept["_loss"] == CROSS_ENTROPY) == labelled, "loss")
    traced = parts["gradient"] == "eligibility"
    _need(kept["_rule"] == GRADIENTS[parts["gradient"]], "gradient")
    _need(kept["_window"] == (1 if traced else parts["window"]), "window")
    _need(kept["_input_gradient"] is ("_words" in parts), "gradient of the inputs")
    places = scaler._places  # noqa: SLF001
    _need(not columns or bool(((places >= 0) & (places < learner.input_size)).all()), "places")
    if labelled:
        labels = parts["_labels"]
        _need(isinstance(labels, Labels) and _counts_up(labels.places), "labels")
        _need(len(labels.places) <= learner.outputs, "labels")
    if parts.get("_experts") is not None:
        _verify_experts(parts["_experts"], columns, parts.get("seasonality"))
    if "_words" in parts:
        _verify_words(parts["_words"], learner)


def verify_learner(kept: dict[str, Any]) -> None:
    """Raise ValueError unless what was kept of a learner fits its sizes."""
    sizes, clock = kept["_sizes"], kept["_clock"]
    _need_array(sizes, (6,), np.int64)
    _need_array(clock, (2,), np.int64)
    kind, inputs, hidden, layers, _, read = sizes.tolist()
    _need(0 <= kind < 5 and all(1 <= size < 2**24 for size in sizes[1:]), "sizes")
    _need(inputs % 4 == 0 and 0 <= kept["input_size"] <= inputs, "inputs")
    _need(read in (hidden, hidden + inputs), "head")
    parameters = int(layout.count(sizes))
    _need_array(kept["_parameters"], (parameters,), np.float32)
    _need_array(kept["_moments"], (2, parameters), np.float32)
    traced = kept["_rule"] == kernels.ELIGIBILITY
    _need(type(kept["_loss"]) is int and 0 <= kept["_loss"] <= CROSS_ENTROPY, "loss")
    _need(not traced or CELL_NAMES[kind] in TRACED_CELLS, "cell")
    _need_array(kept["_traces"], (parameters if traced else 0,), np.float32)
    filled, window = int(clock[kernels.FILLED]), kept["_window"]
    _need(type(window) is int and window >= 1 and 0 <= filled <= window, "window")
    _need(window == 1 or not traced, "window")
    _need_array(kept["_tape"], (filled + 1, layers, 6 * hidden), np.float32)
    _need_array(kept["_inputs"], (filled, 1, inputs), np.float32)


def _verify_experts(experts: object, columns: int, seasonality: int | None) -> None:
    _need(isinstance(experts, Experts), "experts")
    parts, whole = vars(experts), vars(Experts(columns, seasonality))
    for name in ("names", "_season", "_others"):
        _need(parts[name] == whole[name], "experts")
    for name in ("_lags", "_scalars", "_linear", "_mixture"):
        _need_array(parts[name], whole[name].shape, np.float64)
    _need(bool(parts["_scalars"][0] >= 0), "targets seen")


def _verify_words(words: Any, learner: OnlineLearner) -> None:
    _need(isinstance(words, WordVectors) and words._rule in (SGD, ADAM, ADAMW), "words")  # noqa: SLF001
    _need_array(words._settings, (5,), np.float64)  # noqa: SLF001
    _need(UNKNOWN in words.places, "words")
    table: Any = words._table  # noqa: SLF001
    _need(learner.input_size == words.size, "word vectors")
    _need(_counts_up(words.places) and len(words.places) <= len(table), "words")
    _need_array(table, (len(table), words.size), np.float32)
    _need_array(words._moments, (len(table), 2, words.size), np.float32)  # noqa: SLF001
    _need_array(words._steps, (len(table),), np.int64)  # noqa: SLF001


def _counts_up(places: dict[Any, int]) -> bool:
    return list(places.values()) == list(range(len(places)))


def _need_array(value: object, shape: tuple[int, ...], dtype: Any) -> None:
    given = (value.shape, value.dtype) if isinstance(value, np.ndarray) else type(value).__name__
    _need(given == (shape, np.dtype(dtype)), f"an array of shape {shape}, got {given}")


def _need(met: bool, what: str) -> None:
    if not met:
        raise ValueError(f"the parts of the model do not fit together: {what}")
