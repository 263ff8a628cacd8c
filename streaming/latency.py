"""How long events wait for their predictions."""

from __future__ import annotations

import numpy as np

PER_DOUBLING = 64
"""Classes of durations from one to twice as long: they are known to half a percent."""

SHORTEST = 1e-7
"""Seconds; what is shorter counts as that."""

CLASSES = 40 * PER_DOUBLING
"""Up to 30 hours."""

AT_ONCE = 1000
"""How many durations are sorted into their classes together."""


class Latency:
    """Counts durations in classes, in constant memory.

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

    def _sort(self) -> None:
        sizes = np.maximum(self._new, SHORTEST) / SHORTEST
        places = (PER_DOUBLING * np.log2(sizes)).astype(np.int64)
        np.add.at(self._counts, np.minimum(places, CLASSES - 1), 1)
        self._new.clear()
