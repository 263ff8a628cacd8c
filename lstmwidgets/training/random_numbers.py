"""Random numbers of an epoch, which depend on its number and the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from torch import Tensor


class RandomNumbers:
    """Seeds PyTorch's global generators for an epoch, and puts them back afterwards.

    Dropout has no generator of its own in PyTorch, so the global ones are seeded; after the context
    they are as if nobody had drawn from them.

    Parameters
    ----------
    seed, epoch : int
        Decide what is drawn.
    device : torch.device
        Where dropout draws.
    rank : int
        Each process drops out other units; the order is the same for all of them.

    Attributes
    ----------
    generator : torch.Generator
        On the CPU, for the order of the sequences.
    """

    def __init__(self, seed: int, epoch: int, device: torch.device, rank: int = 0) -> None:
        words = np.random.SeedSequence([seed, epoch]).generate_state(2, np.uint64)
        self._first, second = (int(word) >> 1 for word in words)
        self.generator = torch.Generator().manual_seed(second)
        if rank:
            words = np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)
            self._first = int(words[0]) >> 1
        self._device = device
        self._outside: list[Tensor] = []

    def __enter__(self) -> Self:
        self._outside = self._states()
        torch.default_generator.manual_seed(self._first)
        if self._device.type == "cuda":
            with torch.cuda.device(self._device):
                torch.cuda.manual_seed(self._first)
        return self

    def __exit__(self, *_: object) -> None:
        self._put(self._outside)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let others draw from the global generators in between, as if there were no epoch."""
        own = self._states()
        self._put(self._outside)
        try:
            yield
        finally:
            self._outside = self._states()
            self._put(own)

    def _states(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        if self._device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self._device))
        return states

    def _put(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(states[1], self._device)
