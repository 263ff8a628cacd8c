"""Labels of classes: of any hashable type, in an order, and found again in new data."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .checks import as_numbers
from .codec import is_missing, plain
from .shown import shown, typed


def listed(labels: Any, name: str = "the labels") -> list[Any]:
    """Return labels, (N,) or (N, 1), with NumPy's and PyTorch's scalars as Python's own.

    Raises
    ------
    TypeError, ValueError
        If they are of another shape, or not labels at all; missing ones are for `classes_of`.
    """
    if hasattr(labels, "to_list"):  # a series of a dataframe
        labels = labels.to_list()
    elif isinstance(labels, Tensor):
        labels = as_numbers(labels, name)
    elif isinstance(labels, np.ma.MaskedArray):
        mask, labels = np.ma.getmaskarray(labels), labels.data.astype(object)
        labels[mask] = None
    if isinstance(labels, np.ndarray):
        if labels.ndim != 1 and labels.shape[1:] != (1,):
            raise ValueError(f"{name} must have the shape (N,) or (N, 1), got {labels.shape}")
        labels = labels.reshape(-1)
    elif isinstance(labels, str | bytes | memoryview | Mapping) or not isinstance(
        labels, Collection
    ):
        raise TypeError(f"{name} must be a list, array or series, got {type(labels).__name__}")
    return [plain(one) for one in labels]


def label_in(y: Any) -> Any:
    """Return a label with the scalars of others as Python's own; None if it is missing.

    Raises
    ------
    TypeError
        If it is not hashable, or an array.
    """
    if type(y) is str or type(y) is int or type(y) is bool:
        return y
    label = plain(y)
    if is_missing(label):
        return None
    try:
        hash(label)
    except (TypeError, ValueError):  # NumPy's of a time span without a unit
        hashable = False
    else:
        hashable = not getattr(label, "ndim", 0)  # tensors are, each as another
    if hashable:
        return label
    raise TypeError(
        f"expected a hashable label, got {typed(y)}; give one label an event, of one-hot ones the "
        "place of the one, as argmax() tells it"
    )


def classes_of(labels: Iterable[Any]) -> list[Any]:
    """Return the different labels, sorted where they can be, else as they first came.

    Raises
    ------
    TypeError
        If one is not hashable.
    ValueError
        If one is missing, or all are the same.

    Examples
    --------
    >>> classes_of(["good", "bad", "good"])
    ['bad', 'good']
    """
    seen = dict.fromkeys(_checked(labels))
    if len(seen) == 1:
        raise ValueError(
            f"all targets are the same label, {next(iter(seen))!r}; a classification needs two"
        )
    try:
        return sorted(seen)
    except TypeError:
        return list(seen)


def indices(labels: Sequence[Any], classes: Sequence[Any], where: str) -> NDArray[np.int64]:
    """Return the place of each label among the classes.

    Raises
    ------
    ValueError
        If there is a label that is no class; the message names it, where it is, and the closest
        class.
    """
    places = {label: place for place, label in enumerate(classes)}
    found = np.empty(len(labels), np.int64)
    for n, label in enumerate(_checked(labels)):
        if label not in places:
            close = difflib.get_close_matches(str(label), list(map(str, classes)), 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            known = ", ".join(map(repr, classes[:20]))
            raise ValueError(
                f"{where} has the unknown label {label!r} at place {n}{hint} Known are {known}"
            )
        found[n] = places[label]
    return found


def as_array(classes: Sequence[Any], chosen: NDArray[np.int64]) -> NDArray[Any]:
    """Return the labels at these places, in an array of the type that holds them unchanged."""
    kinds = {type(label) for label in classes}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        return np.array(classes)[chosen]
    table = np.empty(len(classes), object)
    table[:] = classes
    return table[chosen]


def _checked(labels: Iterable[Any]) -> list[Any]:
    """Return labels that can be told apart."""
    checked = []
    for n, label in enumerate(labels):
        try:
            checked.append(label_in(label))
        except TypeError as error:
            raise TypeError(f"the label at place {n} is none: {error}") from error
        if checked[-1] is None:
            raise ValueError(
                f"the label at place {n} is missing ({shown(label)}); leave its sequence out"
            )
    return checked
