"""Weights in the layout that the kernels read; it is described in `.step`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layer = Mapping[str, Array]

CACHE_LINE = 64  # bytes

VECTORS = ("weight_peephole", "weight_norm_ih", "weight_norm_hh", "weight_norm_c", "bias_norm_c")
"""Weights that are vectors, in the order in which they follow a layer's bias."""


def pack(layers: Sequence[Layer]) -> tuple[Array, Array]:
    """Pack the weights of all layers.

    Parameters
    ----------
    layers : sequence of mapping
        Each layer's weights by name, the lowest first.

    Returns
    -------
    rows : ndarray
        The matrices by source, (sources, W).
    vectors : ndarray
        Each layer's bias and other vectors, (L, W + …).
    """
    rows = np.vstack([_rows(layer) for layer in layers])
    return _aligned(rows), np.stack([_vectors(layer) for layer in layers])


def _rows(layer: Layer) -> Array:
    sources = [layer["weight_ih"].T, layer["weight_hh"].T]
    if "weight_gate" in layer:
        from_gates = layer["weight_gate"].T  # (3H, 3H), columns i, f, o
        i_and_f, o = np.split(from_gates, [2 * len(from_gates) // 3], axis=1)
        sources.append(np.hstack([i_and_f, np.zeros_like(o), o]))
    return np.vstack(sources)


def _vectors(layer: Layer) -> Array:
    bias = layer["bias_ih"] + layer["bias_hh"]
    return np.concatenate([bias, *(layer[name] for name in VECTORS if name in layer)])


def _aligned(array: Array) -> Array:
    """Return a copy that begins on a cache line, so that its rows lie in as few as can be."""
    line = CACHE_LINE // array.itemsize
    room = np.empty(array.size + line, array.dtype)
    start = -(room.ctypes.data // array.itemsize) % line
    aligned = room[start : start + array.size].reshape(array.shape)
    aligned[:] = array
    return aligned
