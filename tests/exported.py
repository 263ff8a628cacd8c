"""Exported models in ONNX Runtime, and what a regressor's graph reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray

from lstmwidgets import export_onnx
from lstmwidgets.online import LSTMRegressor

from .test_serving import Event, events

Array = NDArray[Any]

PAGE = Path(__file__).parent.parent / "docs" / "onnx.md"


class Exported:
    """An exported model in ONNX Runtime, in one thread."""

    def __init__(self, model: Any, path: Path) -> None:
        export_onnx(model, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.told = {name: json.loads(text) for name, text in metadata.items()}

    def __call__(self, x: Any, state: Array) -> tuple[Array, Array]:
        given = {"input": np.asarray(x), "state": state}
        output, after = self.session.run(["output", "next_state"], given)
        return output, after

    def zeros(self, batch: int) -> Array:
        state = self.told["state"]
        return np.zeros((batch, state["axes"][1]), state["dtype"])


def assert_close(found: Array, expected: Any, within: float = 1e-5) -> None:
    """Compare to 1e-5; of what is larger than 1, such as a cell that has added up, that part."""
    wanted = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    assert found.shape == wanted.shape
    np.testing.assert_array_less(np.abs(found - wanted), within * np.maximum(1, np.abs(wanted)))


def learned(options: dict[str, Any], stream: list[Event] | None = None) -> LSTMRegressor:
    """Return a regressor in the midst of a stream."""
    options = {"hidden_size": 6, "seed": 1} | options
    numbers = options.pop("numbers", False)
    model = LSTMRegressor(**options)
    for x, y in stream or events(150, 5, numbers):
        model.learn_one(x, y)
    return model


def columns(model: Any, stream: list[Event]) -> Array:
    """Return what a graph reads of events (T, columns): the last target is in the state already."""
    values: Array = model.parts.encoder.encode_many([x for x, _ in stream])
    if not model.parts.past.shape[1]:
        return values
    targets = [math.nan, *(math.nan if y is None else y for _, y in stream[:-1])]
    return np.column_stack([values, targets])
