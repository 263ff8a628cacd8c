"""The nearest of the last events, which vote on the class of the next one.

Votes are weighted by distance: Dudani (1976), "The distance-weighted k-nearest-neighbor rule". A
distance is the sum of absolute differences, each feature weighted by how well it tells the classes
apart: by the cube root of Fisher's ratio, variance between the classes over variance within them.
The root keeps features that count only together, as in a chessboard.

The last `RING` events lie in a ring, (D + 2, RING) in float32, of D features: a row a feature, then
the classes, then room for distances. Running means follow at the pace of the ring. Everything costs
the same however long the stream is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .views import part

Array = NDArray[Any]

RING = 1000
"""Events that are remembered."""

NEAREST = 20
"""How many of them are found."""

FARTHEST_VOTE = 0.05
"""What the farthest vote counts, where that of an event in the same place counts 1.05."""

UNWEIGHTED = 10
"""Events before features are told apart."""

MEAN, SPREAD, WITHIN = range(3)
"""Rows of `scatter`, (3, D): each feature's mean, variance, and variance about its class' mean."""


@compiled
def search(x: Array, seen: int, scatter: Array, ring: Array, room: Array) -> None:
    """Find the nearest events, at least one of which has been remembered.

    Parameters
    ----------
    x : ndarray
        The event's features, (D,) or more.
    seen : int
        Events that were remembered so far.
    scatter, ring : ndarray
        See above; the ring is flat.
    room : ndarray
        Written: distances of the nearest events, in order, and their classes, (2, NEAREST).
    """
    filled, size = min(seen, RING), scatter.shape[1]
    _measure(x, seen, scatter, ring, filled)
    found = _nearest(part(ring, (size + 1) * RING, (RING,)), filled, room)
    classes = part(ring, size * RING, (RING,))
    for n in range(found):
        room[1, n] = classes[int(room[1, n])]


@compiled
def vote(voters: int, room: Array, prior: Array, result: Array) -> None:
    """Write each class's probability: its part in the votes, smoothed by one vote for the prior.

    Parameters
    ----------
    voters : int
        How many of the events that `search` has found in ``room`` vote.
    prior, result : ndarray
        Probabilities, (K,).
    """
    result[:] = 0.0
    reach, total = room[0, voters - 1], 0.0
    for n in range(voters):
        weight = FARTHEST_VOTE + (1.0 - room[0, n] / reach if reach > 0 else 0.0)
        result[int(room[1, n])] += weight
        total += weight
    typical = total / voters
    for k in range(result.shape[0]):
        result[k] = (result[k] + typical * prior[k]) / (total + typical)


@compiled
def _measure(x: Array, seen: int, scatter: Array, ring: Array, filled: int) -> None:
    """Write the distances of all that is remembered into the last row of the ring."""
    size = scatter.shape[1]
    distances = part(ring, (size + 1) * RING, (RING,))
    distances[:] = 0
    for j in range(size):
        between = max(scatter[SPREAD, j] - scatter[WITHIN, j], 0.0)
        ratio = (between + 0.001) / (scatter[WITHIN, j] + 0.01)
        weight = np.float32(ratio ** (1 / 3) if seen >= UNWEIGHTED else 1.0)
        value, past = np.float32(x[j]), part(ring, j * RING, (RING,))
        for n in range(filled):
            distances[n] += weight * abs(past[n] - value)


@compiled
def _nearest(distances: Array, filled: int, room: Array) -> int:
    """Write the smallest distances, in order, and where they are; return how many there are."""
    found = 0
    for n in range(filled):
        distance = distances[n]
        if found == NEAREST and not distance < room[0, NEAREST - 1]:
            continue
        place = min(found, NEAREST - 1)
        found = place + 1
        while place > 0 and room[0, place - 1] > distance:
            room[0, place], room[1, place] = room[0, place - 1], room[1, place - 1]
            place -= 1
        room[0, place], room[1, place] = distance, n
    return found


@compiled
def remember(
    x: Array, label: int, seen: int, count: float, means: Array, scatter: Array, ring: Array
) -> None:
    """Take an event in.

    Parameters
    ----------
    x : ndarray
        Its features, (D,) or more.
    label : int
        Its class.
    seen, count : int, float
        Events that were remembered before, and those of its class.
    means : ndarray
        The means of its class, (D,).
    scatter, ring : ndarray
        See above; the ring is flat.
    """
    size, place = scatter.shape[1], seen % RING
    rate, own = max(1.0 / (seen + 1), 1.0 / RING), max(1.0 / (count + 1), 1.0 / RING)
    for j in range(size):
        ring[j * RING + place] = x[j]
        residual = x[j] - means[j]
        means[j] += own * residual
        scatter[WITHIN, j] += rate * (residual * (x[j] - means[j]) - scatter[WITHIN, j])
        residual = x[j] - scatter[MEAN, j]
        scatter[MEAN, j] += rate * residual
        scatter[SPREAD, j] += rate * (residual * (x[j] - scatter[MEAN, j]) - scatter[SPREAD, j])
    ring[size * RING + place] = label
