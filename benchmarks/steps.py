"""One stream, batch 1, 10 inputs, float32, the state carried from step to step.

Every contestant gets its inputs ready-made in the form it likes, and all must agree over 50 steps
before they are timed. "ours" is `LSTM.stepper().step(x)`; "looped" is the same kernel going through
1,000 steps in one call, which leaves the rest of a step as the call's overhead. "limit" is the time
in which a compiled loop reads as many bytes as the weights have, from whatever cache they fit in:
no step that uses every weight can be faster. "ONNX Runtime" is fed with its last outputs; "bound"
has all its arrays bound beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import sub

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import nn

from lstmwidgets import LSTM

from . import rivals
from .agreement import check_agreement
from .timing import Contestant, Figure, Target, Targets, race, ratio

Array = NDArray[np.float32]

INPUTS = 10
STEPS = 50
OURS, LOOPED, LIMIT = "ours", "ours, looped", "limit"

TARGETS: Targets = {
    ("hidden 32", f"{rivals.LSTM} / {OURS}"): Target("≥", 25),
    ("hidden 64", f"{rivals.LSTM} / {OURS}"): Target("≥", 18),
    ("hidden 128", f"{rivals.LSTM} / {OURS}"): Target("≥", 12),
    ("hidden 256", f"{rivals.LSTM} / {OURS}"): Target("≥", 8),
    ("hidden 256", f"{rivals.ONNX_RUNTIME} / {OURS}"): Target("≥", 1.3),
}


@torch.inference_mode()
def figures() -> Iterator[Figure]:
    """Yield the figures, one hidden size after another."""
    for hidden in (32, 64, 128, 256):
        case = f"hidden {hidden}"
        with torch.inference_mode(mode=False):
            reference = nn.LSTM(INPUTS, hidden).eval()
            lstm = LSTM(INPUTS, hidden)
            lstm.load_state_dict(reference.state_dict())
        xs = np.random.default_rng(0).standard_normal((STEPS, INPUTS), dtype=np.float32)
        same_job = [
            Contestant(OURS, lstm.stepper().step, list(xs)),
            *(rival(reference, xs) for rival in rivals.ALL),
        ]
        check_agreement(same_job)
        weights = (INPUTS + hidden) * 4 * hidden
        times = race([*same_job, _looped(lstm, xs), limit(LIMIT, weights)])
        for rival in same_job[1:]:
            yield ratio(case, times, rival.name, OURS)
        yield ratio(case, times, OURS, LIMIT)
        yield ratio(case, times, LOOPED, LIMIT)
        for name, samples in times.items():
            yield Figure(case, name, "µs", samples)
        overhead = tuple(map(sub, times[OURS], times[LOOPED]))
        yield Figure(case, "call overhead", "µs", overhead)


def _looped(lstm: LSTM, xs: Array) -> Contestant:
    stepper = lstm.stepper()
    X = np.tile(xs, (20, 1))
    slots = np.zeros(len(X), np.int64)
    return Contestant(LOOPED, lambda X: stepper.step_many(slots, X), [X], len(X))


def limit(name: str, weights: int) -> Contestant:
    """Return a loop that reads so many numbers from the fastest memory that holds them."""
    spare = np.ones(weights + 16, np.float32)
    first = -spare.ctypes.data % 64 // 4  # vectors across two cache lines would be read twice
    halves = spare[first : first + weights].reshape(2, -1)
    times = 200
    return Contestant(name, lambda times: _read(halves, times), [times], times)


def _read_slowly(halves: Array, times: int) -> float:
    """Sum both halves many times over; two sums that may be reordered keep both load ports busy."""
    a = b = np.float32(0)
    for _ in range(times):
        for k in range(halves.shape[1]):
            a += halves[0, k]
            b += halves[1, k]
    return float(a + b)


_read: Callable[[Array, int], float] = njit(fastmath=True)(_read_slowly)
