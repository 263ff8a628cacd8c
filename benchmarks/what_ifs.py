"""Interventions: from a slider of `GateLab` to its picture, and the ranking of units by silence.

A slider's picture is ready when all that a page gets is in the widget's state. The ranking's first
turn goes by the gradient; the whole one silences each unit in turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from lstmwidgets.analysis import Intervention, Scenario, WhatIf, rank_units
from lstmwidgets.models import SequenceModel
from lstmwidgets.widgets import GateLab

from .timing import Figure, Target, Targets

CASES = ((32, 1_000), (128, 1_000), (256, 10_000))
SLIDER, FIRST, ALL = "slider to picture", "first ranking, by gradient", "whole ranking"
ROUNDS = 7

TARGETS: Targets = {
    ("128 units, 1,000 steps", SLIDER): Target("≤", 100),
    ("128 units, 1,000 steps", ALL): Target("≤", 1_000),
    ("256 units, 10,000 steps", FIRST): Target("≤", 2_000),
}


def figures() -> Iterator[Figure]:
    """Measure all sizes."""
    for units, steps in CASES:
        case = f"{units} units, {steps:,} steps"
        model = SequenceModel(4, 1, pooling=None, hidden_size=units)
        x, targets = torch.randn(steps, 4), [0.0] * steps
        what_if = WhatIf(model, x, targets=targets)
        first, whole = [], []
        for _ in range(ROUNDS if units < 256 else 3):
            begin = time.perf_counter()
            rankings = rank_units(what_if)
            next(rankings)
            first.append(1e3 * (time.perf_counter() - begin))
            if units < 256:
                for _ in rankings:
                    pass
                whole.append(1e3 * (time.perf_counter() - begin))
        yield Figure(case, FIRST, "ms", tuple(first))
        if whole:
            yield Figure(case, ALL, "ms", tuple(whole))
            yield Figure(case, SLIDER, "ms", tuple(_slides(GateLab(model, x, targets=targets))))


def _slides(lab: GateLab) -> Iterator[float]:
    """Yield the milliseconds from a slider's place to what pages draw of it."""
    lab.add("forget gate", Intervention("forget_gate", to=1.0))
    for n in range(ROUNDS):
        _ = lab.runs
        begin = time.perf_counter()
        lab.scenarios = [Scenario("forget gate", (Intervention("forget_gate", to=n / ROUNDS),))]
        _ = lab.runs
        yield 1e3 * (time.perf_counter() - begin)
