"""Stateful inference one step at a time, for one stream or many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NoReturn, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from .cells import CELLS, Cell, Weights
from .checks import NOT_FINITE, as_numbers, check_dtype, check_size, check_slots, check_state
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

    Parameters
    ----------
    cell : str
        Cell kind.
    weights : mapping
        The module's parameters by name, as ``weight_ih_l0``.
    streams : int
        Number of independent states, S.

    Attributes
    ----------
    streams : int
        S.
    input_size, hidden_size, num_layers : int
        I, H and L.
    """

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        check_size("streams", streams)
        self.streams = streams
        self._cell: Cell = CELLS[cell]
        self._weights = weights
        self.input_size = weight_of(weights, "weight_ih_l0").shape[1]
        self.hidden_size = weight_of(weights, "weight_hh_l0").shape[1]
        self.num_layers = sum(name.startswith("weight_hh_l") for name in weights)
        # What `step` takes; with several streams nothing fits, which saves the hot path a check.
        self._row_shape = (self.input_size,) if streams == 1 else None

    def current_layers(self) -> list[Weights]:
        """Return the module's current weights, layer by layer, if they still fit this stepper."""
        layers: list[Weights] = []
        for k in range(self.num_layers):
            inputs = self.hidden_size if k else self.input_size
            shapes = self._cell.shapes(inputs, self.hidden_size)
            layer = {name: weight_of(self._weights, f"{name}_l{k}") for name in shapes}
            for name, shape in shapes.items():
                if layer[name].shape != shape:
                    raise ValueError(
                        f"{name}_l{k} now has the shape {tuple(layer[name].shape)} and this "
                        f"stepper was made for {shape}; make a new one with lstm.stepper()"
                    )
            layers.append(layer)
        return layers

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

    def _checked_state(self, state: object, dtype: torch.dtype) -> State:
        shape = (self.num_layers, self.streams, self.hidden_size)
        checked = check_state(state, self._cell.state_type, shape)
        for name, part in checked._asdict().items():
            check_dtype(f"state.{name}", part, dtype)
            if not bool(torch.isfinite(part).all()):
                raise ValueError(f"state.{name} has a NaN or an infinity; reset() makes zeros")
        return checked

    def _refuse_row(self, x: Array) -> NoReturn:
        """Raise an error that says why a step's input cannot be taken."""
        if self.streams != 1:
            raise ValueError(
                f"step advances a single stream and this stepper has {self.streams}; "
                "call step_many(slots, X)"
            )
        if x.shape != (self.input_size,):
            raise ValueError(f"expected input of shape ({self.input_size},), got {x.shape}")
        raise ValueError(NOT_FINITE)

    def _checked_rows(self, slots: ArrayLike, X: ArrayLike) -> tuple[Array, Array]:
        rows, which = as_numbers(X, "X"), as_numbers(slots, "slots")
        if rows.ndim != 2 or rows.shape[1] != self.input_size:
            raise ValueError(f"expected inputs of shape (N, {self.input_size}), got {rows.shape}")
        if which.shape != rows.shape[:1]:
            raise ValueError(f"expected one slot a row, shape {rows.shape[:1]}, got {which.shape}")
        return self._checked_slots(which), rows

    def _checked_slots(self, slots: ArrayLike) -> Array:
        return check_slots(slots, self.streams)


@final
class CompiledStepper(Stepper):
    """Runs Numba kernels over its own packed copy of the weights."""

    def __init__(self, cell: str, weights: Mapping[str, Tensor | None], streams: int) -> None:
        super().__init__(cell, weights, streams)
        self._torch_dtype = weight_of(weights, "weight_hh_l0").dtype
        self._dtype = NUMPY_DTYPES[self._torch_dtype]
        hidden, dtype = self.hidden_size, self._dtype
        self._x = np.zeros(self.input_size, dtype)
        self._make_ready(np.zeros((streams, self.num_layers, 6 * hidden), dtype))

    def step(self, x_t: ArrayLike) -> Array:
        """Advance the only stream by one step; see `Stepper.step`."""
        if self._packed_from != _fingerprint(self._weights):
            self.refresh()
        x = x_t if type(x_t) is _ARRAY else self._own_row(x_t)
        try:  # most often the kernel takes it as it is
            status = self._step(x, *self._packed)
        except TypeError:
            status = self._step(self._own_row(x), *self._packed)
        if status:
            self._refuse_row(as_numbers(x_t, "the input"))
        output: Array = self._output.copy()
        return output

    def _own_row(self, x_t: ArrayLike) -> Array:
        """Return a step's input in an array as the kernel takes it."""
        x = as_numbers(x_t, "the input")
        if x.shape != self._row_shape:
            self._refuse_row(x)
        copy_numbers(x, self._x)
        return self._x

    def step_many(self, slots: ArrayLike, X: ArrayLike) -> Array:
        """Advance several streams, each by its own input; see `Stepper.step_many`."""
        if self._packed_from != _fingerprint(self._weights):
            self.refresh()
        which, given = self._checked_rows(slots, X)
        x = np.empty(given.shape, self._dtype)
        copy_numbers(given, x)
        output = np.empty((len(x), self.hidden_size), self._dtype)
        bad = self._step_many(which, x, output, *self._packed)
        if bad >= 0:
            raise ValueError(f"row {bad}: {NOT_FINITE}")
        return output

    def reset(self, slots: ArrayLike | None = None) -> None:
        """Put states back to zeros; see `Stepper.reset`."""
        which = slice(None) if slots is None else self._checked_slots(slots)
        self._memory[which] = 0

    def refresh(self) -> None:
        """Pack the weights anew; see `Stepper.refresh`."""
        from .kernels.packing import pack

        _watch_fused_optimizers()
        seen = _fingerprint(self._weights)
        held = [{n: w.detach() for n, w in layer.items()} for layer in self.current_layers()]
        layers = [
            {name: weight.to("cpu", self._torch_dtype).numpy() for name, weight in layer.items()}
            for layer in held
        ]
        self._packed = (*pack(layers), self._all_memory)
        # An address tells weights apart only as long as their memory is not used again: hold it.
        self._packed_from, self._held = seen, held

    def _make_ready(self, memory: Array) -> None:
        """Make what is not kept in a pickle, with the memory of all streams, (S, L, 6H)."""
        from .kernels import step as kernels

        kind = kernels.KINDS[self._cell.name]
        self._step = kernels.stepping(kind, self._dtype)
        self._step_many = kernels.stepping_many(kind)
        rows = kernels.new_memory(self.streams, self.num_layers, self.hidden_size, self._dtype)
        self._all_memory, self._memory = rows, rows[: self.streams]
        self._memory[:] = memory
        self._output = rows[0, -1, : self.hidden_size]
        self.refresh()

    def __getstate__(self) -> dict[str, Any]:
        made = ("_step", "_step_many", "_all_memory", "_output", "_packed", "_packed_from", "_held")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._make_ready(self._memory)

    @property
    def state(self) -> State:
        """State of all streams; see `Stepper.state`."""
        return self._cell.state_type(*map(_layers_first, self._state_blocks()))

    @state.setter
    def state(self, state: State | Sequence[Tensor]) -> None:
        checked = self._checked_state(state, self._torch_dtype)
        for block, part in zip(self._state_blocks(), checked, strict=True):
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


def weight_of(weights: Mapping[str, Tensor | None], name: str) -> Tensor:
    """Return a module's parameter by name, or say why there is none."""
    weight = weights.get(name)
    if weight is None:
        raise ValueError(
            f"the module has no parameter {name!r}; a stepper needs plain parameters, "
            "not parametrised or pruned ones"
        )
    if weight.is_inference():
        raise ValueError(
            f"{name} was made in torch.inference_mode() and does not count its changes; "
            "make the module outside of it"
        )
    return weight


def copy_numbers(given: Array, own: Array) -> None:
    """Copy numbers into an array of ours; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        np.copyto(own, given, casting="same_kind")


def _fingerprint(weights: Mapping[str, Tensor | None]) -> tuple[int, ...]:
    """Return what changes when a weight does: each one's version counter and address."""
    given: Any = weights.values()
    try:
        if len(given) == 4:  # one layer of the standard cell, in half of the time of a loop
            a, b, c, d = given
            seen = a._version, b._version, c._version, d._version  # noqa: SLF001
            return (_fused_steps, *seen, a.data_ptr(), b.data_ptr(), c.data_ptr(), d.data_ptr())
        return (_fused_steps, *map(_VERSION, given), *map(_ADDRESS, given))
    except (AttributeError, TypeError):  # one is None, as in a module that was pruned
        return ()


_ARRAY = np.ndarray
_VERSION: Callable[[Any], int] = attrgetter("_version")
_ADDRESS: Callable[[Any], int] = Tensor.data_ptr

_fused_steps = 0
"""Steps of fused optimizers in this process: they write weights without counting versions up."""


@cache
def _watch_fused_optimizers() -> None:
    register_optimizer_step_post_hook(_count_fused_step)


def _count_fused_step(
    optimizer: torch.optim.Optimizer, _args: tuple[Any, ...], _kwargs: dict[str, Any]
) -> None:
    global _fused_steps
    _fused_steps += any(group.get("fused") for group in optimizer.param_groups)


def _layers_first(part: Array) -> Tensor:
    return torch.from_numpy(part.swapaxes(0, 1).copy())
