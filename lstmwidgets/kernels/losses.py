"""Losses of one event and their gradients with respect to the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import exp
from .compiled import compiled, inlined

Array = NDArray[Any]

NUMBERS, CLASSES = range(2)
"""What is learned."""

SQUARED, ABSOLUTE, HUBER, QUANTILE, CROSS_ENTROPY = range(5)
_NAMES = ("squared", "absolute", "huber", "quantile", "cross_entropy")
LOSSES = {name: loss for loss, name in enumerate(_NAMES)}


@inlined
def loss_and_gradient(
    task: int, loss: int, levels: Array, output: Array, target: Array, gradient: Array
) -> float:
    """Return the loss of one event, and write dL/d output, (K,).

    ============= ==================================================== =========================
    loss          formula, summed over outputs; r = output - target    levels
    ============= ==================================================== =========================
    squared       r²                                                   not read
    absolute      abs(r), gradient 0 at r = 0                          not read
    huber         r²/2 where abs(r) < δ, else δ (abs(r) - δ/2)         δ of each output
    quantile      -τ r where r < 0, else (1 - τ) r                     τ of each output
    of classes    log of the sum of e^output, minus output[target[0]]  not read
    ============= ==================================================== =========================

    An output whose target is NaN has no loss and no gradient. The task is a constant.
    """
    if task == CLASSES:
        return _cross_entropy(output, int(target[0]), gradient)
    return _of_numbers(loss, levels, output, target, gradient)


@compiled
def _of_numbers(loss: int, levels: Array, output: Array, target: Array, gradient: Array) -> float:
    total = 0.0
    for k in range(output.shape[0]):
        residual = output[k] - target[k]
        size = abs(residual)
        sign = np.sign(residual)
        if np.isnan(target[k]):
            gradient[k] = 0
        elif loss == SQUARED:
            total += residual * residual
            gradient[k] = residual + residual
        elif loss == ABSOLUTE:
            total += size
            gradient[k] = sign
        elif loss == HUBER:
            delta = levels[k]
            if size < delta:
                total += residual * residual / 2
                gradient[k] = residual
            else:
                total += delta * (size - delta / 2)
                gradient[k] = delta * sign
        else:
            slope = -levels[k] if residual < 0 else 1 - levels[k]
            total += slope * residual
            gradient[k] = slope if residual != 0 else 0
    return total


@compiled
def probabilities(output: Array, result: Array) -> None:
    """Write softmax(output), (K,)."""
    top = output[0]
    for k in range(1, output.shape[0]):
        top = max(top, output[k])
    total = 0.0
    for k in range(output.shape[0]):
        result[k] = exp(output[k] - top)
        total += result[k]
    for k in range(output.shape[0]):
        result[k] /= total


@compiled
def _cross_entropy(output: Array, right: int, gradient: Array) -> float:
    probabilities(output, gradient)
    loss = -np.log(max(np.float64(gradient[right]), 1e-300))
    gradient[right] -= 1
    return float(loss)
