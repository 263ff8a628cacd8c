"""What one of several processes trains on: its rows of a batch, in parts, or its own batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

from .batches import Batch

COPIED = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
)
"""What a DataLoader keeps when it gets another sampler."""


class SharedSampler(Sampler[int]):
    """Every so manyth place of a data set, for one of several processes; none comes twice.

    `torch.utils.data.DistributedSampler` repeats some until all processes have equally many.

    Parameters
    ----------
    count : int
        Places in all.
    rank, world : int
        Which process this is, of how many.
    seed : int
        Of the order.
    shuffle : bool
        Whether each epoch has another order, the same for all processes.

    Examples
    --------
    >>> [list(SharedSampler(5, rank, 2, seed=0, shuffle=False)) for rank in range(2)]
    [[0, 2, 4], [1, 3]]
    """

    def __init__(self, count: int, rank: int, world: int, *, seed: int, shuffle: bool) -> None:
        self._count, self._rank, self._world = count, rank, world
        self._seed, self._shuffle = seed, shuffle
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of an epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = torch.arange(self._count)
        if self._shuffle:
            generator = torch.Generator().manual_seed(self._seed + self._epoch)
            order = torch.randperm(self._count, generator=generator)
        yield from order[self._rank :: self._world].tolist()

    def __len__(self) -> int:
        return len(range(self._rank, self._count, self._world))


def shared_loader(loader: DataLoader[Any], rank: int, world: int, seed: int) -> DataLoader[Any]:
    """Return a loader of a process's share of a data set: the same one if it says its share itself.

    Raises
    ------
    ValueError
        If it has a sampler or batches of its own.
    """
    dataset, sampler = loader.dataset, loader.sampler
    if hasattr(dataset, "set_share"):
        dataset.set_share(rank, world)
    if world == 1 or isinstance(dataset, IterableDataset):
        return loader
    if isinstance(sampler, DistributedSampler | SharedSampler):
        return loader
    plain = type(sampler) is SequentialSampler or (
        type(sampler) is RandomSampler
        and not sampler.replacement
        and sampler.num_samples == len(sampler.data_source)
    )
    if not plain or type(loader.batch_sampler) is not torch.utils.data.BatchSampler:
        raise ValueError(
            "a DataLoader with a sampler of its own would give all processes the same: give it "
            "shuffle=, a DistributedSampler, or an IterableDataset that reads a process's share"
        )
    order = SharedSampler(
        len(dataset),  # type: ignore[arg-type]
        rank,
        world,
        seed=seed,
        shuffle=type(sampler) is RandomSampler,
    )
    kept = {name: getattr(loader, name) for name in COPIED}
    size, short = loader.batch_size, loader.drop_last
    return DataLoader(dataset, batch_size=size, drop_last=short, sampler=order, **kept)


def set_epoch(loader: DataLoader[Any], epoch: int) -> None:
    """Tell a loader's sampler and data set which epoch comes, if they want to know."""
    for part in (loader.sampler, loader.dataset):
        if hasattr(part, "set_epoch"):
            part.set_epoch(epoch)


def in_step(batches: Iterator[Batch], count: Callable[[bool], int], world: int) -> Iterator[Batch]:
    """Yield a process's batches until all processes have come to the end of theirs.

    Parameters
    ----------
    batches : iterator of Batch
        Of this process.
    count : callable
        Returns in how many processes something is true; all of them ask at once.
    world : int
        Number of processes.

    Yields
    ------
    Batch
        Its last one again, as a stand-in, once it has no more.

    Raises
    ------
    ValueError
        If a process has none at all.
    """
    last: Batch | None = None
    while True:
        batch = next(batches, None)
        going = count(batch is not None)
        if last is None and 0 < going < world:
            raise ValueError(
                f"{world - going} of {world} processes got no batch from their DataLoader: use "
                "fewer processes, smaller batches, or smaller row groups of shards"
            )
        if not going:
            return
        if batch is not None:
            last = batch
        assert last is not None
        yield last if batch is not None else replace(last, stand_in=True)


def split(batch: Batch, parts: int) -> list[Batch]:
    """Return a batch in so many parts, or fewer if it has fewer rows."""
    if parts == 1:
        return [batch]

    def rows(values: Tensor | None, n: int) -> Tensor | None:
        return None if values is None else values[n::parts]

    return [
        replace(batch, x=batch.x[n::parts], y=batch.y[n::parts], lengths=rows(batch.lengths, n))
        for n in range(min(parts, len(batch.x)))
    ]
