"""The eligibility rule: a gradient whose cost does not grow with how far back it reaches.

Every weight of i, f and g keeps a trace of what it has done to its unit's cell, as if the weight
acted through that cell alone: for unit j and source s

    e' = f_j e + (dc_j / dz_j) s          dL/dw = (dL/dc_j) e'

with f, z and s of this step. The output gate acts at once and needs no trace. There is no path
through recurrent weights, nor through peepholes back to the cell before; dL/dc and dL/dh are exact
for this step. This is the truncated gradient of Hochreiter & Schmidhuber (1997, appendix A.1) with
forget gates (Gers et al. 2000, section 3.2); e-prop (Bellec et al. 2020, "A solution to the
learning dilemma for recurrent networks of spiking neurons") and SnAp-1 (Menick et al. 2021,
"Practical real time recurrent learning with a sparse approximation") are close relatives.

With several layers, an error reaches a lower layer by way of this step's pre-activations above it;
what the lower layer's earlier outputs still do in the cells above is dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NEGLIGIBLE
from .activations import tanh
from .backward import add_dot_rows, dot_rows, first_row, source_count
from .compiled import compiled
from .parameters import HIDDEN, KIND, LAYERS, views
from .step import COUPLED, PEEPHOLE

Array = NDArray[Any]


@compiled
def follow(
    sizes: Array,
    traces: Array,
    x: Array,
    tape: Array,
    effects: Array,
    scratch: Array,
) -> None:
    """Bring the traces up to the step that a tape (2, L, 6H) has just recorded.

    Parameters
    ----------
    sizes : ndarray
        See `.parameters`; the kind is standard, peephole or coupled.
    traces : ndarray
        (P,), laid out as the parameters are; changed. Those of o and of the head stay zeros.
    x : ndarray
        The step's input, (I,).
    tape : ndarray
        Memory before and after the step.
    effects : ndarray
        (L, W); dc/dz of the traced blocks is written.
    scratch : ndarray
        At least (3H,), anything.
    """
    hidden = sizes[HIDDEN]
    rows, vectors, _, _ = views(sizes, traces)
    width = rows.shape[1]
    traced = width - hidden
    keep = scratch[:traced]
    for layer in range(sizes[LAYERS]):
        before, own, effect = tape[0, layer], tape[1, layer], effects[layer, :traced]
        _effects(sizes[KIND], before, own, effect, keep)
        first, count = first_row(sizes, layer), source_count(sizes, layer)
        if layer == 0:
            _follow_rows(rows, first, x, count, effect, keep)
        else:
            _follow_rows(rows, first, tape[1, layer - 1], count, effect, keep)
        _follow_rows(rows, first + count, before, hidden, effect, keep)
        vector = vectors[layer]
        for j in range(traced):
            vector[j] = keep[j] * vector[j] + effect[j]
        if sizes[KIND] == PEEPHOLE:
            c, peephole = before[hidden : 2 * hidden], vector[width:]
            for j in range(hidden):
                peephole[j] = keep[j] * peephole[j] + effect[j] * c[j]
                at = hidden + j
                peephole[at] = keep[at] * peephole[at] + effect[at] * c[j]


@compiled
def assign(
    sizes: Array,
    parameters: Array,
    gradient: Array,
    traces: Array,
    x: Array,
    tape: Array,
    effects: Array,
    back: Array,
    dx: Array,
) -> None:
    """Write the LSTM's gradient from traces and the error of this step.

    Parameters
    ----------
    sizes, parameters
        See `.parameters`.
    gradient : ndarray
        (P,); the LSTM's part is overwritten, the head's left alone.
    traces, x, tape, effects
        As `follow` left them; effects become dL/dz.
    back : ndarray
        (L, 5H): dL/dh, then zeros; changed.
    dx : ndarray
        (1, I), receives the input's gradient; (0, I) if it is not wanted.
    """
    hidden = sizes[HIDDEN]
    rows, vectors, _, _ = views(sizes, parameters)
    row_gradient, vector_gradient, _, _ = views(sizes, gradient)
    row_traces, vector_traces, _, _ = views(sizes, traces)
    width = rows.shape[1]
    for layer in range(sizes[LAYERS] - 1, -1, -1):
        own, before = tape[1, layer], tape[0, layer]
        dz, d = effects[layer], back[layer]
        peephole = vectors[layer, width:]
        if sizes[KIND] == PEEPHOLE:
            _error_at_seen_cell(own, peephole, d, dz)
        else:
            _error_at_cell(own, d, dz)
        dc = d[hidden : 2 * hidden]
        first, count = first_row(sizes, layer), source_count(sizes, layer)
        if layer == 0:
            _assign_rows(row_gradient, row_traces, first, x, count, dc, dz)
        else:
            below = tape[1, layer - 1]
            _assign_rows(row_gradient, row_traces, first, below, count, dc, dz)
        _assign_rows(row_gradient, row_traces, first + count, before, hidden, dc, dz)
        _assign_vector(sizes, vector_gradient[layer], vector_traces[layer], own, dc, dz)
        for begin in range(0, width - hidden, hidden):
            for j in range(hidden):
                dz[begin + j] *= dc[j]
        if layer > 0:
            add_dot_rows(rows, first, dz, back[layer - 1, :hidden])
        elif dx.shape[0] > 0:
            dot_rows(rows, first, dz, dx[0])


@compiled
def _effects(kind: int, before: Array, own: Array, effect: Array, keep: Array) -> None:
    """Write dc/dz of the traced blocks, and f once for each of them."""
    hidden = own.shape[0] // 6
    c, i, f = (
        before[hidden : 2 * hidden],
        own[2 * hidden : 3 * hidden],
        own[3 * hidden : 4 * hidden],
    )
    g = own[4 * hidden : 5 * hidden]
    if kind == COUPLED:
        of_f, of_g = effect[:hidden], effect[hidden:]
        for j in range(hidden):
            of_f[j] = (c[j] - g[j]) * (f[j] - f[j] * f[j])
    else:
        of_i, of_f, of_g = effect[:hidden], effect[hidden : 2 * hidden], effect[2 * hidden :]
        for j in range(hidden):
            of_i[j] = g[j] * (i[j] - i[j] * i[j])
        for j in range(hidden):
            of_f[j] = c[j] * (f[j] - f[j] * f[j])
    for j in range(hidden):
        of_g[j] = i[j] - i[j] * g[j] * g[j]
    for begin in range(0, keep.shape[0], hidden):
        for j in range(hidden):
            keep[begin + j] = f[j]


@compiled
def _follow_rows(
    traces: Array, first: int, source: Array, count: int, effect: Array, keep: Array
) -> None:
    least, zero = np.float32(NEGLIGIBLE), np.float32(0)
    for r in range(count):
        trace, s = traces[first + r], source[r]
        for j in range(effect.shape[0]):
            e = keep[j] * trace[j] + effect[j] * s
            trace[j] = e if abs(e) > least else zero


@compiled
def _error_at_cell(own: Array, d: Array, dz: Array) -> None:
    """Write dL/dc, and dL/dz of o, by way of h = o tanh(c)."""
    hidden = own.shape[0] // 6
    h, c, o = own[:hidden], own[hidden : 2 * hidden], own[5 * hidden :]
    dh, dc, zo = d[:hidden], d[hidden : 2 * hidden], dz[dz.shape[0] - hidden :]
    for j in range(hidden):
        shown = tanh(c[j])
        through = dh[j] * o[j]
        zo[j] = dh[j] * (h[j] - h[j] * o[j])
        dc[j] = through - through * shown * shown


@compiled
def _error_at_seen_cell(own: Array, peephole: Array, d: Array, dz: Array) -> None:
    """Do as `_error_at_cell` where the output gate sees the cell."""
    hidden = own.shape[0] // 6
    _error_at_cell(own, d, dz)
    dc, zo = d[hidden : 2 * hidden], dz[dz.shape[0] - hidden :]
    for j in range(hidden):
        dc[j] += zo[j] * peephole[2 * hidden + j]


@compiled
def _assign_rows(
    gradient: Array, traces: Array, first: int, source: Array, count: int, dc: Array, dz: Array
) -> None:
    hidden = dc.shape[0]
    traced = dz.shape[0] - hidden
    zo = dz[traced:]
    for r in range(count):
        row, trace, s = gradient[first + r], traces[first + r], source[r]
        for begin in range(0, traced, hidden):
            to, e = row[begin : begin + hidden], trace[begin : begin + hidden]
            for j in range(hidden):
                to[j] = dc[j] * e[j]
        to = row[traced:]
        for j in range(hidden):
            to[j] = zo[j] * s


@compiled
def _assign_vector(
    sizes: Array, gradient: Array, trace: Array, own: Array, dc: Array, dz: Array
) -> None:
    hidden, width = dc.shape[0], dz.shape[0]
    traced = width - hidden
    for begin in range(0, traced, hidden):
        for j in range(hidden):
            gradient[begin + j] = dc[j] * trace[begin + j]
    for j in range(hidden):
        gradient[traced + j] = dz[traced + j]
    if sizes[KIND] == PEEPHOLE:
        c = own[hidden : 2 * hidden]
        for j in range(hidden):
            gradient[width + j] = dc[j] * trace[width + j]
            gradient[width + hidden + j] = dc[j] * trace[width + hidden + j]
            gradient[width + 2 * hidden + j] = dz[traced + j] * c[j]
