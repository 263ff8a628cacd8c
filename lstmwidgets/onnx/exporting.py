"""`export_onnx`: which models there are for other runtimes, and what a file says of its own."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from .. import __version__
from ..files import atomic_write
from ..lstm import LSTM
from ..models import SequenceModel
from ..shown import typed
from .graph import Graph, Made
from .layers import add_lstm
from .sequence_model import add_sequence_model

FORMAT = 1
"""The version of what the metadata says."""


def export_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model as an ONNX graph whose state goes in and comes out as one tensor.

    The graph has the inputs ``input`` and ``state`` and the outputs ``output`` and ``next_state``.
    Sizes of batch and time are free: one graph takes single steps and whole sequences. It is the
    model as it is now, in eval mode, and learns nothing.

    ================ ============================== =============================================
    model            ``input``                      ``output``
    ================ ============================== =============================================
    LSTM             float32 (B, T, I)              hidden output of the top layer, (B, T, H)
    SequenceModel    float32 (B, T, I), or tokens,  as the model returns it: (B, K), or without
                     int64 (B, T), 0 is padding     pooling (B, T, K)
    LSTMRegressor,   float64 (B, T, columns), the   predictions, (B, T, 1), each made before its
    FrozenRegressor  last one the target of the     target is known
                     event before
    ================ ============================== =============================================

    Parameters
    ----------
    model : LSTM, SequenceModel, LSTMRegressor or FrozenRegressor
        Of a regressor all that `FrozenRegressor` predicts with is exported: scales, experts and
        their shares, LSTM. Of other estimators the LSTM can be, which is their ``module``.
    path : path
        File to write, by custom ``….onnx``; its folders are made, an older file is replaced in one
        go.

    Raises
    ------
    TypeError
        If it is another model; the message says how to export its LSTM alone.
    ValueError
        If a regressor has not learned anything yet, or has nothing to read.
    ModuleNotFoundError
        If onnx is not installed (``pip install 'lstmwidgets[onnx]'``).

    Notes
    -----
    ``state`` is (B, N), a row for each stream: `onnx_state` makes it of a state, and zeros are a
    stream's beginning. The file's metadata says in JSON, under ``model``, ``input``, ``output`` and
    ``state``, what the numbers are: axes, names in their order, scaling (which the graph does
    itself), classes, versions. Operators are those of opset 17; the cells standard, peephole and
    coupled are ONNX's own LSTM, the others a Scan. Weights of another type become float32.

    Examples
    --------
    >>> import tempfile
    >>> import onnxruntime, torch
    >>> from lstmwidgets import LSTM, export_onnx, onnx_state
    >>> lstm, x = LSTM(input_size=3, hidden_size=8, cell="peephole"), torch.randn(4, 10, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(lstm, f"{folder}/lstm.onnx")
    ...     session = onnxruntime.InferenceSession(f"{folder}/lstm.onnx")
    >>> given = {"input": x.numpy(), "state": onnx_state(lstm.initial_state(4))}
    >>> output, state = session.run(None, given)
    >>> expected, after = lstm(x)
    >>> bool(abs(output - expected.detach().numpy()).max() < 1e-5)
    True
    >>> bool(abs(state - onnx_state(after)).max() < 1e-5)
    True
    """
    graph = Graph()
    made = _add(graph, model)
    values = {"input": made.x, "output": made.y, "state": made.state}
    told = {
        name: {"dtype": np.dtype(dtype).name, "axes": [*axes], **made.told.get(name, {})}
        for name, (dtype, axes) in values.items()
    }
    told["model"] = {"version": __version__, "format": FORMAT, **made.told["model"]}
    output, after = made.results
    data = graph.model(
        {"input": made.x, "state": made.state},
        {"output": (output, made.y), "next_state": (after, made.state)},
        {name: json.dumps(what, ensure_ascii=False) for name, what in told.items()},
        __version__,
    )
    with atomic_write(path) as beside:
        beside.write_bytes(data)


def _add(graph: Graph, model: Any) -> Made:
    if isinstance(model, LSTM):
        return add_lstm(graph, model)
    if isinstance(model, SequenceModel):
        return add_sequence_model(graph, model)
    from ..online import FrozenRegressor, LSTMRegressor  # which bring River and Numba

    if isinstance(model, LSTMRegressor | FrozenRegressor):
        from .regressor import add_regressor

        return add_regressor(graph, model)
    instead = ""
    if isinstance(getattr(model, "model", None), SequenceModel):
        instead = "; export the network in it: export_onnx(model.model, path)"
    elif hasattr(model, "module"):
        instead = "; export its LSTM alone: export_onnx(model.module, path)"
    raise TypeError(
        "expected an LSTM, SequenceModel, LSTMRegressor or FrozenRegressor, got "
        f"{typed(model)}{instead}"
    )
