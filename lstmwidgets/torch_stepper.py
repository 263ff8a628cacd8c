"""A stepper for where compiled kernels cannot run: GPUs and half precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .cells import advance_layers
from .checks import NOT_FINITE, as_numbers
from .state import Gates, State
from .stepper import Array, Stepper, copy_numbers, weight_of


@final
class TorchStepper(Stepper):
    """Runs PyTorch's operators where the weights are: on a GPU, or in half precision."""

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        super().__init__(cell, weights, streams)
        self.reset()

    def step(self, x_t: ArrayLike) -> Array:
        """Advance the only stream by one step; see `Stepper.step`."""
        x = as_numbers(x_t, "the input")
        if x.shape != self._row_shape:
            self._refuse_row(x)
        row = self._tensor(x[None])
        output: Array = self._advance(np.zeros(1, np.int64), row)[0]
        return output

    def step_many(self, slots: ArrayLike, X: ArrayLike) -> Array:
        """Advance several streams, each by its own input; see `Stepper.step_many`."""
        which, rows = self._checked_rows(slots, X)
        x = self._tensor(rows)
        output = np.empty((len(rows), self.hidden_size), np.float32)
        for turn in _turns(which):
            output[turn] = self._advance(which[turn], x[torch.from_numpy(turn)])
        return output

    def reset(self, slots: ArrayLike | None = None) -> None:
        """Put states back to zeros; see `Stepper.reset`."""
        weight = weight_of(self._weights, "weight_hh_l0")
        if slots is None:
            shape = (self.num_layers, self.streams, self.hidden_size)
            fields = self._cell.state_type._fields
            with torch.inference_mode(False), torch.no_grad():
                self._state: State = self._cell.state_type(
                    *(weight.new_zeros(shape) for _ in fields)
                )
                self._gates = Gates(*(weight.new_zeros(shape) for _ in Gates._fields))
            return
        which = torch.from_numpy(self._checked_slots(slots)).to(weight.device)
        for part in (*self._state, *self._gates):
            part[:, which] = 0

    def refresh(self) -> None:
        """Do nothing: the weights themselves are used, there is no copy to renew."""

    @property
    def state(self) -> State:
        """State of all streams; see `Stepper.state`."""
        return self._cell.state_type(*(part.clone().cpu() for part in self._state))

    @state.setter
    def state(self, state: State | Sequence[Tensor]) -> None:
        self._follow()
        like = self._state.h
        parts = (
            part.detach().to(like, copy=True) for part in self._checked_state(state, like.dtype)
        )
        self._state = self._cell.state_type(*parts)

    @property
    def gates(self) -> Gates:
        """Gates and candidate of every stream's last step; see `Stepper.gates`."""
        return Gates(*(part.clone().cpu() for part in self._gates))

    def _tensor(self, rows: Array) -> Tensor:
        x = np.empty(rows.shape, np.float32)
        copy_numbers(rows, x)
        if not np.isfinite(x).all():
            raise ValueError(NOT_FINITE)
        return torch.from_numpy(x).to(weight_of(self._weights, "weight_hh_l0"))

    def _follow(self) -> None:
        """Go where the module's weights have gone, in their dtype."""
        like = weight_of(self._weights, "weight_hh_l0")
        if self._state.h.dtype != like.dtype or self._state.h.device != like.device:
            kind, device = like.dtype, like.device
            self._state = self._cell.state_type(*(p.to(device, kind) for p in self._state))
            self._gates = Gates(*(p.to(device, kind) for p in self._gates))

    @torch.no_grad()
    def _advance(self, slots: Array, x: Tensor) -> Array:
        self._follow()
        which = torch.from_numpy(slots).to(x.device)
        before = self._cell.state_type(*(part[:, which] for part in self._state))
        output, after, gates = advance_layers(self._cell, self.current_layers(), x, before)
        for mine, new in zip((*self._state, *self._gates), (*after, *gates), strict=True):
            mine[:, which] = new
        result: Array = output.float().cpu().numpy()
        return result


def _turns(slots: Array) -> list[Array]:
    """Split rows into groups with no slot twice, which can run side by side, in order."""
    turn = np.zeros(len(slots), np.int64)
    seen: dict[int, int] = {}
    for row, slot in enumerate(slots.tolist()):
        turn[row] = seen.get(slot, 0)
        seen[slot] = int(turn[row]) + 1
    return [np.flatnonzero(turn == n) for n in range(int(turn.max(initial=-1)) + 1)]
