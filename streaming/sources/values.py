"""What typed values say, as JSON, Parquet and Python's own records have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Number
from typing import Any
from uuid import UUID

from lstmwidgets import codec

from . import cell_values as cells


def plain(value: Any) -> Any:
    """Return a value as Python's own number, datetime or text, if it counts as one.

    Decimals, fractions and durations (in seconds) are numbers, dates are datetimes; times of day,
    members of enumerations and UUIDs are texts. Others are returned as they are.
    """
    if type(value) is bool or type(value) is datetime:
        return value
    value = codec.own(codec.plain(value))
    if isinstance(value, Decimal | Fraction):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, UUID) else value


def number(value: Any) -> float | None:
    """Return a number as a float, None for a missing one."""
    kind = type(value)
    if kind is not float and kind is not int:
        value = plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            check_missing(value)
            return None
    value = float(value)
    return None if value != value else value


def boolean(value: Any) -> bool | None:
    """Return true or false."""
    value = plain(value)
    if isinstance(value, bool):
        return value
    check_missing(value)
    return None


def moment(value: Any) -> datetime | None:
    """Return a datetime, also that of an ISO 8601 text; but a text of digits is no date."""
    if type(value) is str:
        if value.isdigit():
            raise ValueError(value)
        return cells.moment(value)
    value = plain(value)
    if isinstance(value, datetime):
        return value
    check_missing(value)
    return None


def compact(value: Any) -> datetime | None:
    """Return the date and time of a text or a whole number of digits, as those in `COMPACT`."""
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value < 10**14:
        value = str(value)
    if isinstance(value, str):
        return cells.compact(value)
    check_missing(value)
    return None


def words(value: Any) -> str | None:
    """Return a text, None if it is a word for a missing value."""
    if type(value) is not str:
        value = plain(value)
    if isinstance(value, str):
        return value if cells.words(value) is not None else None
    check_missing(value)
    return None


def verbatim(value: Any) -> str | None:
    """Return any single value as the text that CSV would have for it, but 7.0 as 7."""
    if type(value) is str:
        return value or None
    value = codec.own(codec.plain(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return str(codec.key(value)) if value == value else None
    value = plain(value)
    if isinstance(value, str):
        return value or None
    if isinstance(value, datetime):
        return value.isoformat()
    check_missing(value)
    return None


def label(value: Any) -> str | int | float | bool | None:
    """Return a label: a text, true or false, or a number, which is whole if it can be."""
    value = plain(value)
    if isinstance(value, str):
        return words(value)
    if isinstance(value, datetime):
        return value.isoformat() if value == value else None
    if isinstance(value, float):
        return None if value != value else int(value) if value.is_integer() else value
    if not isinstance(value, int):
        check_missing(value)
        return None
    return value


def check_missing(value: Any) -> None:
    """Raise unless a value is None, NaN or a text for a missing one."""
    if isinstance(value, str):
        cells.check_missing(value)
    elif value is not None and not (isinstance(value, float | datetime) and value != value):
        raise ValueError(value)


VALUES: Mapping[str, Callable[[Any], Any]] = {
    "number": number,
    "boolean": boolean,
    "compact": compact,
    "datetime": moment,
    "text": words,
    "verbatim": verbatim,
    "label": label,
}
"""By the kind of a column, what returns the value of a typed value of it."""
