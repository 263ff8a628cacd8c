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
from . import parameters as layout
from .activations import tanh
from .backward import add_dot_rows, dot_rows
from .compiled import compiled
from .step import COUPLED, PEEPHOLE
from .views import chunks

Array = NDArray[Any]


@compiled
def update_traces(own: layout.Learner, x: Array) -> None:
    """Bring the traces up to the step that the tape (2, L, 6H) has just recorded.

    The step's input is x, (I,). Leaves dc/dz of the traced blocks in ``dz``; traces of o
    and of the head stay zeros.
    """
    sizes, tape, work = own.sizes, own.window.tape, own.work
    hidden, kind = sizes[layout.HIDDEN], sizes[layout.KIND]
    traces = layout.views(own.sizes, own.store[layout.TRACES])
    width = traces.rows.shape[1]
    traced = width - hidden
    keep = work.scratch[:traced]
    for layer in range(sizes[layout.LAYERS]):
        before, effect = tape[0, layer], work.dz[0, layer, :traced]
        _effects(kind, before, tape[1, layer], effect, keep)
        first, count = layout.first_row(sizes, layer), layout.source_count(sizes, layer)
        below = x if layer == 0 else tape[1, layer - 1]
        _update_rows(traces.rows, first, below, count, effect, keep)
        _update_rows(traces.rows, first + count, before, hidden, effect, keep)
        vector = traces.vectors[layer]
        for j in range(traced):
            vector[j] = keep[j] * vector[j] + effect[j]
        if kind == PEEPHOLE:
            c, peephole = before[hidden : 2 * hidden], vector[width:]
            for j in range(hidden):
                peephole[j] = keep[j] * peephole[j] + effect[j] * c[j]
                at = hidden + j
                peephole[at] = keep[at] * peephole[at] + effect[at] * c[j]


@compiled
def traces_to_gradient(own: layout.Learner, x: Array) -> None:
    """Write the LSTM's gradient from the traces and dL/dh of this step, in ``back``.

    Turns what `update_traces` has left in ``dz`` into dL/dz, and writes the gradient of the
    input if there is room. The head's gradient is left alone.
    """
    sizes, tape, work = own.sizes, own.window.tape, own.work
    back = work.back
    hidden, kind = sizes[layout.HIDDEN], sizes[layout.KIND]
    weights, gradient = own.weights, own.gradient
    traces = layout.views(own.sizes, own.store[layout.TRACES])
    width = weights.rows.shape[1]
    for layer in range(sizes[layout.LAYERS] - 1, -1, -1):
        after, before = tape[1, layer], tape[0, layer]
        dz, d = work.dz[0, layer], back[layer]
        _error_at_cell(after, d, dz)
        if kind == PEEPHOLE:
            _add_error_at_seen_cell(weights.vectors[layer, width:], d, dz)
        dc = d[hidden : 2 * hidden]
        first, count = layout.first_row(sizes, layer), layout.source_count(sizes, layer)
        below = x if layer == 0 else tape[1, layer - 1]
        _write_rows(gradient.rows, traces.rows, first, below, count, dc, dz)
        _write_rows(gradient.rows, traces.rows, first + count, before, hidden, dc, dz)
        _write_vector(kind, gradient.vectors[layer], traces.vectors[layer], after, dc, dz)
        for begin in range(0, width - hidden, hidden):
            for j in range(hidden):
                dz[begin + j] *= dc[j]
        if layer > 0:
            add_dot_rows(weights.rows[first:], dz, back[layer - 1, :hidden])
        elif work.errors.shape[0] > 0:
            dot_rows(weights.rows[first:], dz, work.errors[0])


@compiled
def _effects(kind: int, before: Array, own: Array, effect: Array, keep: Array) -> None:
    """Write dc/dz of the traced blocks, and f once for each of them."""
    _, _, i, f, g, _ = chunks(own, 6)
    _, c, _, _, _, _ = chunks(before, 6)
    hidden = c.shape[0]
    if kind == COUPLED:
        of_f, of_g = effect[:hidden], effect[hidden:]
        for j in range(hidden):
            of_f[j] = (c[j] - g[j]) * (f[j] - f[j] * f[j])
    else:
        of_i, of_f, of_g = (effect[:hidden], effect[hidden : 2 * hidden], effect[2 * hidden :])
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
def _update_rows(
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
    h, c, _, _, _, o = chunks(own, 6)
    dh, dc, _, _, _ = chunks(d, 5)
    zo = dz[dz.shape[0] - h.shape[0] :]
    for j in range(h.shape[0]):
        shown = tanh(c[j])
        through = dh[j] * o[j]
        zo[j] = dh[j] * (h[j] - h[j] * o[j])
        dc[j] = through - through * shown * shown


@compiled
def _add_error_at_seen_cell(peephole: Array, d: Array, dz: Array) -> None:
    """Add to dL/dc what comes by way of an output gate that sees the cell."""
    hidden = peephole.shape[0] // 3
    dc, zo = d[hidden : 2 * hidden], dz[dz.shape[0] - hidden :]
    for j in range(hidden):
        dc[j] += zo[j] * peephole[2 * hidden + j]


@compiled
def _write_rows(
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
def _write_vector(
    kind: int, gradient: Array, trace: Array, own: Array, dc: Array, dz: Array
) -> None:
    hidden, width = dc.shape[0], dz.shape[0]
    traced = width - hidden
    for begin in range(0, traced, hidden):
        for j in range(hidden):
            gradient[begin + j] = dc[j] * trace[begin + j]
    for j in range(hidden):
        gradient[traced + j] = dz[traced + j]
    if kind == PEEPHOLE:
        c = own[hidden : 2 * hidden]
        for j in range(hidden):
            gradient[width + j] = dc[j] * trace[width + j]
            gradient[width + hidden + j] = dc[j] * trace[width + hidden + j]
            gradient[width + 2 * hidden + j] = dz[traced + j] * c[j]
