"""Mixtures of experts that give every class a probability; weights are learned online.

There are two, one in the other. The inner one, the pool, multiplies: its logits are the weighted
sum of the experts' log probabilities (a logarithmic opinion pool: Genest & Zidek 1986; Hinton 1999,
"Products of experts"), so that experts who know different things are surer together than any of
them. Its weights go down the gradient of the log loss, by AdaGrad (Duchi, Hazan & Singer 2011).

The outer one is Bayes' mixture of all experts and the pool: a weight is multiplied by the
probability that its expert gave to what came. Its summed log loss is at most the best expert's plus
log(1/π), π being that one's prior weight (Cesa-Bianchi & Lugosi 2006, "Prediction, learning, and
games", section 9.2). A share of the weights, `SHARE` / t at the t-th event, goes back to the prior
(Herbster & Warmuth 1998, "Tracking the best expert"), so that one that was bad for long costs no
more than about log(t / `SHARE`) until it is found again; it adds `SHARE` (1 + log t) to the bound.

Experts may be asleep and say nothing: the others are then mixed as if they were not there, and
their weights stay (Freund, Schapire, Singer & Warmuth 1997, "Using and combining predictors that
specialize").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .losses import probabilities as write_probabilities

Array = NDArray[Any]

RATE = 0.2
"""AdaGrad's rate for the pool's weights."""

HEAVIEST = 2.0
"""Bound on a weight in the pool; beyond 1 it makes a timid expert bolder."""

DOUBT = 0.001
"""Added to probabilities before their logarithm is taken."""

SHARE = 0.05
"""See above."""

WEIGHT, SQUARES = range(2)
"""Rows of a pool, (2, M) for M experts."""


@compiled
def mix(forecasts: Array, weights: Array, pool: Array, asleep: int, mixed: Array) -> None:
    """Write the pool's probabilities and those of the mixture.

    Parameters
    ----------
    forecasts : ndarray
        Each expert's probabilities, then the pool's, which are written, (M + 1, K).
    weights : ndarray
        Those of the outer mixture, (M + 1,), adding up to 1.
    pool : ndarray
        (2, M).
    asleep : int
        The experts that are asleep, a bit each; their forecasts are not read.
    mixed : ndarray
        (K,); written.
    """
    count = pool.shape[1]
    together = forecasts[count]
    for k in range(mixed.shape[0]):
        together[k] = 0.0
        for n in range(count):
            if pool[WEIGHT, n] > 0 and not asleep >> n & 1:
                together[k] += pool[WEIGHT, n] * np.log(forecasts[n, k] + DOUBT)
    write_probabilities(together, together)
    mixed[:], awake = 0.0, 0.0
    for n in range(count + 1):
        if not asleep >> n & 1:
            awake += weights[n]
            for k in range(mixed.shape[0]):
                mixed[k] += weights[n] * forecasts[n, k]
    for k in range(mixed.shape[0]):
        mixed[k] /= awake


@compiled
def reward(
    place: int,
    time: int,
    forecasts: Array,
    mixed: Array,
    prior: Array,
    weights: Array,
    pool: Array,
    asleep: int,
) -> None:
    """Learn the weights of both mixtures from the class that came.

    Parameters
    ----------
    place, time : int
        The class, and that it came with the time-th event, from 1.
    forecasts, mixed, weights, pool, asleep
        As `mix` takes and leaves them.
    prior : ndarray
        Prior weights, (M + 1,).
    """
    share, total = SHARE / time, 0.0
    for n in range(weights.shape[0]):
        if not asleep >> n & 1:
            weights[n] *= forecasts[n, place] / mixed[place]
        weights[n] += share * (prior[n] - weights[n])
        total += weights[n]
    for n in range(weights.shape[0]):
        weights[n] /= total
    count = pool.shape[1]
    for n in range(count):
        if asleep >> n & 1:
            continue
        slope = -np.log(forecasts[n, place] + DOUBT)
        for k in range(mixed.shape[0]):
            slope += forecasts[count, k] * np.log(forecasts[n, k] + DOUBT)
        pool[SQUARES, n] += slope * slope
        weight = pool[WEIGHT, n] - RATE * slope / np.sqrt(1.0 + pool[SQUARES, n])
        pool[WEIGHT, n] = min(max(weight, 0.0), HEAVIEST)
