"""A learner's sizes, and its weights as views of one flat array.

One array makes gradients, an optimizer's moments and eligibility traces arrays of the same shape,
and an optimizer one loop. The parts lie in the order of `Weights`: packed rows and vectors as
`.packing` makes them, then the head, which reads the top layer's hidden output and, if it is wide
enough, the event's inputs beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from .compiled import compiled_too
from .step import COUPLED, FULL_GATE_RECURRENCE, LAYER_NORM, PEEPHOLE
from .views import part

Array = NDArray[Any]

KIND, INPUTS, HIDDEN, LAYERS, OUTPUTS, READ, RULE, WINDOW, REACH, LOSS, OPTIMIZER, ECHO = range(12)
"""Places in `sizes`: cell kind, inputs I, hidden units H, layers L, outputs K, how many numbers the
head reads, F: H, or H + I; then the rule of the gradient, events in the window T, of how many of
them the inputs' gradient is kept, R, the codes that `.losses` and `.optimizers` have, and how many
units of a layer begin as an echo, E."""


class Weights(NamedTuple):
    """Views of a flat array with a number for every parameter.

    Attributes
    ----------
    rows, vectors : ndarray
        The LSTM's, (sources, W) and (L, W + …); see `.step`.
    head, bias : ndarray
        (K, F) and (K,).
    """

    rows: Array
    vectors: Array
    head: Array
    bias: Array


@compiled_too
def shapes(sizes: Array) -> tuple[int, int, int]:
    """Return the number of sources and pre-activations of the rows, and of numbers a vector."""
    kind, hidden = sizes[KIND], sizes[HIDDEN]
    width = (3 if kind == COUPLED else 4) * hidden
    vector = width
    if kind in (PEEPHOLE, FULL_GATE_RECURRENCE):
        vector += 3 * hidden
    elif kind == LAYER_NORM:
        vector += 10 * hidden
    recurrent = 4 * hidden if kind == FULL_GATE_RECURRENCE else hidden
    sources = sizes[INPUTS] + recurrent + (sizes[LAYERS] - 1) * (hidden + recurrent)
    return sources, width, vector


@compiled_too
def count(sizes: Array) -> int:
    """Return how many parameters there are, P."""
    sources, width, vector = shapes(sizes)
    outputs = sizes[OUTPUTS]
    total: int = sources * width + sizes[LAYERS] * vector + outputs * sizes[READ] + outputs
    return total


@compiled_too
def views(sizes: Array, flat: Array) -> Weights:
    """Return the parts of a flat array (P,), or of a longer one."""
    sources, width, vector = shapes(sizes)
    layers, outputs, read = sizes[LAYERS], sizes[OUTPUTS], sizes[READ]
    first = sources * width
    second = first + layers * vector
    third = second + outputs * read
    return Weights(
        part(flat, 0, (sources, width)),
        part(flat, first, (layers, vector)),
        part(flat, second, (outputs, read)),
        part(flat, third, (outputs,)),
    )


@compiled_too
def first_row(sizes: Array, layer: int) -> int:
    """Return the place of a layer's first row."""
    if layer == 0:
        return 0
    hidden = sizes[HIDDEN]
    recurrent = 4 * hidden if sizes[KIND] == FULL_GATE_RECURRENCE else hidden
    first: int = sizes[INPUTS] + recurrent + (layer - 1) * (hidden + recurrent)
    return first


@compiled_too
def source_count(sizes: Array, layer: int) -> int:
    """Return how many of a layer's rows belong to what comes from below."""
    below: int = sizes[INPUTS] if layer == 0 else sizes[HIDDEN]
    return below


FILLED, STEPS = range(2)
"""Places in `counters`."""

TBPTT, ELIGIBILITY = range(2)
"""Rules of the gradient."""

PARAMETERS, GRADIENT, FIRST, SECOND, PACE, TRACES = range(6)
"""Rows of `store`."""


class Window(NamedTuple):
    """What of the past gradients still reach.

    Attributes
    ----------
    tape : ndarray
        Memory before the oldest event of the window and after each of it, (T + 1, L, 6H).
    inputs : ndarray
        The inputs of these events, the oldest first, (T, 1, I).
    """

    tape: Array
    inputs: Array


class Work(NamedTuple):
    """What every event writes.

    Attributes
    ----------
    output, offset, levels, d_output, goal : ndarray
        Each (K,): the outputs, what is added to them (a constant of the event), what the loss has
        to know of each, their gradient, and the target.
    x : ndarray
        The event's inputs, (I,).
    memory : ndarray
        Of a step that is only looked at, (L, 6H).
    back, errors, dz : ndarray
        Gradients: dL/dh and so on, (L, 5H); of the inputs, (R, I); dL/dz, (T, L, W or, for layer
        normalisation, 2W).
    scratch : ndarray
        Anything, (9H,).
    """

    output: Array
    offset: Array
    levels: Array
    d_output: Array
    goal: Array
    x: Array
    memory: Array
    back: Array
    errors: Array
    scratch: Array
    dz: Array


class Learner(NamedTuple):
    """The arrays of an online learner.

    Attributes
    ----------
    sizes : ndarray
        Integers, (12,), at `KIND` and so on.
    counters : ndarray
        Events in the window, and optimizer steps taken: integers at `FILLED` and `STEPS`.
    settings : ndarray
        Of the optimizer, float64; see `.optimizers`.
    store : ndarray
        Rows of P numbers or a little more: `PARAMETERS`, `GRADIENT`, the optimizer's moments
        `FIRST` and `SECOND`, the part of its step that each parameter takes, `PACE`, and with the
        eligibility rule `TRACES`.
    weights, gradient : Weights
        The parts of two rows of the store.
    window : Window
        What of the past gradients still reach.
    work : Work
        What every event writes.
    """

    sizes: Array
    counters: Array
    settings: Array
    store: Array
    weights: Weights
    gradient: Weights
    window: Window
    work: Work


@compiled_too
def lengths(sizes: Array) -> tuple[int, int]:
    """Return how many numbers a window and a work space hold."""
    inputs, hidden, layers, outputs = (sizes[INPUTS], sizes[HIDDEN], sizes[LAYERS], sizes[OUTPUTS])
    _, width, _ = shapes(sizes)
    errors = 2 * width if sizes[KIND] == LAYER_NORM else width
    window = (sizes[WINDOW] + 1) * layers * 6 * hidden + sizes[WINDOW] * inputs
    work = 5 * outputs + inputs + 11 * layers * hidden + sizes[REACH] * inputs + 9 * hidden
    return window, work + sizes[WINDOW] * layers * errors


@compiled_too
def window_of(sizes: Array, flat: Array) -> Window:
    """Return the parts of a flat array."""
    steps, layers, width = sizes[WINDOW], sizes[LAYERS], 6 * sizes[HIDDEN]
    taped = (steps + 1) * layers * width
    return Window(
        part(flat, 0, (steps + 1, layers, width)),
        part(flat, taped, (steps, 1, sizes[INPUTS])),
    )


@compiled_too
def work_of(sizes: Array, flat: Array) -> Work:
    """Return the parts of a flat array."""
    inputs, hidden, layers, outputs = (sizes[INPUTS], sizes[HIDDEN], sizes[LAYERS], sizes[OUTPUTS])
    memory = 5 * outputs + inputs
    back = memory + layers * 6 * hidden
    errors = back + layers * 5 * hidden
    scratch = errors + sizes[REACH] * inputs
    dz = scratch + 9 * hidden
    width = (flat.shape[0] - dz) // (sizes[WINDOW] * layers)
    return Work(
        part(flat, 0, (outputs,)),
        part(flat, outputs, (outputs,)),
        part(flat, 2 * outputs, (outputs,)),
        part(flat, 3 * outputs, (outputs,)),
        part(flat, 4 * outputs, (outputs,)),
        part(flat, 5 * outputs, (inputs,)),
        part(flat, memory, (layers, 6 * hidden)),
        part(flat, back, (layers, 5 * hidden)),
        part(flat, errors, (sizes[REACH], inputs)),
        part(flat, scratch, (9 * hidden,)),
        part(flat, dz, (sizes[WINDOW], layers, width)),
    )


@compiled_too
def learner(
    sizes: Array, counters: Array, settings: Array, store: Array, window: Array, work: Array
) -> Learner:
    """Return a learner of six arrays; windows and work spaces are as long as `lengths` says."""
    return Learner(
        sizes,
        counters,
        settings,
        store,
        views(sizes, store[PARAMETERS]),
        views(sizes, store[GRADIENT]),
        window_of(sizes, window),
        work_of(sizes, work),
    )
