"""What an event is to an anomaly detector; `.numbers` does the same for numbers.

An event can be odd in four ways: the last event or two are far from all before, the last sixteen
are, the network has predicted something else, or nothing has changed for too long. Each way has
its share of the false alarms that are promised (Bonferroni's correction): with p-values p_v and
shares s_v,

    -log10 p = max_v (-log10 p_v + log10 s_v)

The shares add up to more than 1, because what is odd in one way often is in others, and because
what follows an odd event is not odd once more unless it is odder. On noise, random walks and
seasonal series this keeps the promise of one in a hundred between half of it and one and a half.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import LARGEST
from .compiled import compiled, kernel
from .learner import differentiate, let_pass, predict
from .losses import NUMBERS
from .novelty import SEEN as EVENTS_SEEN
from .novelty import UNKNOWN, History, history, look, remember
from .optimizers import optimize
from .parameters import Work, learner
from .scaling import (
    COUNT,
    MEAN,
    NUMERIC,
    SQUARES,
    standardise,
    typical_size,
    update,
    within,
)
from .stillness import learn_run, stillness
from .tails import improbability, learn_size

Array = NDArray[Any]

SCORE, UPDATE, LEARN, OPTIMIZE, REWARD, PASS, CARRY, KNOWN, SCALED = (1 << n for n in range(9))
"""Parts of what `surprising` does with an event, in this order:

score it; learn its features' scale; compute the gradient; take the optimizer's step; learn how
odd it was; let the event before pass; keep this one for the next. Then what holds: there was an
event before; features are standardised.
"""

TYPICAL, SEEN = range(2)
"""Rows of `errors`, (2, columns): how large a column's errors typically are, and of how many; and
of `distances`, (2, 2), the same of the distances to the nearest past at either rate: the more past
there is, the nearer is the nearest."""

FAST, SLOW, NETWORK = range(3)
"""Rows of `histograms`, (3, bins): what is learned of the distances to the nearest past, and of the
network's surprise."""

SHARES = (1.1, 0.6, 0.05, 0.03)
"""Each way's share of the false alarms: the three, and stillness."""

LASTING, LEVEL, SINCE = range(3)
"""Places in `news`: how many events that follow an odd one are no news; how improbable the last odd
event was, and how many events ago it came."""

ODD = 1.5
"""From this improbability on an event is odd, and what follows is for a while no news unless it is
odder."""

SETTLED = 50.0
"""Events after which distances to the past mean something."""

RATE = 0.002
"""The typical error of a column follows at least this fast."""

DISTANCE_RATE = 0.0001
"""The typical distance to the nearest past follows at least this fast."""

FAR = 1e5
"""Deviations beyond which errors are not told apart."""


class Oddness(NamedTuple):
    """What a detector has learned of how odd events are.

    Attributes
    ----------
    errors, distances, histograms, watched, runs, news : ndarray
        As `surprising` takes them.
    before : History
        The stream so far.
    near, odd : ndarray
        Written by every event: the distances to the nearest past, (2,), and how odd the event is in
        three ways, each in a measure of its own, (3,).
    """

    errors: Array
    distances: Array
    histograms: Array
    watched: Array
    before: History
    runs: Array
    news: Array
    near: Array
    odd: Array


@cache
def surprising(kind: int, rule: int) -> Callable[..., float]:
    """Return the kernel of a cell kind out of `.step.KINDS` and a rule out of `.parameters`."""

    @kernel(f"{kind}-{rule}")
    def surprise(
        parts: int,
        values: Array,
        sizes: Array,
        counters: Array,
        settings: Array,
        store: Array,
        window: Array,
        work: Array,
        statistics: Array,
        features: Array,
        last: Array,
        errors: Array,
        distances: Array,
        histograms: Array,
        watched: Array,
        past: Array,
        runs: Array,
        news: Array,
        looked: Array,
    ) -> float:
        """Go through an event.

        Parameters
        ----------
        parts : int
            What is done with it, a sum of `SCORE` and so on.
        values : ndarray
            The event's numbers, (columns,), NaN where missing.
        sizes, …, work
            See `.parameters.Learner`.
        statistics : ndarray
            See `.scaling.standardise`.
        features : ndarray
            (2, columns): standardised with a cut and without one, NaN where missing; written.
        last : ndarray
            The inputs that the event before has left, (I,); written by `CARRY`.
        errors, distances, histograms : ndarray
            What is learned of how large errors and distances typically are, and of how odd events
            were; see `TYPICAL` and `FAST`.
        watched : ndarray
            The columns that can be odd, (C,).
        past, runs, news : ndarray
            Of the stream: see `.novelty.history`, `.stillness` and `LEVEL`.
        looked : ndarray
            Written: ``near`` and ``odd`` of `Oddness`, and how far the event is from each of the N
            past ones, (5 + N,).

        Returns
        -------
        float
            1 - p with `SCORE`, -1.0 where `LEARN` found nothing to learn, else 0.0.
        """
        own = learner(sizes, counters, settings, store, window, work)
        made, scaled, result = own.work, parts & SCALED, 0.0
        before = history(watched.shape[0], past, looked[5:])
        learned = Oddness(
            errors, distances, histograms, watched, before, runs, news, looked[:2], looked[2:5]
        )
        if parts & SCORE:
            known = _read(scaled, values, watched, statistics, features, last, made.x)
            predict(kind, own, made.x)
            if known > 0:
                odds = _odds(parts, values, features[1], made.output, learned)
                is_news = news[SINCE] >= news[LASTING] or odds > news[LEVEL]
                result = 1.0 - 10.0**-odds if is_news else 0.0
        if parts & UPDATE:
            update(values, statistics)
        known = _read(scaled, values, watched, statistics, features, last, made.x)
        if parts & LEARN:
            if known == 0:
                result = -1.0
                if parts & KNOWN:
                    let_pass(kind, rule, own, made.x)
            elif parts & KNOWN:
                _set_goal(features, made)
                differentiate(kind, rule, NUMBERS, own, made.x)
                if parts & OPTIMIZE:
                    optimize(own)
        if parts & PASS and parts & KNOWN:
            predict(kind, own, made.x)
            let_pass(kind, rule, own, made.x)
        if parts & CARRY and known > 0:
            _take_in(_odds(parts, values, features[1], made.output, learned), news)
            if parts & REWARD:
                _learn(parts, features[1], made.output, learned)
            learn_run(_repeats(before), runs)
            remember(values, watched, before)
        if parts & CARRY:
            standardise(values, statistics, features[0], last)
        return result

    return surprise


@compiled
def _read(
    scaled: int,
    values: Array,
    watched: Array,
    statistics: Array,
    features: Array,
    last: Array,
    inputs: Array,
) -> int:
    """Write an event's features, and the network's inputs; return how many can be odd.

    A column that was constant so far has no deviation; what differs from it counts as far off.
    """
    standardise(values, statistics, features[0], inputs)
    known = 0
    features[1] = np.nan
    for k in watched:
        value = values[k]
        if not abs(value) <= LARGEST:
            continue
        known += 1
        if scaled and statistics[NUMERIC, k] > 0:
            count = max(statistics[COUNT, k], 1.0)
            deviation = np.sqrt(statistics[SQUARES, k] / count)
            distance = value - statistics[MEAN, k]
            value = distance / deviation if deviation > 0 else np.sign(distance) * FAR
            value = within(value, 0.0, FAR)
        features[1, k] = value
    for k in range(last.shape[0]):
        inputs[k] = last[k]
    return known


@compiled
def _set_goal(features: Array, work: Work) -> None:
    """Let the network aim at the features; what is missing has no loss."""
    work.goal[:] = np.nan
    for k in range(features.shape[1]):
        if not np.isnan(features[1, k]):
            work.goal[k] = features[0, k]


@compiled
def _odds(parts: int, values: Array, features: Array, output: Array, own: Oddness) -> float:
    """Return -log10 of how often an event is as odd as that in any way; 0 at least.

    As long as the network's surprise is all there is, it has all of the false alarms.
    """
    odd, settled = own.odd, own.before.counts[EVENTS_SEEN] >= SETTLED
    look(values, own.watched, own.before, own.near)
    for n in (FAST, SLOW):
        typical, near = own.distances[TYPICAL, n], own.near[n]
        odd[n] = near / typical if near != UNKNOWN and typical > 0 else UNKNOWN
    odd[NETWORK] = _surprise(features, output, own.errors) if parts & KNOWN else UNKNOWN
    if not settled:
        known = odd[NETWORK] != UNKNOWN
        return float(improbability(odd[NETWORK], own.histograms[NETWORK])) if known else 0.0
    odds = max(stillness(_repeats(own.before), own.runs) + np.log10(SHARES[3]), 0.0)
    for n in range(3):
        if odd[n] != UNKNOWN:
            odds = max(odds, improbability(odd[n], own.histograms[n]) + np.log10(SHARES[n]))
    return float(odds)


@compiled
def _repeats(before: History) -> bool:
    """Return whether the event that was looked at is equal to the last one."""
    return bool(before.counts[EVENTS_SEEN] > 0 and before.apart[0] == 0)


@compiled
def _take_in(odds: float, news: Array) -> None:
    """Take note of an event if it is odd, and not the going on of what a recent one has told."""
    news[SINCE] += 1
    if odds >= ODD and (news[SINCE] > news[LASTING] or odds > news[LEVEL]):
        news[LEVEL], news[SINCE] = odds, 0


@compiled
def _learn(parts: int, features: Array, output: Array, own: Oddness) -> None:
    """Learn how large distances, errors and surprise are, of an event that was measured."""
    settled = own.before.counts[EVENTS_SEEN] >= SETTLED
    for n in range(3):
        if own.odd[n] != UNKNOWN and (n == NETWORK or settled):
            learn_size(own.odd[n], own.histograms[n])
    for n in (FAST, SLOW):
        if own.near[n] != UNKNOWN:
            _follow(own.near[n], own.distances, n, DISTANCE_RATE)
    for k in range(features.shape[0] if parts & KNOWN else 0):
        error = abs(features[k] - output[k])
        if not np.isnan(error):
            _follow(error, own.errors, k, RATE)


@compiled
def _follow(size: float, sizes: Array, k: int, rate: float) -> None:
    """Let the typical size in a column of errors or distances follow one more."""
    sizes[SEEN, k] += 1
    sizes[TYPICAL, k] = typical_size(size, sizes[TYPICAL, k], sizes[SEEN, k], rate)


@compiled
def _surprise(features: Array, output: Array, errors: Array) -> float:
    """Return the root mean square of the errors in their typical sizes."""
    squares, count = 0.0, 0
    for k in range(features.shape[0]):
        error = abs(features[k] - output[k])
        if np.isnan(error):
            continue
        size = FAR if error > 0 else 0.0
        if errors[TYPICAL, k] > 0:
            size = min(error / errors[TYPICAL, k], FAR)
        squares += size * size
        count += 1
    return float(np.sqrt(squares / count)) if count > 0 else 0.0
