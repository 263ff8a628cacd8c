"""Everything an LSTM did over a sequence, kept for looking at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .state import State


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Gates, memory cell and hidden output of every layer, sequence, step and unit.

    Every field is a plain tensor of shape (L, B, T, H), its axes named by `Trace.axes`. In every
    cell kind ``cell[t] == forget_gate[t] * cell[t - 1] + input_gate[t] * candidate[t]``.

    Attributes
    ----------
    input_gate, forget_gate, output_gate : Tensor
        Gate activations, in (0, 1).
    candidate : Tensor
        What is offered to the cell, in (-1, 1).
    cell : Tensor
        Memory cell after each step; unbounded.
    hidden : Tensor
        Hidden output after each step, in (-1, 1).
    state : LSTMState or FullGateState
        State after the last step, to go on from.
    kind : str
        Cell kind of the LSTM, as in its `cell`.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> trace = LSTM(3, 8).trace(torch.randn(2, 5, 3))
    >>> trace
    Trace(layer=1, batch=2, time=5, unit=8)
    >>> trace.forget_gate[0, 1, :, 4].shape  # one unit of the second sequence, over time
    torch.Size([5])
    """

    axes: ClassVar[tuple[str, str, str, str]] = ("layer", "batch", "time", "unit")

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    cell: Tensor
    hidden: Tensor
    state: State
    kind: str = "standard"

    def __repr__(self) -> str:
        sizes = zip(self.axes, self.cell.shape, strict=True)
        return f"Trace({', '.join(f'{axis}={size}' for axis, size in sizes)})"
