"""How long events wait for their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

PER_DOUBLING = 64
"""Classes of durations from one to twice as long: they are known to half a percent."""

SHORTEST = 1e-7
"""Seconds; what is shorter counts as that."""

CLASSES = 40 * PER_DOUBLING
"""Up to 30 hours."""

AT_ONCE = 1000
"""How many durations are sorted into their classes together."""


class Latency:
    """Counts durations in classes, in constant memory; another thread may look on.

    Examples
    --------
    >>> latency = Latency()
    >>> for n in range(1, 1001):
    ...     latency.add(n / 1000)
    >>> [round(latency.percentile(p), 2) for p in (50, 99)]
    [0.5, 0.99]
    """

    def __init__(self) -> None:
        self._counts = np.zeros(CLASSES, np.int64)
        self._new: list[float] = []
        self._seconds = 0.0  # of those in classes
        self._sorting = Lock()

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._new.append(seconds)
        if len(self._new) == AT_ONCE:
            self._sort()

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._counts.sum()) + len(self._new)

    def percentile(self, percent: float) -> float | None:
        """Return the duration, in seconds, that so many percent are no longer than; None if none.

        It is the middle of its class, and so known to half a percent.
        """
        self._sort()
        if not self.count:
            return None
        wanted = max(percent / 100 * self.count, 1)
        place = int(np.searchsorted(self._counts.cumsum(), wanted))
        return float(SHORTEST * 2 ** ((place + 0.5) / PER_DOUBLING))

    def histogram(self, bounds: Sequence[float]) -> tuple[list[int], float]:
        """Return how many durations are no longer than each bound, then all, and their sum.

        Bounds and sum are in seconds; a bound is kept to half a percent.
        """
        with self._sorting:
            counts, new, seconds = self._counts.copy(), list(self._new), self._seconds
        np.add.at(counts, _places(new), 1)
        below = np.concatenate([[0], counts.cumsum()])
        told: list[int] = below[[*_places(bounds), CLASSES]].tolist()
        return told, seconds + sum(new)

    def _sort(self) -> None:
        with self._sorting:
            np.add.at(self._counts, _places(self._new), 1)
            self._seconds += sum(self._new)
            self._new.clear()


def _places(durations: Sequence[float]) -> NDArray[np.int64]:
    """Return the classes of durations in seconds."""
    sizes = np.maximum(durations, SHORTEST) / SHORTEST
    places = (PER_DOUBLING * np.log2(sizes)).astype(np.int64)
    return np.minimum(places, CLASSES - 1)
