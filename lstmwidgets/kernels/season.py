"""Which season a series has, found while it goes on.

For every lag k up to the longest, how far values are from those k events earlier, in the mean over
all events, of which the last `MEMORY` count the most; and how far their changes are, which a trend
does not hide. A season is a lag at which they are clearly
nearer than at some shorter lag and than at most others; of several, the shortest that is about as
good as the best, so that a day of 24 hours is not taken for one of 48.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled, inlined
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

LONGER = 0.8
"""How near values must be after some seasons, beside after one, to be a season of their own."""


@compiled
def learn_distances(y: float, unit: float, past: Array, distances: Array) -> None:
    """Take in how far a value, and its change, is from those before it.

    Parameters
    ----------
    y : float
        The value; `past` does not have it yet.
    unit : float
        A typical change.
    past : ndarray
        See `.recent`; its ring is longer than the longest lag by two at least.
    distances : ndarray
        At k - 1 that of values of lag k, and that of changes, (2, LONGEST).
    """
    seen, ring = int(past[SEEN]), past[LAGS:]
    known, size = min(seen, distances.shape[1]), ring.shape[0]
    if known == 0:
        return
    at = seen % size
    # The value k ago and the one before it lie side by side but where the ring begins.
    below = min(known, max(at - 1, 0))
    _approach(y, FAR * unit, seen, 1, ring[:at], ring[(at - 1) % size], distances[:, :below])
    if 0 < at <= known:
        pair = distances[:, at - 1 : at]
        edge = ring[(at - 1) % size]
        _compare(y, FAR * unit, seen, at, ring[0], ring[size - 1], edge, pair, 0)
    first = at + 1
    if known >= first:
        rest = distances[:, at:known]
        _approach(y, FAR * unit, seen, first, ring, ring[(at - 1) % size], rest)


@compiled
def _approach(
    y: float, bound: float, seen: int, first: int, values: Array, last: float, distances: Array
) -> None:
    """Move mean distances from a lag on towards those of a value; its value is the last of them."""
    end = values.shape[0] - 1
    for k in range(distances.shape[1]):
        _compare(
            y, bound, seen, first + k, values[end - k], values[end - k - 1], last, distances, k
        )


@inlined
def _compare(
    y: float,
    bound: float,
    seen: int,
    lag: int,
    then: float,
    before: float,
    last: float,
    distances: Array,
    k: int,
) -> None:
    """Move the mean distances of a lag: of the value then, and of its change, to those of now."""
    apart = y - then
    count = min(float(seen - lag + 1), MEMORY)
    distances[0, k] += (min(abs(apart), bound) - distances[0, k]) / count
    if seen > lag:
        count = min(float(seen - lag), MEMORY)
        distances[1, k] += (min(abs(apart - (last - before)), bound) - distances[1, k]) / count


@compiled
def clearest(seen: int, season: int, distances: Array) -> int:
    """Return the season that values show, or else their changes, as beside a trend; 0: none.

    Parameters
    ----------
    seen : int
        How many events there were.
    season : int
        The one so far, which stays unless another is clearly better; 0: there was none.
    distances : ndarray
        See `learn_distances`.
    """
    found = _clearest(seen, 0, season, distances[0])
    return found if found > 0 else _clearest(seen, 1, season, distances[1])


@compiled
def _clearest(seen: int, first: int, season: int, distances: Array) -> int:
    """Return the season that some distances show, 0 if there is none.

    The first of them may say nothing of how far is far: changes of noise are farther from the last
    one, whose end was their beginning, than from all others.
    """
    count = min(distances.shape[0], seen // SEASONS)
    mean = 0.0
    for k in range(count):
        mean += distances[k] / count
    found, least, best, farthest, known = 0, CLEAR, CLEAR, 0.0, CLEAR
    for k in range(count - 1):
        farthest = max(farthest, distances[k] if k >= first else 0.0)
        share = distances[k] / min(farthest, COMMON * mean) if farthest > 0 else 1.0
        if k + 1 == season:
            known = share
        if k < 1 or distances[k] > min(distances[k - 1], distances[k + 1]):
            continue
        if share < best:
            found, least, best = k + 1, share, BETTER * share - LEAST
    return season if known < CLEAR and least > BETTER * known else found


@compiled
def longer(season: int, seen: int, distances: Array) -> int:
    """Return of how many events a season of whole seasons is, as a week of days; 0: there is none.

    Parameters
    ----------
    season : int
        Events in a season, 0 if there is none.
    seen : int
        How many events there were.
    distances : ndarray
        See `learn_distances`; those of values count.
    """
    found, most = 0, min(distances.shape[1], seen // SEASONS)
    if not 0 < season <= most:
        return found
    least = LONGER * distances[0, season - 1]
    for lag in range(2 * season, most + 1, season):
        if distances[0, lag - 1] < least:
            found, least = lag, BETTER * distances[0, lag - 1]
    return found
