"""All weights of a learner in one flat array, and the views that the kernels work on.

One array makes gradients, an optimizer's moments and eligibility traces arrays of the same shape,
and an optimizer one loop. The parts lie in the order of `views`: packed rows and vectors as
`.packing` makes them, then the head, which reads the top layer's hidden output and, if it is wide
enough, the event's inputs beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .step import COUPLED, FULL_GATE_RECURRENCE, LAYER_NORM, PEEPHOLE

Array = NDArray[Any]

KIND, INPUTS, HIDDEN, LAYERS, OUTPUTS, READ = range(6)
"""Places in `sizes`: cell kind, inputs I, hidden units H, layers L, outputs K, and how many numbers
the head reads, F: H, or H + I."""


@compiled
def shapes(sizes: Array) -> tuple[int, int, int]:
    """Return the number of sources and pre-activations of the rows, and of numbers a vector."""
    kind, hidden = sizes[KIND], sizes[HIDDEN]
    width = (3 if kind == COUPLED else 4) * hidden
    vector = width
    if kind in (PEEPHOLE, FULL_GATE_RECURRENCE):
        vector += 3 * hidden
    elif kind == LAYER_NORM:
        vector += 10 * hidden
    recurrent = 4 * hidden if kind == FULL_GATE_RECURRENCE else hidden
    sources = sizes[INPUTS] + recurrent + (sizes[LAYERS] - 1) * (hidden + recurrent)
    return sources, width, vector


@compiled
def count(sizes: Array) -> int:
    """Return how many parameters there are."""
    sources, width, vector = shapes(sizes)
    outputs = sizes[OUTPUTS]
    total: int = sources * width + sizes[LAYERS] * vector + outputs * sizes[READ] + outputs
    return total


@compiled
def views(sizes: Array, flat: Array) -> tuple[Array, Array, Array, Array]:
    """Return rows (sources, W), vectors (L, W + …), head (K, F) and its bias (K,) as views."""
    sources, width, vector = shapes(sizes)
    layers, outputs, read = sizes[LAYERS], sizes[OUTPUTS], sizes[READ]
    first = sources * width
    second = first + layers * vector
    third = second + outputs * read
    rows = flat[:first].reshape((sources, width))
    vectors = flat[first:second].reshape((layers, vector))
    head = flat[second:third].reshape((outputs, read))
    return rows, vectors, head, flat[third : third + outputs]


def empty(sizes: NDArray[np.int64], dtype: Any = np.float32) -> Array:
    """Return zeros for all parameters, beginning on a cache line."""
    line = 64 // np.dtype(dtype).itemsize
    room = np.zeros(count(sizes) + line, dtype)
    start = -(room.ctypes.data // room.itemsize) % line
    return room[start : start + count(sizes)]
