"""Which units are on at which step: one bit for each, a thirty-second of what the values take."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .recording import Recording

SIDES = ("above", "below", "magnitude")
"""When a unit is on."""

CHUNK = 1 << 19
"""Values compared at once: what they take lies in the processor's cache."""

TOLD = 64
"""Chunks between two reports of progress."""

Bits = NDArray[np.uint64]


class Key(NamedTuple):
    """What decides which units are on."""

    quantity: str
    layer: int
    threshold: float
    side: str


@dataclass(frozen=True, eq=False)
class Switches:
    """Which units of a layer are on, step by step, in several recordings.

    Attributes
    ----------
    key : Key
        What decides.
    on : list of ndarray of uint64
        For each recording, 64 units in a word, the lowest in its lowest bit, (T, words).
    hidden_size : int
        Units of the layer.
    """

    key: Key
    on: list[Bits]
    hidden_size: int

    @staticmethod
    def key_of(pattern: Any) -> Key:
        """Return what of a pattern decides which units are on."""
        return Key(pattern.quantity, pattern.layer, pattern.threshold, pattern.side)

    @classmethod
    def of(cls, recordings: Sequence[Recording], key: Key) -> Generator[float, None, Switches]:
        """Compare all values with the threshold; yield how far it is, from 0 to 1."""
        layers = [_layer(each, key, n) for n, each in enumerate(recordings)]
        sizes = sorted({values.shape[1] for values in layers})
        if len(sizes) > 1:
            raise ValueError(
                "a pattern of units can be sought in recordings of equally large layers only, "
                f"got layers of {' and '.join(map(str, sizes))} units"
            )
        total = max(1, sum(len(values) for values in layers))
        done = 0
        on: list[Bits] = []
        for values in layers:
            for steps in _into_bits(values, key, on):
                yield min(1.0, (done + steps) / total)
            done += len(values)
        return cls(key, on, sizes[0])

    def hypothesis(self, recording: int, first: int, last: int, before: int, after: int) -> Bits:
        """Return the units that are on from a first to a last place, and off beside, (words,)."""
        on = self.on[recording]
        beside = [on[max(0, first - before) : first], on[last + 1 : last + 1 + after]]
        off = ~np.bitwise_or.reduce(np.concatenate(beside), axis=0)
        kept: Bits = np.bitwise_and.reduce(on[first : last + 1], axis=0) & off
        return kept

    def units(self, bits: Bits) -> NDArray[np.int64]:
        """Return the numbers of the units whose bits are set."""
        single = np.unpackbits(bits.view(np.uint8), bitorder="little")
        return np.flatnonzero(single[: self.hidden_size])

    def counted(self, recording: int, places: slice, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many of some units are on at some steps."""
        wanted = np.zeros(self.on[recording].shape[1] * 64, np.uint8)
        wanted[units] = 1
        mask = np.packbits(wanted, bitorder="little").view(np.uint64)
        counts: NDArray[np.int64] = np.bitwise_count(self.on[recording][places] & mask).sum(
            axis=1, dtype=np.int64
        )
        return counts

    def joint_runs(
        self,
        recording: int,
        wanted: Bits,
        sides: tuple[int, int],
        skipped: NDArray[np.int64],
        least: int,
        shortest: int,
    ) -> NDArray[np.int32]:
        """Return what `kernels.joint_runs` finds in a recording, (runs, 4)."""
        from ..kernels.joint_runs import joint_runs

        on = self.on[recording]
        levels = self.hidden_size + 2
        all_on = np.empty((levels, on.shape[1]), np.uint64)
        open_runs = np.empty((levels, 2), np.int64)
        found = np.empty((len(on), 4), np.int32)
        count = joint_runs(
            on, wanted, np.array(sides), skipped, least, shortest, all_on, open_runs, found
        )
        return found[:count]


def _layer(recording: Recording, key: Key, number: int) -> NDArray[np.float32]:
    layers = recording.num_layers
    if isinstance(key.layer, bool) or key.layer not in range(-layers, layers):
        of = f" of recording {number}" if number else ""
        raise ValueError(
            f"layer{of} must be from 0 to {layers - 1}, or -1 for the top; got {key.layer!r}"
        )
    values: NDArray[np.float32] = recording.layers[key.quantity][:, key.layer]
    return values


def _into_bits(values: NDArray[Any], key: Key, into: list[Bits]) -> Generator[int]:
    """Append which values are on; yield now and then how many steps are done."""
    steps, units = values.shape
    threshold = np.float32(key.threshold)
    on = np.zeros((steps, -(-units // 64)), np.uint64)
    octets = on.view(np.uint8)[:, : -(-units // 8)]
    rows = max(1, CHUNK // max(1, units))
    for number, start in enumerate(range(0, steps, rows)):
        chunk = values[start : start + rows]
        if key.side == "above":
            are_on = chunk >= threshold
        elif key.side == "below":
            are_on = chunk <= -threshold
        else:
            are_on = np.abs(chunk) >= threshold
        octets[start : start + rows] = np.packbits(are_on, axis=1, bitorder="little")
        if number % TOLD == TOLD - 1:
            yield start
    into.append(on)
