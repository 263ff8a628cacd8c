"""One event of an online regressor: predict, then learn; 10 features, a dict in, a number out.

"tbptt" and "eligibility" are `LSTMRegressor`s as users get them, scaling and experts included, the
first with a window of 10. "autograd" is the same recipe by hand in PyTorch, without scaling or
experts: `nn.LSTM` and a linear head, the state carried, the last 10 inputs run again, backward,
gradients clipped, `torch.optim.Adam`. "limit" is the time in which a compiled loop reads as many
bytes as the kernels must: for tbptt every weight three times a step (forward, backward, gradient),
for eligibility every weight and its trace twice, and for both what Adam reads and writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lstmwidgets.analysis.contenders import AutogradLearner
from lstmwidgets.online import LSTMRegressor

from .steps import limit
from .timing import Contestant, Figure, Target, Targets, race, ratio

FEATURES, WINDOW, EVENTS = 10, 10, 200
AUTOGRAD, TBPTT, ELIGIBILITY = "autograd", "tbptt", "eligibility"
ADAM = 7
"""Numbers that Adam reads or writes for every weight: gradient, weight and two moments."""

TARGETS: Targets = {
    ("hidden 32", f"{AUTOGRAD} / {TBPTT}"): Target("≥", 10),
    ("hidden 32", f"{AUTOGRAD} / {ELIGIBILITY}"): Target("≥", 30),
}

Event = tuple[dict[str, float], float]


def figures() -> Iterator[Figure]:
    """Yield the figures, one hidden size after another."""
    events = _events()
    for hidden in (32, 64, 128):
        case = f"hidden {hidden}"
        weights = (FEATURES + hidden + 1) * 4 * hidden
        contestants = [
            _contestant(AUTOGRAD, AutogradLearner(FEATURES, hidden, window=WINDOW), events),
            _contestant(TBPTT, LSTMRegressor(hidden, window=WINDOW, seed=0), events),
            _contestant(ELIGIBILITY, LSTMRegressor(hidden, gradient="eligibility", seed=0), events),
            limit("limit of tbptt", (3 * WINDOW + ADAM) * weights),
            limit("limit of eligibility", (4 + ADAM) * weights),
        ]
        times = race(contestants, rounds=15)
        yield ratio(case, times, AUTOGRAD, TBPTT)
        yield ratio(case, times, AUTOGRAD, ELIGIBILITY)
        yield ratio(case, times, TBPTT, "limit of tbptt")
        yield ratio(case, times, ELIGIBILITY, "limit of eligibility")
        for name, samples in times.items():
            yield Figure(case, name, "µs", samples)


def _contestant(name: str, model: Any, events: list[Event]) -> Contestant:
    def event(pair: Event) -> None:
        x, y = pair
        model.predict_one(x)
        model.learn_one(x, y)

    return Contestant(name, event, events)


def _events() -> list[Event]:
    random = np.random.default_rng(0)
    rows = random.normal(size=(EVENTS, FEATURES))
    targets = np.tanh(rows @ random.normal(size=FEATURES))
    names = [f"x{k}" for k in range(FEATURES)]
    return [
        (dict(zip(names, row, strict=True)), y)
        for row, y in zip(rows.tolist(), targets.tolist(), strict=True)
    ]
