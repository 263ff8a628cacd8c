"""Losses of one event and their gradients with respect to the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import exp
from .compiled import by_constant, compiled

Array = NDArray[Any]

NUMBERS, CLASSES = range(2)
"""What is learned."""

SQUARED, ABSOLUTE, HUBER, QUANTILE, CROSS_ENTROPY = range(5)
LOSSES = {
    "squared": SQUARED,
    "absolute": ABSOLUTE,
    "huber": HUBER,
    "quantile": QUANTILE,
    "cross_entropy": CROSS_ENTROPY,
}


@compiled
def _of_numbers(
    _task: int, loss: int, levels: Array, output: Array, target: Array, gradient: Array
) -> float:
    """Return the loss of one event, and write dL/d output, (K,).

    ============= ==================================================== =========================
    loss          formula, summed over outputs; r = output - target    levels
    ============= ==================================================== =========================
    squared       r²                                                   not read
    absolute      abs(r), gradient 0 at r = 0                          not read
    huber         r²/2 where abs(r) < δ, else δ (abs(r) - δ/2)         δ of each output
    quantile      -τ r where r < 0, else (1 - τ) r                     τ of each output
    ============= ==================================================== =========================

    An output whose target is NaN has no loss and no gradient.
    """
    total = 0.0
    for k in range(output.shape[0]):
        apart = output[k] - target[k]
        size = abs(apart)
        sign = np.sign(apart)
        if np.isnan(target[k]):
            gradient[k] = 0
        elif loss == SQUARED:
            total += apart * apart
            gradient[k] = apart + apart
        elif loss == ABSOLUTE:
            total += size
            gradient[k] = sign
        elif loss == HUBER:
            delta = levels[k]
            if size < delta:
                total += apart * apart / 2
                gradient[k] = apart
            else:
                total += delta * (size - delta / 2)
                gradient[k] = delta * sign
        else:
            slope = -levels[k] if apart < 0 else 1 - levels[k]
            total += slope * apart
            gradient[k] = slope if apart != 0 else 0
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
def _cross_entropy(
    _task: int, _loss: int, _levels: Array, output: Array, target: Array, gradient: Array
) -> float:
    """Return log of the sum of e^output, minus ``output[target[0]]``, and write the gradient."""
    probabilities(output, gradient)
    right = int(target[0])
    loss = -np.log(max(np.float64(gradient[right]), 1e-300))
    gradient[right] -= 1
    return float(loss)


loss_and_gradient = by_constant({NUMBERS: _of_numbers, CLASSES: _cross_entropy})
"""Returns the loss of one event, and writes dL/d output, (K,)."""
