"""What an event is to an anomaly detector; `.numbers` does the same for numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import LARGEST
from .compiled import compiled, compiled_sum, kernel
from .learner import differentiate, let_pass, predict
from .losses import NUMBERS
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

Array = NDArray[Any]

SCORE, UPDATE, LEARN, OPTIMIZE, REWARD, PASS, CARRY, KNOWN, SCALED = (1 << n for n in range(9))
"""Parts of what `surprising` does with an event, in this order:

score it; learn its features' scale; compute the gradient; take the optimizer's step; learn how
surprising it was; let the event before pass; keep this one for the next. Then what holds: there was
an event before; features are standardised.
"""

TYPICAL, SEEN = range(2)
"""Rows of `errors`, (2, columns): how large a column's errors typically are, and of how many."""

LOWEST, HIGHEST = -5.0, 5.0
"""Range of the histogram of surprises, as powers of ten."""

MEMORY = 0.9999
"""How fast it forgets: it looks back on some 10,000 events."""

RATE = 0.002
"""The typical error of a column follows at least this fast."""

FAR = 1e5
"""Deviations beyond which errors are not told apart."""


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
        histogram: Array,
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
        errors, histogram : ndarray
            What is learned of the errors' sizes, (2, columns), and how many events had which
            surprise, (bins,).

        Returns
        -------
        float
            The share of events that were less surprising with `SCORE`, -1.0 where `LEARN` found
            nothing to learn, else 0.0.
        """
        own = learner(sizes, counters, settings, store, window, work)
        made, scaled, result = own.work, parts & SCALED, 0.0
        if parts & SCORE:
            _read(scaled, values, statistics, features, last, made.x)
            predict(kind, own, made.x)
            result = _share_below(_surprise(features[1], made.output, errors), histogram)
        if parts & UPDATE:
            update(values, statistics)
        known = _read(scaled, values, statistics, features, last, made.x)
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
        if parts & REWARD and parts & KNOWN and known > 0:
            _learn_surprise(_surprise(features[1], made.output, errors), histogram)
            _learn_errors(features[1], made.output, errors)
        if parts & PASS and parts & KNOWN:
            let_pass(kind, rule, own, made.x)
        if parts & CARRY:
            standardise(values, statistics, features[0], last)
        return result

    return surprise


@compiled
def _read(
    scaled: int, values: Array, statistics: Array, features: Array, last: Array, inputs: Array
) -> int:
    """Write an event's features, and the network's inputs; return how many features are there.

    A column that was constant so far has no deviation; what differs from it counts as far off.
    """
    standardise(values, statistics, features[0], inputs)
    known = 0
    for k in range(values.shape[0]):
        value = values[k]
        if not abs(value) <= LARGEST:
            features[1, k] = np.nan
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


@compiled
def _learn_errors(features: Array, output: Array, errors: Array) -> None:
    """Learn how large errors typically are."""
    for k in range(features.shape[0]):
        error = abs(features[k] - output[k])
        if np.isnan(error):
            continue
        errors[SEEN, k] += 1
        errors[TYPICAL, k] = typical_size(error, errors[TYPICAL, k], errors[SEEN, k], RATE)


@compiled
def _place(surprise: float, bins: int) -> float:
    power = np.log10(surprise) if surprise > 0 else LOWEST
    return min(max((power - LOWEST) / (HIGHEST - LOWEST), 0.0), 1.0) * bins


@compiled
def _share_below(surprise: float, histogram: Array) -> float:
    """Return the share of events that were less surprising, from 0 to 1."""
    place = _place(surprise, histogram.shape[0])
    below = int(place)
    less = _sum(histogram[:below])
    less += (place - below) * histogram[min(below, histogram.shape[0] - 1)]
    return float(less / _sum(histogram))


@compiled_sum
def _sum(values: Array) -> float:
    total = 0.0
    for k in range(values.shape[0]):
        total += values[k]
    return total


@compiled
def _learn_surprise(surprise: float, histogram: Array) -> None:
    for k in range(histogram.shape[0]):
        histogram[k] *= MEMORY
    histogram[min(int(_place(surprise, histogram.shape[0])), histogram.shape[0] - 1)] += 1
