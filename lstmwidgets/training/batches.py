"""Sequences as tensors, and the batches of an epoch: of similar length, or window after window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

IGNORED = -100
"""The class where there is no target: PyTorch's own `ignore_index`."""

POOL = 64
"""Batches among which sequences are sorted by length. More: less padding; fewer: more mixing."""


@dataclass(frozen=True)
class Batch:
    """What one step of training gets.

    Attributes
    ----------
    x : Tensor
        (B, T, I) standardised numbers, or (B, T) tokens.
    y : Tensor
        Targets: (B, K), (B,), or at every step (B, T, K), (B, T).
    lengths : Tensor or None
        (B,), None where all are T.
    begins : bool
        Whether sequences begin here; otherwise the first B rows of the last batch go on.
    stand_in : bool
        Whether it counts for nothing: a process that has no rows left runs it beside the others.
    """

    x: Tensor
    y: Tensor
    lengths: Tensor | None = None
    begins: bool = True
    stand_in: bool = False

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        if self.x.device == device:
            return self
        x, y = (part.to(device, non_blocking=True) for part in (self.x, self.y))
        lengths = None if self.lengths is None else self.lengths.to(device)
        return replace(self, x=x, y=y, lengths=lengths)


@dataclass(frozen=True)
class Sequences:
    """N sequences, S steps in all, one after the other.

    Attributes
    ----------
    x : Tensor
        (S, I) numbers or (S,) tokens.
    y : Tensor
        (N, K) or (N,); at every step (S, K) or (S,).
    lengths : Tensor
        (N,), on the CPU.
    every_step : bool
        Whether there is a target at every step.
    """

    x: Tensor
    y: Tensor
    lengths: Tensor
    every_step: bool

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> Tensor:
        """Where each sequence begins among all steps, (N,)."""
        return self.lengths.cumsum(0) - self.lengths

    def to(self, device: torch.device) -> Sequences:
        """Return the same sequences on a device; lengths stay on the CPU, where they are used."""
        return Sequences(self.x.to(device), self.y.to(device), self.lengths, self.every_step)

    def batch(self, chosen: Tensor, begin: int = 0, end: int | None = None) -> Batch:
        """Return the chosen sequences (B,), from one step to another, side by side.

        Of one that ended before the first of these steps the length is 0 or below.
        """
        device = self.x.device
        lengths = self.lengths[chosen] - begin
        if end is not None:
            lengths = lengths.clamp(max=end - begin)
        steps = int(lengths.max())
        ticks = torch.arange(steps)
        places = ((self.starts[chosen] + begin)[:, None] + ticks).clamp(max=len(self.x) - 1)
        places = places.to(device)  # (B, T)
        x = self.x[places]
        y = self.y[places if self.every_step else chosen.to(device)]
        if int(lengths.min()) == steps:
            return Batch(x, y, None, begin == 0)
        outside = (ticks >= lengths[:, None]).to(device)
        x = _filled(x, outside, 0)
        if self.every_step:
            y = _filled(y, outside, 0 if y.is_floating_point() else IGNORED)
        return Batch(x, y, lengths.to(device), begin == 0)


def bucketed(
    lengths: Tensor, batch_size: int, generator: torch.Generator | None, *, sort: bool = True
) -> Iterator[Tensor]:
    """Yield the sequences of each batch: alike in length, else in random order.

    Parameters
    ----------
    lengths : Tensor
        (N,).
    batch_size : int
        B; the last one may be smaller.
    generator : torch.Generator or None
        Shuffles; None keeps the order but for the lengths.
    sort : bool
        Whether to put sequences of similar length together.

    Yields
    ------
    Tensor
        Places of at most B sequences.
    """
    count = len(lengths)
    order = torch.arange(count)
    if generator is not None:
        order = torch.randperm(count, generator=generator)
    if sort:
        pools = _cut(order, POOL * batch_size)
        order = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
    groups = _cut(order, batch_size)
    if sort and generator is not None:
        turns = torch.randperm(len(groups), generator=generator).tolist()
        groups = [groups[turn] for turn in turns]
    yield from groups


@dataclass(frozen=True)
class Share:
    """Which rows of a batch a process takes, and in how many parts.

    Attributes
    ----------
    rank, world : int
        Which process it is, of how many.
    parts : int
        So many go through the model one after the other before the optimizer steps.

    Examples
    --------
    >>> [part.tolist() for part in Share(1, 2, parts=2).of(torch.arange(7))]
    [[1, 5], [3]]
    """

    rank: int = 0
    world: int = 1
    parts: int = 1

    def of(self, chosen: Tensor) -> list[Tensor]:
        """Return the parts of this process that have rows, in the rows' order."""
        every = self.world * self.parts
        firsts = range(self.rank, min(every, len(chosen)), self.world)
        return [chosen[first::every] for first in firsts]

    def rows(self, batch_size: int) -> int:
        """Return how many rows a part has at most."""
        return -(-batch_size // (self.world * self.parts))


WHOLE = Share()
"""All rows, at once."""


def batches(
    sequences: Sequences,
    batch_size: int,
    generator: torch.Generator | None,
    *,
    sort: bool = True,
    window: int | None = None,
    share: Share = WHOLE,
) -> Iterator[list[Batch]]:
    """Yield an epoch's batches, each as the parts that a process has of it, at least one.

    With a window each group of B sequences comes in chunks of that many steps, one after the other;
    sequences that have ended are left out, the longest stand first, and so do the parts that last
    longest.
    """
    for chosen in bucketed(sequences.lengths, batch_size, generator, sort=sort):
        if window is None:
            parts = [sequences.batch(part) for part in share.of(chosen)]
            yield parts or [replace(sequences.batch(chosen[:1]), stand_in=True)]
            continue
        lengths = sequences.lengths[chosen]
        chosen = chosen[lengths.argsort(descending=True, stable=True)]
        for begin in range(0, int(lengths.max()), window):
            going = chosen[: int((lengths > begin).sum())]
            end = begin + window
            parts = [sequences.batch(part, begin, end) for part in share.of(going)]
            yield parts or [replace(sequences.batch(going[:1], begin, end), stand_in=True)]


def _cut(order: Tensor, size: int) -> list[Tensor]:
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _filled(values: Tensor, outside: Tensor, filling: float) -> Tensor:
    return values.masked_fill(outside if values.ndim == 2 else outside[..., None], filling)
