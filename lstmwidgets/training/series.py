"""Sequences in every form that users have them: arrays, lists, tensors, dataframes, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..checks import as_numbers
from ..shown import name_some

Array = NDArray[Any]
Names = Sequence[Any]

OF_WORDS = "Vocabulary.encode makes tokens of words"
OF_COLUMNS = "leave it out or turn it into numbers"


def as_series(
    data: Any, input_size: int, without: Names = (), names: Names | None = None
) -> list[Array]:
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
    names : sequence of str, optional
        The inputs' names in their order, by which columns are found in dataframes; by default the
        columns of the first one, as they stand.

    Raises
    ------
    TypeError, ValueError
        If there are no sequences, an empty one, one of another width or with other columns, or
        something that is no number, not finite, or missing; the message names sequence and step.
    """
    parts = _parts(data, input_size)
    names = frame_names(data, without) if names is None else names
    sequences = [
        numbers_in(one, f"sequence {n}", names, without=without) for n, one in enumerate(parts)
    ]
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
    if isinstance(data, str | bytes | memoryview) or not isinstance(
        data, Sequence | np.ndarray | torch.Tensor
    ):
        raise TypeError(
            f"data must be a list of token sequences or an array (N, T), got {type(data).__name__}"
        )
    sequences = []
    for n, one in enumerate(data):
        tokens = as_numbers(one, f"sequence {n}", advice=OF_WORDS)
        if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
            raise TypeError(
                f"sequence {n} must be whole numbers, the tokens, of shape (T,), got "
                f"{tokens.dtype} of shape {tokens.shape}; {OF_WORDS}"
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


def columns(data: Any, names: Names) -> list[Array]:
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
        found.append(np.stack([frame.get_column(name).to_numpy() for name in names], axis=1))
    return found


def one_column(data: Any) -> Any:
    """Return the column of a dataframe that has only one; anything else as it is."""
    frame = _frame(data)
    names: Names = getattr(frame, "columns", ())
    return frame.get_column(names[0]) if len(names) == 1 else data


def frame_names(data: Any, without: Names = ()) -> list[Any] | None:
    """Return the columns of a dataframe, or of the first in a list; None where there is none."""
    for one in data if isinstance(data, list | tuple) else [data]:
        frame = _frame(one)
        if getattr(frame, "columns", None) is not None:
            return [name for name in frame.columns if name not in without]
    return None


def in_order(name: str, given: Names, known: Names | None) -> Names:
    """Return columns in the order in which a model knows them, if it does.

    Raises
    ------
    ValueError
        If they are other ones; the message has both.
    """
    if known is None:
        return given
    if len(given) != len(known) or set(given) != set(known):
        raise ValueError(
            f"{name} has the columns {name_some(given)} and the model was trained with "
            f"{name_some(known)}: rename or select columns, name those that are no inputs by "
            "target=, or set model.features and model.targets to other names"
        )
    return known


def numbers_in(one: Any, name: str, names: Names | None, *, without: Names = ()) -> Array:
    """Return numbers of any form as an array: of a dataframe the columns of these names.

    Parameters
    ----------
    one : array, tensor, list, dataframe or a series of one
        The numbers.
    name : str
        What they are, for errors.
    names : sequence of str or None
        Columns in their order; None takes those of a dataframe as they stand. What has no columns
        is taken as it is.
    without : sequence of str
        Columns that do not belong to it.

    Raises
    ------
    TypeError, ValueError
        If something is no number or is masked, or if a dataframe's columns are not these.
    """
    frame = _frame(one)
    if frame is None or getattr(frame, "columns", None) is None:
        return as_numbers(one if frame is None else frame.to_numpy(), name, floating=True)
    parts = []
    given = [column for column in frame.columns if column not in without]
    for column in in_order(name, given, names):
        values = frame.get_column(column).to_numpy()
        numbers = as_numbers(values, f"column {column!r} of {name}", advice=OF_COLUMNS)
        parts.append(numbers.astype(np.float64))
    return np.stack(parts, axis=1) if parts else np.empty((len(frame), 0))


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
    return _frame(data) is not None


def _parts(data: Any, input_size: int) -> Sequence[Any] | Array:
    """Return the sequences that make up the data, as they come."""
    if is_frame(data):
        return [data]
    if isinstance(data, np.ndarray | torch.Tensor):
        plain = as_numbers(data, "data", floating=True)
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


def _frame(native: Any) -> Any:
    """Return a dataframe or its series as narwhals sees it, None for anything else."""
    if isinstance(native, np.ndarray | torch.Tensor | list | tuple | str):
        return None
    import narwhals as nw

    try:
        frame: Any = nw.from_native(native, allow_series=True, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
    except nw.exceptions.NarwhalsError as error:  # a name that stands twice
        raise ValueError(f"a dataframe cannot be read: {' '.join(str(error).split())}") from error
    return frame if isinstance(frame, nw.DataFrame | nw.Series) else None


def _check_some(sequences: Sequence[Array]) -> None:
    if not sequences:
        raise ValueError("data is empty: at least one sequence is needed")
    for n, one in enumerate(sequences):
        if not len(one):
            raise ValueError(f"sequence {n} is empty: each needs at least one step; leave it out")
