"""Cheap guesses at the next class of a stream, and their mixture with a network's.

Everything but the ring of past events is float64. Sizes: D features, K classes, of which A are told
apart as the class before, N experts without the pool. `ClassExperts` has the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import NEGLIGIBLE
from .class_mixture import WEIGHT, mix, reward
from .compiled import compiled, compiled_too, inlined
from .losses import probabilities as write_probabilities
from .neighbours import NEAREST, remember, search, vote
from .views import part

Array = NDArray[Any]

LAST_CLASS, FREQUENCIES, TRANSITIONS, LINEAR, FEW_NEIGHBOURS, NEIGHBOURS, NETWORK, POOL = range(8)
"""The experts, in the order of `forecasts`; the last one is made of the others."""

SEEN, STAYED, CHANCES = range(3)
"""Places in `scalars`: events learned, how often a class came again at once, and could have."""

FEATURES, CLASSES = range(2)
"""Places in `shape`: D and K; without experts both are 0."""

LARGEST_BEFORE = 256
"""A: classes from there on count as one where they are the one before, which bounds memory."""

BACKING = 2.0
"""How many events of their kind the frequencies stand for where a class has come after another."""

RATE = 0.3
"""AdaGrad's rate for the linear expert."""

LAG_SCALE = 0.3
"""The features of the event before are scaled by this, so that they are learned more slowly: they
help a few streams much, and cost all others that have many features."""

FEW = 5
"""How many neighbours the few are: where classes lie close together less is more."""

ASLEEP_BELOW = 0.02
"""While the neighbours' share is below this, they are asked at every `NAP`-th event only."""

NAP = 8


class ClassExperts(NamedTuple):
    """The arrays of the experts, in the order of `experts`; ``before`` and ``ring`` lie apart.

    Attributes
    ----------
    scalars : ndarray
        (3,).
    counts : ndarray
        Events of each class, (K,).
    transitions : ndarray
        How often a class came after another, (A, K).
    linear : ndarray
        The linear expert's weights and their summed squared gradients, (2, K, 1 + 2 D + A): bias,
        features, those of the event before, the class before.
    means, scatter : ndarray
        Each class's mean of the features, (K, D), and what `.neighbours` keeps of them, (3, D).
    weights, pool : ndarray
        See `.class_mixture`: (N + 1,) and (2, N).
    prior : ndarray
        Prior weights, (N + 1,).
    forecasts, room : ndarray
        Written by every event, (N + 1, K) and (2, NEAREST).
    """

    scalars: Array
    counts: Array
    transitions: Array
    linear: Array
    means: Array
    scatter: Array
    weights: Array
    pool: Array
    prior: Array
    forecasts: Array
    room: Array


@compiled_too
def kept(shape: Array) -> int:
    """Return how many numbers experts keep; those that every event writes come behind them."""
    size, classes = shape[FEATURES], shape[CLASSES]
    before = min(classes, LARGEST_BEFORE)
    linear = 2 * classes * (1 + 2 * size + before)
    total: int = 3 + classes * (1 + before + size) + linear + 3 * size + 4 * POOL + 2
    return total


@compiled_too
def experts(shape: Array, flat: Array) -> ClassExperts:
    """Return experts' arrays as views of one, with ``kept(shape) + (N + 1) K + 20`` numbers."""
    size, classes = shape[FEATURES], shape[CLASSES]
    before = min(classes, LARGEST_BEFORE)
    width = 1 + 2 * size + before
    linear = 3 + classes * (1 + before)
    means = linear + 2 * classes * width
    scatter = means + classes * size
    weights = scatter + 3 * size
    made = weights + 4 * POOL + 2
    return ClassExperts(
        part(flat, 0, (3,)),
        part(flat, 3, (classes,)),
        part(flat, 3 + classes, (before, classes)),
        part(flat, linear, (2, classes, width)),
        part(flat, means, (classes, size)),
        part(flat, scatter, (3, size)),
        part(flat, weights, (POOL + 1,)),
        part(flat, weights + POOL + 1, (2, POOL)),
        part(flat, weights + 3 * POOL + 1, (POOL + 1,)),
        part(flat, made, (POOL + 1, classes)),
        part(flat, made + (POOL + 1) * classes, (2, NEAREST)),
    )


@inlined
def advise(
    x: Array, last: int, probabilities: Array, shape: Array, flat: Array, ring: Array, before: Array
) -> None:
    """Mix a network's probabilities with those of the cheap experts; changes nothing but scratch.

    Parameters
    ----------
    x : ndarray
        Standardised features, zero where missing, (D,) or more.
    last : int
        The class before, -1 if there was none.
    probabilities : ndarray
        The network's, (K,); the mixture's are written.
    shape, flat : ndarray
        See `experts`; `learn` reads what this leaves in ``forecasts``.
    ring : ndarray
        See `.neighbours`; flat.
    before : ndarray
        The features of the event before, (D,).
    """
    if shape[CLASSES] == 0:
        return
    own = experts(shape, flat)
    forecasts, seen = own.forecasts, int(own.scalars[SEEN])
    _count(last, own)
    _classify(x, last, before, own)
    asleep = _asleep(own)
    if not asleep:
        search(x, seen, own.scatter, ring, own.room)
        common, found = forecasts[FREQUENCIES], min(seen, NEAREST)
        vote(min(found, FEW), own.room, common, forecasts[FEW_NEIGHBOURS])
        vote(found, own.room, common, forecasts[NEIGHBOURS])
    for k in range(probabilities.shape[0]):
        whole = np.isfinite(probabilities[k])
        forecasts[NETWORK, k] = probabilities[k] if whole else 1.0 / probabilities.shape[0]
    mix(forecasts, own.weights, own.pool, asleep, probabilities)


@inlined
def learn(
    place: int,
    x: Array,
    last: int,
    mixed: Array,
    shape: Array,
    flat: Array,
    ring: Array,
    before: Array,
) -> None:
    """Learn the class of the event for which `advise` has just written the mixture.

    What was said of a class that comes for the first time counts for nothing.

    Parameters
    ----------
    place : int
        The class.
    x, last, mixed, shape, flat, ring, before
        As of `advise`.
    """
    if shape[CLASSES] == 0:
        return
    own = experts(shape, flat)
    seen = int(own.scalars[SEEN])
    if own.counts[place] > 0:
        time = seen + 1
        asleep = _asleep(own)
        reward(place, time, own.forecasts, mixed, own.prior, own.weights, own.pool, asleep)
    _regress(place, x, last, before, own)
    remember(x, place, seen, own.counts[place], own.means[place], own.scatter, ring)
    if last >= 0:
        own.transitions[min(last, own.transitions.shape[0] - 1), place] += 1
        own.scalars[CHANCES] += 1
        own.scalars[STAYED] += last == place
    own.counts[place] += 1
    own.scalars[SEEN] += 1


@compiled
def share_of(expert: int, own: ClassExperts) -> float:
    """Return an expert's weight in the mixture, its part of the pool's included."""
    total = 0.0
    for n in range(POOL):
        total += own.pool[WEIGHT, n]
    part_of_it = own.pool[WEIGHT, expert] / total if total > 0 else 0.0
    share: float = own.weights[expert] + own.weights[POOL] * part_of_it
    return share


@inlined
def _asleep(own: ClassExperts) -> int:
    """Return which experts are not asked about the next event, a bit each."""
    seen, both = int(own.scalars[SEEN]), 1 << FEW_NEIGHBOURS | 1 << NEIGHBOURS
    if seen == 0:
        return both
    share = share_of(FEW_NEIGHBOURS, own) + share_of(NEIGHBOURS, own)
    return 0 if share >= ASLEEP_BELOW or seen % NAP == 0 else both


@compiled
def _count(last: int, own: ClassExperts) -> None:
    """Write what counts say: the last class again, frequencies, and what came after that class.

    Frequencies are smoothed by half an event of each class (Krichevsky & Trofimov 1981).
    """
    forecasts, scalars, classes = own.forecasts, own.scalars, own.counts.shape[0]
    for k in range(classes):
        frequency = (own.counts[k] + 0.5) / (scalars[SEEN] + 0.5 * classes)
        forecasts[LAST_CLASS, k] = frequency
        forecasts[FREQUENCIES, k] = frequency
        forecasts[TRANSITIONS, k] = frequency
    if last < 0 or classes == 1:
        return
    stays = (scalars[STAYED] + 1.0) / (scalars[CHANCES] + 2.0)
    others = (1.0 - stays) / (1.0 - forecasts[FREQUENCIES, last])
    came = own.transitions[min(last, own.transitions.shape[0] - 1)]
    total = BACKING
    for k in range(classes):
        total += came[k]
    for k in range(classes):
        frequency = forecasts[FREQUENCIES, k]
        forecasts[LAST_CLASS, k] = stays if k == last else others * frequency
        forecasts[TRANSITIONS, k] = (came[k] + BACKING * frequency) / total


@compiled
def _classify(x: Array, last: int, before: Array, own: ClassExperts) -> None:
    """Write the linear expert's probabilities."""
    weights, result, size = own.linear[0], own.forecasts[LINEAR], before.shape[0]
    for k in range(result.shape[0]):
        logit = weights[k, 0]
        for j in range(size):
            logit += weights[k, 1 + j] * x[j] + weights[k, 1 + size + j] * LAG_SCALE * before[j]
        if last >= 0:
            logit += weights[k, 1 + 2 * size + min(last, LARGEST_BEFORE - 1)]
        result[k] = logit
    write_probabilities(result, result)


@compiled
def _regress(place: int, x: Array, last: int, before: Array, own: ClassExperts) -> None:
    """Learn one event by logistic regression with a rate for every weight (AdaGrad)."""
    size, result = before.shape[0], own.forecasts[LINEAR]
    for k in range(result.shape[0]):
        error = result[k] - (1.0 if k == place else 0.0)
        if abs(error) < NEGLIGIBLE:
            continue
        weights, squares = own.linear[0, k], own.linear[1, k]
        _descend(0, error, weights, squares)
        for j in range(size):
            _descend(1 + j, error * x[j], weights, squares)
        for j in range(size):
            _descend(1 + size + j, error * LAG_SCALE * before[j], weights, squares)
        if last >= 0:
            _descend(1 + 2 * size + min(last, LARGEST_BEFORE - 1), error, weights, squares)


@inlined
def _descend(place: int, slope: float, weights: Array, squares: Array) -> None:
    squares[place] += slope * slope
    weights[place] -= RATE * slope / np.sqrt(1.0 + squares[place])
