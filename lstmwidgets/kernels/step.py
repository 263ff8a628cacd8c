"""One step of every cell kind over packed weights; the equations are those of `lstmwidgets.cells`.

Weights of all layers lie in one array of rows, (sources, W): a row holds what one source (an input,
a hidden output, a gate's last activation) adds to each pre-activation. Adding row after row keeps
the inner loop on W neighbouring numbers, which vectorises without reordering any sum, and reads
every weight once. Layer by layer come the rows of its inputs, of its hidden outputs, and with full
gate recurrence of i, f and o.

What a stream remembers lies in one row a layer, (L, 6H): the blocks h, c, i, f, g, o.

Sizes: S streams, L layers, H hidden units, I inputs, W pre-activations (3H coupled, else 4H).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

from . import LAYER_NORM_EPSILON
from .activations import sigmoid, tanh
from .compiled import compiled, inlined, kernel
from .views import chunks, part

Array = NDArray[Any]

STANDARD, PEEPHOLE, FULL_GATE_RECURRENCE, COUPLED, LAYER_NORM = range(5)
_NAMES = ("standard", "peephole", "full_gate_recurrence", "coupled", "layer_norm")
KINDS = {name: kind for kind, name in enumerate(_NAMES)}


FINITE, NOT_FINITE, MISFIT = range(3)
"""What `step` returns: done, or nothing done because of the input's numbers or of a shape."""


def new_memory(streams: int, layers: int, hidden: int, dtype: Any) -> Array:
    """Return memory of S streams, (S + 2, L, 6H), all zeros; the last two rows are scratch."""
    return np.zeros((streams + 2, layers, 6 * hidden), dtype)


@cache
def stepping(kind: int, dtype: np.dtype[Any]) -> Callable[..., int]:
    """Return the kernel that takes a step with a cell kind out of `KINDS`."""
    real = from_dtype(dtype)
    row, matrix, block = (types.Array(real, axes, "C") for axes in (1, 2, 3))

    @kernel(f"{kind}-{dtype}", (row, matrix, matrix, block))
    def step(x: Array, rows: Array, vectors: Array, memory: Array) -> int:
        """Advance the only stream by one step, or change nothing if that cannot be.

        Parameters
        ----------
        x : ndarray
            The input, (I,).
        rows, vectors : ndarray
            Packed weights: the matrices as rows, (sources, W), and each layer's bias followed by
            its other vectors (peepholes; or α of the two projections, α and β of the cell),
            (L, W + …).
        memory : ndarray
            See `new_memory`; advanced in place.
        """
        layers, hidden = memory.shape[1], memory.shape[2] // 6
        recurrent = 4 * hidden if kind == FULL_GATE_RECURRENCE else hidden
        sources = x.shape[0] + layers * recurrent + (layers - 1) * hidden
        if memory.shape[0] != 3 or sources != rows.shape[0]:
            return MISFIT
        if not _finite(x):
            return NOT_FINITE
        advance(kind, rows, vectors, x, memory[0], memory[1:].reshape(memory[1:].size))
        return FINITE

    return step


@cache
def stepping_many(kind: int) -> Callable[..., int]:
    """Return the kernel that steps many streams with a cell kind out of `KINDS`."""

    @kernel(f"{kind}")
    def step_many(
        slots: Array, x: Array, output: Array, rows: Array, vectors: Array, memory: Array
    ) -> int:
        """Advance stream ``slots[n]`` by input ``x[n]`` for every n in order; see `stepping`.

        Writes the hidden outputs of the top layer, (N, H). Returns -1, or the first n whose input
        is not finite; then nothing was changed.
        """
        for n in range(x.shape[0]):
            if not _finite(x[n]):
                return n
        scratch = memory[memory.shape[0] - 2 :].reshape(2 * memory.shape[1] * memory.shape[2])
        n = 0
        while n < x.shape[0]:
            last = n + (n + 1 < x.shape[0] and slots[n + 1] != slots[n])
            stream = memory[slots[n]]
            if kind == STANDARD and last > n:
                other = memory[slots[last]]
                _advance_two(rows, vectors, x[n : n + 2], stream, other, scratch)
                _copy_output(other, output[last])
                _copy_output(stream, output[n])
                n += 2
            else:
                advance(kind, rows, vectors, x[n], stream, scratch)
                _copy_output(stream, output[n])
                n += 1
        return -1

    return step_many


@inlined
def _finite(x: Array) -> bool:
    for k in range(x.shape[0]):  # noqa: SIM110, Numba knows no generators
        if not np.isfinite(x[k]):
            return False
    return True


@inlined
def _copy_output(stream: Array, output: Array) -> None:
    top = stream[stream.shape[0] - 1]
    for j in range(output.shape[0]):
        output[j] = top[j]


@inlined
def advance(
    kind: int, rows: Array, vectors: Array, x: Array, stream: Array, scratch: Array
) -> None:
    """Advance one stream, (L, 6H), by an input (I,) through all layers."""
    hidden, width = stream.shape[1] // 6, rows.shape[1]
    below, first, z = x, np.int64(0), scratch[:width]
    for layer in range(stream.shape[0]):
        own, vector, used = stream[layer], vectors[layer], below.shape[0] + hidden
        if kind == LAYER_NORM:
            _project_normalised(rows[first:], below, own, vector, scratch)
            _layer_norm(scratch, vector, own)
        else:
            _project(rows[first:], below, own, vector, z)
        if kind == FULL_GATE_RECURRENCE:
            add_rows(rows[first + used :], own[2 * hidden : 4 * hidden], z)  # i, f
            add_rows(rows[first + used + 2 * hidden :], own[5 * hidden :], z)  # o
            used += 3 * hidden
        if kind == STANDARD:
            _standard(z, own)
        elif kind == COUPLED:
            _coupled(z, own)
        elif kind != LAYER_NORM:
            _peephole(z, vector[width:], own)
        first += used
        below = own[:hidden]  # h comes first in a layer's memory


@compiled
def _project(rows: Array, below: Array, own: Array, vector: Array, z: Array) -> None:
    """Write W x + R h + b."""
    for j in range(z.shape[0]):
        z[j] = vector[j]
    add_rows(rows, below, z)
    add_rows(rows[below.shape[0] :], own[: own.shape[0] // 6], z)


@compiled
def _advance_two(
    rows: Array, vectors: Array, x: Array, stream: Array, other: Array, scratch: Array
) -> None:
    """Advance two streams of the standard cell, reading the weights once for both."""
    hidden, width = stream.shape[1] // 6, rows.shape[1]
    z, w = scratch[:width], scratch[width : 2 * width]
    below, beside, first = x[0], x[1], np.int64(0)
    for layer in range(stream.shape[0]):
        own, its = stream[layer], other[layer]
        for j in range(width):
            z[j] = vectors[layer, j]
        for j in range(width):
            w[j] = vectors[layer, j]
        _add_rows_to_two(rows[first:], below, beside, z, w)
        first += below.shape[0]
        below, beside = own[:hidden], its[:hidden]
        _add_rows_to_two(rows[first:], below, beside, z, w)
        first += hidden
        _standard(z, own)
        _standard(w, its)


@compiled
def _add_rows_to_two(rows: Array, source: Array, beside: Array, z: Array, w: Array) -> None:
    """Add ``source[r] * rows[r]`` to z and ``beside[r] * rows[r]`` to w.

    The sums are those of `add_rows`, term by term, so that a stream's numbers are the same to the
    bit whether it goes alone or beside another.
    """
    whole = source.shape[0] - source.shape[0] % 4
    for r in range(0, whole, 4):
        s0, s1, s2, s3 = source[r], source[r + 1], source[r + 2], source[r + 3]
        b0, b1, b2, b3 = beside[r], beside[r + 1], beside[r + 2], beside[r + 3]
        w0, w1, w2, w3 = rows[r], rows[r + 1], rows[r + 2], rows[r + 3]
        for j in range(z.shape[0]):
            z[j] += (s0 * w0[j] + s1 * w1[j]) + (s2 * w2[j] + s3 * w3[j])
            w[j] += (b0 * w0[j] + b1 * w1[j]) + (b2 * w2[j] + b3 * w3[j])
    for r in range(whole, source.shape[0]):
        s0, b0, w0 = source[r], beside[r], rows[r]
        for j in range(z.shape[0]):
            z[j] += s0 * w0[j]
            w[j] += b0 * w0[j]


@compiled
def add_rows(rows: Array, source: Array, z: Array) -> None:
    """Add ``source[r] * rows[r]`` to z for every r, four rows a pass."""
    whole = source.shape[0] - source.shape[0] % 4
    for r in range(0, whole, 4):
        s0, s1, s2, s3 = source[r], source[r + 1], source[r + 2], source[r + 3]
        w0, w1, w2, w3 = rows[r], rows[r + 1], rows[r + 2], rows[r + 3]
        for j in range(z.shape[0]):
            z[j] += (s0 * w0[j] + s1 * w1[j]) + (s2 * w2[j] + s3 * w3[j])
    for r in range(whole, source.shape[0]):
        s0, w0 = source[r], rows[r]
        for j in range(z.shape[0]):
            z[j] += s0 * w0[j]


@compiled
def _standard(z: Array, own: Array) -> None:
    hidden = z.shape[0] // 4
    gates = part(own, 2 * hidden, (4 * hidden,))
    for j in range(2 * hidden):
        gates[j] = sigmoid(z[j])
    for j in range(2 * hidden, 3 * hidden):
        gates[j] = tanh(z[j])
    for j in range(3 * hidden, 4 * hidden):
        gates[j] = sigmoid(z[j])
    _remember(own)
    _show(own, part(own, hidden, (hidden,)))


@compiled
def _coupled(z: Array, own: Array) -> None:
    hidden = z.shape[0] // 3
    gates = own[2 * hidden :]
    for j in range(hidden):
        gates[j] = sigmoid(-z[j])  # 1 - σ(z)
    for j in range(hidden):
        gates[hidden + j] = sigmoid(z[j])
    for j in range(hidden, 2 * hidden):
        gates[hidden + j] = tanh(z[j])
    for j in range(2 * hidden, 3 * hidden):
        gates[hidden + j] = sigmoid(z[j])
    _remember(own)
    _show(own, own[hidden : 2 * hidden])


@compiled
def _peephole(z: Array, peephole: Array, own: Array) -> None:
    hidden = z.shape[0] // 4
    c, gates = own[hidden : 2 * hidden], own[2 * hidden :]
    for j in range(hidden):  # i and f see the cell before the step
        gates[j] = sigmoid(z[j] + peephole[j] * c[j])
    for j in range(hidden):
        gates[hidden + j] = sigmoid(z[hidden + j] + peephole[hidden + j] * c[j])
    for j in range(2 * hidden, 3 * hidden):
        gates[j] = tanh(z[j])
    _remember(own)
    for j in range(hidden):  # o sees the cell after it
        gates[3 * hidden + j] = sigmoid(z[3 * hidden + j] + peephole[2 * hidden + j] * c[j])
    _show(own, c)


@compiled
def _project_normalised(
    rows: Array, below: Array, own: Array, vector: Array, scratch: Array
) -> None:
    """Leave LN(W x) + LN(R h) in the first 4H numbers of scratch."""
    width = rows.shape[1]
    z, from_h = scratch[:width], scratch[width : 2 * width]
    for j in range(2 * width):
        scratch[j] = 0
    add_rows(rows, below, z)
    add_rows(rows[below.shape[0] :], own[: width // 4], from_h)
    normalise(z, vector[width : 2 * width])
    normalise(from_h, vector[2 * width : 3 * width])
    for j in range(width):
        z[j] += from_h[j] + vector[j]


@compiled
def _layer_norm(scratch: Array, vector: Array, own: Array) -> None:
    hidden = own.shape[0] // 6
    z, shown = scratch[: 4 * hidden], scratch[8 * hidden : 9 * hidden]
    weight, bias = vector[12 * hidden : 13 * hidden], vector[13 * hidden :]
    _standard(z, own)  # all of it but h, which shows the normalised cell
    for j in range(hidden):
        shown[j] = own[hidden + j]
    normalise(shown, weight)
    for j in range(hidden):
        shown[j] += bias[j]
    _show(own, shown)


@compiled
def normalise(values: Array, weight: Array) -> None:
    """Scale values to mean 0 and variance 1, then by weight; sums are kept in float64."""
    count = values.shape[0]
    total = 0.0
    for j in range(count):
        total += values[j]
    mean = total / count
    squares = 0.0
    for j in range(count):
        squares += (values[j] - mean) ** 2
    scale = 1.0 / np.sqrt(squares / count + LAYER_NORM_EPSILON)
    for j in range(count):
        values[j] = (values[j] - mean) * scale * weight[j]


@inlined
def _remember(own: Array) -> None:
    """Compute c = f c + i g in place."""
    _, c, i, f, g, _ = chunks(own, 6)
    for j in range(c.shape[0]):
        c[j] = f[j] * c[j] + i[j] * g[j]


@inlined
def _show(own: Array, shown: Array) -> None:
    """Compute h = o tanh(c), c as it is shown."""
    h, _, _, _, _, o = chunks(own, 6)
    for j in range(h.shape[0]):
        h[j] = o[j] * tanh(shown[j])
