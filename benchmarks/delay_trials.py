"""Nets that learn to measure spike delays, all trials of a case side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import binary_cross_entropy_with_logits, sigmoid

from lstmwidgets import LSTM

from .classical_tasks import Batch, SpikeDelays

LR, CLIP = 0.03, 1.0
BATCH, EVERY = 8, 100
DELAYS = 1_000


class Net(nn.Module):
    """An LSTM with a logistic output, which is returned before the logistic function."""

    def __init__(self, cell: str, hidden_size: int, seed: int) -> None:
        super().__init__()
        self.lstm = LSTM(1, hidden_size, cell=cell)
        self.head = nn.Linear(hidden_size, 1)
        draw = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if "peephole" in name:
                    weight.zero_()  # so that nets of both cells begin as the same one
                else:
                    weight.uniform_(-0.5, 0.5, generator=draw)
            self.lstm.bias_ih_l0.view(4, -1)[1] += 3  # forget gates begin open,
            self.lstm.bias_ih_l0.view(4, -1)[3] += 2  # and output gates

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T) for (B, T, 1), for any cell by the same loop over time."""
        output: Tensor = self.head(self.lstm.trace(x).hidden[-1])[..., 0]
        return output


def learn(cell: str, hidden_size: int, task: SpikeDelays, trials: int, most: int) -> list[Any]:
    """Train nets from the first seeds; return for each its streams until solved, or None."""
    nets = [Net(cell, hidden_size, seed) for seed in range(trials)]
    weights, _ = stack_module_state(nets)  # type: ignore[arg-type]
    weights = {name: each.detach().requires_grad_() for name, each in weights.items()}
    together = vmap(lambda own, x: functional_call(nets[0], own, (x,)))
    optimizer = torch.optim.Adam(weights.values(), lr=LR)
    draw, tests = np.random.default_rng(0), np.random.default_rng(1)
    solved: list[int | None] = [None] * trials
    for update in range(1, most // BATCH + 1):
        batch = task.batch(trials * BATCH, seed=draw)
        output = together(weights, batch.x.unflatten(0, (trials, BATCH))).flatten(0, 1)
        asked = ~batch.target.isnan()
        losses = binary_cross_entropy_with_logits(output[asked], batch.target[asked])
        optimizer.zero_grad()
        (losses * trials).backward()  # each net has as many spikes: a mean for each
        _clip(weights)
        optimizer.step()
        if update % EVERY == 0:
            few = _test(task, DELAYS // 20, tests)
            with torch.no_grad():
                answers = sigmoid(together(weights, few.x.expand(trials, *few.x.shape)))
            for n, answer in enumerate(answers):
                if solved[n] is None and task.correct(answer, few).all():
                    own = {name: each[n].detach() for name, each in weights.items()}
                    solved[n] = update * BATCH if _solves(nets[0], own, task, tests) else None
            if all(solved):
                break
    return solved


@torch.no_grad()
def _solves(net: Net, own: dict[str, Tensor], task: SpikeDelays, draw: np.random.Generator) -> bool:
    """Say whether a net meets the criterion."""
    test = _test(task, DELAYS, draw)
    return bool(task.correct(sigmoid(functional_call(net, own, (test.x,))), test).all())


def _test(task: SpikeDelays, count: int, draw: np.random.Generator) -> Batch:
    """Return so many delays: of a continual task in a single stream."""
    if task.spikes == 1:
        return task.batch(count, seed=draw)
    return SpikeDelays(task.interval, task.delays, count).batch(1, seed=draw)


def _clip(weights: dict[str, Tensor]) -> None:
    """Bring each net's gradient down to the largest norm."""
    gradients = [each.grad for each in weights.values() if each.grad is not None]
    norm = torch.stack([each.flatten(1).square().sum(1) for each in gradients]).sum(0).sqrt()
    factor = (CLIP / norm.clamp(min=1e-12)).clamp(max=1)
    for each in gradients:
        each *= factor.view(-1, *[1] * (each.ndim - 1))
