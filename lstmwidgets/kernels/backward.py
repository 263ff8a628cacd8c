"""Backpropagation through the steps of a tape: exact gradients of every cell kind.

The forget gate's gradient, as that of all gates, is in `_through_gates` and its like.

The derivatives are those of the equations in `lstmwidgets.cells`. Going back in time, each layer
turns dL/dh and dL/dc into dL/dz, the gradient at its pre-activations, which is kept for every step.
The weights' gradient is then a sum over steps of source times dL/dz, taken row by row so that every
row is read and written once for four steps (Werbos 1990, "Backpropagation through time").

Sizes: T steps, L layers, H hidden units, I inputs, W pre-activations. A tape, (T + 1, L, 6H), has
a layer's memory before the first step and after every one, in the blocks h, c, i, f, g, o.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import LAYER_NORM_EPSILON
from . import parameters as layout
from .activations import tanh
from .compiled import compiled, compiled_sum, inlined
from .step import COUPLED, FULL_GATE_RECURRENCE, LAYER_NORM, STANDARD, add_rows
from .views import chunks

Array = NDArray[Any]


@inlined
def backward(kind: int, own: layout.Learner, steps: int) -> None:
    """Carry dL/dh of the last step, in ``back``, back through so many steps of a learner's tape.

    Adds to the gradient of the LSTM; that of the head is left alone. Writes the gradient of the
    inputs into ``errors`` if there is room. ``back`` holds zeros but for dL/dh.
    """
    sizes, (tape, inputs), work = own.sizes, own.window, own.work
    weights, gradient = own.weights, own.gradient
    hidden, width, back = sizes[layout.HIDDEN], weights.rows.shape[1], work.back
    for t in range(steps, 0, -1):
        for layer in range(sizes[layout.LAYERS] - 1, -1, -1):
            first, count = layout.first_row(sizes, layer), layout.source_count(sizes, layer)
            rows, vector = weights.rows[first:], weights.vectors[layer]
            d_vector = gradient.vectors[layer]
            after, before = tape[t, layer], tape[t - 1, layer]
            dz, d = work.dz[t - 1, layer], back[layer]
            errors = dz
            if kind == LAYER_NORM:
                below = inputs[t - 1, 0] if layer == 0 else tape[t, layer - 1, :hidden]
                _through_normalised_cell(after, vector, d_vector, d, work.scratch)
                _through_gates(after, before, dz[:width], d)
                _through_normalised_projections(
                    rows, below, before, vector, d_vector, dz, work.scratch
                )
                errors = dz[width:]
            else:
                if kind == STANDARD:
                    _through_cell(after, d)
                    _through_gates(after, before, dz, d)
                elif kind == COUPLED:
                    _through_coupled_gates(after, before, dz, d)
                else:
                    peephole, d_peephole = vector[width:], d_vector[width:]
                    _through_peepholes(after, before, peephole, d_peephole, dz, d)
                for j in range(width):
                    d_vector[j] += dz[j]
            dot_rows(rows[count:], errors, d[:hidden])
            if kind == FULL_GATE_RECURRENCE:
                dot_rows(rows[count + hidden :], errors, d[2 * hidden :])
            if layer > 0:
                add_dot_rows(rows, dz[:width], back[layer - 1, :hidden])
            elif work.errors.shape[0] > 0:
                dot_rows(rows, dz[:width], work.errors[t - 1])
    _add_products(kind, own, gradient.rows, steps)


@compiled
def _through_cell(own: Array, d: Array) -> None:
    """Add dL/dc by way of h = o tanh(c)."""
    _, c, _, _, _, o = chunks(own, 6)
    dh, dc, _, _, _ = chunks(d, 5)
    for j in range(c.shape[0]):
        shown = tanh(c[j])
        do = dh[j] * o[j]
        dc[j] += do - do * shown * shown


@compiled
def _through_gates(own: Array, before: Array, dz: Array, d: Array) -> None:
    """Write dL/dz of the blocks i, f, g, o, and turn dL/dc into that of the step before."""
    h, _, i, f, g, o = chunks(own, 6)
    _, c, _, _, _, _ = chunks(before, 6)
    dh, dc, _, _, _ = chunks(d, 5)
    zi, zf, zg, zo = chunks(dz, 4)
    hidden = h.shape[0]
    for j in range(hidden):  # dh tanh(c) o (1 - o), and h = o tanh(c)
        shown = h[j]
        zo[j] = dh[j] * (shown - shown * o[j])
    for j in range(hidden):
        opened, candidate = i[j], g[j]
        zg[j] = dc[j] * (opened - opened * candidate * candidate)
        zi[j] = dc[j] * candidate * (opened - opened * opened)
    for j in range(hidden):
        kept, error = f[j], dc[j]
        zf[j] = error * c[j] * (kept - kept * kept)
        dc[j] = error * kept


@compiled
def _through_coupled_gates(own: Array, before: Array, dz: Array, d: Array) -> None:
    """Write dL/dz of the blocks f, g, o, where i = 1 - f; see `_through_gates`."""
    _through_cell(own, d)
    h, _, i, f, g, o = chunks(own, 6)
    _, c, _, _, _, _ = chunks(before, 6)
    dh, dc, _, _, _ = chunks(d, 5)
    zf, zg, zo = chunks(dz, 3)
    hidden = h.shape[0]
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
    _, c, i, f, g, o = chunks(own, 6)
    _, old, _, _, _, _ = chunks(before, 6)
    dh, dc, di, df, do = chunks(d, 5)
    zi, zf, zg, zo = chunks(dz, 4)
    hidden = c.shape[0]
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
    _, c, _, _, _, o = chunks(own, 6)
    dh, dc, _, _, _ = chunks(d, 5)
    hidden = c.shape[0]
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
    below: Array,
    before: Array,
    vector: Array,
    d_vector: Array,
    dz: Array,
    scratch: Array,
) -> None:
    """Turn dL/dz in the first half of dz into that at W x there, and at R h in the second half."""
    width, count = rows.shape[1], below.shape[0]
    from_x, from_h, values = dz[:width], dz[width : 2 * width], scratch[:width]
    for j in range(width):
        from_h[j] = from_x[j]
        d_vector[j] += from_x[j]
    values[:] = 0
    add_rows(rows, below, values)
    weight, d_weight = vector[width : 2 * width], d_vector[width : 2 * width]
    _through_normalisation(values, _standardise(values), weight, d_weight, from_x)
    values[:] = 0
    add_rows(rows[count:], before[: width // 4], values)
    weight, d_weight = vector[2 * width : 3 * width], d_vector[2 * width : 3 * width]
    _through_normalisation(values, _standardise(values), weight, d_weight, from_h)


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
def dot_rows(rows: Array, errors: Array, result: Array) -> None:
    """Write the products of rows with errors, one for each number of the result."""
    for r in range(result.shape[0]):
        result[r] = _dot(rows[r], errors)


@compiled
def add_dot_rows(rows: Array, errors: Array, result: Array) -> None:
    """Add the products of rows with errors to the result."""
    for r in range(result.shape[0]):
        result[r] += _dot(rows[r], errors)


class RowSources(NamedTuple):
    """What a group of rows read at every step: at step t, ``values[time + t, place, begin:]``."""

    values: Array
    time: int
    place: int
    begin: int


@inlined
def _add_products(kind: int, own: layout.Learner, gradient: Array, steps: int) -> None:
    """Add the sum over steps of source times dL/dz to the gradient of every row."""
    sizes, dz, (tape, inputs) = own.sizes, own.work.dz, own.window
    hidden = sizes[layout.HIDDEN]
    # Not literals, which would compile the function below several times.
    none: Any = np.int64(0)
    first = none
    second = none + gradient.shape[1] if kind == LAYER_NORM else none
    for layer in range(sizes[layout.LAYERS]):
        count, at = layout.source_count(sizes, layer), none + layer
        if layer == 0:
            below = RowSources(inputs, none, none, none)
        else:
            below = RowSources(tape, none + 1, at - 1, none)
        _add_outer(gradient[first : first + count], below, dz, at, none, steps)
        first += count
        before = RowSources(tape, none, at, none)
        _add_outer(gradient[first : first + hidden], before, dz, at, second, steps)
        first += hidden
        if kind == FULL_GATE_RECURRENCE:
            i_and_f, o = (
                RowSources(tape, none, at, 2 * hidden),
                RowSources(tape, none, at, 5 * hidden),
            )
            _add_outer(gradient[first : first + 2 * hidden], i_and_f, dz, at, none, steps)
            first += 2 * hidden
            _add_outer(gradient[first : first + hidden], o, dz, at, none, steps)
            first += hidden
            # The candidate reads no gates: these places of the rows are zeros, and stay so.
            gradient[first - 3 * hidden : first, 2 * hidden : 3 * hidden] = 0


@compiled
def _add_outer(
    gradient: Array, sources: RowSources, dz: Array, layer: int, second: int, steps: int
) -> None:
    """Add source r times dL/dz, over all steps, to row r of the gradient.

    At step t, dL/dz begins at ``dz[t, layer, second]``.
    """
    count, width = gradient.shape
    values, place, begin = sources.values, sources.place, sources.begin
    for t in range(0, steps - 3, 4):
        now = sources.time + t
        p, q = dz[t, layer, second:], dz[t + 1, layer, second:]
        u, v = dz[t + 2, layer, second:], dz[t + 3, layer, second:]
        for r in range(0, count - 1, 2):  # two rows a pass, for which dL/dz is read but once
            row, other, at = gradient[r], gradient[r + 1], begin + r
            a, b = values[now, place, at], values[now + 1, place, at]
            c, d = values[now + 2, place, at], values[now + 3, place, at]
            e, f = values[now, place, at + 1], values[now + 1, place, at + 1]
            g, h = values[now + 2, place, at + 1], values[now + 3, place, at + 1]
            for j in range(width):
                row[j] += (a * p[j] + b * q[j]) + (c * u[j] + d * v[j])
                other[j] += (e * p[j] + f * q[j]) + (g * u[j] + h * v[j])
        for r in range(count - count % 2, count):
            row, at = gradient[r], begin + r
            a, b = values[now, place, at], values[now + 1, place, at]
            c, d = values[now + 2, place, at], values[now + 3, place, at]
            for j in range(width):
                row[j] += (a * p[j] + b * q[j]) + (c * u[j] + d * v[j])
    for t in range(steps - steps % 4, steps):
        p, now = dz[t, layer, second:], sources.time + t
        for r in range(count):
            row, a = gradient[r], values[now, place, begin + r]
            for j in range(width):
                row[j] += a * p[j]
