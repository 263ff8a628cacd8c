"""What an event is to an estimator of numbers: everything that happens with it, in one place.

An event's features are standardised; cheap experts say what target is to be expected, the base; the
network reads both beside the past targets and puts out by how much the target will differ, in units
of the typical difference. Then everybody learns the target. `events` does this for one event or
many, on one stream or many, `serving` for many streams of a model that learns no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import LARGEST, scaling
from .compiled import compiled, compiled_strictly, inlined, kernel
from .experts import CHEAP, expect, experts, mix
from .experts import learn as learn_experts
from .learner import copy, differentiate, let_pass, predict
from .losses import NUMBERS
from .mixture import WEIGHT
from .optimizers import optimize
from .parameters import FILLED, TRACES, Learner, Window, learner
from .recent import CHANGE, LAST, SEEN, SURPRISE, remember
from .scaling import BOUND, LIMIT, standardise, typical_size, update, within
from .step import FULL_GATE_RECURRENCE

Array = NDArray[Any]

KEEP, PREDICT, UPDATE, LEARN, OPTIMIZE, REWARD, PASS, SUPPOSE, REMEMBER, LATE, LEAVE = (
    1 << n for n in range(11)
)
LOOKING, LEARNING = PREDICT, UPDATE | LEARN | PASS
"""Parts of what `events` does with an event, in this order:

keep a copy of its stream; predict it; learn its features' scale; compute the gradient, or let it
pass where there is no target or no scale of targets yet; take the optimizer's step; let experts and
the target's scale learn; or just let it pass; take the prediction and ``targets[n]`` typical
differences for its target; remember the target. An event whose target comes late goes on from the
copy that was kept of its stream; the stream itself is left as it is, but for the target, which is
its last one from now on. At last, copy the stream in the learner into its slot.
"""

WHAT, STREAM, COPY = range(3)
"""Columns of `turns`: what is done with an event, a sum of the above; the slot of its stream; the
slot where a copy of that is kept."""

BASE, FEATURES = range(2)
"""Places in `event`: what is to be expected of the event, and the first of its features."""

COUNT, CENTRE, SQUARES, RESIDUALS, TYPICAL, SCALED = range(6)
"""Places in `target`, what was learned of the targets: how many there were, their mean, squared
deviations, all three as `.scaling` has them; how many residuals, the typical one, and whether to
scale by it."""

RATE = 0.005
"""The typical residual follows at least this fast: it looks back on some 200 events."""


class Model(NamedTuple):
    """What an estimator has learned of features and targets.

    Attributes
    ----------
    statistics : ndarray
        Of the features, (5, columns); see `.scaling`.
    event : ndarray
        (1 + columns,); written by every event.
    target : ndarray
        (6,).
    shape, flat : ndarray
        See `.experts.experts`.
    """

    statistics: Array
    event: Array
    target: Array
    shape: Array
    flat: Array


@cache
def events(kind: int, rule: int) -> Callable[..., float]:
    """Return the kernel of a cell kind out of `.step.KINDS` and a rule out of `.parameters`."""
    whole = blocks(kind)

    @kernel(f"{kind}-{rule}")
    def events(
        turns: Array,
        values: Array,
        targets: Array,
        results: Array,
        numbers: Array,
        filled: Array,
        past: Array,
        sizes: Array,
        counters: Array,
        settings: Array,
        store: Array,
        window: Array,
        work: Array,
        statistics: Array,
        event: Array,
        target: Array,
        shape: Array,
        flat: Array,
    ) -> float:
        """Go through N events one after the other; return the last prediction.

        Parameters
        ----------
        turns : ndarray
            What is done with each event, and where its stream is; see `WHAT`. (N, 3)
        values : ndarray
            Numbers of the events, one event after the other, (N * columns,), NaN where missing.
        targets : ndarray
            (N,), NaN where unknown; with `SUPPOSE` they are written.
        results : ndarray
            (N, 1), the predictions, written by `PREDICT`; or (N, 1 + L * 6H), and beside them what
            the network then did: h, c, i, f, g, o of each layer after the event; or
            (N, 1 + L * 6H + K + 2), and then the weights of the experts.
        numbers : ndarray
            What streams have left behind that are not in the learner; see `exchange`. (S, numbers)
        filled : ndarray
            How many events are in each stream's window, and then the slot whose stream is in the
            learner, (S + 1,).
        past : ndarray
            What is remembered of each stream's targets, (S, numbers); see `.recent`.
        sizes, counters, settings, store, window, work : ndarray
            See `.parameters.Learner`.
        statistics, event, target, shape, flat : ndarray
            See `Model`.
        """
        own = learner(sizes, counters, settings, store, window, work)
        model = Model(statistics, event, target, shape, flat)
        columns, last = statistics.shape[1], filled.shape[0] - 1
        prediction, out = 0.0, columns >= 0
        for n in range(turns.shape[0]):
            parts, slot, kept = turns[n, WHAT], turns[n, STREAM], turns[n, COPY]
            place = kept if parts & LATE else slot
            if place != filled[last]:
                _leave(out, whole, numbers, filled, own)
                _enter(not out, place, whole, numbers, filled, own)
            if parts & KEEP:
                filled[kept] = counters[FILLED]
                exchange(out, whole, numbers[kept], filled[kept], own.window, store)
                _copy(out, past[kept], past[slot])
            row, recent, y = values[n * columns : (n + 1) * columns], past[place], targets[n]
            has_target = not np.isnan(y)
            for turn in (LOOKING, LEARNING):
                if not parts & turn:
                    continue
                if parts & UPDATE & turn:
                    update(row, statistics)
                base = _read(model, row, recent, own.work.x)
                learnable = has_target and (target[SCALED] == 0 or target[TYPICAL] > 0)
                unlearned = turn == LEARNING and not (parts & LEARN and learnable)
                if turn == LOOKING or (unlearned and has_target and parts & LEARN):
                    predict(kind, own, own.work.x)
                if turn == LOOKING:
                    prediction = _mixed(own.work.output[0], model, base, recent)
                    results[n, 0] = prediction
                elif unlearned:
                    let_pass(kind, rule, own, own.work.x)
                else:
                    _learn(kind, rule, parts, own, _scaled(y, base, target))
            if parts & REWARD and has_target:
                _reward(own.work.output[0], model, y, recent)
            if parts & SUPPOSE:
                y = prediction + y * _unit(target)
                targets[n] = y
            if parts & REMEMBER and abs(y) <= LARGEST:
                remember(recent, y, event[BASE])
            if parts & LATE:
                _enter(not out, slot, whole, numbers, filled, own)
                remember(past[slot], y, event[BASE])
            _show(own.window.tape[counters[FILLED]], model, results[n])
            if parts & LEAVE:
                _leave(out, whole, numbers, filled, own)
        return prediction

    return events


def blocks(kind: int) -> int:
    """Return how many blocks of a layer's memory a step reads: h and c, or all six."""
    return 6 if kind == FULL_GATE_RECURRENCE else 2


@cache
def serving(kind: int) -> Callable[..., float]:
    """Return the kernel that serves many streams with a cell kind out of `.step.KINDS`."""

    @kernel(f"{kind}")
    def serve(
        slots: Array,
        values: Array,
        targets: Array,
        predictions: Array,
        memory: Array,
        past: Array,
        sizes: Array,
        counters: Array,
        settings: Array,
        store: Array,
        window: Array,
        work: Array,
        statistics: Array,
        event: Array,
        target: Array,
        shape: Array,
        flat: Array,
    ) -> float:
        """Predict N events, each on the stream of its slot, and let them pass.

        Parameters
        ----------
        slots, values, targets, past
            As of `events`; targets that are unusable count as unknown.
        predictions : ndarray
            (N,); written.
        memory : ndarray
            The blocks h and c of each stream or, with full gate recurrence, all six, (S, L, 2H) or
            (S, L, 6H); advanced in place.
        sizes, …, flat
            As of `events`, of a learner with a window of one event.
        """
        own = learner(sizes, counters, settings, store, window, work)
        model = Model(statistics, event, target, shape, flat)
        columns = statistics.shape[1]
        tape, reached = own.window.tape, own.work.memory
        for n in range(slots.shape[0]):
            stream, recent = memory[slots[n]], past[slots[n]]
            row = values[n * columns : (n + 1) * columns]
            copy(stream, tape[0])
            base = _read(model, row, recent, own.work.x)
            predict(kind, own, own.work.x)
            predictions[n] = _mixed(own.work.output[0], model, base, recent)
            copy(reached[:, : stream.shape[1]], stream)
            if abs(targets[n]) <= LARGEST:
                remember(recent, targets[n], event[BASE])
        return 0.0

    return serve


@inlined
def _learn(kind: int, rule: int, parts: int, own: Learner, goal: float) -> None:
    """Compute the gradient by what the network should put out; let the optimizer take its step."""
    own.work.goal[0] = goal
    differentiate(kind, rule, NUMBERS, own, own.work.x)
    if parts & OPTIMIZE:
        optimize(own)


@compiled
def _leave(out: bool, whole: int, numbers: Array, filled: Array, own: Learner) -> None:
    """Copy the stream in the learner into its slot."""
    slot = filled[filled.shape[0] - 1]
    filled[slot] = own.counters[FILLED]
    exchange(out, whole, numbers[slot], filled[slot], own.window, own.store)


@compiled
def _enter(out: bool, slot: int, whole: int, numbers: Array, filled: Array, own: Learner) -> None:
    """Copy the stream in a slot into the learner, whatever is there."""
    exchange(out, whole, numbers[slot], filled[slot], own.window, own.store)
    own.counters[FILLED], filled[filled.shape[0] - 1] = filled[slot], slot


@inlined
def _mixed(output: Any, model: Model, base: float, past: Array) -> float:
    """Return the prediction for an event that the network has looked at."""
    network = _unscaled(output, base, model.target)
    if model.shape[CHEAP] == 0:
        return network
    return mix(network, base, model.shape, model.flat, past)


@inlined
def _read(model: Model, values: Array, past: Array, inputs: Array) -> float:
    """Write the network's inputs and the features of an event; return what is to be expected."""
    features, target = model.event[FEATURES:], model.target
    standardise(values, model.statistics, features, inputs)
    if model.shape[CHEAP] > 0:
        base = expect(features, model.shape, model.flat, past)
    elif past.shape[0] > 0:
        base = past[LAST]
    else:
        base = target[CENTRE] if target[SCALED] > 0 else 0.0
    _write_lag_inputs(past, base, target, inputs)
    model.event[BASE] = base
    return base


@compiled
def _show(memory: Array, model: Model, result: Array) -> None:
    """Write what a network did, and how experts are weighted, behind a row's first number.

    Both only where the row has room for it.
    """
    width, at = memory.shape[1], 1
    for layer in range(memory.shape[0] if result.shape[0] > 1 else 0):
        for k in range(width):
            result[at + k] = memory[layer, k]
        at += width
    if result.shape[0] > at > 1:
        weights = experts(model.shape, model.flat).mixture[WEIGHT]
        for k in range(weights.shape[0]):
            result[at + k] = weights[k]


@inlined
def _reward(output: Any, model: Model, y: float, past: Array) -> None:
    """Let experts and the target's scale learn from the event that was read."""
    base, target = model.event[BASE], model.target
    if model.shape[CHEAP] > 0:
        network = _unscaled(output, base, target)
        learn_experts(y, base, network, model.shape, model.flat, past)
    _learn_target(y, base, target)
    remember(past, y, base)


@compiled_strictly
def _learn_target(y: float, base: float, target: Array) -> None:
    """Take in a target and what was to be expected."""
    if target[COUNT] > 0:
        target[RESIDUALS] += 1
        size = abs(y - base)
        target[TYPICAL] = typical_size(size, target[TYPICAL], target[RESIDUALS], RATE)
    scaling.remember_one_more(target)
    residual = y - target[CENTRE]
    if target[TYPICAL] > 0:  # an outlier moves the mean by no more than what is typical
        residual = within(residual, 0.0, target[COUNT] * target[TYPICAL])
    scaling.add_residual(residual, target)


@compiled_strictly
def _unit(target: Array) -> float:
    """Return the typical difference between target and base; 1 as long as it is not known."""
    unit: float = target[TYPICAL] if target[SCALED] > 0 and target[TYPICAL] > 0 else 1.0
    return unit


@compiled_strictly
def _scaled(y: float, base: float, target: Array) -> float:
    """Return what the network should put out for a target."""
    residual: float = (y - base) / _unit(target)
    return within(residual, 0.0, BOUND) if target[SCALED] > 0 else residual


@compiled_strictly
def _unscaled(output: Any, base: float, target: Array) -> float:
    """Return the prediction that a network output stands for."""
    prediction: float = base + np.float64(output) * _unit(target)
    return prediction


@compiled_strictly
def _write_lag_inputs(past: Array, base: float, target: Array, inputs: Array) -> None:
    """Write what the network reads of the past targets, if it does."""
    if past.shape[0] == 0:
        return
    if past[SEEN] == 0 or target[COUNT] == 0:
        inputs[:4] = 0
        return
    last, unit = past[LAST], _unit(target)
    bound, mean, deviation = LIMIT, 0.0, 1.0
    if target[SCALED] > 0:
        bound, mean, deviation = BOUND, target[CENTRE], math.sqrt(target[SQUARES] / target[COUNT])
    inputs[0] = within((last - mean) / deviation, 0.0, bound) if deviation > 0 else 0.0
    inputs[1] = within(past[CHANGE] / unit, 0.0, bound)
    inputs[2] = within((base - last) / unit, 0.0, bound)
    inputs[3] = within(past[SURPRISE] / unit, 0.0, bound)


@compiled
def exchange(
    out: bool, whole: int, numbers: Array, filled: int, window: Window, store: Array
) -> None:
    """Copy the stream in a learner into a row of numbers, or a row into a learner.

    The row has the memory before the oldest event of the window and after each of it, of which a
    step reads ``whole`` blocks, h and c or all six; the other blocks after the last event, to be
    looked at; the inputs; the eligibility traces. So many events are in the window.
    """
    tape, inputs = window
    steps, layers, width = tape.shape
    block, at = whole * (width // 6), 0
    for t in range(filled + 1):
        for layer in range(layers):
            _copy(out, numbers[at : at + block], tape[t, layer, :block])
            at += block
    at = steps * layers * block
    for layer in range(layers):
        _copy(out, numbers[at : at + width - block], tape[filled, layer, block:])
        at += width - block
    for t in range(filled):
        _copy(out, numbers[at : at + inputs.shape[2]], inputs[t, 0])
        at += inputs.shape[2]
    at = steps * layers * block + layers * (width - block) + inputs.shape[0] * inputs.shape[2]
    for row in range(TRACES, store.shape[0]):
        _copy(out, numbers[at:], store[row, : numbers.shape[0] - at])


@compiled
def _copy(out: bool, numbers: Array, own: Array) -> None:
    """Copy one of two arrays into the other."""
    source, to = (own, numbers) if out else (numbers, own)
    for k in range(own.shape[0]):
        to[k] = source[k]
