"""What an online learner consists of: how its arrays are made, grown, kept and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..cells import CELLS, Cell
from ..kernels import parameters as layout
from ..kernels.losses import CROSS_ENTROPY
from ..kernels.optimizers import CLIP, LR
from ..kernels.packing import aligned, unpack
from ..kernels.parameters import ECHO, FILLED, GRADIENT, PACE, PARAMETERS, TRACES
from ..kernels.step import KINDS
from ..lstm import LSTM
from .arrays import Arrays, Table, need, need_array
from .optimizers import OptimizerFactory, TorchOptimizer, find_optimizer
from .weights import grown_moments, input_row, transplant, write_pace

Array = NDArray[Any]

GRADIENTS = {"tbptt": layout.TBPTT, "eligibility": layout.ELIGIBILITY}
CELL_NAMES = {kind: name for name, kind in KINDS.items()}

TRACED_CELLS = ("standard", "peephole", "coupled")
"""Cells that the eligibility rule is defined for."""

FIXED = [layout.KIND, layout.HIDDEN, layout.LAYERS, layout.RULE, layout.WINDOW, layout.LOSS, ECHO]
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


class LearnerArrays(Arrays):
    """The arrays of an `OnlineLearner`, which kernels are handed, and how they change.

    Attributes
    ----------
    input_size : int
        How many inputs there are, I.
    sizes : ndarray
        What kernels know of its sizes, (12,); another array once it has grown.
    arrays : tuple of ndarray
        What kernels are handed, see `lstmwidgets.kernels.parameters.learner`; others once it has
        grown.
    """

    ARRAYS: ClassVar[Table] = {
        "store": (np.float32, lambda own: (3 + _traced(own["sizes"]), layout.count(own["sizes"]))),
        "tape": (np.float32, lambda own: (own["counters"][FILLED] + 1, *_memory(own["sizes"]))),
        "inputs": (np.float32, lambda own: (own["counters"][FILLED], own["sizes"][layout.INPUTS])),
    }

    _module: LSTM | None
    _torch_optimizer: TorchOptimizer | None
    _rates: tuple[float, float]
    _levels: tuple[float, ...]
    _factory: str | OptimizerFactory
    input_size: int
    seed: int
    sizes: Array

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
        first, capacity = self.input_size, in_fours(self.input_size + len(names))
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

    def frozen(self) -> Self:
        """Return a copy of what predictions need, at a stream's beginning, with a short window."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin.sizes = self.sizes.copy()
        twin.sizes[[layout.WINDOW, layout.REACH]] = 1, 0
        twin._make_arrays(np.zeros(2, np.int64))
        twin._views.store[PARAMETERS] = self._views.store[PARAMETERS]
        twin._make_ready()
        twin._views.work.offset[:] = self._views.work.offset
        return twin

    @property
    def _cell(self) -> Cell:
        return CELLS[self.cell]

    def _grow(self, sizes: Array) -> None:
        """Take on other sizes, made aside: an interruption leaves all as it was."""
        grown = object.__new__(type(self))
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
        write_pace(self.sizes, store[PACE])
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
        need_array(kept["sizes"], (12,), np.int64)
        need_array(kept["counters"], (2,), np.int64)
        sizes, counters = kept["sizes"], kept["counters"]
        kind, inputs, hidden, _, outputs, read, rule, window, reach, loss, _, echo = sizes.tolist()
        need(0 <= kind < len(KINDS) and bool((sizes[1:6] >= 1).all()), "sizes")
        need(bool((sizes < 2**24).all()) and 0 <= counters[FILLED] <= window, "window")
        need(inputs % 4 == 0 and 0 <= kept["input_size"] <= inputs, "inputs")
        need(read in (hidden, hidden + inputs) and outputs >= 1, "head")
        need(0 <= loss <= CROSS_ENTROPY and rule in GRADIENTS.values(), "loss and gradient")
        need(window >= 1 and reach in (0, window), "window")
        need(0 <= echo <= hidden, "echo units")
        need(rule == layout.TBPTT or (window == 1 and CELL_NAMES[kind] in TRACED_CELLS), "cell")
        found = find_optimizer(kept["optimizer"], kept["rates"][0])
        need(sizes[layout.OPTIMIZER] == (TORCH if found is None else found.rule), "optimizer")


def _traced(sizes: Array) -> int:
    """Return how many rows of eligibility traces there are."""
    return int(sizes[layout.RULE] == layout.ELIGIBILITY)


def _kept_rows(sizes: Array) -> list[int]:
    """Return the rows of a store that are kept: all but the gradient and the pace."""
    return [PARAMETERS, layout.FIRST, layout.SECOND, *[TRACES] * _traced(sizes)]


def _memory(sizes: Array) -> tuple[int, int]:
    return (sizes[layout.LAYERS], 6 * sizes[layout.HIDDEN])


def in_fours(size: int) -> int:
    """Return the next multiple of four: sums are taken by fours, and more zeros do not change them.

    So growing moves no prediction by as much as a rounding.
    """
    return -(-size // 4) * 4
