"""Streams that take turns in one learner: what each leaves behind, and many events in one call.

For each of S streams, in the sizes of `.learn`, with B numbers of a layer's memory that a step
reads, h and c or, with full gate recurrence, all six blocks:

======== ========================= ============================================================
numbers  (S, (T + 1) L B           memory before the oldest event of the window and after each of
         + L (6H - B) + T I + P)   it; the rest of the last one, to be looked at; the inputs; the
                                   eligibility traces
filled   (S,)                      events in the window
past     (S, 0), (S, 4),           as of `.serving`
         (S, 4 + n)
======== ========================= ============================================================

Zeros are a stream's beginning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_strictly
from .experts import SEEN as TARGETS_SEEN
from .experts import expect, mix
from .experts import learn as learn_experts
from .learn import FILLED, STEPS, learn, move_on, predict
from .optimizers import optimize
from .scaling import MEMORY, standardise, take_in
from .serving import (
    BASE,
    BOUND,
    DEVIATION,
    KNOWN,
    LAGS,
    LAST,
    MEAN,
    SEEN,
    UNIT,
    cut,
    remember,
    tell,
    unscaled,
)

Array = NDArray[Any]

COUNT, CENTRE, SQUARES, RESIDUALS, TYPICAL = range(5)
"""Places in `target`, what was learned of the targets: how many there were, their mean, squared
deviations, how many residuals, and the typical one."""

RATE = 0.005
"""The typical residual follows at least this fast: it looks back on some 200 events."""

WILD = 10.0
"""A residual enters the typical one as if it were at most so many times as large."""


@compiled
def take_out(
    row: Array, block: int, clock: Array, tape: Array, inputs: Array, traces: Array
) -> None:
    """Copy the stream that is in a learner into a row of `numbers`; B is ``block``."""
    steps, layers, width = tape.shape
    last, at = clock[FILLED], 0
    for t in range(last + 1):
        for layer in range(layers):
            for j in range(block):
                row[at + j] = tape[t, layer, j]
            at += block
    at = steps * layers * block
    for layer in range(layers):
        for j in range(block, width):
            row[at + j - block] = tape[last, layer, j]
        at += width - block
    for t in range(last):
        for k in range(inputs.shape[2]):
            row[at + k] = inputs[t, 0, k]
        at += inputs.shape[2]
    at = row.shape[0] - traces.shape[0]
    for k in range(traces.shape[0]):
        row[at + k] = traces[k]


@compiled
def put_in(
    row: Array, filled: int, block: int, clock: Array, tape: Array, inputs: Array, traces: Array
) -> None:
    """Do the reverse, with so many events in the window."""
    steps, layers, width = tape.shape
    clock[FILLED], at = filled, 0
    for t in range(filled + 1):
        for layer in range(layers):
            for j in range(block):
                tape[t, layer, j] = row[at + j]
            at += block
    at = steps * layers * block
    for layer in range(layers):
        for j in range(block, width):
            tape[filled, layer, j] = row[at + j - block]
        at += width - block
    for t in range(filled):
        for k in range(inputs.shape[2]):
            inputs[t, 0, k] = row[at + k]
        at += inputs.shape[2]
    at = row.shape[0] - traces.shape[0]
    for k in range(traces.shape[0]):
        traces[k] = row[at + k]


@compiled
def learn_many(
    slots: Array,
    values: Array,
    targets: Array,
    inside: Array,
    block: int,
    numbers: Array,
    filled: Array,
    past: Array,
    clock: Array,
    tape: Array,
    inputs: Array,
    traces: Array,
    rule: int,
    sizes: Array,
    parameters: Array,
    gradient: Array,
    loss: int,
    levels: Array,
    optimizer: int,
    settings: Array,
    clip: float,
    moments: Array,
    offset: Array,
    output: Array,
    memory: Array,
    dz: Array,
    back: Array,
    dx: Array,
    scratch: Array,
    statistics: Array,
    places: Array,
    features: Array,
    x: Array,
    scaled: bool,
    target: Array,
    units: Array,
    goal: Array,
    season: int,
    scalars: Array,
    linear: Array,
    mixture: Array,
    expert_scratch: Array,
    predictions: Array,
) -> None:
    """Predict N events and then learn each, on the stream of its slot.

    What `lstmwidgets.online.LSTMRegressor` does with an event in `predict_one` and then in
    `learn_one` or, without a target, in `step_one`, step by step.

    Parameters
    ----------
    slots : ndarray
        (N,), from 0 to S - 1.
    values : ndarray
        Numbers of each event, (N, columns), NaN where missing.
    targets : ndarray
        (N,), NaN where unknown.
    inside : ndarray
        (1,), the slot whose stream is in the learner; updated.
    block, numbers, filled, past
        See the module's page.
    clock, …, scratch
        The learner's, see `.learn` and `.optimizers`.
    statistics, places
        Of the features; see `.scaling`.
    features, x, goal : ndarray
        (columns,), (I,) and (1,); written. Inputs that nothing feeds must be 0.
    scaled : bool
        Whether targets are scaled.
    target, units : ndarray
        What was learned of the targets, (5,), and `.serving`'s (6,) of it; both updated.
    season, scalars, linear, mixture, expert_scratch
        See `.experts`. Without experts the mixture is (4, 0).
    predictions : ndarray
        (N,); written.
    """
    mixed = mixture.shape[1] > 0
    for n in range(slots.shape[0]):
        slot = slots[n]
        if slot != inside[0]:
            filled[inside[0]] = clock[FILLED]
            take_out(numbers[inside[0]], block, clock, tape, inputs, traces)
            put_in(numbers[slot], filled[slot], block, clock, tape, inputs, traces)
            inside[0] = slot
        recent = past[slot]
        lags = recent[LAGS:]
        if mixed:
            scalars[TARGETS_SEEN] = recent[SEEN]
        for turn in range(2):
            if turn == 1:
                take_in(values[n], statistics)
            standardise(values[n], statistics, places, features, x)
            base = units[BASE]
            if mixed:
                base = expect(features, season, lags, scalars, linear, mixture, expert_scratch)
            elif recent.shape[0] > 0:
                base = recent[LAST]
            tell(recent, base, units, x)
            if turn == 0:
                predict(sizes, parameters, clock, tape, x, offset, memory, scratch, output)
                own = unscaled(output[0], base, units)
                predictions[n] = mix(own, base, lags, scalars, mixture) if mixed else own
        y = targets[n]
        if np.isnan(y):
            move_on(rule, sizes, parameters, traces, clock, inputs, tape, x, dz, scratch)
            continue
        if not scaled or target[TYPICAL] > 0:
            goal[0] = _scaled(y, base, scaled, units)
            learn(
                rule,
                sizes,
                parameters,
                gradient,
                traces,
                clock,
                inputs,
                tape,
                x,
                offset,
                loss,
                levels,
                goal,
                output,
                dz,
                back,
                dx,
                scratch,
            )
            clock[STEPS] += 1
            steps = clock[STEPS]
            if not optimize(optimizer, settings, steps, clip, parameters, gradient, moments):
                clock[STEPS] -= 1
        else:
            predict(sizes, parameters, clock, tape, x, offset, memory, scratch, output)
            move_on(rule, sizes, parameters, traces, clock, inputs, tape, x, dz, scratch)
        if mixed:
            own = unscaled(output[0], base, units)
            learn_experts(features, y, own, season, lags, scalars, linear, mixture, expert_scratch)
        _learn_target(y, base, scaled, target, units)
        if recent.shape[0] > 0:
            remember(recent, y, base)
            if not mixed:  # then nobody counts them
                recent[SEEN] = 1


# What follows is `lstmwidgets.online.target.TargetScaler`, operation by operation.


@compiled_strictly
def _scaled(y: float, base: float, scaled: bool, units: Array) -> float:
    """Return what the network should put out for a target."""
    apart = (y - base) / units[UNIT]
    return cut(apart, units[BOUND]) if scaled else apart


@compiled_strictly
def _learn_target(y: float, base: float, scaled: bool, target: Array, units: Array) -> None:
    """Take in a target and what was to be expected."""
    if target[COUNT] > 0:
        target[RESIDUALS] += 1
        size = abs(y - base)
        if target[TYPICAL] > 0:
            size = min(size, WILD * target[TYPICAL])
        target[TYPICAL] += max(1 / target[RESIDUALS], RATE) * (size - target[TYPICAL])
    if target[COUNT] >= MEMORY:
        target[SQUARES] *= 1 - 1 / MEMORY
    else:
        target[COUNT] += 1
    apart = y - target[CENTRE]
    if target[TYPICAL] > 0:  # an outlier moves the mean by no more than what is typical
        apart = cut(apart, target[COUNT] * target[TYPICAL])
    target[CENTRE] += apart / target[COUNT]
    target[SQUARES] += apart * (apart - apart / target[COUNT])
    units[KNOWN] = 1.0
    if scaled:
        units[MEAN] = units[BASE] = target[CENTRE]
        units[DEVIATION] = np.sqrt(target[SQUARES] / target[COUNT])
        units[UNIT] = target[TYPICAL] if target[TYPICAL] > 0 else 1.0
