"""Stateful inference one step at a time, for one stream or many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .cells import CELLS, Cell, Weights, advance_layers
from .checks import NOT_FINITE, check_size, check_state
from .state import Gates, State

Array = NDArray[Any]

NUMPY_DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
"""What compiled steppers compute in. Others compute in torch and give out float32."""


class Stepper(ABC):
    """An LSTM that keeps its own state: input in, hidden output out.

    Made by `lstmwidgets.LSTM.stepper`. It always runs as in eval mode and never trains.

    Every call uses the module's current weights. A change is noticed by a parameter's version
    counter or storage (an optimizer's step, `load_state_dict`, any in-place operation); a write
    through ``.data``, which PyTorch does not count, needs `refresh`.

    Attributes
    ----------
    streams : int
        Number of independent states, S.
    input_size, hidden_size, num_layers : int
        I, H and L.
    """

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        check_size("streams", streams)
        self.streams = streams
        self._cell: Cell = CELLS[cell]
        self._weights = weights
        self.input_size = _weight(weights, "weight_ih_l0").shape[1]
        self.hidden_size = _weight(weights, "weight_hh_l0").shape[1]
        self.num_layers = sum(name.startswith("weight_hh_l") for name in weights)
        # What `step` takes; with several streams nothing fits, which saves the hot path a check.
        self._row_shape = (self.input_size,) if streams == 1 else None

    @abstractmethod
    def step(self, x_t: ArrayLike) -> Array:
        """Advance the only stream by one step.

        Parameters
        ----------
        x_t : array_like
            The step's input, (I,).

        Returns
        -------
        ndarray
            Hidden output of the top layer, (H,); a fresh array.

        Raises
        ------
        TypeError, ValueError
            If the input's type or shape does not fit, if it has a NaN or an infinity, or if there
            is more than one stream. The state is then as it was.
        """

    @abstractmethod
    def step_many(self, slots: ArrayLike, X: ArrayLike) -> Array:
        """Advance several streams, each by its own input.

        Parameters
        ----------
        slots : array_like of int
            Which stream each row belongs to, (N,), from 0 to S - 1. A slot that comes again is
            stepped again, in order.
        X : array_like
            Inputs, (N, I).

        Returns
        -------
        ndarray
            Hidden outputs of the top layer, (N, H); a fresh array. No number depends on which
            other rows are in the call.

        Raises
        ------
        IndexError, TypeError, ValueError
            If a slot does not exist, a type or shape does not fit, or an input has a NaN or an
            infinity. No state has then changed.
        """

    @abstractmethod
    def reset(self, slots: ArrayLike | None = None) -> None:
        """Put states back to zeros: those of the given slots, or all."""

    @abstractmethod
    def refresh(self) -> None:
        """Take over weights that were changed behind PyTorch's back, as through ``.data``."""

    @property
    @abstractmethod
    def state(self) -> State:
        """State of all streams, each field (L, S, H): a copy, on the CPU. Can be set."""

    @state.setter
    @abstractmethod
    def state(self, state: State | Sequence[Tensor]) -> None: ...

    @property
    @abstractmethod
    def gates(self) -> Gates:
        """Gates and candidate of every stream's last step, each (L, S, H): a copy, on the CPU."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(input_size={self.input_size}, hidden_size={self.hidden_size}, "
            f"num_layers={self.num_layers}, cell={self._cell.name!r}, streams={self.streams})"
        )

    def _checked_state(self, state: object) -> State:
        shape = (self.num_layers, self.streams, self.hidden_size)
        like = torch.empty(0, dtype=_weight(self._weights, "weight_hh_l0").dtype)
        return check_state(state, self._cell.state_type, shape, like)

    def _refuse_row(self, x: Array) -> NoReturn:
        if self.streams != 1:
            raise ValueError(
                f"step advances a single stream and this stepper has {self.streams}; "
                "call step_many(slots, X)"
            )
        raise ValueError(f"expected input of shape ({self.input_size},), got {x.shape}")

    def _checked_rows(self, slots: ArrayLike, X: ArrayLike) -> tuple[Array, Array]:
        rows, which = np.asarray(X), np.asarray(slots)
        if rows.ndim != 2 or rows.shape[1] != self.input_size:
            raise ValueError(f"expected inputs of shape (N, {self.input_size}), got {rows.shape}")
        if which.shape != rows.shape[:1]:
            raise ValueError(f"expected one slot a row, shape {rows.shape[:1]}, got {which.shape}")
        return self._checked_slots(which), rows

    def _checked_slots(self, slots: ArrayLike) -> Array:
        which = np.atleast_1d(np.asarray(slots))
        if which.size and which.dtype.kind not in "iu":
            raise TypeError(f"slots must be whole numbers, got {which.dtype}")
        if which.size and (which.min() < 0 or which.max() >= self.streams):
            raise IndexError(
                f"slots must lie between 0 and {self.streams - 1}, "
                f"got {which.min()} to {which.max()}"
            )
        return which.astype(np.int64, copy=False)


def make_stepper(cell: str, weights: Mapping[str, Tensor | None], streams: int) -> Stepper:
    """Return compiled inference for float32 and float64 weights on a CPU, else PyTorch's.

    Parameters
    ----------
    cell : str
        Name of the cell kind.
    weights : mapping
        A module's parameters by name; looked at again at every step.
    streams : int
        Number of independent states.
    """
    weight = _weight(weights, "weight_hh_l0")
    if weight.device.type == "cpu" and weight.dtype in NUMPY_DTYPES:
        return CompiledStepper(cell, weights, streams)
    return TorchStepper(cell, weights, streams)


@final
class CompiledStepper(Stepper):
    """Runs Numba kernels over its own packed copy of the weights."""

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        super().__init__(cell, weights, streams)
        from .kernels import packing
        from .kernels import step as kernels

        self._step, self._step_many = kernels.step, kernels.step_many
        self._pack = packing.pack
        self._kind = kernels.KINDS[cell]
        self._dtype = NUMPY_DTYPES[_weight(weights, "weight_hh_l0").dtype]
        hidden, dtype = self.hidden_size, self._dtype
        self._x = np.zeros(self.input_size, dtype)
        self._memory = np.zeros((streams, self.num_layers, 6 * hidden), dtype)
        self._scratch = np.zeros(9 * hidden, dtype)
        self.refresh()

    def step(self, x_t: ArrayLike) -> Array:
        """Advance the only stream by one step; see `Stepper.step`."""
        if self._packed_from != _fingerprint(self._weights):
            self.refresh()
        x = x_t if type(x_t) is np.ndarray else np.asarray(x_t)
        if x.shape != self._row_shape:
            self._refuse_row(x)
        if x.dtype is not self._dtype or not x.flags.carray:
            np.copyto(self._x, x, casting="same_kind")
            x = self._x
        output = np.empty(self.hidden_size, self._dtype)
        if not self._step(*self._packed, x, self._memory, self._scratch, output):
            raise ValueError(NOT_FINITE)
        return output

    def step_many(self, slots: ArrayLike, X: ArrayLike) -> Array:
        """Advance several streams, each by its own input; see `Stepper.step_many`."""
        if self._packed_from != _fingerprint(self._weights):
            self.refresh()
        which, given = self._checked_rows(slots, X)
        x = np.empty(given.shape, self._dtype)
        np.copyto(x, given, casting="same_kind")
        output = np.empty((len(x), self.hidden_size), self._dtype)
        bad = self._step_many(*self._packed, which, x, self._memory, self._scratch, output)
        if bad >= 0:
            raise ValueError(f"row {bad}: {NOT_FINITE}")
        return output

    def reset(self, slots: ArrayLike | None = None) -> None:
        """Put states back to zeros; see `Stepper.reset`."""
        which = slice(None) if slots is None else self._checked_slots(slots)
        self._memory[which] = 0

    def refresh(self) -> None:
        """Pack the weights anew; see `Stepper.refresh`."""
        self._packed_from = _fingerprint(self._weights)
        names = self._cell.shapes(1, 1)
        layers = [
            {
                name: _weight(self._weights, f"{name}_l{k}").detach().numpy().astype(self._dtype)
                for name in names
            }
            for k in range(self.num_layers)
        ]
        self._packed = (self._kind, *self._pack(layers))

    @property
    def state(self) -> State:
        """State of all streams; see `Stepper.state`."""
        return self._cell.state_type(*map(_layers_first, self._state_blocks()))

    @state.setter
    def state(self, state: State | Sequence[Tensor]) -> None:
        for block, part in zip(self._state_blocks(), self._checked_state(state), strict=True):
            block[:] = part.detach().cpu().transpose(0, 1).numpy()

    @property
    def gates(self) -> Gates:
        """Gates and candidate of every stream's last step; see `Stepper.gates`."""
        return Gates(*map(_layers_first, self._blocks()[2:]))

    def _blocks(self) -> list[Array]:
        """Return views of h, c, i, f, g and o, each (S, L, H)."""
        return np.split(self._memory, 6, axis=-1)

    def _state_blocks(self) -> list[Array]:
        blocks = dict(zip("hcifgo", self._blocks(), strict=True))
        return [blocks[name] for name in self._cell.state_type._fields]


@final
class TorchStepper(Stepper):
    """Runs PyTorch's operators where the weights are: on a GPU, or in half precision."""

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        super().__init__(cell, weights, streams)
        self.reset()

    def step(self, x_t: ArrayLike) -> Array:
        """Advance the only stream by one step; see `Stepper.step`."""
        x = np.asarray(x_t)
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
        weight = _weight(self._weights, "weight_hh_l0")
        if slots is None:
            shape = (self.num_layers, self.streams, self.hidden_size)
            fields = self._cell.state_type._fields
            with torch.no_grad():
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
        device = self._state.h.device
        parts = (part.detach().to(device, copy=True) for part in self._checked_state(state))
        self._state = self._cell.state_type(*parts)

    @property
    def gates(self) -> Gates:
        """Gates and candidate of every stream's last step; see `Stepper.gates`."""
        return Gates(*(part.clone().cpu() for part in self._gates))

    def _tensor(self, rows: Array) -> Tensor:
        x = np.empty(rows.shape, np.float32)
        np.copyto(x, rows, casting="same_kind")
        if not np.isfinite(x).all():
            raise ValueError(NOT_FINITE)
        return torch.from_numpy(x).to(_weight(self._weights, "weight_hh_l0"))

    @torch.no_grad()
    def _advance(self, slots: Array, x: Tensor) -> Array:
        which = torch.from_numpy(slots).to(x.device)
        before = self._cell.state_type(*(part[:, which] for part in self._state))
        output, after, gates = advance_layers(self._cell, self._layers(), x, before)
        for mine, new in zip((*self._state, *self._gates), (*after, *gates), strict=True):
            mine[:, which] = new
        result: Array = output.float().cpu().numpy()
        return result

    def _layers(self) -> list[Weights]:
        names = self._cell.shapes(1, 1)
        return [
            {name: _weight(self._weights, f"{name}_l{k}") for name in names}
            for k in range(self.num_layers)
        ]


def _weight(weights: Mapping[str, Tensor | None], name: str) -> Tensor:
    weight = weights.get(name)
    if weight is None:
        raise ValueError(
            f"the module has no parameter {name!r}; a stepper needs plain parameters, "
            "not parametrised or pruned ones"
        )
    return weight


def _fingerprint(weights: Mapping[str, Tensor | None]) -> list[int]:
    """Return what changes when a weight does: each one's version counter and address."""
    seen: list[int] = []
    for weight in weights.values():
        if weight is not None:
            seen += weight._version, weight.data_ptr()  # noqa: SLF001
    return seen


def _layers_first(part: Array) -> Tensor:
    return torch.from_numpy(part.swapaxes(0, 1).copy())


def _turns(slots: Array) -> list[Array]:
    """Split rows into groups with no slot twice, which can run side by side, in order."""
    turn = np.zeros(len(slots), np.int64)
    seen: dict[int, int] = {}
    for row, slot in enumerate(slots.tolist()):
        turn[row] = seen.get(slot, 0)
        seen[slot] = int(turn[row]) + 1
    return [np.flatnonzero(turn == n) for n in range(int(turn.max(initial=-1)) + 1)]
