"""What an LSTM carries from one step to the next, and what its gates did on the way.

All three are immutable named tuples of arrays: they are passed in and returned, never changed in
place, so a state that somebody keeps is still the same state a thousand steps later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class LSTMState(NamedTuple):
    """Hidden output and memory cell of every layer.

    Unpacks like the state of `torch.nn.LSTM`: ``h, c = state``.

    Attributes
    ----------
    h : Tensor
        Hidden output, shape (L, B, H): layers, batch, hidden units.
    c : Tensor
        Memory cell, shape (L, B, H).

    Examples
    --------
    >>> import torch
    >>> state = LSTMState(torch.zeros(1, 4, 8), torch.zeros(1, 4, 8))
    >>> h, c = state.to(torch.float64)
    >>> h.dtype
    torch.float64
    """

    h: Tensor
    c: Tensor

    def detach(self) -> LSTMState:
        """Return the same numbers, cut off from the autograd graph."""
        return LSTMState(*(part.detach() for part in self))

    def to(self, target: torch.device | torch.dtype | str) -> LSTMState:
        """Return the state on another device or in another dtype, as `torch.Tensor.to` does."""
        return LSTMState(*(part.to(target) for part in self))


class FullGateState(NamedTuple):
    """State of a cell with full gate recurrence: its gates' last activations are part of it.

    Attributes
    ----------
    h, c : Tensor
        Hidden output and memory cell, each (L, B, H).
    i, f, o : Tensor
        Activations of input, forget and output gate at the last step, each (L, B, H).
    """

    h: Tensor
    c: Tensor
    i: Tensor
    f: Tensor
    o: Tensor

    def detach(self) -> FullGateState:
        """Return the same numbers, cut off from the autograd graph."""
        return FullGateState(*(part.detach() for part in self))

    def to(self, target: torch.device | torch.dtype | str) -> FullGateState:
        """Return the state on another device or in another dtype, as `torch.Tensor.to` does."""
        return FullGateState(*(part.to(target) for part in self))


State = LSTMState | FullGateState


class Gates(NamedTuple):
    """Activations of the three gates and the candidate at one step.

    Attributes
    ----------
    input_gate : Tensor
        How much new information enters the cell, in (0, 1).
    forget_gate : Tensor
        How much old information stays, in (0, 1).
    candidate : Tensor
        The new information itself, in (-1, 1).
    output_gate : Tensor
        How much of the cell is shown, in (0, 1).
    """

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor


# Plain tensors with names: torch.load(…, weights_only=True) may make them.
torch.serialization.add_safe_globals([LSTMState, FullGateState, Gates])


def stretches(reset: Tensor) -> Iterator[tuple[int, int]]:
    """Cut the time axis of reset (B, T) wherever a sequence starts anew."""
    steps = reset.shape[1]
    starts = reset.any(0).nonzero().flatten().tolist()
    return pairwise(sorted({0, steps, *starts}))
