"""What one would use instead, each as fast as a user would reasonably write it.

All take one step of one stream on the weights of a given `torch.nn.LSTM` and carry the state; call
them in `torch.inference_mode`, which is entered once, not at every step.
"""

from __future__ import annotations

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmwidgets.analysis.contenders import blocks_of, onnx_session, onnx_step, torch_step

from .timing import Contestant

Array = NDArray[np.float32]

LSTM, LSTM_CELL, NUMPY = "nn.LSTM", "nn.LSTMCell", "NumPy"
ONNX_RUNTIME, ONNX_RUNTIME_BOUND = "ONNX Runtime", "ONNX Runtime, bound"


def lstm(reference: nn.LSTM, xs: Array) -> Contestant:
    """Return `torch.nn.LSTM` itself, with sequences of one step."""
    return Contestant(LSTM, torch_step(reference), torch.from_numpy(xs)[:, None, None].unbind())


def lstm_cell(reference: nn.LSTM, xs: Array) -> Contestant:
    """Return `torch.nn.LSTMCell`."""
    cell = as_cell(reference)
    state: tuple[Tensor, Tensor] | None = None

    def step(x: Tensor) -> Tensor:
        nonlocal state
        state = cell(x, state)
        return state[0]

    return Contestant(LSTM_CELL, step, torch.from_numpy(xs)[:, None].unbind())


def as_cell(reference: nn.LSTM) -> nn.LSTMCell:
    """Return the `torch.nn.LSTMCell` that has the reference's weights."""
    cell = nn.LSTMCell(reference.input_size, reference.hidden_size).eval()
    weights = reference.state_dict()
    cell.load_state_dict({name.removesuffix("_l0"): weight for name, weight in weights.items()})
    return cell


def numpy(reference: nn.LSTM, xs: Array) -> Contestant:
    """Return the equations written out in NumPy."""
    hidden = reference.hidden_size
    w_ih, w_hh, b_ih, b_hh = blocks_of(reference, "ifog")  # one exp then serves three gates
    W, R, b = np.ascontiguousarray(w_ih.T), np.ascontiguousarray(w_hh.T), b_ih + b_hh
    one = np.float32(1)
    h: Array = np.zeros(hidden, np.float32)
    c: Array = h

    def step(x: Array) -> Array:
        nonlocal h, c
        z = x @ W + h @ R + b
        gates = one / (one + np.exp(-z[: 3 * hidden]))
        c = gates[hidden : 2 * hidden] * c + gates[:hidden] * np.tanh(z[3 * hidden :])
        h = gates[2 * hidden :] * np.tanh(c)
        return h

    return Contestant(NUMPY, step, list(xs))


def onnx_runtime(reference: nn.LSTM, xs: Array) -> Contestant:
    """Return ONNX Runtime, fed with its last outputs."""
    return Contestant(ONNX_RUNTIME, onnx_step(reference), list(xs[:, None, None]))


def onnx_runtime_bound(reference: nn.LSTM, xs: Array) -> Contestant:
    """Return ONNX Runtime with all arrays bound beforehand; the state goes to and fro."""
    session = onnx_session(reference)
    value = onnxruntime.OrtValue.ortvalue_from_numpy
    given = value(np.zeros((1, 1, reference.input_size), np.float32))
    h, c = (
        [value(np.zeros((1, 1, reference.hidden_size), np.float32)) for _ in "ab"] for _ in "hc"
    )
    bindings = [session.io_binding() for _ in "ab"]
    for before, binding in enumerate(bindings):
        binding.bind_ortvalue_input("x", given)
        for name, values in (("h", h), ("c", c)):
            binding.bind_ortvalue_input(f"{name}0", values[before])
            binding.bind_ortvalue_output(f"{name}0_after", values[1 - before])
    now = 0

    def step(x: Array) -> Array:
        nonlocal now
        given.update_inplace(x)
        session.run_with_iobinding(bindings[now])
        now = 1 - now
        output: Array = h[now].numpy()
        return output

    return Contestant(ONNX_RUNTIME_BOUND, step, list(xs[:, None, None]))


ALL = (lstm, lstm_cell, onnx_runtime, onnx_runtime_bound, numpy)
