"""What experts read of a series: numbers known at one event about another, h events later.

An event's number n counts the targets before it, and the target of event n has that number too.
Of what `.recent` remembers there is a ring; what lies further back is not known, and counts as no
difference. A season has m events, and a = m ⌈h / m⌉ is the whole number of them that lie between
the event that is forecast and the last one like it that is known.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled, inlined
from .recent import LAGS, SEEN
from .scaling import within

Array = NDArray[Any]

FURTHEST = 24
"""So many events ahead of the last one experts learn to forecast."""

RECENT = 3
"""How many of the last changes are read."""

OWN = 2 + RECENT
"""How many numbers are read of no season."""

SEASONAL, LONGER = 5, 2
"""How many numbers are read of a season, and of a longer one."""

SEASONS = 4
"""So many seasons the mean of them looks back on."""

DRIFT = 24
"""So many of the last events tell how far the series has moved in a season."""

BOUND = 10.0
"""Regressors are cut off here: so many typical changes."""


@inlined
def target(past: Array, n: int) -> float:
    """Return the target of event n, one of those in the ring, whose size is a power of two."""
    value: float = past[LAGS + (n & past.shape[0] - LAGS - 1)]
    return value


@inlined
def oldest_target(past: Array) -> int:
    """Return the first event whose target is in the ring."""
    seen, ring = int(past[SEEN]), past.shape[0] - LAGS
    oldest: int = max(seen - ring, 0)
    return oldest


@inlined
def ago(season: int, ahead: int) -> int:
    """Return how many events whole seasons take that reach back beyond so many."""
    return season * ((ahead + season - 1) // season)


@compiled
def season_ago(past: Array, n: int, ahead: int, season: int, otherwise: float) -> float:
    """Return the target a whole number of seasons before the one forecast; n - 1 is known.

    Parameters
    ----------
    past : ndarray
        See `.recent`.
    n : int
        How many targets are known.
    ahead : int
        How many events ahead of the last known one, h.
    season : int
        Events a season, m; 0: there is none.
    otherwise : float
        Is returned where that target is not known.
    """
    at = n - 1 + ahead - ago(season, ahead) if season > 0 else -1
    return target(past, at) if at >= 0 else otherwise


@compiled
def seasonal_change(past: Array, n: int, ahead: int, season: int) -> float:
    """Return by how much targets changed over the same h events, in the mean of some seasons."""
    total, count = 0.0, 0
    if season > 0:
        at, oldest = n - 1 - ago(season, ahead), oldest_target(past)
        while at >= oldest and count < SEASONS:
            total += target(past, at + ahead) - target(past, at)
            count += 1
            at -= season
    return total / count if count > 0 else 0.0


@compiled
def seasonal_drift(past: Array, n: int, ahead: int, season: int) -> float:
    """Return how far the series moves in the a events from the season ago to the one forecast."""
    total, count = 0.0, 0
    if season > 0:
        count = min(min(season, DRIFT), n - season)
        for at in range(n - count, n):
            total += target(past, at) - target(past, at - season)
    return total / count * (ago(season, ahead) // season) if count > 0 else 0.0


@compiled
def look_back(
    x: Array,
    past: Array,
    n: int,
    ahead: int,
    seasons: Array,
    last: float,
    mean: float,
    unit: float,
    z: Array,
) -> None:
    """Write the regressors of a target, all but features in units of the typical change.

    They are 1; from the last target the distance to the mean; the last changes; what is read of the
    season and then of the longer one, see `_of_season`; the features.

    Parameters
    ----------
    x : ndarray
        Standardised features of the event forecast, zero where missing; those beyond its end count
        as missing.
    past, n, ahead
        As of `season_ago`.
    seasons : ndarray
        Events in a season and in a longer one, 0 where there is none; (2,), or (0,) where z has no
        room for what is read of them.
    last, mean : float
        The last target, or what stands for it where a stream begins; the mean of all targets.
    unit : float
        The typical change; all is 0 as long as it is.
    z : ndarray
        (D,); written.
    """
    scale = 1.0 / unit if unit > 0 else 0.0
    z[0] = 1.0
    z[1] = within((mean - last) * scale, 0.0, BOUND)
    for k in range(RECENT):
        known = n - 2 - k >= 0
        change = target(past, n - 1 - k) - target(past, n - 2 - k) if known else 0.0
        z[2 + k] = within(change * scale, 0.0, BOUND)
    used = OWN
    for k in range(seasons.shape[0]):
        count = SEASONAL if k == 0 else LONGER
        _of_season(past, n, ahead, int(seasons[k]), scale, z[used : used + count])
        used += count
    for k in range(z.shape[0] - used):
        z[used + k] = within(x[k], 0.0, BOUND) if k < x.shape[0] else 0.0


@compiled
def _of_season(past: Array, n: int, ahead: int, season: int, scale: float, z: Array) -> None:
    """Write what is read of a season, or the first few of these numbers.

    How far the target a season ago is from the last one; how it changed over the same h events, in
    the event after it and in the one before them; how far the target two seasons ago is.
    """
    z[:] = 0.0
    then = n - 1 - ago(season, ahead) if season > 0 else -1  # the event like the last one
    if then < 0:
        return
    last, before, like = target(past, n - 1), target(past, then), target(past, then + ahead)
    z[0], z[1] = like - last, like - before
    if z.shape[0] > LONGER:
        z[2] = target(past, then + ahead + 1) - like if then + ahead < n - 1 else 0.0
        z[3] = before - target(past, then - 1) if then > 0 else 0.0
        earlier = then + ahead - season
        z[4] = target(past, earlier) - last if earlier >= 0 else 0.0
    for k in range(z.shape[0]):
        z[k] = within(z[k] * scale, 0.0, BOUND)
