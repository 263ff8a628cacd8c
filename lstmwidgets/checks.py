"""Checks of what users pass in; each error says what was expected, what came and what to do."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from .shown import typed
from .state import FullGateState, LSTMState, State

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""Types of whole numbers; bool, a mask rather than a count, is not among them."""


def is_symbolic() -> bool:
    """Say whether a program is made, in which sizes and values are not known: nobody may ask."""
    return is_tracing() or torch.compiler.is_exporting()


def is_tracing() -> bool:
    """Say whether `torch.jit.trace` is at work: sizes are tensors then."""
    jit: Any = torch.jit
    return bool(jit.is_tracing())


def check_size(name: str, size: object) -> None:
    """Raise unless a size is a positive whole number."""
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"{name} must be a whole number, got {type(size).__name__} {size!r}")
    if int(size) < 1:
        raise ValueError(f"{name} must be at least 1, got {size}")


def as_numbers(
    given: object,
    name: str,
    *,
    floating: bool = False,
    fill: float | None = None,
    advice: str = "turn them into numbers, as by numpy.asarray(x, float)",
) -> NDArray[Any]:
    """Return real numbers in an array that PyTorch and kernels take as it is.

    It is in the machine's byte order, laid out forwards and writable, and of a type that PyTorch
    has: floats of other widths than 32 and 64 bits become float64. An array that is so already is
    not copied.

    Parameters
    ----------
    given : array_like
        An array of any layout, byte order or type, masked or not, a tensor, or a list of them.
    name : str
        What it is, for errors.
    floating : bool
        Whether whole numbers and booleans become float64.
    fill : float, optional
        Stands for masked values; without it they are an error.
    advice : str
        What to do about something that is no number, for errors.

    Raises
    ------
    TypeError, ValueError
        If there is something else than real numbers in it, if it is ragged, or masked.
    """
    found = _array(given, name, fill)
    kind, size = found.dtype.kind, found.dtype.itemsize
    if kind not in "fiubO":
        raise TypeError(f"{name} must be numbers, got {found.dtype}; {advice}")
    if kind == "O":
        found = _array_of_objects(found, name, advice)
    elif (kind == "f" and size not in (4, 8)) or (floating and kind != "f"):
        with np.errstate(over="ignore"):  # to infinity
            found = found.astype(np.float64)
    native = found.dtype.newbyteorder("=")
    if not all(stride >= 0 and stride % size == 0 for stride in found.strides):
        return np.array(found, native, order="C")
    return np.require(found, native, ["A", "W"])


def check_slots(slots: ArrayLike | int, streams: int) -> NDArray[np.int64]:
    """Return slots, (N,), as a fresh array if all of them exist, else raise."""
    if type(slots) is int and 0 <= slots < streams:  # as nearly always, and once an event
        return np.array([slots])
    which = np.atleast_1d(as_numbers(slots, "slots"))
    if which.size and which.dtype.kind not in "iu":
        raise TypeError(f"slots must be whole numbers, got {which.dtype}")
    whole = which.astype(np.int64)  # a copy: other layouts would compile kernels again
    if whole.size and whole.view(np.uint64).max() >= streams:  # as those below zero are, too
        raise IndexError(
            f"slots must lie between 0 and {streams - 1}, got {which.min()} to {which.max()}"
        )
    return whole


def check_probability(name: str, value: object) -> None:
    """Raise unless a value is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a probability from 0 to 1, got {value!r}")


def check_positive(name: str, value: object) -> None:
    """Raise unless a value is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, got {value!r}")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise unless a value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_floating(name: str, value: object) -> None:
    """Raise unless a value is a floating-point dtype, or None for PyTorch's default."""
    if value is not None and not (isinstance(value, torch.dtype) and value.is_floating_point):
        raise ValueError(f"{name} must be a floating-point type, got {value!r}")


def check_input(x: object, axes: tuple[str, ...], input_size: int, weight: Tensor) -> Tensor:
    """Return x if it is a tensor with these axes that fits the weights, else raise."""
    if isinstance(x, PackedSequence):
        raise TypeError(
            "expected a torch.Tensor as input, got PackedSequence; pad_packed_sequence(x, "
            "batch_first=True) returns the tensor and what to give as lengths="
        )
    if not isinstance(x, Tensor):
        raise TypeError(f"expected a torch.Tensor as input, got {type(x).__name__}")
    if is_tracing():  # when sizes are tensors, about which no decision may be made
        return x
    if x.layout != torch.strided or x.is_nested:
        raise TypeError(f"expected a dense tensor as input, got {x.layout}; see Tensor.to_dense")
    empty = not torch.compiler.is_exporting() and 0 in x.shape  # there it would be a condition
    if x.ndim != len(axes) or x.shape[-1] != input_size or empty:
        expected = f"({', '.join(axes)}) with {axes[-1]} = {input_size}"
        raise ValueError(f"expected input of shape {expected}, got {tuple(x.shape)}")
    _check_alike("input", x, weight)
    return x


def check_state(
    state: object,
    state_type: type[LSTMState] | type[FullGateState],
    shape: tuple[int, int, int],
    weight: Tensor | None = None,
) -> State:
    """Return the state as its named tuple if it has this shape, else raise.

    With a weight, the state must also have its dtype and device.
    """
    names = state_type._fields
    if not isinstance(state, tuple | list) or len(state) != len(names):
        given = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        raise TypeError(
            f"state must be a {state_type.__name__}, or a tuple ({', '.join(names)}), got {given}"
        )
    for name, part in zip(names, state, strict=True):
        if not isinstance(part, Tensor):
            raise TypeError(f"state.{name} must be a torch.Tensor, got {type(part).__name__}")
        if not is_tracing() and part.shape != shape:
            raise ValueError(
                f"state.{name} must have the shape (layers, batch, hidden) = {shape}, got "
                f"{tuple(part.shape)}; initial_state(batch_size) makes a fitting one"
            )
        if weight is not None:
            _check_alike(f"state.{name}", part, weight)
    return state_type(*state)


def check_state_dict(
    module: object, state_dict: Mapping[str, Any], prefix: str, *_more: object
) -> None:
    """Raise if a state dict is that of an `nn.LSTM` that no LSTM here can be; a hook of modules."""
    del module
    names = {name.removeprefix(prefix) for name in state_dict if name.startswith(prefix)}
    if any(name.endswith("_reverse") for name in names):
        problem = "of a bidirectional LSTM, and this one reads forwards only"
    elif any(name.startswith("weight_hr_l") for name in names):
        problem = "of an LSTM with projections (proj_size=), which this one does not have"
    elif "weight_ih_l0" in names and "bias_ih_l0" not in names:
        problem = (
            "of an LSTM without biases (bias=False), and this one has them: add zeros of shape "
            "(4 * hidden_size,) as bias_ih_l0, bias_hh_l0 and so on"
        )
    else:
        return
    raise ValueError(f"the state dict is {problem}")


def check_lengths(lengths: object, batch: int, steps: int) -> Tensor:
    """Return lengths if they are whole numbers from 1 to T, one a sequence, else raise."""
    if not isinstance(lengths, Tensor):
        lengths = torch.from_numpy(as_numbers(lengths, "lengths"))
    if lengths.dtype not in WHOLE:
        raise TypeError(f"lengths must be whole numbers, got {lengths.dtype}")
    lengths = lengths.long()  # small unsigned types wrap round in differences
    if is_symbolic():
        return lengths
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must have the shape ({batch},), got {tuple(lengths.shape)}")
    if int(lengths.min()) < 1 or int(lengths.max()) > steps:
        raise ValueError(
            f"lengths must lie between 1 and the {steps} time steps of the input, "
            f"got {int(lengths.min())} to {int(lengths.max())}"
        )
    return lengths


def check_reset(reset: object, batch: int, steps: int) -> Tensor:
    """Return reset if it is a bool tensor (B, T), else raise."""
    if not isinstance(reset, Tensor) or reset.dtype != torch.bool:
        given = reset.dtype if isinstance(reset, Tensor) else type(reset).__name__
        raise TypeError(f"reset must be a bool tensor, got {given}")
    if reset.shape != (batch, steps):
        raise ValueError(
            f"reset must have the shape (batch, time) = {(batch, steps)}, got {tuple(reset.shape)}"
        )
    return reset


def check_finite(x: Tensor) -> None:
    """Raise if a step's input has a NaN or an infinity."""
    if not bool(torch.isfinite(x).all()):
        raise ValueError(NOT_FINITE)


NOT_FINITE = (
    "the step's input has a NaN or an infinity, from which the carried state would never recover; "
    "replace it (0 is the mean of a standardised input) or leave the step out"
)


def check_dtype(name: str, value: Tensor, dtype: torch.dtype) -> None:
    """Raise unless a tensor has a dtype; under autocast, which chooses one, any float will do."""
    if value.dtype == dtype:
        return
    kind = value.device.type
    autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    if not (autocast and value.is_floating_point()):
        raise ValueError(
            f"{name} must have the weights' dtype {dtype}, got {value.dtype}; "
            f"convert it with .to({dtype})"
        )


def _check_alike(name: str, value: Tensor, weight: Tensor) -> None:
    """Raise unless dtype and device are the weights' own."""
    check_dtype(name, value, weight.dtype)
    if value.device != weight.device:
        raise ValueError(
            f"{name} must be on the weights' device {weight.device}, got {value.device}; "
            f"move it with .to({str(weight.device)!r})"
        )


def _array(given: Any, name: str, fill: float | None) -> NDArray[Any]:
    """Return anything as an array, with what is masked in it filled."""
    if isinstance(given, Tensor):
        return _array_of_tensor(given, name)
    if isinstance(given, np.ma.MaskedArray):
        return _filled(given, name, fill)
    if isinstance(given, list | tuple) and any(
        issubclass(kind, HIDING) for kind in {*map(type, given)}
    ):
        given = [_array(one, name, fill) for one in given]
    try:
        return np.asarray(given)
    except ValueError as error:  # NumPy's "inhomogeneous shape"
        raise ValueError(f"{name} is ragged: its steps must all have the same width") from error


HIDING = (list, tuple, Tensor, np.ma.MaskedArray)
"""What has masks, or gradients, that NumPy would not see in a list of them."""


def _array_of_tensor(given: Tensor, name: str) -> NDArray[Any]:
    try:
        plain = given.detach().cpu()
        plain = plain if plain.layout == torch.strided else plain.to_dense()
        plain = plain.float() if plain.dtype == torch.bfloat16 else plain
        array: NDArray[Any] = plain.resolve_neg().numpy()
    except (RuntimeError, TypeError) as error:  # quantised, nested, without data
        told = str(error).splitlines()[0]
        raise TypeError(
            f"{name} must be a tensor of numbers that NumPy can hold: {told}"
        ) from error
    return array


def _array_of_objects(given: NDArray[Any], name: str, advice: str) -> NDArray[Any]:
    """Return Python's numbers as float64, or as int64 where all are whole; None becomes NaN."""
    values = given.ravel().tolist()
    for value in values:
        if not (value is None or isinstance(value, Real | Decimal | np.bool_)):
            raise TypeError(f"{name} must be numbers, got {typed(value)}; {advice}")
    whole = all(isinstance(value, Integral) and abs(int(value)) < 2**63 for value in values)
    try:
        return np.array(values, np.int64 if whole else np.float64).reshape(given.shape)
    except (OverflowError, ValueError) as error:  # of Python's numbers, and a signalling NaN
        raise ValueError(f"{name} has a number that no float64 can hold: {error}") from error


def _filled(given: Any, name: str, fill: float | None) -> NDArray[Any]:
    mask = np.ma.getmaskarray(given)
    if mask.dtype != bool or not mask.any():  # of records, each field has its own
        return np.asarray(given.data)
    if fill is None:
        first = f", the first at {np.argwhere(mask)[0].tolist()}" if mask.ndim else ""
        raise ValueError(
            f"{name} has {np.count_nonzero(mask)} masked values{first}; fill them, as by "
            "x.filled(x.mean()), or leave these steps out"
        )
    return np.where(mask, fill, given.data)
