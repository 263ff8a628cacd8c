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
    sources = np.vstack([_rows(layer) for layer in layers])
    rows = aligned(sources.shape, sources.dtype)
    rows[:] = sources
    return rows, np.stack([_vectors(layer) for layer in layers])


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


def aligned(shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Return zeros that begin on a cache line, and so does every row of a multiple of its size."""
    line = CACHE_LINE // np.dtype(dtype).itemsize
    total = int(np.prod(shape))
    room = np.zeros(total + line, dtype)
    start = -(room.ctypes.data // room.itemsize) % line
    return room[start : start + total].reshape(shape)


def unpack(
    rows: Array, vectors: Array, shapes: Sequence[Mapping[str, tuple[int, ...]]]
) -> list[dict[str, Array]]:
    """Return the weights of all layers; the inverse of `pack`.

    Packing adds up the two biases. The sum comes back as ``bias_ih``, and ``bias_hh`` is zero.

    Parameters
    ----------
    rows, vectors : ndarray
        As `pack` returns them.
    shapes : sequence of mapping
        Each layer's weights' shapes by name, the lowest layer first.
    """
    layers, first = [], 0
    for vector, shape in zip(vectors, shapes, strict=True):
        layer: dict[str, Array] = {}
        for name in ("weight_ih", "weight_hh", "weight_gate"):
            if name in shape:
                last = first + shape[name][1]
                layer[name] = rows[first:last].T.copy()
                first = last
        if "weight_gate" in layer:
            i_and_f, _, o = np.split(
                layer["weight_gate"], [len(vector) // 7 * 2, len(vector) // 7 * 3]
            )
            layer["weight_gate"] = np.vstack([i_and_f, o])
        names = ("bias_ih", *(name for name in VECTORS if name in shape))
        ends = np.cumsum([shape[name][0] for name in names])
        parts = np.split(vector, ends[:-1])
        layer |= {name: part.copy() for name, part in zip(names, parts, strict=True)}
        layer["bias_hh"] = np.zeros_like(layer["bias_ih"])
        layers.append(layer)
    return layers
