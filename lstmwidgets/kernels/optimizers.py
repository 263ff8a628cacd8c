"""SGD with momentum, Adam and AdamW over flat arrays, with the gradient's norm bounded first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NEGLIGIBLE
from .compiled import compiled, compiled_sum, inlined
from .parameters import FIRST, GRADIENT, OPTIMIZER, PACE, PARAMETERS, SECOND, STEPS, Learner

Array = NDArray[Any]

SGD, ADAM, ADAMW = range(3)

LR, BETA1, BETA2, EPS, DECAY, CLIP = range(6)
"""Places in `settings`; the last is the bound of the gradient's norm. For SGD, β1 is the momentum
and β2 is not read."""


@inlined
def optimize(own: Learner) -> None:
    """Take a learner's next step with its gradient, unless that is not finite."""
    store, settings, counters = own.store, own.settings, own.counters
    counters[STEPS] += 1
    if not take_step(
        own.sizes[OPTIMIZER],
        settings,
        counters[STEPS],
        settings[CLIP],
        store[PARAMETERS],
        store[GRADIENT],
        store[FIRST],
        store[SECOND],
        store[PACE],
    ):
        counters[STEPS] -= 1


@inlined
def take_step(
    rule: int,
    settings: Array,
    steps: int,
    clip: float,
    parameters: Array,
    gradient: Array,
    first: Array,
    second: Array,
    pace: Array,
) -> bool:
    """Take one step; the formulas and their order are those of `torch.optim`.

    Parameters
    ----------
    rule : int
        `SGD`, `ADAM` (Kingma & Ba 2015, algorithm 1) or `ADAMW` (Loshchilov & Hutter 2019,
        algorithm 2).
    settings : ndarray
        float64, read at `LR`, …, `DECAY`. Decay is L2 regularisation, decoupled for AdamW.
    steps : int
        How many were taken, this one included.
    clip : float
        Bound on the gradient's global norm, as `torch.nn.utils.clip_grad_norm_` takes it.
    parameters, gradient, first, second : ndarray
        (P,), the last two are moments; all are changed.
    pace : ndarray
        The part of its step that each parameter takes, (P,).

    Returns
    -------
    bool
        False, and nothing changed, if the gradient is not finite.
    """
    norm = global_norm(gradient)
    if not np.isfinite(norm):
        return False
    factor = np.float32(min(clip / (norm + 1e-6), 1.0))
    if rule == SGD:
        _sgd(settings, steps, factor, parameters, gradient, first, pace)
    else:
        _adam(rule == ADAMW, settings, steps, factor, parameters, gradient, first, second, pace)
    return True


@compiled_sum
def global_norm(gradient: Array) -> float:
    """Return the Euclidean norm; squares are added up in float64."""
    total = 0.0
    for k in range(gradient.shape[0]):
        total += np.float64(gradient[k]) * np.float64(gradient[k])
    return float(np.sqrt(total))


@compiled
def _sgd(
    settings: Array,
    steps: int,
    factor: Any,
    parameters: Array,
    gradient: Array,
    velocity: Array,
    pace: Array,
) -> None:
    lr, decay = np.float32(settings[LR]), np.float32(settings[DECAY])
    momentum = np.float32(settings[BETA1] if steps > 1 else 0.0)
    least, zero = np.float32(NEGLIGIBLE), np.float32(0)
    for k in range(parameters.shape[0]):
        v = momentum * velocity[k] + (factor * gradient[k] + decay * parameters[k])
        velocity[k] = v if abs(v) > least else zero
        parameters[k] -= pace[k] * lr * velocity[k]


@compiled
def _adam(
    decoupled: bool,
    settings: Array,
    steps: int,
    factor: Any,
    parameters: Array,
    gradient: Array,
    first: Array,
    second: Array,
    pace: Array,
) -> None:
    beta1, beta2 = np.float32(settings[BETA1]), np.float32(settings[BETA2])
    new1, new2 = np.float32(1 - settings[BETA1]), np.float32(1 - settings[BETA2])
    lr = np.float32(settings[LR] / (1 - settings[BETA1] ** steps))
    root = np.float32(1 / np.sqrt(1 - settings[BETA2] ** steps))
    eps = np.float32(settings[EPS])
    added = np.float32(0.0 if decoupled else settings[DECAY])
    shrink = np.float32(settings[LR] * settings[DECAY] if decoupled else 0.0)
    one = np.float32(1)
    least, zero = np.float32(NEGLIGIBLE), np.float32(0)
    for k in range(parameters.shape[0]):
        slope = factor * gradient[k] + added * parameters[k]
        m = beta1 * first[k] + new1 * slope
        v = beta2 * second[k] + new2 * slope * slope
        first[k] = m if abs(m) > least else zero
        second[k] = v if v > least else zero
        change = first[k] / (np.sqrt(second[k]) * root + eps)
        keep = one - pace[k] * shrink
        parameters[k] = keep * parameters[k] - pace[k] * lr * change
