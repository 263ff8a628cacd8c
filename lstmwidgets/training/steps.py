"""A step of the optimizer, by one process or several, for a batch in one part or several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ..state import State
from .batches import Batch
from .objective import divisor
from .options import Options

LOSS, WEIGHT, SCORES, COUNT, STOPS = range(5)
"""Places in totals: loss times its weight, that weight, sum and number of scores; and how many
processes have been told to stop."""


class Steps:
    """Trains on batches, and evaluates them; all processes do so at once.

    A batch's loss is the mean over all that has a target in it, in whatever parts it went through
    the model and in however many processes: each part counts by the weight of its targets.

    Parameters
    ----------
    fabric : lightning.fabric.Fabric
        Launched.
    module, optimizer
        As `Fabric.setup` returned them, of an `Objective`.
    options : Options
        Of the training.

    Attributes
    ----------
    module
        As given.
    world : int
        Number of processes.
    """

    def __init__(self, fabric: Any, module: Any, optimizer: Any, options: Options) -> None:
        self._fabric, self.module, self._optimizer = fabric, module, optimizer
        self._options = options
        self.world: int = fabric.world_size

    def train(
        self, parts: Sequence[Batch], states: Sequence[State], told_to_stop: bool = False
    ) -> tuple[Tensor, Tensor, Tensor, list[State]]:
        """Take a step on a batch.

        Parameters
        ----------
        parts : sequence of Batch
            Those of this process, at least one.
        states : sequence of State
            Of the parts of the batch before.
        told_to_stop : bool
            Whether this process has been.

        Returns
        -------
        loss, norm : Tensor
            Of the whole batch; the norm is that of the gradient before clipping.
        totals : Tensor
            (5,), of all processes; of a single one without the last.
        states : list of State
            Of the parts, after the batch.
        """
        if len(parts) == 1 and self.world == 1:
            loss, totals, state = self._run(parts[0], states, 0)
            self._fabric.backward(loss)
            after = [state]
        else:
            totals, after = self._run_parts(parts, states, told_to_stop)
            self._divide(totals[WEIGHT])
            loss = totals[LOSS] / divisor(totals[WEIGHT])
        norm = self._clipped()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach(), norm, totals, after

    def _run_parts(
        self, parts: Sequence[Batch], states: Sequence[State], told_to_stop: bool
    ) -> tuple[Tensor, list[State]]:
        """Add up the gradients of weighted sums; return the totals, and the states after it."""
        totals, after = self.zeros(), []
        for n, part in enumerate(parts):
            with self._apart(n < len(parts) - 1):
                loss, added, state = self._run(part, states, n)
                self._fabric.backward(loss * divisor(added[WEIGHT]) / self._options.batch_size)
            totals[:STOPS] += added
            after.append(state)
        totals[STOPS] = told_to_stop
        return self.summed(totals), after

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Sequence[Batch]]) -> Tensor:
        """Return the totals (5,) of batches, of all processes, in eval mode."""
        totals = self.zeros()
        states: Sequence[State] = ()
        self.module.eval()
        for parts in batches:
            after = []
            for n, part in enumerate(part for part in parts if not part.stand_in):
                _, added, state = self._run(part, states, n)
                totals[:STOPS] += added
                after.append(state)
            states = after
        return self.summed(totals)

    def zeros(self) -> Tensor:
        """Return totals of nothing, (5,), on the device."""
        device = self._fabric.device
        precise = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros(5, dtype=precise, device=device)

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, which all have to ask for it."""
        found: Tensor = self._fabric.all_reduce(values, reduce_op="sum")
        return found

    def count(self, true: bool) -> int:
        """Return in how many processes something is true; all have to ask."""
        return int(self.summed(torch.full((1,), float(true), device=self._fabric.device)))

    def _run(self, batch: Batch, states: Sequence[State], n: int) -> tuple[Tensor, Tensor, State]:
        """Return loss, what it adds to the totals, and the state after it."""
        before = None
        if n < len(states) and not batch.begins:  # cut off from the graph
            parts = (each[:, : len(batch.x)].detach() for each in states[n])
            before = type(states[n])(*parts)
        loss, added, state = self.module(batch.x, batch.y, batch.lengths, before)
        if batch.stand_in:
            return loss * 0, torch.zeros_like(added), state
        return loss, added, state

    def _apart(self, more: bool) -> AbstractContextManager[None]:
        """Leave the gradients of processes apart while more parts come."""
        if self.world == 1:
            return nullcontext()
        context: AbstractContextManager[None] = self._fabric.no_backward_sync(
            self.module, enabled=more
        )
        return context

    def _divide(self, weight: Tensor) -> None:
        """Make the gradient of the weighted sums, a mean of processes, that of the batch's mean."""
        factor = self.world * self._options.batch_size / divisor(weight)
        gradients = [each.grad for each in self._parameters() if each.grad is not None]
        torch._foreach_mul_(gradients, factor.to(gradients[0].dtype))

    def _clipped(self) -> Tensor:
        """Clip the gradients; return their norm before, without waiting for the device."""
        fabric, clip = self._fabric, self._options.clip
        if clip is not None:  # a look for what is not finite would wait for it
            norm: Tensor = fabric.clip_gradients(
                self.module, self._optimizer, max_norm=clip, error_if_nonfinite=False
            )
            return norm
        if self._options.precision == "16-mixed":  # they are scaled, nobody knows by how much
            return torch.full((), math.nan, device=fabric.device)
        gradients = [each.grad for each in self._parameters() if each.grad is not None]
        return torch.nn.utils.get_total_norm(gradients)

    def _parameters(self) -> list[Tensor]:
        return list(self.module.parameters())
