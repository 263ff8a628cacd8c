"""Many streams at once: one step of each of 10,000 keys, 10 inputs, float32.

"ours" is `step_many`. The alternative is `torch.nn.LSTMCell` on one big batch: it gathers the
states of the keys, steps them and scatters them back. Both must agree before they are timed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmwidgets import LSTM

from .agreement import check_agreement
from .rivals import LSTM_CELL, as_cell
from .timing import Contestant, Figure, Target, Targets, race, ratio

INPUTS = 10
KEYS = 10_000
OURS = "ours"

TARGETS: Targets = {("hidden 32 shuffled", OURS): Target("≥", 1.0)}


@torch.inference_mode()
def figures() -> Iterator[Figure]:
    """Yield the figures, one hidden size after another."""
    generator = np.random.default_rng(0)
    orders = {
        "shuffled": [generator.permutation(KEYS) for _ in range(3)],
        "in order": [np.arange(KEYS)],
    }
    for hidden in (32, 64):
        with torch.inference_mode(mode=False):
            reference = nn.LSTM(INPUTS, hidden)
            lstm = LSTM(INPUTS, hidden)
            lstm.load_state_dict(reference.state_dict())
        for order, slots in orders.items():
            case = f"hidden {hidden} {order}"
            X = generator.standard_normal((KEYS, INPUTS), dtype=np.float32)
            contestants = [_ours(lstm, slots, X), _batch(reference, slots, X)]
            check_agreement(contestants)
            times = race(contestants)
            yield ratio(case, times, LSTM_CELL, OURS)
            for name, samples in times.items():
                rates = tuple(1 / microseconds for microseconds in samples)
                yield Figure(case, name, "M steps/s", rates)


def _ours(lstm: LSTM, slots: list[NDArray[np.int64]], X: NDArray[np.float32]) -> Contestant:
    stepper = lstm.stepper(KEYS)
    return Contestant(OURS, lambda which: stepper.step_many(which, X), slots, KEYS)


def _batch(
    reference: nn.LSTM, slots: list[NDArray[np.int64]], X: NDArray[np.float32]
) -> Contestant:
    cell, x = as_cell(reference), torch.from_numpy(X)
    h, c = torch.zeros(2, KEYS, reference.hidden_size).unbind()

    def step(which: Tensor) -> Tensor:
        after_h, after_c = cell(x, (h.index_select(0, which), c.index_select(0, which)))
        h.index_copy_(0, which, after_h)
        c.index_copy_(0, which, after_c)
        output: Tensor = after_h
        return output

    return Contestant(LSTM_CELL, step, [torch.from_numpy(which) for which in slots], KEYS)
