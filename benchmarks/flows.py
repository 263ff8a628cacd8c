"""From a slider of `GradientFlow` to its curves: plain RNN, five kinds of LSTM and the model.

The widget stands over a classifier of as many units and steps as the fresh networks have; its
thread computes, and the clock stops when a curve is handed to the pages. A slider moves when all is
at rest, or in the middle of the work that the last move began, which it cancels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from lstmwidgets.models import SequenceModel
from lstmwidgets.widgets import GradientFlow

from .timing import Figure, Target, Targets

CASES = ((32, 100), (64, 1_000), (128, 1_000), (256, 1_000))
FIRST, ALL, OPENED = "slider to first curve", "slider to all curves", "opened, to first curve"
OVERTAKEN, STEP = "slider in the midst of work, to first curve", "another prediction"
ROUNDS = 7
PATIENCE = 60

TARGETS: Targets = {
    ("64 units, 1,000 steps", FIRST): Target("≤", 100),
    ("64 units, 1,000 steps", OVERTAKEN): Target("≤", 100),
    ("128 units, 1,000 steps", FIRST): Target("≤", 100),
    ("128 units, 1,000 steps", OVERTAKEN): Target("≤", 100),
    ("64 units, 1,000 steps", OPENED): Target("≤", 500),
    ("64 units, 1,000 steps", ALL): Target("≤", 5_000),
    ("256 units, 1,000 steps", ALL): Target("≤", 5_000),
}


def figures() -> Iterator[Figure]:
    """Measure all sizes."""
    for units, steps in CASES:
        yield from _figures(units, steps)


def _figures(units: int, steps: int) -> Iterator[Figure]:
    model = SequenceModel(4, 3, task="classification", pooling=None, hidden_size=units)
    x = torch.randn(steps + 1, 4)
    found: dict[str, list[float]] = {name: [] for name in (OPENED, FIRST, ALL, OVERTAKEN, STEP)}
    for n in range(ROUNDS):
        begin = time.perf_counter()
        flow = GradientFlow(model, x)
        _until(partial(_is_there, flow))
        found[OPENED].append(time.perf_counter() - begin)
        flow.wait()
        found[FIRST].append(_slide(flow, 2.0 + 0.1 * n))
        begin = time.perf_counter() - found[FIRST][-1]
        flow.wait()
        found[ALL].append(time.perf_counter() - begin)
        _slide(flow, 0.0, 3)
        found[OVERTAKEN].append(_slide(flow, 0.2))
        flow.wait()
        begin = time.perf_counter()
        flow.step -= 1
        flow.wait()
        found[STEP].append(time.perf_counter() - begin)
        flow.close()
    for name, seconds in found.items():
        case = f"{units} units, {steps:,} steps"
        yield Figure(case, name, "ms", tuple(1e3 * each for each in seconds))


def _slide(flow: GradientFlow, bias: float, curves: int = 1) -> float:
    """Move a slider; return the seconds until so many curves are new."""
    before = dict(flow.curves)
    begin = time.perf_counter()
    flow.forget_bias = bias
    _until(lambda: sum(each is not before[n] for n, each in [*flow.curves.items()]) >= curves)
    return time.perf_counter() - begin


def _is_there(flow: GradientFlow) -> bool:
    return bool(flow.curves)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"no curve within {PATIENCE} s")
        time.sleep(2e-4)
