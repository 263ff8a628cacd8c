"""Predictions of a frozen regressor for many streams, row by row; nothing is allocated.

What a stream leaves behind, for each of S streams:

======== ================ =====================================================================
memory   (S, L, B)        the blocks h and c of `.step`, B = 2H; with full gate recurrence all of
                          them, B = 6H
past     (S, 0), (S, 4),  how many targets have come, the last one, by how much it differed from
         (S, 4 + n)       the one before and from what was to be expected; then the lags of
                          `.experts`. Nothing without a lagged target, no lags without experts
======== ================ =====================================================================

Zeros are a stream's beginning. What was learned of the target lies in `units`, (6,).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_strictly
from .experts import SEEN as TARGETS_SEEN
from .experts import expect, mix
from .learn import read_out
from .parameters import KIND, views
from .scaling import LARGEST, standardise
from .step import advance

Array = NDArray[Any]

SEEN, LAST, CHANGE, SURPRISE, LAGS = range(5)
"""Places in a row of `past`; the lags begin at the last one."""

KNOWN, MEAN, DEVIATION, UNIT, BOUND, BASE = range(6)
"""Places in `units`: whether a target was ever learned, mean and deviation of the targets, their
typical distance from the base, where inputs are cut off, and the base without any past."""


@compiled
def serve(
    slots: Array,
    values: Array,
    targets: Array,
    memory: Array,
    past: Array,
    sizes: Array,
    parameters: Array,
    offset: Array,
    statistics: Array,
    places: Array,
    units: Array,
    season: int,
    scalars: Array,
    linear: Array,
    mixture: Array,
    expert_scratch: Array,
    features: Array,
    inputs: Array,
    work: Array,
    scratch: Array,
    output: Array,
    predictions: Array,
) -> None:
    """Predict N events, each on the stream of its slot, and let them pass.

    Parameters
    ----------
    slots : ndarray
        (N,), from 0 to S - 1; one that comes again is stepped again, in order.
    values : ndarray
        Numbers of each event, (N, columns), NaN where missing.
    targets : ndarray
        (N,), NaN where unknown.
    memory, past
        See the module's page; advanced in place.
    sizes, parameters, offset
        Of the learner; see `.learn`.
    statistics, places
        Of the features; see `.scaling.standardise`.
    units : ndarray
        Of the target, (6,).
    season, scalars, linear, mixture, expert_scratch
        Of the experts; see `.experts`. Without experts the mixture is (4, 0).
    features, inputs, work, scratch, output : ndarray
        (columns,), (I,), (L, 6H), (9H,), (K,); written. Inputs that nothing feeds must be 0.
    predictions : ndarray
        (N,); written.
    """
    rows, vectors, head, bias = views(sizes, parameters)
    mixed = mixture.shape[1] > 0
    for n in range(slots.shape[0]):
        own, recent = memory[slots[n]], past[slots[n]]
        lags = recent[LAGS:]
        standardise(values[n], statistics, places, features, inputs)
        base = units[BASE]
        if mixed:
            scalars[TARGETS_SEEN] = recent[SEEN]
            base = expect(features, season, lags, scalars, linear, mixture, expert_scratch)
        elif recent.shape[0] > 0:
            base = recent[LAST]
        tell(recent, base, units, inputs)
        _copy(own, work, own.shape[1])
        advance(sizes[KIND], rows, vectors, inputs, work, scratch)
        read_out(head, bias, work, inputs, offset, output)
        _copy(work, own, own.shape[1])
        prediction = unscaled(output[0], base, units)
        predictions[n] = mix(prediction, base, lags, scalars, mixture) if mixed else prediction
        if recent.shape[0] > 0 and abs(targets[n]) <= LARGEST:
            remember(recent, targets[n], base)


@compiled
def _copy(memory: Array, to: Array, width: int) -> None:
    for layer in range(memory.shape[0]):
        for j in range(width):
            to[layer, j] = memory[layer, j]


# What follows is `lstmwidgets.online.target.TargetScaler`, operation by operation.


@compiled_strictly
def tell(recent: Array, base: float, units: Array, inputs: Array) -> None:
    """Write what the network reads of the past targets, if it does."""
    if recent.shape[0] == 0:
        return
    if recent[SEEN] == 0 or units[KNOWN] == 0:
        inputs[:4] = 0
        return
    last, unit, bound = recent[LAST], units[UNIT], units[BOUND]
    apart = last - units[MEAN]
    inputs[0] = cut(apart / units[DEVIATION], bound) if units[DEVIATION] > 0 else 0.0
    inputs[1] = cut(recent[CHANGE] / unit, bound)
    inputs[2] = cut((base - last) / unit, bound)
    inputs[3] = cut(recent[SURPRISE] / unit, bound)


@compiled_strictly
def unscaled(output: Any, base: float, units: Array) -> float:
    """Return the prediction that a network output stands for."""
    prediction: float = base + np.float64(output) * units[UNIT]
    return prediction


@compiled_strictly
def remember(recent: Array, y: float, base: float) -> None:
    """Take in a target and what was to be expected; learn nothing."""
    recent[CHANGE] = y - recent[LAST] if recent[SEEN] > 0 else 0.0
    recent[SURPRISE] = y - base
    recent[LAST] = y
    lags = recent[LAGS:]
    if lags.shape[0] > 0:
        lags[int(recent[SEEN]) % lags.shape[0]] = y
    recent[SEEN] += 1


@compiled_strictly
def cut(value: float, bound: float) -> float:
    """Return a value that is no larger than the bound, in either direction."""
    if -bound <= value <= bound:
        return value
    return math.copysign(bound, value)
