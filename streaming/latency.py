"""How long events wait for their predictions."""

from __future__ import annotations

import math
from itertools import accumulate

PER_DOUBLING = 64
"""Classes of durations from one to twice as long: they are known to half a percent."""

SHORTEST = 1e-7
"""Seconds; what is shorter counts as that."""

CLASSES = 40 * PER_DOUBLING
"""Up to 30 hours."""


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
        self.count = 0
        self._counts = [0] * CLASSES

    def add(self, seconds: float) -> None:
        """Count a duration."""
        place = int(PER_DOUBLING * math.log2(seconds / SHORTEST)) if seconds > SHORTEST else 0
        self._counts[min(place, CLASSES - 1)] += 1
        self.count += 1

    def percentile(self, percent: float) -> float | None:
        """Return the duration, in seconds, that so many percent are no longer than; None if none.

        It is the middle of its class, and so known to half a percent.
        """
        if not self.count:
            return None
        passed = accumulate(self._counts)
        wanted = max(percent / 100 * self.count, 1)
        place = next(place for place, count in enumerate(passed) if count >= wanted)
        return float(SHORTEST * 2 ** ((place + 0.5) / PER_DOUBLING))
