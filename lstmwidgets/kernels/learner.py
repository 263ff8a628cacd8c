"""One event of an online learner: predict, advance, or learn; nothing is allocated.

Cell kind, rule of the gradient and what is learned, numbers or classes, are constants of the
calling kernel. `.parameters` describes a `Learner`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numpy.typing import NDArray

from . import parameters as layout
from .backward import backward
from .compiled import compiled, inlined, kernel
from .eligibility import traces_to_gradient, update_traces
from .losses import loss_and_gradient
from .optimizers import optimize
from .parameters import ELIGIBILITY
from .step import advance

Array = NDArray[Any]

PREDICT, AFRESH, PASS, LEARN, OPTIMIZE = 1, 2, 4, 8, 16
"""Parts of what `reading` does."""


@cache
def reading(kind: int, rule: int, task: int) -> Callable[..., float]:
    """Return the kernel that reads a sequence of inputs with a learner.

    Parameters
    ----------
    kind, rule, task : int
        Out of `.step.KINDS`, the rules in `.parameters` and the tasks in `.losses`.
    """

    @kernel(f"{kind}-{rule}-{task}")
    def read(
        parts: int,
        xs: Array,
        sizes: Array,
        counters: Array,
        settings: Array,
        store: Array,
        window: Array,
        work: Array,
    ) -> float:
        """Read inputs (T, I) one after the other; return the loss, 0 if nothing is learned.

        Parameters
        ----------
        parts : int
            `PREDICT`: write the outputs after the last input; no state changes. Otherwise let all
            inputs pass, with `LEARN` all but the last one, for which the gradient is computed with
            the target in ``goal``; with `OPTIMIZE` too the optimizer takes a step. With `AFRESH`
            the sequence begins at zeros.
        sizes, …, work
            See `.parameters.Learner`.
        """
        own = layout.learner(sizes, counters, settings, store, window, work)
        tape, made = own.window.tape, own.work
        last = xs.shape[0] - 1
        if parts & PREDICT:
            weights = own.weights
            if parts & AFRESH:
                made.memory[:] = 0
            else:
                copy(tape[counters[layout.FILLED]], made.memory)
            for t in range(last):
                advance(kind, weights.rows, weights.vectors, xs[t], made.memory, made.scratch)
            look_ahead(kind, own, xs[last])
            return 0.0
        if parts & AFRESH:
            tape[0] = 0
            store[layout.TRACES :] = 0
            counters[layout.FILLED] = 0
        for t in range(last + 1 if parts & PASS else last):
            let_pass(kind, rule, own, xs[t])
        if not parts & LEARN:
            return 0.0
        loss = differentiate(kind, rule, task, own, xs[last])
        if parts & OPTIMIZE:
            optimize(own)
        return float(loss)

    return read


@inlined
def predict(kind: int, own: layout.Learner, x: Array) -> None:
    """Write the outputs (K,) for an input (I,), and its step into the work's memory."""
    copy(own.window.tape[own.counters[layout.FILLED]], own.work.memory)
    look_ahead(kind, own, x)


@inlined
def look_ahead(kind: int, own: layout.Learner, x: Array) -> None:
    """Take a step from the work's memory, and write the outputs (K,)."""
    weights, work = own.weights, own.work
    advance(kind, weights.rows, weights.vectors, x, work.memory, work.scratch)
    _read_out(weights, work.memory, x, work.offset, work.output)


@inlined
def let_pass(kind: int, rule: int, own: layout.Learner, x: Array) -> None:
    """Let an input (I,) pass without learning."""
    weights, window = own.weights, own.window
    last = _enter(window, own.counters, x, window.inputs.shape[0])
    copy(window.tape[last - 1], window.tape[last])
    advance(kind, weights.rows, weights.vectors, x, window.tape[last], own.work.scratch)
    if rule == ELIGIBILITY:
        update_traces(own, x)


@inlined
def differentiate(kind: int, rule: int, task: int, own: layout.Learner, x: Array) -> float:
    """Advance by an input (I,), write outputs and the gradient of the loss, and return the loss."""
    weights, window, work = own.weights, own.window, own.work
    last = _enter(window, own.counters, x, min(window.inputs.shape[0], 1))
    for t in range(last):
        copy(window.tape[t], window.tape[t + 1])
        inputs, memory = window.inputs[t, 0], window.tape[t + 1]
        advance(kind, weights.rows, weights.vectors, inputs, memory, work.scratch)
    _read_out(weights, window.tape[last], x, work.offset, work.output)
    loss = loss_and_gradient(
        task, own.sizes[layout.LOSS], work.levels, work.output, work.goal, work.d_output
    )
    own.store[layout.GRADIENT] = 0
    work.back[:] = 0
    _through_head(own, weights, window.tape[last], x)
    if rule == ELIGIBILITY:
        update_traces(own, x)
        traces_to_gradient(own, x)
    else:
        backward(kind, own, last)
    if work.errors.shape[0] > 0:
        _through_skip(weights.head, work.d_output, work.errors[last - 1])
    return float(loss)


@compiled
def _enter(window: layout.Window, counters: Array, x: Array, moved: int) -> int:
    """Put an input at the end of the window, and return how many are in it.

    A full window loses its oldest input; the state after that one, as it was last computed, is the
    one before the window from now on. So many recorded steps are moved.
    """
    tape, inputs = window.tape, window.inputs
    steps = inputs.shape[0]
    if counters[layout.FILLED] < steps:
        counters[layout.FILLED] += 1
    else:
        for t in range(1, moved + 1):
            copy(tape[t], tape[t - 1])
        for t in range(1, steps):
            copy(inputs[t], inputs[t - 1])
    last: int = counters[layout.FILLED]
    for k in range(x.shape[0]):
        inputs[last - 1, 0, k] = x[k]
    return last


@compiled
def copy(memory: Array, to: Array) -> None:
    """Copy the numbers of a matrix into another."""
    for layer in range(memory.shape[0]):
        for j in range(memory.shape[1]):
            to[layer, j] = memory[layer, j]


@compiled
def _read_out(
    weights: layout.Weights, memory: Array, x: Array, offset: Array, output: Array
) -> None:
    """Write head · (h of the top layer, x) + bias + offset; x counts if the head is that wide."""
    head = weights.head
    hidden = memory.shape[1] // 6
    h = memory[memory.shape[0] - 1, :hidden]
    for k in range(output.shape[0]):
        total = weights.bias[k] + offset[k] + _dot_by_fours(head[k, :hidden], h)
        if head.shape[1] > hidden:
            total += _dot_by_fours(head[k, hidden:], x)
        output[k] = total


@compiled
def _dot_by_fours(weights: Array, values: Array) -> Any:
    """Return the product in an order that further zeros, by fours, do not change."""
    whole = values.shape[0] - values.shape[0] % 4
    total = weights[0] * 0
    for j in range(0, whole, 4):
        total += (weights[j] * values[j] + weights[j + 1] * values[j + 1]) + (
            weights[j + 2] * values[j + 2] + weights[j + 3] * values[j + 3]
        )
    for j in range(whole, values.shape[0]):
        total += weights[j] * values[j]
    return total


@inlined
def _through_head(own: layout.Learner, weights: layout.Weights, memory: Array, x: Array) -> None:
    """Add the head's gradient, and write dL/dh of the top layer."""
    hidden, top, work = memory.shape[1] // 6, memory.shape[0] - 1, own.work
    gradient = own.gradient
    h, dh = memory[top, :hidden], work.back[top, :hidden]
    for k in range(work.d_output.shape[0]):
        error = work.d_output[k]
        gradient.bias[k] += error
        _add_scaled(error, h, gradient.head[k, :hidden])
        _add_scaled(error, weights.head[k, :hidden], dh)
        beside = gradient.head[k, hidden:]
        _add_scaled(error, x[: beside.shape[0]], beside)


@compiled
def _add_scaled(factor: Any, values: Array, to: Array) -> None:
    for j in range(values.shape[0]):
        to[j] += factor * values[j]


@inlined
def _through_skip(head: Array, d_output: Array, dx: Array) -> None:
    """Add dL/dx of the last input by way of what the head reads of it."""
    beside = head.shape[1] - dx.shape[0]
    if beside > 0:
        for k in range(d_output.shape[0]):
            for j in range(dx.shape[0]):
                dx[j] += d_output[k] * head[k, beside + j]
