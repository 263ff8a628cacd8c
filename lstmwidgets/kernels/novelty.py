"""How far what happens now is from all that happened before.

For each lag k the distance between the last events and those k events earlier, the newest first,
with weights that fall geometrically:

    d_k = a d_k + (1 - a) |x_t - x_{t-k}|

where |.| is the mean over columns, each in units of its typical changes, and all in those of the
first: one column alone is not scaled, so that what its changes were like later does not change how
far it was from what came before. The least of them over all lags is the distance to the nearest
past; where it is large there is what Yeh et al. (2016, "Matrix profile I", IEEE ICDM) call a
discord. Two rates a look at the last event or two, and at some sixteen.

A season needs no finding here: what comes every k events is near at lag k.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import LARGEST
from .compiled import compiled, compiled_least, compiled_too
from .scaling import typical_size
from .views import part

Array = NDArray[Any]

REACH = 4096
"""Events that are looked back on; fewer where events have many numbers."""

NUMBERS = 16_384
"""Numbers that are kept of the past, at most."""

MEMORIES = (0.45, 0.9375)
"""The rates a."""

NEAREST = (2, 5)
"""The least lag for each rate: what has just happened is always near."""

MATURE = (2, 16)
"""Events after which a distance at a lag has most of its weight, for each rate."""

RATE = 0.0002
"""The typical change of a column follows at least this fast."""

UNKNOWN = -1.0
"""Stands for the distance where there is nothing to compare with."""

SEEN = 0
"""Place in `counts`: how many events there were."""

CHANGE, CHANGES = range(2)
"""Rows of `typical`: how large a column's changes typically are, and of how many."""


class History(NamedTuple):
    """What is remembered of a stream's events.

    Attributes
    ----------
    counts : ndarray
        How many events there were, (1,).
    typical : ndarray
        (2, C); see `CHANGE`.
    past : ndarray
        The last N values of each column twice, so that any N in a row lie side by side: the n-th
        event at n % N and N further on, (C, 2N); NaN where missing.
    distances : ndarray
        d_k at k - 1 for each rate, (2, N).
    apart : ndarray
        (N,); written by every event.
    """

    counts: Array
    typical: Array
    past: Array
    distances: Array
    apart: Array


def reach(columns: int) -> int:
    """Return how many events are looked back on."""
    return min(REACH, NUMBERS // max(columns, 1))


def length(columns: int) -> int:
    """Return how many numbers a history of so many columns takes."""
    return 1 + 2 * columns + (2 * columns + 2) * reach(columns)


def grown(flat: Array, columns: int, more: int) -> Array:
    """Return a history of more columns, in which the new ones are missing; a copy in any case."""
    if more == columns:
        return flat.copy()
    events, before, made = reach(more), reach(columns), np.zeros(length(more))
    old, new = history(columns, flat, np.zeros(before)), history(more, made, np.zeros(events))
    new.counts[:], new.typical[:, :columns] = old.counts, old.typical
    new.distances[:] = old.distances[:, :events]
    new.past[:] = np.nan
    seen = int(old.counts[SEEN])
    known = np.arange(max(seen - events, 0), seen)
    for half in (0, events):
        new.past[:columns, half + known % events] = old.past[:, known % before]
    return made


@compiled_too
def history(columns: int, flat: Array, apart: Array) -> History:
    """Return the parts of a flat array; (N,) numbers beside it are written by every event."""
    events, past = apart.shape[0], 1 + 2 * columns
    distances = past + 2 * columns * events
    return History(
        part(flat, 0, (1,)),
        part(flat, 1, (2, columns)),
        part(flat, past, (columns, 2 * events)),
        part(flat, distances, (2, events)),
        apart,
    )


@compiled
def look(values: Array, watched: Array, own: History, least: Array) -> None:
    """Write the distance to the nearest past for each rate, (2,); nothing else changes but `apart`.

    Parameters
    ----------
    values : ndarray
        An event's numbers, NaN where missing.
    watched : ndarray
        Which of them count, (C,).
    own : History
        Of the stream.
    least : ndarray
        Written; `UNKNOWN` where there is nothing to compare with.
    """
    seen, events = int(own.counts[SEEN]), own.apart.shape[0]
    known = min(seen, events)
    _compare(values, watched, own, known)
    for n in range(2):
        first, last = NEAREST[n] - 1, min(known, seen - MATURE[n])
        least[n] = UNKNOWN
        if last > first:
            memory = MEMORIES[n]
            least[n] = _least(memory, own.distances[n, first:last], own.apart[first:last])


@compiled
def remember(values: Array, watched: Array, own: History) -> None:
    """Take an event in that `look` has just seen."""
    seen, events = int(own.counts[SEEN]), own.apart.shape[0]
    for n in range(2):
        for k in range(min(seen, events)):
            own.distances[n, k] = (
                MEMORIES[n] * own.distances[n, k] + (1 - MEMORIES[n]) * own.apart[k]
            )
    for column in range(own.past.shape[0]):
        value, past, typical = values[watched[column]], own.past[column], own.typical[:, column]
        change = abs(value - past[(seen - 1) % events]) if seen > 0 else LARGEST
        if change < LARGEST:
            typical[CHANGES] += 1
            typical[CHANGE] = typical_size(change, typical[CHANGE], typical[CHANGES], RATE)
        kept = value if abs(value) <= LARGEST else np.nan
        past[seen % events] = past[seen % events + events] = kept
    own.counts[SEEN] = seen + 1


@compiled
def _compare(values: Array, watched: Array, own: History, known: int) -> None:
    """Write how far an event is from each of those before, the newest first."""
    apart, events = own.apart, own.apart.shape[0]
    end = int(own.counts[SEEN]) % events + events
    apart[:known] = 0
    count, common = 0, 0.0
    for column in range(own.past.shape[0]):
        value, unit = values[watched[column]], own.typical[CHANGE, column]
        if unit > 0 and common == 0:
            common = unit
        if unit > 0 and abs(value) <= LARGEST:
            past = own.past[column, end - known : end]
            _add_distances(value, common / unit, past, apart[:known])
            count += 1
    for k in range(known if count > 1 else 0):
        apart[k] /= count


@compiled
def _add_distances(value: float, scale: float, past: Array, apart: Array) -> None:
    """Add how far a value is from each of the past ones; those that are missing are not apart."""
    last = past.shape[0] - 1
    for k in range(past.shape[0]):
        distance = abs(value - past[last - k]) * scale
        apart[k] += distance if distance >= 0 else 0.0


@compiled_least
def _least(memory: float, distances: Array, apart: Array) -> float:
    """Return the least of the distances as they are with a new event."""
    least = memory * distances[0] + (1 - memory) * apart[0]
    for k in range(1, distances.shape[0]):
        least = min(least, memory * distances[k] + (1 - memory) * apart[k])
    return float(least)
