"""Epochs that a `TrainingMonitor` runs and looks at, beside the same from `iter_fit`.

An epoch is 8 batches of 64 sequences of 100 steps, 10 inputs and 128 hidden units, or 60 batches
of 32 sequences of 12 steps, 8 inputs and 32 units; each has a validation of a quarter as many
sequences, with 32 of which the gates are looked at. No page is open; the monitor makes its pictures
all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lstmwidgets.models import SequenceModel
from lstmwidgets.training import TrainingRun, iter_fit
from lstmwidgets.widgets import TrainingMonitor

from .timing import Contestant, Figure, Target, Targets, race, ratio

CASES = {"128 units, 100 steps": (8, 64, 100, 10, 128), "32 units, 12 steps": (60, 32, 12, 8, 32)}
BARE, WATCHED = "iter_fit", "TrainingMonitor"

TARGETS: Targets = {(case, f"{WATCHED} / {BARE}"): Target("≤", 1.1) for case in CASES}


def figures() -> Iterator[Figure]:
    """Yield the times of an epoch with and without a monitor."""
    for case, sizes in CASES.items():
        bare, watched = _training(*sizes), TrainingMonitor(_training(*sizes))
        contestants = [
            Contestant(BARE, lambda _, run=bare: next(run), [None]),
            Contestant(WATCHED, lambda _, run=watched: run.step(), [None]),
        ]
        times = race(contestants, rounds=9)
        yield ratio(case, times, WATCHED, BARE)
        for name, samples in times.items():
            yield Figure(case, name, "ms", tuple(microseconds / 1e3 for microseconds in samples))
        watched.close()


def _training(batches: int, batch: int, steps: int, inputs: int, hidden: int) -> TrainingRun:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batches * batch * 5 // 4, steps, inputs, generator=generator)
    y = x.mean((1, 2))[:, None] * 10
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SequenceModel(inputs, hidden_size=hidden)
    return iter_fit(
        model,
        [*x],
        y,
        validation=0.2,
        epochs=10**6,
        batch_size=batch,
        lr=1e-3,
        patience=None,
        scale=False,
        device="cpu",
        seed=0,
    )
