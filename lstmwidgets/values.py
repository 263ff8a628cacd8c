"""What a value counts as, as a feature and as a target; ``docs/values.md`` has the table."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np

from .codec import own, plain
from .kernels.scaling import LARGEST

NUMBER, TEXT, MOMENT, DAY, CLOCK = "number", "string", "time", "date", "clock"
"""The kinds of features: a number, a category, a point in time, a day, a time of day."""

KINDS: Mapping[type, str] = {
    float: NUMBER,
    int: NUMBER,
    bool: NUMBER,
    Real: NUMBER,
    Decimal: NUMBER,
    timedelta: NUMBER,
    str: TEXT,
    Enum: TEXT,
    datetime: MOMENT,
    date: DAY,
    time: CLOCK,
}
"""Which kind the values of a type are; the first that fits counts."""

SHOWN = 60
"""Characters of a value that an error shows."""


def reading(value: Any) -> tuple[str, Any] | None:
    """Return a feature's kind, and its value as a float, str, datetime, date or time.

    None if it is missing or of a type that is no feature; NaN if it is a number that is missing or
    unusable.
    """
    kind = KINDS.get(type(value))
    if kind is None:
        value = own(plain(value))
        kind = next((kind for of, kind in KINDS.items() if isinstance(value, of)), None)
        if kind is None or isinstance(value, np.generic):  # a time that Python does not have
            return None
        value = value.name if isinstance(value, Enum) else value
    if kind == NUMBER:
        number = number_in(value.total_seconds() if isinstance(value, timedelta) else value)
        return kind, math.nan if number is None else number
    return kind, value


def is_number(value: Any) -> bool:
    """Return whether a value is a number, also one of other libraries, missing or not."""
    found = reading(value)
    return found is not None and found[0] == NUMBER


def target_in(y: Any, largest: float = LARGEST) -> float | None:
    """Return a target as a float; None if it is missing or unusable, as is one beyond `largest`.

    Raises
    ------
    TypeError
        If it is no number.
    """
    if type(y) is float and -largest <= y <= largest:
        return y
    value = own(plain(y))
    if is_missing(value):
        return None
    if isinstance(value, Real | Decimal) and not hasattr(value, "dtype"):
        return number_in(value, largest)
    raise TypeError(f"expected a number as target, got {shown(y)}; {_remedy(value)}")


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
    except TypeError:
        hashable = False
    else:
        hashable = not getattr(label, "ndim", 0)  # tensors are, each as another
    if hashable:
        return label
    raise TypeError(
        f"expected a hashable label, got {shown(y)}; give one label an event, of one-hot ones the "
        "place of the one, as argmax() tells it"
    )


def number_in(value: Any, largest: float = LARGEST) -> float | None:
    """Return a number as a float; None if it is none, not finite or beyond `largest`."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):  # beyond all floats, no number, signalling NaN
        return None
    return number if abs(number) <= largest else None


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or another one that does not equal itself."""
    value = plain(value)
    if value is None:
        return True
    if hasattr(value, "__len__"):  # a text, an array or a series, which compares item by item
        return False
    try:
        return bool(value != value)
    except ArithmeticError:  # a decimal's signalling NaN
        return True


def shown(value: Any) -> str:
    """Return a value's type and what it looks like, on one line of an error, cut if it is long."""
    try:
        text = " ".join(reprlib.repr(value).split())
    except ValueError:  # a number with more digits than Python turns into text
        text = "of too many digits"
    return f"{type(value).__name__} {text if len(text) <= SHOWN else f'{text[: SHOWN - 3]}...'}"


def _remedy(target: Any) -> str:
    """Return what to do about a target that is no number."""
    if isinstance(target, str):
        return "read it as a number, as float() does, or leave it out"
    if isinstance(target, datetime | date | time | timedelta | np.generic):
        return "give a number that tells it, such as timestamp() or total_seconds()"
    if hasattr(target, "__len__"):
        return "give one number an event"
    return "give a number, or None where there is none"
