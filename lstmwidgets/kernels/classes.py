"""What an event is to a classifier; `.numbers` does the same for numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numpy.typing import NDArray

from .class_experts import advise
from .class_experts import learn as learn_experts
from .compiled import compiled, kernel
from .learner import differentiate, let_pass, predict
from .losses import CLASSES
from .losses import probabilities as write_probabilities
from .optimizers import optimize
from .parameters import learner
from .scaling import standardise, update

Array = NDArray[Any]

PREDICT, UPDATE, LEARN, OPTIMIZE, PASS = (1 << n for n in range(5))
"""Parts of what `labelling` does with an event, in this order."""


@cache
def labelling(kind: int, rule: int) -> Callable[..., float]:
    """Return the kernel of a cell kind out of `.step.KINDS` and a rule out of `.parameters`."""

    @kernel(f"{kind}-{rule}")
    def label(
        parts: int,
        values: Array,
        place: int,
        last: int,
        inputs_of_last: Array,
        probabilities: Array,
        sizes: Array,
        counters: Array,
        settings: Array,
        store: Array,
        window: Array,
        work: Array,
        statistics: Array,
        features: Array,
        shape: Array,
        flat: Array,
        ring: Array,
        before: Array,
    ) -> float:
        """Go through an event; return the loss, 0 if nothing is learned.

        Parameters
        ----------
        parts : int
            What is done with it, a sum of `PREDICT` and so on.
        values : ndarray
            The event's numbers, (columns,), NaN where missing.
        place : int
            The output of its class, for `LEARN`.
        last : int
            The output of the class before, -1 if there was none.
        inputs_of_last : ndarray
            For each class the index of the input that tells that it came last; (0,) for none.
        probabilities : ndarray
            Of each class, float64, (K,); written by `PREDICT`, and scratch of `LEARN`.
        sizes, …, work
            See `.parameters.Learner`.
        statistics, features : ndarray
            See `.scaling.standardise`.
        shape, flat, ring, before
            See `.class_experts.advise`; ``shape`` is zeros where there are no experts.
        """
        own = learner(sizes, counters, settings, store, window, work)
        made, loss = own.work, 0.0
        if parts & PREDICT:
            _read(values, last, inputs_of_last, made.x, statistics, features)
            predict(kind, own, made.x)
            _take_softmax(made.output, probabilities)
            advise(features, last, probabilities, shape, flat, ring, before)
        if parts & UPDATE:
            update(values, statistics)
        if parts & (LEARN | PASS):
            _read(values, last, inputs_of_last, made.x, statistics, features)
        if parts & LEARN:
            made.goal[0] = place
            loss = differentiate(kind, rule, CLASSES, own, made.x)
            _take_softmax(made.output, probabilities)
            advise(features, last, probabilities, shape, flat, ring, before)
            learn_experts(place, features, last, probabilities, shape, flat, ring, before)
        if parts & OPTIMIZE:
            optimize(own)
        if parts & PASS:
            let_pass(kind, rule, own, made.x)
        if parts & (LEARN | PASS):
            for k in range(before.shape[0]):
                before[k] = features[k]
        return float(loss)

    return label


@compiled
def _read(
    values: Array, last: int, inputs_of_last: Array, x: Array, statistics: Array, features: Array
) -> None:
    """Write the network's inputs."""
    standardise(values, statistics, features, x)
    for label in range(inputs_of_last.shape[0]):
        x[inputs_of_last[label]] = label == last


@compiled
def _take_softmax(output: Array, probabilities: Array) -> None:
    """Write the probabilities, in float64, that a network's outputs stand for."""
    for k in range(probabilities.shape[0]):
        probabilities[k] = output[k]
    write_probabilities(probabilities, probabilities)
