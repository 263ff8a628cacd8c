"""What streams leave behind, row by row in few arrays, and as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import parameters as layout
from ..kernels.numbers import blocks
from .learner import OnlineLearner
from .weights import transplant

Array = NDArray[Any]

SIZES = 6
"""How many of a learner's sizes are part of a stream's bytes: those up to what the head reads."""


class StreamRows:
    """What each of S streams has left behind, in the sizes of one learner.

    Parameters
    ----------
    slots : int
        How many streams there are, S.
    past : int
        How many numbers are remembered of a stream's targets; see `lstmwidgets.kernels.recent`.

    Attributes
    ----------
    filled : ndarray
        Events in each stream's window, and then the slot whose stream is in the learner, (S + 1,).
    past : ndarray
        (S, numbers).
    numbers : ndarray
        As of `lstmwidgets.kernels.numbers.exchange`, (S, numbers).
    """

    def __init__(self, slots: int, past: int) -> None:
        self.filled = np.zeros(slots + 1, np.int64)
        self.past = np.zeros((slots, past))
        self.numbers: Array = np.zeros((slots, 0), np.float32)
        self._sizes: Array | None = None
        self._head, self._window = b"", 0  # of these sizes: the first, as bytes, and the window

    def fits(self, learner: OnlineLearner) -> bool:
        """Say whether these are a learner's sizes."""
        return self._sizes is learner.sizes

    def fit(self, learner: OnlineLearner, used: Array) -> None:
        """Take on the sizes of a learner, which may have grown; some rows are in use."""
        before, self._sizes = self._sizes, learner.sizes
        rows = np.zeros((len(self.numbers), self._widths(learner.sizes)[2]), np.float32)
        if before is not None:
            rows[used] = self._fitted(self.numbers[used], before)
        self.numbers = rows
        self._head = learner.sizes[:SIZES].tobytes()
        self._window = int(learner.sizes[layout.WINDOW])

    def extend(self, more: int, used: Array) -> None:
        """Have room for more streams, in slots behind those that there are; some are in use."""
        count = len(self.past) + more
        filled = np.zeros(count + 1, np.int64)
        past, numbers = (
            np.zeros((count, old.shape[1]), old.dtype) for old in (self.past, self.numbers)
        )
        filled[used], past[used], numbers[used] = (
            old[used] for old in (self.filled, self.past, self.numbers)
        )
        filled[-1] = self.filled[-1]
        self.filled, self.past, self.numbers = filled, past, numbers

    def copy(self, slot: int, to: int) -> None:
        """Copy a stream into another slot."""
        for part in (self.filled, self.past, self.numbers):
            part[to] = part[slot]

    def clear(self, slot: int) -> None:
        """Let a stream begin anew."""
        self.numbers[slot] = self.filled[slot] = self.past[slot] = 0

    def to_bytes(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return what N streams have left behind, (N, bytes), in the machine's order.

        The learner's first sizes and the events in the window, then `past` and `numbers`. Nothing
        before there was a learner.
        """
        if self._sizes is None:
            return np.zeros((len(slots), 0), np.uint8)
        heads = np.empty((len(slots), SIZES + 1), np.int64)
        heads[:, :SIZES] = self._sizes[:SIZES]
        heads[:, SIZES] = self.filled[slots]
        parts = (heads, self.past[slots], self.numbers[slots])
        return np.hstack([part.view(np.uint8) for part in parts])

    def from_bytes(self, slot: int, data: bytes) -> None:
        """Take in what `to_bytes` returned of one stream; raise ValueError if it is none."""
        assert self._sizes is not None
        header, middle = (SIZES + 1) * 8, (SIZES + 1) * 8 + self.past[0].nbytes
        if len(data) < middle:
            raise ValueError("these are not the numbers of a stream: they end too early")
        (filled,) = struct.unpack_from("q", data, header - 8)
        if data.startswith(self._head):
            sizes, width = self._sizes, self.numbers.shape[1]
        else:
            sizes = self._sizes_of(data)
            width = self._widths(sizes)[2]
        if len(data) != middle + 4 * width:
            raise ValueError("these are not the numbers of a stream: there are too few or too many")
        if not 0 <= filled <= self._window:
            raise ValueError(f"there are {filled} events in a window of {self._window}")
        numbers = np.frombuffer(data, np.float32, offset=middle)
        if sizes is not self._sizes:
            (numbers,) = self._fitted(numbers[None], sizes)
        self.filled[slot] = filled
        self.past[slot] = np.frombuffer(data, np.float64, self.past.shape[1], header)
        self.numbers[slot] = numbers

    def _sizes_of(self, data: bytes) -> Array:
        """Return the sizes of the learner that a stream's bytes are of, if it may be this one."""
        assert self._sizes is not None
        sizes = self._sizes.copy()
        sizes[:SIZES] = np.frombuffer(data, np.int64, SIZES)
        more = self._sizes - sizes
        fixed = [layout.KIND, layout.HIDDEN, layout.LAYERS, layout.OUTPUTS]
        if more[fixed].any() or (more < 0).any():
            raise ValueError("these are the numbers of a stream of a model of another kind or size")
        return sizes

    def _widths(self, sizes: Array) -> tuple[int, int, int]:
        """Return how many numbers there are up to the inputs, the traces, and the end."""
        kind, inputs, hidden, layers, _, _, rule, steps, *_ = sizes.tolist()
        memory = layers * (steps * blocks(kind) + 6) * hidden
        window = memory + steps * inputs
        return memory, window, window + layout.count(sizes) * (rule == layout.ELIGIBILITY)

    def _fitted(self, numbers: Array, sizes: Array) -> Array:
        """Return rows in the learner's sizes; inputs that have come since were zero before."""
        assert self._sizes is not None
        if np.array_equal(sizes, self._sizes):
            return numbers
        memory, window, _ = self._widths(sizes)
        first, second, end = self._widths(self._sizes)
        shape = (len(numbers), self._sizes[layout.WINDOW])
        rows = np.zeros((len(numbers), end), np.float32)
        rows[:, :memory] = numbers[:, :memory]
        inputs = rows[:, first:second].reshape(*shape, self._sizes[layout.INPUTS])  # a view
        room = sizes[layout.INPUTS]
        inputs[:, :, :room] = numbers[:, memory:window].reshape(*shape, room)
        if end > second:
            for row, before in zip(rows, numbers, strict=True):
                transplant(sizes, before[window:], self._sizes, row[second:])
        return rows
