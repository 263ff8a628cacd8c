"""What one would use instead of ours for a step or for learning an event, as one would write it.

All take the weights of a `torch.nn.LSTM` and carry its state from call to call.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .drawn_weights import draw_weights

Array = NDArray[np.float32]

ONNX_NEEDS = ("onnx", "onnxruntime")
"""Packages that a step by ONNX Runtime needs."""

BLOCKS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def torch_step(reference: nn.LSTM) -> Callable[[Tensor], Tensor]:
    """Return a step of `torch.nn.LSTM` itself, by sequences of one step.

    Parameters
    ----------
    reference : torch.nn.LSTM
        To be called in `torch.inference_mode`, which is entered once and not at every step.

    Returns
    -------
    callable
        From x (1, 1, I) to the hidden output of the top layer, (1, 1, H).
    """
    state: tuple[Tensor, Tensor] | None = None

    def step(x: Tensor) -> Tensor:
        nonlocal state
        output: Tensor
        output, state = reference(x, state)
        return output

    return step


def missing_for_onnx() -> str:
    """Return which packages ONNX Runtime's step lacks, by a space between; "" if none."""
    return " ".join(name for name in ONNX_NEEDS if find_spec(name) is None)


def onnx_step(reference: nn.LSTM) -> Callable[[Array], Array]:
    """Return a step of ONNX Runtime in one thread, fed with its last outputs.

    Parameters
    ----------
    reference : torch.nn.LSTM
        Whose weights it has.

    Returns
    -------
    callable
        From x (1, 1, I) to the hidden output of the top layer, (1, 1, H).

    Raises
    ------
    ModuleNotFoundError
        If onnx or onnxruntime is not installed.
    """
    session = onnx_session(reference)
    layers = range(reference.num_layers)
    zeros: Array = np.zeros((1, 1, reference.hidden_size), np.float32)
    names = [f"{part}{layer}" for layer in layers for part in "hc"]
    feed = dict.fromkeys(names, zeros)

    def step(x: Array) -> Array:
        feed["x"] = x
        outputs: list[Array] = session.run(None, feed)
        feed.update(zip(names, outputs, strict=True))
        return outputs[-2]

    return step


def onnx_session(reference: nn.LSTM) -> Any:
    """Return a session of LSTM nodes on each other, a layer each.

    Parameters
    ----------
    reference : torch.nn.LSTM
        Whose weights it has.

    Returns
    -------
    onnxruntime.InferenceSession
        From ``x`` (1, 1, I) and ``h0``, ``c0``, … of every layer to ``h0_after``, ``c0_after``, …,
        each (1, 1, H).
    """
    if missing := missing_for_onnx():
        raise ModuleNotFoundError(f"a step by ONNX Runtime needs: pip install {missing}")
    helper: Any = import_module("onnx.helper")
    floats: Any = import_module("onnx").TensorProto.FLOAT
    from_array: Any = import_module("onnx.numpy_helper").from_array
    runtime: Any = import_module("onnxruntime")
    hidden, below = reference.hidden_size, "x"
    nodes: list[Any] = []
    weights: list[Any] = []
    given: list[str] = []
    found: list[str] = []
    for layer in range(reference.num_layers):
        w_ih, w_hh, b_ih, b_hh = blocks_of(reference, "iofg", layer)  # ONNX calls g c
        parts = {"W": w_ih, "R": w_hh, "B": np.concatenate([b_ih, b_hh])}
        weights += [from_array(part[None], f"{name}{layer}") for name, part in parts.items()]
        state, after = ([f"{part}{layer}{end}" for part in "hc"] for end in ("", "_after"))
        inputs = [below, *(f"{name}{layer}" for name in parts), "", *state]
        nodes.append(helper.make_node("LSTM", inputs, ["", *after], hidden_size=hidden))
        given, found, below = [*given, *state], [*found, *after], after[0]

    def arrays(names: Sequence[str], size: int) -> list[Any]:
        return [helper.make_tensor_value_info(name, floats, [1, 1, size]) for name in names]

    inputs = [*arrays(["x"], reference.input_size), *arrays(given, hidden)]
    graph = helper.make_graph(nodes, "step", inputs, arrays(found, hidden), weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def blocks_of(reference: nn.LSTM, order: Sequence[str], layer: int = 0) -> list[Array]:
    """Return a layer's two matrices and two biases, their blocks i, f, g, o put into an order."""
    weights = reference.state_dict()
    split = (np.split(weights[f"{name}_l{layer}"].numpy(), 4) for name in BLOCKS)
    blocks = (dict(zip("ifgo", each, strict=True)) for each in split)
    return [np.concatenate([block[gate] for gate in order]) for block in blocks]


def fresh_lstm(
    input_size: int, hidden_size: int, num_layers: int = 1, *, batch_first: bool = False
) -> nn.LSTM:
    """Return a `torch.nn.LSTM` with weights as PyTorch draws them, but the same each time.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
        I, H and L.
    batch_first : bool
        As of `torch.nn.LSTM`.
    """
    lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=batch_first, device="meta")
    return draw_weights(lstm, 1 / math.sqrt(hidden_size))


class AutogradLearner:
    """An LSTM with a linear head that learns from one event at a time in plain PyTorch.

    The state is carried, the last `window` inputs are run again from the state before them, the
    squared error of the last goes backward, gradients are clipped to a norm of 1, and
    `torch.optim.Adam` takes a step: truncated backpropagation, as `LSTMRegressor` does it, without
    its scaling and experts.

    Parameters
    ----------
    features, hidden_size, num_layers : int
        I, H and L.
    window : int
        Inputs that are run again, T.
    """

    def __init__(
        self, features: int, hidden_size: int, num_layers: int = 1, *, window: int = 10
    ) -> None:
        self.window = window
        bound = 1 / math.sqrt(hidden_size)
        self.lstm = fresh_lstm(features, hidden_size, num_layers)
        self.head = draw_weights(nn.Linear(hidden_size, 1, device="meta"), bound)
        self.parameters = [*self.lstm.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=0.005)
        self.inputs: deque[Tensor] = deque()
        zeros = torch.zeros(num_layers, hidden_size)
        self.before = self.state = (zeros, zeros)

    @torch.no_grad()
    def predict_one(self, x: Mapping[Hashable, float]) -> float:
        """Predict the next event; changes nothing."""
        output, _ = self.lstm(torch.tensor([list(x.values())]), self.state)
        return float(self.head(output)[0, 0])

    def learn_one(self, x: Mapping[Hashable, float], y: float) -> None:
        """Learn an event and carry the state on."""
        self.inputs.append(torch.tensor(list(x.values())))
        if len(self.inputs) > self.window:
            with torch.no_grad():
                _, self.before = self.lstm(self.inputs.popleft()[None], self.before)
        output, (h, c) = self.lstm(torch.stack(tuple(self.inputs)), self.before)
        loss = (self.head(output[-1])[0] - y).square()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.state = (h.detach(), c.detach())
