"""Backpropagation through the steps of a tape: exact gradients of every cell kind.

The derivatives are those of the equations in `lstmwidgets.cells`. Going back in time, each layer
turns dL/dh and dL/dc into dL/dz, the gradient at its pre-activations, which is kept for every step.
The weights' gradient is then a sum over steps of source times dL/dz, taken row by row so that every
row is read and written once for four steps (Werbos 1990, "Backpropagation through time").

Sizes: T steps, L layers, H hidden units, I inputs, W pre-activations. A tape, (T + 1, L, 6H), has
a layer's memory before the first step and after every one, in the blocks h, c, i, f, g, o.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import LAYER_NORM_EPSILON
from .activations import tanh
from .compiled import compiled, compiled_sum
from .parameters import HIDDEN, INPUTS, KIND, LAYERS, views
from .step import COUPLED, FULL_GATE_RECURRENCE, LAYER_NORM, STANDARD, add_rows

Array = NDArray[Any]


@compiled
def backward(
    sizes: Array,
    parameters: Array,
    gradient: Array,
    inputs: Array,
    tape: Array,
    steps: int,
    dz: Array,
    back: Array,
    dx: Array,
    scratch: Array,
) -> None:
    """Carry dL/dh of the last step back through a tape.

    Parameters
    ----------
    sizes, parameters
        See `.parameters`.
    gradient : ndarray
        (P,); the LSTM's part is added to, the head's is left alone.
    inputs : ndarray
        (T, 1, I).
    tape : ndarray
        (T + 1, L, 6H), as the forward pass with these parameters left it.
    steps : int
        How many steps of the tape there are; the others are not read.
    dz : ndarray
        (T, L, W), twice as wide for layer normalisation; anything.
    back : ndarray
        (L, 5H): dL/dh and dL/dc at the end, then zeros; changed.
    dx : ndarray
        (T, I), receives the inputs' gradient; (0, I) if it is not wanted.
    scratch : ndarray
        At least (9H,), anything.
    """
    kind, hidden = sizes[KIND], sizes[HIDDEN]
    rows, vectors, _, _ = views(sizes, parameters)
    row_gradient, vector_gradient, _, _ = views(sizes, gradient)
    width = rows.shape[1]
    for t in range(steps, 0, -1):
        for layer in range(sizes[LAYERS] - 1, -1, -1):
            first, count = first_row(sizes, layer), source_count(sizes, layer)
            own, before = tape[t, layer], tape[t - 1, layer]
            errors, d = dz[t - 1, layer], back[layer]
            vector, d_vector = vectors[layer], vector_gradient[layer]
            if kind == LAYER_NORM:
                below = inputs[t - 1, 0] if layer == 0 else tape[t, layer - 1]
                _through_normalised_cell(own, vector, d_vector, d, scratch)
                _through_gates(own, before, errors[:width], d)
                _through_normalised_projections(
                    rows, first, below, count, before, vector, d_vector, errors, scratch
                )
                recurrent_errors = errors[width : 2 * width]
            else:
                recurrent_errors = errors
                if kind == COUPLED:
                    _through_coupled_gates(own, before, errors, d)
                elif kind == STANDARD:
                    _through_cell(own, d)
                    _through_gates(own, before, errors, d)
                else:
                    _through_peepholes(own, before, vector[width:], d_vector[width:], errors, d)
                for j in range(width):
                    d_vector[j] += errors[j]
            recurrent = first + count
            dot_rows(rows, recurrent, recurrent_errors, d[:hidden])
            if kind == FULL_GATE_RECURRENCE:
                dot_rows(rows, recurrent + hidden, recurrent_errors, d[2 * hidden :])
            if layer > 0:
                add_dot_rows(rows, first, errors[:width], back[layer - 1, :hidden])
            elif dx.shape[0] > 0:
                dot_rows(rows, first, errors[:width], dx[t - 1])
    _add_products(sizes, row_gradient, inputs, tape, steps, dz)


@compiled
def first_row(sizes: Array, layer: int) -> int:
    """Return the place of a layer's first row."""
    if layer == 0:
        return 0
    hidden = sizes[HIDDEN]
    recurrent = 4 * hidden if sizes[KIND] == FULL_GATE_RECURRENCE else hidden
    first: int = sizes[INPUTS] + recurrent + (layer - 1) * (hidden + recurrent)
    return first


@compiled
def source_count(sizes: Array, layer: int) -> int:
    """Return how many of a layer's rows belong to what comes from below."""
    count: int = sizes[INPUTS] if layer == 0 else sizes[HIDDEN]
    return count


@compiled
def _through_cell(own: Array, d: Array) -> None:
    """Add dL/dc by way of h = o tanh(c)."""
    hidden = own.shape[0] // 6
    c, o = own[hidden : 2 * hidden], own[5 * hidden :]
    dh, dc = d[:hidden], d[hidden : 2 * hidden]
    for j in range(hidden):
        shown = tanh(c[j])
        do = dh[j] * o[j]
        dc[j] += do - do * shown * shown


@compiled
def _through_gates(own: Array, before: Array, dz: Array, d: Array) -> None:
    """Write dL/dz of the blocks i, f, g, o, and turn dL/dc into that of the step before."""
    hidden = own.shape[0] // 6
    h, i, f = own[:hidden], own[2 * hidden : 3 * hidden], own[3 * hidden : 4 * hidden]
    g, o, c = own[4 * hidden : 5 * hidden], own[5 * hidden :], before[hidden : 2 * hidden]
    dh, dc = d[:hidden], d[hidden : 2 * hidden]
    zi, zf = dz[:hidden], dz[hidden : 2 * hidden]
    zg, zo = dz[2 * hidden : 3 * hidden], dz[3 * hidden :]
    for j in range(hidden):  # dh tanh(c) o (1 - o), and h = o tanh(c)
        zo[j] = dh[j] * (h[j] - h[j] * o[j])
    for j in range(hidden):
        zg[j] = dc[j] * (i[j] - i[j] * g[j] * g[j])
    for j in range(hidden):
        zi[j] = dc[j] * g[j] * (i[j] - i[j] * i[j])
    for j in range(hidden):
        zf[j] = dc[j] * c[j] * (f[j] - f[j] * f[j])
    for j in range(hidden):
        dc[j] *= f[j]


@compiled
def _through_coupled_gates(own: Array, before: Array, dz: Array, d: Array) -> None:
    """Write dL/dz of the blocks f, g, o, where i = 1 - f; see `_through_gates`."""
    _through_cell(own, d)
    hidden = own.shape[0] // 6
    h, i, f = own[:hidden], own[2 * hidden : 3 * hidden], own[3 * hidden : 4 * hidden]
    g, o, c = own[4 * hidden : 5 * hidden], own[5 * hidden :], before[hidden : 2 * hidden]
    dh, dc = d[:hidden], d[hidden : 2 * hidden]
    zf, zg, zo = dz[:hidden], dz[hidden : 2 * hidden], dz[2 * hidden :]
    for j in range(hidden):
        zo[j] = dh[j] * (h[j] - h[j] * o[j])
    for j in range(hidden):
        zg[j] = dc[j] * (i[j] - i[j] * g[j] * g[j])
    for j in range(hidden):
        zf[j] = dc[j] * (c[j] - g[j]) * (f[j] - f[j] * f[j])
    for j in range(hidden):
        dc[j] *= f[j]


@compiled
def _through_peepholes(
    own: Array, before: Array, peephole: Array, d_peephole: Array, dz: Array, d: Array
) -> None:
    """Write dL/dz where gates see the cell, and by way of d also the gates of the step after.

    Without full gate recurrence the last three blocks of d are zeros.
    """
    hidden = own.shape[0] // 6
    c, i, f = own[hidden : 2 * hidden], own[2 * hidden : 3 * hidden], own[3 * hidden : 4 * hidden]
    g, o, old = own[4 * hidden : 5 * hidden], own[5 * hidden :], before[hidden : 2 * hidden]
    dh, dc = d[:hidden], d[hidden : 2 * hidden]
    di, df, do = d[2 * hidden : 3 * hidden], d[3 * hidden : 4 * hidden], d[4 * hidden :]
    zi, zf = dz[:hidden], dz[hidden : 2 * hidden]
    zg, zo = dz[2 * hidden : 3 * hidden], dz[3 * hidden :]
    for j in range(hidden):  # o sees the cell after the step
        shown = tanh(c[j])
        zo[j] = (dh[j] * shown + do[j]) * (o[j] - o[j] * o[j])
        through = dh[j] * o[j]
        dc[j] += through - through * shown * shown + zo[j] * peephole[2 * hidden + j]
        d_peephole[2 * hidden + j] += zo[j] * c[j]
    for j in range(hidden):
        zg[j] = dc[j] * (i[j] - i[j] * g[j] * g[j])
    for j in range(hidden):  # i and f see the cell before it
        zi[j] = (dc[j] * g[j] + di[j]) * (i[j] - i[j] * i[j])
        zf[j] = (dc[j] * old[j] + df[j]) * (f[j] - f[j] * f[j])
        dc[j] = dc[j] * f[j] + zi[j] * peephole[j] + zf[j] * peephole[hidden + j]
        d_peephole[j] += zi[j] * old[j]
        d_peephole[hidden + j] += zf[j] * old[j]


@compiled
def _through_normalised_cell(
    own: Array, vector: Array, d_vector: Array, d: Array, scratch: Array
) -> None:
    """Add dL/dc by way of h = o tanh(LN(c))."""
    hidden = own.shape[0] // 6
    c, o, dh, dc = own[hidden : 2 * hidden], own[5 * hidden :], d[:hidden], d[hidden : 2 * hidden]
    weight, bias = vector[12 * hidden : 13 * hidden], vector[13 * hidden :]
    d_weight, d_bias = d_vector[12 * hidden : 13 * hidden], d_vector[13 * hidden :]
    values, errors = scratch[:hidden], scratch[hidden : 2 * hidden]
    for j in range(hidden):
        values[j] = c[j]
    scale = _standardise(values)
    for j in range(hidden):
        shown = tanh(values[j] * weight[j] + bias[j])
        through = dh[j] * o[j]
        errors[j] = through - through * shown * shown
        d_bias[j] += errors[j]
    _through_normalisation(values, scale, weight, d_weight, errors)
    for j in range(hidden):
        dc[j] += errors[j]


@compiled
def _through_normalised_projections(
    rows: Array,
    first: int,
    below: Array,
    count: int,
    before: Array,
    vector: Array,
    d_vector: Array,
    dz: Array,
    scratch: Array,
) -> None:
    """Turn dL/dz in the first half of dz into that at W x there, and at R h in the second half."""
    width = rows.shape[1]
    from_x, from_h = dz[:width], dz[width : 2 * width]
    for j in range(width):
        from_h[j] = from_x[j]
        d_vector[j] += from_x[j]
    values = scratch[:width]
    values[:] = 0
    add_rows(rows, first, below, 0, count, values)
    scale = _standardise(values)
    weight, d_weight = vector[width : 2 * width], d_vector[width : 2 * width]
    _through_normalisation(values, scale, weight, d_weight, from_x)
    values[:] = 0
    add_rows(rows, first + count, before, 0, width // 4, values)
    scale = _standardise(values)
    weight, d_weight = vector[2 * width : 3 * width], d_vector[2 * width : 3 * width]
    _through_normalisation(values, scale, weight, d_weight, from_h)


@compiled
def _standardise(values: Array) -> float:
    """Bring values to mean 0 and variance 1; return what their deviations were multiplied by."""
    count = values.shape[0]
    mean = 0.0
    for j in range(count):
        mean += values[j]
    mean /= count
    variance = 0.0
    for j in range(count):
        variance += (values[j] - mean) ** 2
    scale = float(1.0 / np.sqrt(variance / count + LAYER_NORM_EPSILON))
    for j in range(count):
        values[j] = (values[j] - mean) * scale
    return scale


@compiled
def _through_normalisation(
    values: Array, scale: float, weight: Array, d_weight: Array, errors: Array
) -> None:
    """Turn errors after a normalisation into errors before it; values are the standardised ones."""
    count = values.shape[0]
    mean, product = 0.0, 0.0
    for j in range(count):
        d_weight[j] += errors[j] * values[j]
        errors[j] *= weight[j]
        mean += errors[j]
        product += errors[j] * values[j]
    mean /= count
    product /= count
    for j in range(count):
        errors[j] = (errors[j] - mean - values[j] * product) * scale


@compiled_sum
def _dot(row: Array, errors: Array) -> Any:
    total = row[0] * errors[0]
    for j in range(1, row.shape[0]):
        total += row[j] * errors[j]
    return total


@compiled
def dot_rows(rows: Array, first: int, errors: Array, result: Array) -> None:
    """Write the products of rows with errors, one for each number of the result."""
    for r in range(result.shape[0]):
        result[r] = _dot(rows[first + r], errors)


@compiled
def add_dot_rows(rows: Array, first: int, errors: Array, result: Array) -> None:
    """Add the products of rows with errors to the result."""
    for r in range(result.shape[0]):
        result[r] += _dot(rows[first + r], errors)


@compiled
def _add_products(
    sizes: Array, gradient: Array, inputs: Array, tape: Array, steps: int, dz: Array
) -> None:
    """Add the sum over steps of source times dL/dz to the gradient of every row."""
    kind, hidden = sizes[KIND], sizes[HIDDEN]
    width = gradient.shape[1]
    second: Any = width if kind == LAYER_NORM else np.int64(0)
    first: Any = np.int64(0)
    for layer in range(sizes[LAYERS]):
        count = source_count(sizes, layer)
        if layer == 0:
            _add_outer(gradient, first, inputs, 0, 0, 0, count, dz, layer, 0, steps)
        else:
            _add_outer(gradient, first, tape, 1, layer - 1, 0, count, dz, layer, 0, steps)
        first += count
        _add_outer(gradient, first, tape, 0, layer, 0, hidden, dz, layer, second, steps)
        first += hidden
        if kind == FULL_GATE_RECURRENCE:
            _add_outer(gradient, first, tape, 0, layer, 2 * hidden, 2 * hidden, dz, layer, 0, steps)
            first += 2 * hidden
            _add_outer(gradient, first, tape, 0, layer, 5 * hidden, hidden, dz, layer, 0, steps)
            first += hidden
            # The candidate reads no gates: these places of the rows are zeros, and stay so.
            gradient[first - 3 * hidden : first, 2 * hidden : 3 * hidden] = 0


@compiled
def _add_outer(
    gradient: Array,
    first: int,
    sources: Array,
    time: int,
    place: int,
    begin: int,
    count: int,
    dz: Array,
    layer: int,
    second: int,
    steps: int,
) -> None:
    """Add source number ``begin + r`` times dL/dz to row ``first + r``, for r up to count.

    The source of step t is at ``sources[time + t, place]``.
    """
    width = gradient.shape[1]
    whole = steps - steps % 4
    for t in range(0, whole, 4):
        p, q = dz[t, layer, second:], dz[t + 1, layer, second:]
        u, v = dz[t + 2, layer, second:], dz[t + 3, layer, second:]
        pairs = count - count % 2
        for r in range(0, pairs, 2):  # two rows a pass, for which dL/dz is read but once
            row, other, at = gradient[first + r], gradient[first + r + 1], begin + r
            a, b = sources[time + t, place, at], sources[time + t + 1, place, at]
            c, d = sources[time + t + 2, place, at], sources[time + t + 3, place, at]
            e, f = sources[time + t, place, at + 1], sources[time + t + 1, place, at + 1]
            g, h = sources[time + t + 2, place, at + 1], sources[time + t + 3, place, at + 1]
            for j in range(width):
                row[j] += (a * p[j] + b * q[j]) + (c * u[j] + d * v[j])
                other[j] += (e * p[j] + f * q[j]) + (g * u[j] + h * v[j])
        for r in range(pairs, count):
            row, at = gradient[first + r], begin + r
            a, b = sources[time + t, place, at], sources[time + t + 1, place, at]
            c, d = sources[time + t + 2, place, at], sources[time + t + 3, place, at]
            for j in range(width):
                row[j] += (a * p[j] + b * q[j]) + (c * u[j] + d * v[j])
    for t in range(whole, steps):
        p = dz[t, layer, second:]
        for r in range(count):
            row, a = gradient[first + r], sources[time + t, place, begin + r]
            for j in range(width):
                row[j] += a * p[j]
