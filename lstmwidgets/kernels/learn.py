"""One event of an online learner: predict, advance, or learn; nothing is allocated.

A learner's arrays, in the sizes of `.backward`, with F numbers read by the head and K outputs:

=========== =============== ====================================================================
parameters  (P,)            see `.parameters`
tape        (T + 1, L, 6H)  memory before the oldest event of the window and after each of it
inputs      (T, 1, I)       the inputs of the window, the oldest first
clock       (2,)            events in the window, and optimizer steps taken
offset      (K,)            what is added to the outputs: a constant of the event
=========== =============== ====================================================================

The eligibility rule has a window of one event, and its traces.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .backward import backward
from .compiled import compiled
from .eligibility import assign, follow
from .losses import loss_and_gradient
from .parameters import HIDDEN, KIND, LAYERS, views
from .step import advance

Array = NDArray[Any]

FILLED, STEPS = range(2)
"""Places in `clock`."""

TBPTT, ELIGIBILITY = range(2)


@compiled
def predict(
    sizes: Array,
    parameters: Array,
    clock: Array,
    tape: Array,
    x: Array,
    offset: Array,
    memory: Array,
    scratch: Array,
    output: Array,
) -> None:
    """Write the outputs (K,) for an input (I,); memory, (L, 6H), and scratch may hold anything."""
    rows, vectors, head, bias = views(sizes, parameters)
    _copy(tape[clock[FILLED]], memory)
    advance(sizes[KIND], rows, vectors, x, memory, scratch)
    read_out(head, bias, memory, x, offset, output)


@compiled
def predict_sequence(
    sizes: Array,
    parameters: Array,
    xs: Array,
    offset: Array,
    memory: Array,
    scratch: Array,
    output: Array,
) -> None:
    """Write the outputs (K,) after a sequence of inputs (T, I) that begins at zeros."""
    rows, vectors, head, bias = views(sizes, parameters)
    memory[:] = 0
    for t in range(xs.shape[0]):
        advance(sizes[KIND], rows, vectors, xs[t], memory, scratch)
    read_out(head, bias, memory, xs[xs.shape[0] - 1], offset, output)


@compiled
def move_on(
    rule: int,
    sizes: Array,
    parameters: Array,
    traces: Array,
    clock: Array,
    inputs: Array,
    tape: Array,
    x: Array,
    dz: Array,
    scratch: Array,
) -> None:
    """Let an input (I,) pass without learning."""
    rows, vectors, _, _ = views(sizes, parameters)
    last = _enter(clock, inputs, tape, x, True)
    _copy(tape[last - 1], tape[last])
    advance(sizes[KIND], rows, vectors, inputs[last - 1, 0], tape[last], scratch)
    if rule == ELIGIBILITY:
        follow(sizes, traces, x, tape, dz[0], scratch)


@compiled
def learn(
    rule: int,
    sizes: Array,
    parameters: Array,
    gradient: Array,
    traces: Array,
    clock: Array,
    inputs: Array,
    tape: Array,
    x: Array,
    offset: Array,
    loss: int,
    levels: Array,
    target: Array,
    output: Array,
    dz: Array,
    back: Array,
    dx: Array,
    scratch: Array,
) -> float:
    """Advance by an input (I,), write outputs and the gradient of the loss, and return the loss."""
    rows, vectors, head, bias = views(sizes, parameters)
    last = _enter(clock, inputs, tape, x, False)
    for t in range(last):
        _copy(tape[t], tape[t + 1])
        advance(sizes[KIND], rows, vectors, inputs[t, 0], tape[t + 1], scratch)
    read_out(head, bias, tape[last], x, offset, output)
    d_output = scratch[scratch.shape[0] - output.shape[0] :]
    value = loss_and_gradient(loss, levels, output, target, d_output)
    gradient[:] = 0
    back[:] = 0
    _through_head(sizes, parameters, gradient, tape[last], x, d_output, back)
    if rule == ELIGIBILITY:
        follow(sizes, traces, x, tape, dz[0], scratch)
        assign(sizes, parameters, gradient, traces, x, tape, dz[0], back, dx)
    else:
        backward(sizes, parameters, gradient, inputs, tape, last, dz, back, dx, scratch)
    if dx.shape[0] > 0:
        _through_skip(head, d_output, dx[last - 1])
    return value


@compiled
def _enter(clock: Array, inputs: Array, tape: Array, x: Array, keep: bool) -> int:
    """Put an input at the end of the window, and return how many are in it.

    A full window loses its oldest input; the state after that one, as it was last computed, is the
    one before the window from now on. With ``keep``, the other recorded steps are moved too.
    """
    window = inputs.shape[0]
    if clock[FILLED] < window:
        clock[FILLED] += 1
    else:
        for t in range(1, window + 1 if keep else 2):
            _copy(tape[t], tape[t - 1])
        for t in range(1, window):
            for k in range(x.shape[0]):
                inputs[t - 1, 0, k] = inputs[t, 0, k]
    last: int = clock[FILLED]
    for k in range(x.shape[0]):
        inputs[last - 1, 0, k] = x[k]
    return last


@compiled
def _copy(memory: Array, to: Array) -> None:
    for layer in range(memory.shape[0]):
        for j in range(memory.shape[1]):
            to[layer, j] = memory[layer, j]


@compiled
def read_out(
    head: Array, bias: Array, memory: Array, x: Array, offset: Array, output: Array
) -> None:
    """Write head · (h of the top layer, x) + bias + offset; x counts if the head is that wide."""
    hidden = memory.shape[1] // 6
    h = memory[memory.shape[0] - 1, :hidden]
    for k in range(output.shape[0]):
        total = bias[k] + offset[k] + _dot_by_fours(head[k, :hidden], h)
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


@compiled
def _through_head(
    sizes: Array,
    parameters: Array,
    gradient: Array,
    memory: Array,
    x: Array,
    d_output: Array,
    back: Array,
) -> None:
    """Add the head's gradient, and write dL/dh of the top layer."""
    hidden, top = sizes[HIDDEN], sizes[LAYERS] - 1
    _, _, head, _ = views(sizes, parameters)
    _, _, d_head, d_bias = views(sizes, gradient)
    h, dh = memory[top, :hidden], back[top, :hidden]
    for k in range(d_output.shape[0]):
        error = d_output[k]
        own, d_own, d_beside = head[k, :hidden], d_head[k, :hidden], d_head[k, hidden:]
        d_bias[k] += error
        for j in range(hidden):
            d_own[j] += error * h[j]
        for j in range(hidden):
            dh[j] += error * own[j]
        for j in range(d_beside.shape[0]):
            d_beside[j] += error * x[j]


@compiled
def _through_skip(head: Array, d_output: Array, dx: Array) -> None:
    """Add dL/dx of the last input by way of what the head reads of it."""
    beside = head.shape[1] - dx.shape[0]
    if beside > 0:
        for k in range(d_output.shape[0]):
            for j in range(dx.shape[0]):
                dx[j] += d_output[k] * head[k, beside + j]
