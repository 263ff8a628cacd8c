"""Sequences in every form that users have them: arrays, lists, tensors, dataframes, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..checks import WHOLE

Array = NDArray[Any]


def as_series(data: Any, input_size: int, without: Sequence[str] = ()) -> list[Array]:
    """Return numbers as one array (T, I) a sequence.

    Parameters
    ----------
    data : array, tensor, dataframe, or a list of them
        (N, T, I), or (N, T) where I is 1; a list of (T, I), or (T,) where I is 1; a dataframe, or a
        series of one, is one sequence whose rows are time.
    input_size : int
        I.
    without : sequence of str
        Columns of dataframes that are no inputs.

    Raises
    ------
    TypeError, ValueError
        If there are no sequences, an empty one, one of another width, or something that is no
        number, not finite, or missing; the message names sequence and step.
    """
    sequences = [_numbers(one, n, without) for n, one in enumerate(_parts(data, input_size))]
    for n, one in enumerate(sequences):
        if one.ndim == 1 and input_size == 1:
            sequences[n] = one = one[:, None]
        if one.ndim != 2 or one.shape[1] != input_size:
            raise ValueError(
                f"sequence {n} must have the shape (steps, input_size) = (T, {input_size}), got "
                f"{one.shape}"
            )
        check_finite_series(one, f"sequence {n}")
    _check_some(sequences)
    return sequences


def as_tokens(data: Any, vocabulary_size: int) -> list[Array]:
    """Return tokens as one int64 array (T,) a sequence, without the padding at the end.

    Parameters
    ----------
    data : list of int sequences, or array (N, T)
        Tokens; 0 is padding.
    vocabulary_size : int
        Tokens are smaller than that.

    Raises
    ------
    TypeError, ValueError
        If there are no sequences, an empty one, or something that is no token.
    """
    if isinstance(data, str) or not isinstance(data, Sequence | np.ndarray | torch.Tensor):
        raise TypeError(
            f"data must be a list of token sequences or an array (N, T), got {type(data).__name__}"
        )
    sequences = []
    for n, one in enumerate(data):
        tokens = _plain(one, f"sequence {n}")
        if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
            raise TypeError(
                f"sequence {n} must be whole numbers, the tokens, of shape (T,), got "
                f"{tokens.dtype} of shape {tokens.shape}; Vocabulary.encode makes them of words"
            )
        tokens = tokens.astype(np.int64)
        wrong = np.flatnonzero((tokens < 0) | (tokens >= vocabulary_size))
        if wrong.size:
            raise ValueError(
                f"sequence {n} has the token {tokens[wrong[0]]} at step {wrong[0]}; the model's "
                f"vocabulary_size={vocabulary_size} allows 0 to {vocabulary_size - 1}"
            )
        sequences.append(np.trim_zeros(tokens, "b"))
    _check_some(sequences)
    return sequences


def columns(data: Any, names: Sequence[str]) -> list[Array]:
    """Return the named columns of a dataframe, or of each of several, as arrays (T, C)."""
    frames = data if isinstance(data, list | tuple) else [data]
    found = []
    for n, native in enumerate(frames):
        frame = _frame(native)
        if frame is None or getattr(frame, "columns", None) is None:
            raise TypeError(f"target= names columns, and sequence {n} is no dataframe")
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise ValueError(f"no column {missing[0]!r} in sequence {n}; it has {frame.columns}")
        found.append(np.stack([frame[name].to_numpy() for name in names], axis=1))
    return found


def check_finite_series(one: Array, name: str) -> None:
    """Raise if numbers (T, I) have a NaN or an infinity; the message says where."""
    if np.isfinite(one).all():
        return
    step, column = np.argwhere(~np.isfinite(one))[0]
    raise ValueError(
        f"{name} has {one[step, column]} at step {step}, column {column}; fill the gap (the last "
        "value, or the mean) or cut the sequence there"
    )


def is_frame(data: Any) -> bool:
    """Say whether this is a dataframe, or a series of one, of any library."""
    if isinstance(data, np.ndarray | torch.Tensor | list | tuple | str):
        return False
    return _frame(data) is not None


def _parts(data: Any, input_size: int) -> Sequence[Any] | Array:
    """Return the sequences that make up the data, as they come."""
    if is_frame(data):
        return [data]
    if isinstance(data, np.ndarray | torch.Tensor):
        plain = _plain(data, "data")
        if plain.ndim == 3 or (plain.ndim == 2 and input_size == 1):
            return plain
        raise ValueError(
            f"data must have the shape (N, T, {input_size}), got {plain.shape}; one sequence alone "
            "is passed as a list: [x]"
        )
    if isinstance(data, list | tuple):
        return data
    raise TypeError(
        "data must be an array (N, T, I), a list of arrays (T, I), a dataframe, a list of "
        f"dataframes or a DataLoader, got {type(data).__name__}"
    )


def _numbers(one: Any, n: int, without: Sequence[str]) -> Array:
    frame = None if isinstance(one, np.ndarray | torch.Tensor | list | tuple) else _frame(one)
    if frame is not None:
        return _frame_numbers(frame, n, without)
    numbers = _plain(one, f"sequence {n}")
    if numbers.dtype.kind not in "fiub":
        raise TypeError(f"sequence {n} must be numbers, got {numbers.dtype}")
    return numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)


def _frame_numbers(frame: Any, n: int, without: Sequence[str]) -> Array:
    if getattr(frame, "columns", None) is None:  # a series
        return np.asarray(frame.to_numpy(), np.float64)
    names = [name for name in frame.columns if name not in without]
    parts = []
    for name in names:
        dtype = frame[name].dtype
        if not (dtype.is_numeric() or str(dtype) == "Boolean"):
            raise TypeError(
                f"column {name!r} of sequence {n} must be numbers, got {dtype}; leave it out or "
                "turn it into numbers"
            )
        parts.append(np.asarray(frame[name].to_numpy(), np.float64))
    return np.stack(parts, axis=1) if parts else np.empty((len(frame), 0))


def _frame(native: Any) -> Any:
    """Return a dataframe or its series as narwhals sees it, None for anything else."""
    import narwhals as nw

    frame: Any = nw.from_native(native, allow_series=True, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return frame if isinstance(frame, nw.DataFrame | nw.Series) else None


def _plain(one: Any, name: str) -> Array:
    """Return a NumPy array of what may be one."""
    if isinstance(one, torch.Tensor):
        whole = one.dtype in WHOLE or one.dtype == torch.bool
        known = whole or one.dtype in (torch.float32, torch.float64)
        return (one if known else one.float()).detach().cpu().numpy()
    try:
        return np.asarray(one)
    except ValueError as error:  # NumPy's "inhomogeneous shape"
        raise ValueError(f"{name} is ragged: its steps must all have the same width") from error


def _check_some(sequences: Sequence[Array]) -> None:
    if not sequences:
        raise ValueError("data is empty: at least one sequence is needed")
    for n, one in enumerate(sequences):
        if not len(one):
            raise ValueError(f"sequence {n} is empty: each needs at least one step; leave it out")
