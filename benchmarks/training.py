"""A batch of 64 sequences of 100 steps, 10 inputs, 128 hidden units, float32.

A training step is forward, the mean of the outputs' squares, backward, and gradients to nothing.
Forward only is under `torch.no_grad`. The standard cell must agree with nn.LSTM before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from lstmwidgets import LSTM
from lstmwidgets.cells import CELLS

from .agreement import check_agreement
from .timing import Contestant, Figure, Target, Targets, race, ratio

BATCH, TIME, INPUTS, HIDDEN = 64, 100, 10, 128
PYTORCH = "nn.LSTM"
TRAINING, FORWARD = "training step", "forward only"

TARGETS: Targets = {
    (FORWARD, f"standard / {PYTORCH}"): Target("≤", 1.05),
    (TRAINING, f"standard / {PYTORCH}"): Target("≤", 1.05),
    (TRAINING, f"peephole / {PYTORCH}"): Target("≤", 3),
    (TRAINING, f"full_gate_recurrence / {PYTORCH}"): Target("≤", 3),
    (TRAINING, f"coupled / {PYTORCH}"): Target("≤", 3),
    (TRAINING, f"layer_norm / {PYTORCH}"): Target("≤", 5),
}


def figures() -> Iterator[Figure]:
    """Yield the figures: whole training steps of every cell, and the standard cell's forward."""
    modules: dict[str, nn.Module] = {
        PYTORCH: nn.LSTM(INPUTS, HIDDEN, batch_first=True),
        **{name: LSTM(INPUTS, HIDDEN, cell=name) for name in CELLS},
    }
    modules["standard"].load_state_dict(modules[PYTORCH].state_dict())
    standard = {name: modules[name] for name in (PYTORCH, "standard")}
    x = torch.randn(BATCH, TIME, INPUTS)
    check_agreement(_contestants(standard, _forward, x))
    yield from _compare(TRAINING, _contestants(modules, _train, x))
    yield from _compare(FORWARD, _contestants(standard, _forward, x))


def _contestants(
    modules: dict[str, nn.Module], job: Callable[[nn.Module, Tensor], object], x: Tensor
) -> list[Contestant]:
    return [Contestant(name, partial(job, module), [x]) for name, module in modules.items()]


def _compare(case: str, contestants: list[Contestant]) -> Iterator[Figure]:
    times = race(contestants, rounds=45)  # equals are told apart from 5 % more only by many
    for name in times:
        if name != PYTORCH:
            yield ratio(case, times, name, PYTORCH)
    for name, samples in times.items():
        yield Figure(case, name, "ms", tuple(microseconds / 1e3 for microseconds in samples))


def _train(module: nn.Module, x: Tensor) -> None:
    output, _ = module(x)
    output.square().mean().backward()
    module.zero_grad()


@torch.no_grad()
def _forward(module: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = module(x)[0]
    return output
