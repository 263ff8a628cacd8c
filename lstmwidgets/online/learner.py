"""An LSTM with a linear head that learns one event at a time, in compiled kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..kernels import learner as kernels
from ..kernels import parameters as layout
from ..kernels.losses import CLASSES, CROSS_ENTROPY, LOSSES, NUMBERS
from ..kernels.parameters import FILLED, GRADIENT, PACE, PARAMETERS
from ..kernels.step import KINDS
from ..lstm import LSTM
from ..state import Gates, State
from .learner_arrays import (
    GRADIENTS,
    TORCH,
    LearnerArrays,
    in_fours,
)
from .optimizers import OptimizerFactory, find_optimizer
from .weights import draw_weights

Array = NDArray[Any]


class OnlineLearner(LearnerArrays):
    """An LSTM with a linear head that learns from each event as it comes.

    The head reads the top layer's hidden output and, with ``skip``, the event's inputs beside it,
    so that what is linear need not pass through the cell.

    **Truncated backpropagation** (``"tbptt"``; Williams & Peng 1990, "An efficient gradient-based
    algorithm for on-line training of recurrent network trajectories"): the inputs of the window are
    run again with the current weights from the stored state before the oldest of them, a constant.
    The loss is that of the last step, its gradient is exact for this computation, and the final
    state of it is the one carried on. When the window is full, its oldest input is dropped and the
    state after it, as it was last computed, becomes the stored one.

    **Eligibility** (``"eligibility"``): no window, a trace for each weight;
    `lstmwidgets.kernels.eligibility` has the formulas, and what is dropped between layers.

    Parameters
    ----------
    input_names : iterable of str
        A name for each input; its initial weights depend on it and the seed only.
    hidden_size, num_layers, cell
        As in `lstmwidgets.LSTM`.
    outputs : int
        Numbers that the head puts out, K.
    loss : str
        A name out of `lstmwidgets.kernels.losses.LOSSES`.
    levels : sequence of float
        What the loss needs to know of each output: δ of Huber's, τ of a quantile. A single one is
        that of all outputs.
    gradient : str
        ``"tbptt"`` or ``"eligibility"``.
    window : int
        How many events truncated backpropagation looks back.
    optimizer : str or callable
        See `lstmwidgets.online.optimizers.find_optimizer`.
    lr, clip : float
        Learning rate, and bound on the gradient's global norm.
    seed : int
        Of the initial weights.
    skip : bool
        Whether the head reads the inputs.
    input_gradient : bool
        Whether `learn` leaves the gradient of the inputs in `input_errors`.
    echo : int
        How many units of each layer begin as an echo; `lstmwidgets.online.weights` says what that
        is.

    Attributes
    ----------
    input_size : int
        How many inputs there are, I.
    sizes : ndarray
        What kernels know of its sizes, (12,); another array once it has grown.
    arrays : tuple of ndarray
        What kernels are handed, see `lstmwidgets.kernels.parameters.learner`; others once it has
        grown.
    offset : ndarray
        What is added to the outputs, (K,): what is known of the event otherwise, for the LSTM to
        learn the rest. Zeros, and zeros again after growth.
    """

    def __init__(
        self,
        input_names: Iterable[str],
        hidden_size: int,
        num_layers: int = 1,
        cell: str = "standard",
        *,
        outputs: int = 1,
        loss: str = "squared",
        levels: Sequence[float] = (),
        gradient: str = "tbptt",
        window: int = 16,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.002,
        clip: float = 1.0,
        seed: int = 0,
        skip: bool = True,
        input_gradient: bool = False,
        echo: int = 0,
    ) -> None:
        names = list(input_names)
        self.input_size = len(names)
        self.seed = seed
        self._rates = (lr, clip)
        self._levels = tuple(levels)
        self._factory = optimizer
        capacity, steps = in_fours(len(names)), int(window) if gradient == "tbptt" else 1
        read = int(hidden_size) + (capacity if skip else 0)
        shape = (KINDS[cell], capacity, hidden_size, num_layers, outputs, read)
        found = find_optimizer(optimizer, lr)
        code = TORCH if found is None else found.rule
        more = (GRADIENTS[gradient], steps, steps * input_gradient, LOSSES[loss], code, echo)
        self.sizes: Array = np.array(shape + more, np.int64)
        self._make_arrays(np.zeros(2, np.int64))
        draw_weights(self.sizes, self._views.store[PARAMETERS], names, seed)
        self._make_ready()

    @property
    def output(self) -> Array:
        """What the head put out last, (K,); overwritten by the next call."""
        return self._views.work.output

    @property
    def offset(self) -> Array:
        """What is added to the outputs, (K,); see the class."""
        return self._views.work.offset

    @property
    def last_inputs(self) -> Array:
        """The inputs of the event that was read last, (I,); overwritten by the next."""
        return self._views.work.x

    @property
    def input_errors(self) -> Array:
        """dL/dx of the window's inputs after `learn`, (T, I), the oldest first."""
        return self._views.work.errors

    @property
    def is_compiled(self) -> bool:
        """Whether its optimizer is, so that all of an event's learning is."""
        return self._torch_optimizer is None

    def predict(self, x: Array) -> Array:
        """Return the outputs (K,) for an input (I,), float32; changes nothing but `output`."""
        self._read(kernels.PREDICT, x[None])
        return self.output

    def predict_sequence(self, xs: Array) -> Array:
        """Return the outputs (K,) after a sequence (T, I) that begins at zeros; see `predict`."""
        self._read(kernels.PREDICT | kernels.AFRESH, xs)
        return self.output

    def advance(self, x: Array) -> None:
        """Let an input (I,), float32, pass without learning."""
        self._read(kernels.PASS, x[None])

    def learn(self, x: Array, target: Array) -> float:
        """Learn that an input (I,) comes with a target (K,), or a class (1,); return the loss."""
        return self._learn(kernels.LEARN, x[None], target)

    def learn_sequence(self, xs: Array, target: Array) -> float:
        """Learn that a sequence (T, I) that begins at zeros ends with a target; see `learn`."""
        return self._learn(kernels.LEARN | kernels.AFRESH, xs, target)

    def differentiate(self, x: Array, target: Array) -> float:
        """Advance as `learn` does, and leave the gradient where `gradients` shows it."""
        return self._differentiate(kernels.LEARN, x[None], target)

    def step_optimizer(self) -> None:
        """Take a step of an optimizer of PyTorch's own; a compiled one is part of the kernels."""
        if self._torch_optimizer is not None:
            gradient = self._views.store[GRADIENT]
            norm = float(np.linalg.norm(gradient.astype(np.float64)))
            if math.isfinite(norm):
                lr, clip = self._rates
                gradient *= min(1.0, clip / (norm + 1e-6))
                parameters, pace = self._views.store[PARAMETERS], self._views.store[PACE]
                before = parameters.copy()
                self._torch_optimizer.step(lr)
                parameters -= (1 - pace) * (parameters - before)

    @property
    def lstm(self) -> LSTM:
        """The weights as they are now, as a module; what is written into it is not read back."""
        if self._module is None or self._module.input_size != self.input_size:
            hidden, layers = self.sizes[[layout.HIDDEN, layout.LAYERS]].tolist()
            with torch.random.fork_rng(devices=[]):  # what it draws is overwritten below
                self._module = LSTM(self.input_size, hidden, layers, cell=self._cell.name)
        named = self.parameters()
        with torch.no_grad():
            for name, parameter in self._module.named_parameters():
                parameter.copy_(torch.from_numpy(named[name]))
        return self._module

    @property
    def head(self) -> nn.Linear:
        """The head as it is now: (h of the top layer, inputs with ``skip``) to outputs."""
        named = self.parameters()
        weight = torch.from_numpy(named["head.weight"])
        head = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        head.weight = nn.Parameter(weight)
        head.bias = nn.Parameter(torch.from_numpy(named["head.bias"]))
        return head

    @property
    def state(self) -> State:
        """State after the last event, each field (L, 1, H)."""
        blocks = dict(zip("hcifgo", self._last_blocks(), strict=True))
        return self._cell.state_type(*(blocks[name] for name in self._cell.state_type._fields))

    @property
    def gates(self) -> Gates:
        """Gates and candidate at the last event, each (L, 1, H); zeros before the first."""
        return Gates(*self._last_blocks()[2:])

    @property
    def activations(self) -> Array:
        """h, c, i, f, g, o of each layer as a view, (L, 6H). The next event overwrites it."""
        last: Array = self._views.window.tape[self._views.counters[FILLED]]
        return last

    def _read(self, parts: int, xs: Array) -> float:
        """Let the kernel read inputs (T, I), with zeros behind them up to `capacity`."""
        if xs.shape[1] != self.capacity:
            padded = np.zeros((len(xs), self.capacity), np.float32)
            padded[:, : xs.shape[1]] = xs
            xs = padded
        task = CLASSES if self.sizes[layout.LOSS] == CROSS_ENTROPY else NUMBERS
        return kernels.reading(*self.rules, task)(parts, xs, *self.arrays)

    def _learn(self, parts: int, xs: Array, target: Array) -> float:
        loss = self._differentiate(parts | kernels.OPTIMIZE, xs, target)
        self.step_optimizer()
        return loss

    def _differentiate(self, parts: int, xs: Array, target: Array) -> float:
        if self.sizes[layout.LOSS] == CROSS_ENTROPY:
            if not 0 <= target[0] < self.outputs:
                raise IndexError(f"expected a class below {self.outputs}, got {target[0]}")
        elif len(target) != self.outputs:
            raise ValueError(f"expected {self.outputs} targets, got {len(target)}")
        self._views.work.goal[: len(target)] = target
        return self._read(parts if self.is_compiled else parts & ~kernels.OPTIMIZE, xs)

    def _last_blocks(self) -> list[torch.Tensor]:
        last = torch.from_numpy(self.activations.copy())
        return [block[:, None] for block in last.chunk(6, -1)]
