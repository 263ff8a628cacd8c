"""An LSTM with a linear head that learns one event at a time, in compiled kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..cells import CELLS, Cell
from ..kernels import learner as kernels
from ..kernels import parameters as layout
from ..kernels.losses import CLASSES, CROSS_ENTROPY, LOSSES, NUMBERS
from ..kernels.optimizers import CLIP, LR
from ..kernels.packing import aligned, unpack
from ..kernels.parameters import FILLED, GRADIENT, PARAMETERS, TRACES
from ..kernels.step import KINDS
from ..lstm import LSTM
from ..state import Gates, State
from .arrays import Arrays, Table, need, need_array
from .optimizers import OptimizerFactory, TorchOptimizer, find_optimizer
from .weights import draw_weights, grown_moments, input_row, transplant

Array = NDArray[Any]

GRADIENTS = {"tbptt": layout.TBPTT, "eligibility": layout.ELIGIBILITY}
CELL_NAMES = {kind: name for name, kind in KINDS.items()}

TRACED_CELLS = ("standard", "peephole", "coupled")
"""Cells that the eligibility rule is defined for."""

FIXED = [layout.KIND, layout.HIDDEN, layout.LAYERS, layout.RULE, layout.WINDOW, layout.LOSS]
"""Sizes that a learner has for good; inputs and outputs grow."""

TORCH = -1
"""Stands for an optimizer of PyTorch's own in the sizes."""


class Carry(NamedTuple):
    """What a stream has left behind in a learner: everything but what was learned.

    Attributes
    ----------
    tape : ndarray
        Memory before the oldest event of the window and after each of it, (n + 1, L, 6H), in the
        blocks h, c, i, f, g, o.
    inputs : ndarray
        The inputs of these n events, (n, I).
    traces : ndarray
        Eligibility traces, (1, P); none for truncated backpropagation, (0, P).
    sizes : ndarray
        The learner's sizes at the time.
    """

    tape: Array
    inputs: Array
    traces: Array
    sizes: Array


class OnlineLearner(Arrays):
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

    Attributes
    ----------
    input_size : int
        How many inputs there are, I.
    sizes : ndarray
        What kernels know of its sizes, (11,); another array once it has grown.
    arrays : tuple of ndarray
        What kernels are handed, see `lstmwidgets.kernels.parameters.learner`; others once it has
        grown.
    offset : ndarray
        What is added to the outputs, (K,): what is known of the event otherwise, for the LSTM to
        learn the rest. Zeros, and zeros again after growth.
    """

    ARRAYS: ClassVar[Table] = {
        "store": (np.float32, lambda own: (3 + _traced(own["sizes"]), layout.count(own["sizes"]))),
        "tape": (np.float32, lambda own: (own["counters"][FILLED] + 1, *_memory(own["sizes"]))),
        "inputs": (np.float32, lambda own: (own["counters"][FILLED], own["sizes"][layout.INPUTS])),
    }

    _module: LSTM | None
    _torch_optimizer: TorchOptimizer | None

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
    ) -> None:
        names = list(input_names)
        self.input_size = len(names)
        self.seed = seed
        self._rates = (lr, clip)
        self._levels = tuple(levels)
        self._factory = optimizer
        capacity, steps = _rounded(len(names)), int(window) if gradient == "tbptt" else 1
        read = int(hidden_size) + (capacity if skip else 0)
        shape = (KINDS[cell], capacity, hidden_size, num_layers, outputs, read)
        found = find_optimizer(optimizer, lr)
        code = TORCH if found is None else found.rule
        more = (GRADIENTS[gradient], steps, steps * input_gradient, LOSSES[loss], code)
        self.sizes: Array = np.array(shape + more, np.int64)
        self._make_arrays(np.zeros(2, np.int64))
        draw_weights(self.sizes, self._views.store[PARAMETERS], names, seed)
        self._make_ready()

    def set_rates(self, lr: float, clip: float) -> None:
        """Learn with other rates from now on; see the class."""
        self._rates = (lr, clip)
        self._views.settings[LR], self._views.settings[CLIP] = lr, clip

    @property
    def rules(self) -> tuple[int, int]:
        """Cell kind and rule of the gradient, as kernels know them."""
        return self._rules

    @property
    def cell(self) -> str:
        """Name of the cell kind."""
        return CELL_NAMES[self.rules[0]]

    @property
    def capacity(self) -> int:
        """How many inputs kernels read, I: a multiple of four, with zeros at the end."""
        return int(self.sizes[layout.INPUTS])

    @property
    def outputs(self) -> int:
        """How many numbers the head puts out, K."""
        return int(self.sizes[layout.OUTPUTS])

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
                self._torch_optimizer.step(lr)

    def gradients(self) -> dict[str, Array]:
        """Return the gradient that was last computed, by the names that `parameters` uses."""
        return self.named(self.row(GRADIENT))

    def parameters(self) -> dict[str, Array]:
        """Return copies of all weights by name: as in `lstm`, and ``head.weight``, ``head.bias``.

        A layer has one bias here; it is shown as ``bias_ih``, and ``bias_hh`` is zero.
        """
        return self.named(self.row(PARAMETERS))

    def row(self, which: int) -> Array:
        """Return a row of `lstmwidgets.kernels.parameters.Learner.store` by reference, (P,)."""
        flat: Array = self._views.store[which, : layout.count(self.sizes)]
        return flat

    def named(self, flat: Array) -> dict[str, Array]:
        """Return copies of what a flat array (P,) has for each weight; see `parameters`."""
        inputs, hidden, layers = self.sizes[1:4].tolist()
        rows, vectors, head, bias = layout.views(self.sizes, flat)
        shapes = [self._cell.shapes(hidden if k else inputs, hidden) for k in range(layers)]
        named = {
            f"{name}_l{k}": weight
            for k, layer in enumerate(unpack(rows, vectors, shapes))
            for name, weight in layer.items()
        }
        named["weight_ih_l0"] = named["weight_ih_l0"][:, : self.input_size]
        seen = head[:, : hidden + self.input_size]
        return named | {"head.weight": seen.copy(), "head.bias": bias.copy()}

    def weights(self) -> layout.Weights:
        """Return the weights as kernels read them, by reference."""
        return self._views.weights

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

    def reset(self) -> None:
        """Forget the stream; keep what was learned."""
        self._views.window.tape[0] = 0
        self._views.store[TRACES:] = 0
        self._views.counters[FILLED] = 0

    def get_carry(self) -> Carry:
        """Return what the stream has left behind."""
        own, filled = self._views, self._views.counters[FILLED]
        return Carry(
            own.window.tape[: filled + 1].copy(),
            own.window.inputs[:filled, 0, : self.input_size].copy(),
            own.store[TRACES:, : layout.count(self.sizes)].copy(),
            self.sizes.copy(),
        )

    def put_back(self, carry: Carry) -> None:
        """Go on from an earlier carry; inputs that have come since were zero then."""
        own, filled, more = self._views, len(carry.inputs), self.sizes - carry.sizes
        if more[FIXED].any() or (more < 0).any():
            raise ValueError("the state is that of a model of another kind or size")
        own.counters[FILLED] = filled
        own.window.tape[: filled + 1] = carry.tape
        own.window.inputs[:filled] = 0
        own.window.inputs[:filled, 0, : carry.inputs.shape[1]] = carry.inputs
        own.store[TRACES:] = 0
        for row, kept in zip(own.store[TRACES:], carry.traces, strict=True):
            transplant(carry.sizes, kept, self.sizes, row)

    def grow_inputs(self, new_names: Iterable[str]) -> None:
        """Add inputs. Predictions stay as they are until a new input differs from zero."""
        names = list(new_names)
        first, capacity = self.input_size, _rounded(self.input_size + len(names))
        if capacity > self.capacity:
            sizes = self.sizes.copy()
            sizes[layout.INPUTS] = capacity
            if sizes[layout.READ] > sizes[layout.HIDDEN]:
                sizes[layout.READ] += capacity - self.capacity
            self._grow(sizes)
        rows = self.weights().rows
        for place, name in enumerate(names, start=first):
            rows[place] = input_row(self.sizes, name, self.seed)
        self.input_size += len(names)

    def grow_outputs(self, biases: Sequence[float]) -> None:
        """Add outputs that start at these biases, with no other weights. Others do not move."""
        sizes = self.sizes.copy()
        sizes[layout.OUTPUTS] += len(biases)
        self._grow(sizes)
        self.weights().bias[-len(biases) :] = biases

    def frozen(self) -> OnlineLearner:
        """Return a copy of what predictions need, at a stream's beginning, with a short window."""
        twin = object.__new__(OnlineLearner)
        vars(twin).update(vars(self))
        twin.sizes = self.sizes.copy()
        twin.sizes[[layout.WINDOW, layout.REACH]] = 1, 0
        twin._make_arrays(np.zeros(2, np.int64))
        twin._views.store[PARAMETERS] = self._views.store[PARAMETERS]
        twin._make_ready()
        twin.offset[:] = self.offset
        return twin

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

    @property
    def _cell(self) -> Cell:
        return CELLS[self.cell]

    def _grow(self, sizes: Array) -> None:
        """Take on other sizes, made aside: an interruption leaves all as it was."""
        grown = object.__new__(OnlineLearner)
        vars(grown).update(vars(self))
        grown.sizes = sizes
        grown._make_arrays(self._views.counters.copy())
        for mine, its in zip(self._views.store, grown._views.store, strict=True):
            transplant(self.sizes, mine, sizes, its)
        grown._make_ready()
        grown.put_back(self.get_carry())
        if self._torch_optimizer is not None and grown._torch_optimizer is not None:
            moments = grown_moments(self.sizes, sizes, self._torch_optimizer.moments())
            grown._torch_optimizer.take_moments(moments)
        vars(self).update(vars(grown))

    def _make_arrays(self, counters: Array) -> None:
        """Make the arrays that kernels are handed, all zeros."""
        parameters, (window, work) = layout.count(self.sizes), layout.lengths(self.sizes)
        store = aligned((TRACES + _traced(self.sizes), -(-parameters // 16) * 16))
        numbers = np.zeros(window, np.float32), np.zeros(work, np.float32)
        self.arrays = (self.sizes, counters, np.zeros(6), store, *numbers)
        self._views = layout.learner(*self.arrays)
        self._module = None
        kind, rule = self.sizes[[layout.KIND, layout.RULE]].tolist()
        self._rules = (kind, rule)

    def _make_ready(self) -> None:
        """Write what loss and optimizer have to know."""
        self._views.work.levels[:] = self._levels or 0.0
        found = find_optimizer(self._factory, self._rates[0])
        self._torch_optimizer = None
        if found is None:
            parts = self._views.weights, self._views.gradient
            self._torch_optimizer = TorchOptimizer(self._factory, self._rates[0], *parts)
        else:
            self._views.settings[:CLIP] = found.settings
        self.set_rates(*self._rates)

    def _kept(self) -> dict[str, Any]:
        own, parameters = self._views, layout.count(self.sizes)
        filled = own.counters[FILLED]
        torch_moments = self._torch_optimizer and self._torch_optimizer.moments()
        return {
            "sizes": self.sizes,
            "counters": own.counters,
            "store": own.store[_kept_rows(self.sizes), :parameters],
            "tape": own.window.tape[: filled + 1],
            "inputs": own.window.inputs[:filled, 0],
            "input_size": self.input_size,
            "seed": self.seed,
            "rates": self._rates,
            "levels": self._levels,
            "optimizer": self._factory,
            "torch moments": torch_moments,
        }

    def _restore(self, kept: dict[str, Any]) -> None:
        self.sizes = kept["sizes"]
        self.input_size, self.seed, self._rates = kept["input_size"], kept["seed"], kept["rates"]
        self._levels, self._factory = kept["levels"], kept["optimizer"]
        self._make_arrays(kept["counters"])
        own, parameters, filled = self._views, layout.count(self.sizes), kept["counters"][FILLED]
        own.store[_kept_rows(self.sizes), :parameters] = kept["store"]
        own.window.tape[: filled + 1] = kept["tape"]
        own.window.inputs[:filled, 0] = kept["inputs"]
        self._make_ready()
        if kept["torch moments"] is not None and self._torch_optimizer is not None:
            self._torch_optimizer.take_moments(kept["torch moments"])

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        need_array(kept["sizes"], (11,), np.int64)
        need_array(kept["counters"], (2,), np.int64)
        sizes, counters = kept["sizes"], kept["counters"]
        kind, inputs, hidden, _, outputs, read, rule, window, reach, loss, _ = sizes.tolist()
        need(0 <= kind < len(KINDS) and bool((sizes[1:6] >= 1).all()), "sizes")
        need(bool((sizes < 2**24).all()) and 0 <= counters[FILLED] <= window, "window")
        need(inputs % 4 == 0 and 0 <= kept["input_size"] <= inputs, "inputs")
        need(read in (hidden, hidden + inputs) and outputs >= 1, "head")
        need(0 <= loss <= CROSS_ENTROPY and rule in GRADIENTS.values(), "loss and gradient")
        need(window >= 1 and reach in (0, window), "window")
        need(rule == layout.TBPTT or (window == 1 and CELL_NAMES[kind] in TRACED_CELLS), "cell")
        found = find_optimizer(kept["optimizer"], kept["rates"][0])
        need(sizes[layout.OPTIMIZER] == (TORCH if found is None else found.rule), "optimizer")

    def _last_blocks(self) -> list[torch.Tensor]:
        last = torch.from_numpy(self.activations.copy())
        return [block[:, None] for block in last.chunk(6, -1)]


def _traced(sizes: Array) -> int:
    """Return how many rows of eligibility traces there are."""
    return int(sizes[layout.RULE] == layout.ELIGIBILITY)


def _kept_rows(sizes: Array) -> list[int]:
    """Return the rows of a store that are kept: all but the gradient."""
    return [PARAMETERS, layout.FIRST, layout.SECOND, *[TRACES] * _traced(sizes)]


def _memory(sizes: Array) -> tuple[int, int]:
    return (sizes[layout.LAYERS], 6 * sizes[layout.HIDDEN])


def _rounded(size: int) -> int:
    """Return the next multiple of four: sums are taken by fours, and more zeros do not change them.

    So growing moves no prediction by as much as a rounding.
    """
    return -(-size // 4) * 4
