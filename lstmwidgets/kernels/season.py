"""Which season a series has, found while it goes on.

For every lag k up to the longest, how far values are from those k events earlier, in the mean over
all events, of which the last `MEMORY` count the most. A season is a lag at which they are clearly
nearer than at some shorter lag and than at most others; of several, the shortest that is about as
good as the best, so that a day of 24 hours is not taken for one of 48.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled
from .recent import LAGS, SEEN

Array = NDArray[Any]

LONGEST = 512
"""The longest season that is looked for."""

MEMORY = 1500.0
"""So many events are looked back on."""

FAR = 50.0
"""Distances are cut off at so many typical changes: one wild value is far from all others."""

SEASONS = 2
"""So many of it must have been seen before a season is believed."""

OFTEN = 16
"""It is chosen anew after so many events."""

CLEAR = 0.75
"""How near values must be at a season, beside the farthest at shorter lags."""

COMMON = 1.5
"""At most so many times the mean distance counts as the farthest."""

BETTER, LEAST = 0.9, 0.02
"""By how much a longer season must be nearer than a shorter one."""


@compiled
def learn_distances(y: float, unit: float, past: Array, distances: Array) -> None:
    """Take in how far a value is from those before it.

    Parameters
    ----------
    y : float
        The value; `past` does not have it yet.
    unit : float
        A typical change.
    past : ndarray
        See `.recent`; its ring is longer than the longest lag.
    distances : ndarray
        At k - 1 that of lag k, (LONGEST,).
    """
    seen, ring = int(past[SEEN]), past[LAGS:]
    known = min(seen, distances.shape[0])
    at = seen % ring.shape[0]
    below = min(known, at)  # lags before the place where the ring begins
    _approach(y, FAR * unit, seen, 1, ring[at - below : at], distances[:below])
    rest = known - below
    end = ring.shape[0]
    _approach(y, FAR * unit, seen, 1 + below, ring[end - rest :], distances[below:known])


@compiled
def _approach(
    y: float, bound: float, seen: int, first: int, values: Array, distances: Array
) -> None:
    """Move mean distances towards those of a value; the newest of the others is the last."""
    last = values.shape[0] - 1
    for k in range(values.shape[0]):
        count = min(float(seen - first - k + 1), MEMORY)
        distances[k] += (min(abs(y - values[last - k]), bound) - distances[k]) / count


@compiled
def clearest(seen: int, distances: Array) -> int:
    """Return the season that the distances show, 0 if there is none."""
    count = min(distances.shape[0], seen // SEASONS)
    mean = 0.0
    for k in range(count):
        mean += distances[k] / count
    season, best, farthest = 0, CLEAR, 0.0
    for k in range(count - 1):
        farthest = max(farthest, distances[k])
        if k < 1 or distances[k] > min(distances[k - 1], distances[k + 1]):
            continue
        share = distances[k] / min(farthest, COMMON * mean) if farthest > 0 else 1.0
        if share < best:
            season, best = k + 1, BETTER * share - LEAST
    return season
