"""Whether an estimator from a file is whole.

Kernels trust the arrays that they are handed. What a program has made itself fits; what comes from
a file is looked at here before any kernel sees it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import learn as kernels
from ..kernels import parameters as layout
from .estimator import LSTMEstimator
from .experts import Experts
from .features import FeatureEncoder
from .labels import Labels
from .learner import OnlineLearner
from .scaling import OnlineScaler
from .words import WordVectors


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
    _need("_target" not in parts or learner.outputs == 1, "outputs")
    places = scaler._places  # noqa: SLF001
    _need(not columns or bool(((places >= 0) & (places < learner.input_size)).all()), "places")
    labels, experts, words = (parts.get(name) for name in ("_labels", "_experts", "_words"))
    if isinstance(labels, Labels):
        _need(_counts_up(labels.places) and len(labels.places) <= learner.outputs, "labels")
    if isinstance(experts, Experts):
        _verify_experts(experts, columns)
    if isinstance(words, WordVectors):
        _verify_words(words, learner)


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
    _need_array(kept["_traces"], (parameters if traced else 0,), np.float32)
    filled, window = int(clock[kernels.FILLED]), kept["_window"]
    _need(isinstance(window, int) and 0 <= filled <= window, "window")
    _need(window == 1 or not traced, "window")
    _need_array(kept["_tape"], (filled + 1, layers, 6 * hidden), np.float32)
    _need_array(kept["_inputs"], (filled, 1, inputs), np.float32)


def _verify_experts(experts: Experts, columns: int) -> None:
    parts, whole = vars(experts), vars(Experts(columns, experts._season or None))  # noqa: SLF001
    for name in ("_lags", "_scalars", "_linear", "_mixture"):
        _need_array(parts[name], whole[name].shape, np.float64)
    _need(bool(parts["_scalars"][0] >= 0), "targets seen")


def _verify_words(words: WordVectors, learner: OnlineLearner) -> None:
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
