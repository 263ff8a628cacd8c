"""What a value counts as, as a feature and as a target; ``docs/values.md`` has the table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np

from .codec import is_missing, own, plain
from .kernels import LARGEST
from .shown import typed

NUMBER, TEXT, MOMENT, DAY, CLOCK = "number", "string", "time", "date", "clock"
"""The kinds of features: a number, a category, a point in time, a day, a time of day."""

PLAIN = {float, int, bool, np.float64}
"""Types that NumPy turns into floats as they are."""

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
    raise TypeError(f"expected a number as target, got {typed(y)}; {_remedy(value)}")


def number_in(value: Any, largest: float = LARGEST) -> float | None:
    """Return a number as a float; None if it is none, not finite or beyond `largest`."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):  # beyond all floats, no number, signalling NaN
        return None
    return number if abs(number) <= largest else None


def _remedy(target: Any) -> str:
    """Return what to do about a target that is no number."""
    if isinstance(target, str):
        return "read it as a number, as float() does, or leave it out"
    if isinstance(target, datetime | date | time | timedelta | np.generic):
        return "give a number that tells it, such as timestamp() or total_seconds()"
    if hasattr(target, "__len__"):
        return "give one number an event"
    return "give a number, or None where there is none"
