"""A convex mixture of experts whose weights are learned online.

The algorithm is the version of Bernstein online aggregation with a learning rate for every expert:
Wintenberger (2017), "Optimal learning with Bernstein online aggregation", Machine Learning 106. It
runs on the gradient of the absolute loss: with the mixture's forecast p, a typical change u of the
target and expert k's forecast f,

    r = sign(y - p) (f - p) / u                     its regret, cut off at ±1
    R = R + r - η r²,   V = d V + r²
    η = min(1/2, sqrt((1 + log(1/π)) / V))          π: its prior weight
    w ∝ π η exp(η max(R, -c/η))

The rest is ours. Cutting off makes the range known and outliers harmless. Discounting the squares
by d lets rates recover after a bad time. The floor c lets no expert fall behind for good, so that
one that was bad for long is soon found when it is best; that is what the fixed share is for in
Herbster and Warmuth (1998), "Tracking the best expert", but it costs nothing while all is steady.

Everything about K experts lies in one array, (4, K): π, R, V and w.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled

Array = NDArray[Any]

PRIOR, REGRET, SQUARES, WEIGHT = range(4)

FLOOR = 5.0
"""The floor c: no expert's weight is cut by more than a factor of exp(c)."""

MEMORY = 0.998
"""Discount of the squares."""


@compiled
def reward(forecasts: Array, mixed: float, y: float, unit: float, mixture: Array) -> None:
    """Learn the weights of one stage; an expert whose forecast is the mixture's gains nothing.

    Parameters
    ----------
    forecasts : ndarray
        Of every expert, (K,).
    mixed : float
        Their mean by weight, which was the forecast.
    y : float
        The target.
    unit : float
        A typical change of the target, above 0.
    mixture : ndarray
        (4, K); updated.
    """
    side = np.sign(y - mixed)
    total = 0.0
    for k in range(forecasts.shape[0]):
        prior = mixture[PRIOR, k]
        regret = min(max(side * (forecasts[k] - mixed) / unit, -1.0), 1.0)
        mixture[REGRET, k] += regret - _rate(prior, mixture[SQUARES, k]) * regret**2
        mixture[SQUARES, k] = MEMORY * mixture[SQUARES, k] + regret**2
        rate = _rate(prior, mixture[SQUARES, k])
        mixture[REGRET, k] = max(mixture[REGRET, k], -FLOOR / rate)
        mixture[WEIGHT, k] = np.log(prior * rate) + rate * mixture[REGRET, k]
    top = mixture[WEIGHT, 0]
    for k in range(1, forecasts.shape[0]):
        top = max(top, mixture[WEIGHT, k])
    for k in range(forecasts.shape[0]):
        mixture[WEIGHT, k] = np.exp(mixture[WEIGHT, k] - top)
        total += mixture[WEIGHT, k]
    for k in range(forecasts.shape[0]):
        mixture[WEIGHT, k] /= total


@compiled
def _rate(prior: float, squares: float) -> float:
    """Return an expert's learning rate: 1/2 at first, for regrets within ±1."""
    information = 1.0 - np.log(prior)
    rate: float = 0.5 if information >= 0.25 * squares else np.sqrt(information / squares)
    return rate
