"""Gradients with respect to every state and input of a sequence, from what happened in it.

The derivatives are those of the equations in `lstmwidgets.cells`, in float64: what reaches a state
hundreds of steps back can be smaller than any number in float32. Sizes: T steps, L layers, H hidden
units, I inputs, W pre-activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels import LAYER_NORM_EPSILON

Array = NDArray[np.float64]


class Layer(NamedTuple):
    """What a layer did.

    Attributes
    ----------
    i, f, g, o, c, h : ndarray
        Gates, candidate, memory cell and hidden output after each step, (T, H).
    c_before, h_before : ndarray
        Cell and hidden output before each step, (T, H).
    x : ndarray
        What came from below, (T, I).
    """

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array
    c_before: Array
    h_before: Array
    x: Array


class Adjoints(NamedTuple):
    """The gradient of a number with respect to what a layer held at each step.

    Attributes
    ----------
    cell, hidden : ndarray
        Of the memory cell and of the hidden output after each step, by all ways, (T, H).
    along_cell : ndarray
        The part of `cell` that came along the cells alone, (T, H): what the readout's gradient is
        at the steps that it reads, times the forget gates in between.
    input : ndarray
        Of what came from below, (T, I).
    """

    cell: Array
    hidden: Array
    along_cell: Array
    input: Array


def layer_adjoints(
    kind: str, weights: Mapping[str, Array], layer: Layer, d_hidden: Array
) -> Adjoints:
    """Carry a gradient back through the steps of a layer.

    Parameters
    ----------
    kind : str
        Cell kind.
    weights : mapping of str to ndarray
        The layer's, by their names without the layer's suffix.
    layer : Layer
    d_hidden : ndarray
        The gradient with respect to the hidden output of each step by ways outside of the layer,
        (T, H).

    References
    ----------
    Werbos (1990), "Backpropagation through time", Proceedings of the IEEE 78(10).
    """
    steps, hidden = d_hidden.shape
    i, f, g, o, c, _, c_before, _, _ = layer
    norms = _Norms.of(weights, layer) if kind == "layer_norm" else None
    gates = weights.get("weight_gate")
    peepholes = weights.get("weight_peephole")
    p_i, p_f, p_o = np.zeros((3, hidden)) if peepholes is None else np.split(peepholes, 3)
    shown = np.tanh(c if norms is None else norms.cell.scaled())
    to_zo = shown * o * (1 - o)  # dh/dz_o
    to_c = o * (1 - shown**2) + p_o * to_zo  # dh/dc, or dh/dLN(c)
    if kind == "coupled":
        to_z = np.stack([(c_before - g) * f * (1 - f), i * (1 - g**2)], 1)
    else:
        to_z = np.stack([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g**2)], 1)
    slopes = np.concatenate([i * (1 - i), f * (1 - f), o * (1 - o)], 1)  # of σ, (T, 3H)
    recurrent = weights["weight_hh"]
    cells, hiddens = np.empty((2, steps, hidden))
    dz = np.empty((steps, len(recurrent) // hidden, hidden))
    dc, dh, du = np.zeros(hidden), np.zeros(hidden), np.zeros(3 * hidden)
    for t in range(steps - 1, -1, -1):
        row = dz[t]
        dh = np.add(dh, d_hidden[t], out=hiddens[t])
        at_c = dh * to_c[t]
        np.multiply(dh, to_zo[t], out=row[-1])
        if gates is not None:  # du: of the gates' activations, by the gates of the next step
            du *= slopes[t]
            row[-1] += du[2 * hidden :]
            at_c += p_o * du[2 * hidden :]
        dc = np.add(dc, at_c if norms is None else norms.cell.back(at_c, t), out=cells[t])
        np.multiply(to_z[t], dc, out=row[:-1])
        dc = dc * f[t]
        if gates is not None:
            row[:2] += du[: 2 * hidden].reshape(2, hidden)
            du = row[[0, 1, 3]].ravel() @ gates
        if peepholes is not None:
            dc += p_i * row[0] + p_f * row[1]
        back = row.ravel() if norms is None else norms.recurrent.back(row.ravel(), t)
        dh = back @ recurrent
    read = d_hidden * to_c
    if norms is not None:
        read = norms.cell.back_all(read)
    below = dz.reshape(steps, -1)
    if norms is not None:
        below = norms.below.back_all(below)
    return Adjoints(cells, hiddens, along_cells(f, read), below @ weights["weight_ih"])


def along_cells(forget_gate: Array, read: Array) -> Array:
    """Carry gradients back through the forget gates of later steps and nothing else.

    Parameters
    ----------
    forget_gate : ndarray
        (T, H).
    read : ndarray
        The gradient with respect to the cell of each step where it is read, (T, H).

    Returns
    -------
    ndarray
        ``sum of read[s] * product of forget_gate[t + 1 : s + 1]`` over all s from t on, (T, H).
    """
    along = read.copy()
    for t in range(len(read) - 2, -1, -1):
        along[t] += forget_gate[t + 1] * along[t + 1]
    return along


class _Norm(NamedTuple):
    """A layer normalisation of some values at each step, (T, N)."""

    normal: Array
    spread: Array  # 1 / standard deviation, (T, 1)
    weight: Array
    bias: Array

    @classmethod
    def of(cls, values: Array, weight: Array, bias: Array) -> _Norm:
        centred = values - values.mean(1, keepdims=True)
        spread = 1 / np.sqrt((centred**2).mean(1, keepdims=True) + LAYER_NORM_EPSILON)
        return cls(centred * spread, spread, weight, bias)

    def scaled(self) -> Array:
        """Return what it puts out, (T, N)."""
        return self.normal * self.weight + self.bias

    def back(self, d: Array, t: int) -> Array:
        """Carry a gradient (N,) back through a step."""
        d = d * self.weight
        normal = self.normal[t]
        found: Array = d - d.sum() / len(d) - normal * (d @ normal / len(d))
        back: Array = found * self.spread[t]
        return back

    def back_all(self, d: Array) -> Array:
        """Carry gradients (T, N) back through all steps."""
        d = d * self.weight
        along = (d * self.normal).mean(1, keepdims=True)
        found: Array = d - d.mean(1, keepdims=True) - self.normal * along
        return found * self.spread


class _Norms(NamedTuple):
    """The normalisations of a layer: of both projections, and of the cell."""

    below: _Norm
    recurrent: _Norm
    cell: _Norm

    @classmethod
    def of(cls, weights: Mapping[str, Array], layer: Layer) -> _Norms:
        below, recurrent = layer.x @ weights["weight_ih"].T, layer.h_before @ weights["weight_hh"].T
        return cls(
            _Norm.of(below, weights["weight_norm_ih"], weights["bias_ih"]),
            _Norm.of(recurrent, weights["weight_norm_hh"], weights["bias_hh"]),
            _Norm.of(layer.c, weights["weight_norm_c"], weights["bias_norm_c"]),
        )
