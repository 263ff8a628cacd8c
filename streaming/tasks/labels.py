"""Labels of a stream: texts, numbers and bools."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import Enum
from typing import Any
from uuid import UUID

from lstmwidgets import codec
from lstmwidgets.shown import typed

from ..errors import StreamError

Label = str | int | float | bool


def label_of(y: Any) -> Label | None:
    """Return a target as a label; None if it is missing.

    Whole numbers are the same whatever they are written as, and so are texts of a derived class.

    Raises
    ------
    StreamError
        If it is none, such as a list.

    Examples
    --------
    >>> label_of(3.0), label_of("spam"), label_of(True), label_of(float("nan"))
    (3, 'spam', True, None)
    """
    if type(y) is str or type(y) is bool or type(y) is int:
        return y
    value: Any = codec.own(codec.plain(y))
    if codec.is_missing(value):
        return None
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, date | datetime | time | UUID):
        return str(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return value
    raise StreamError(f"expected a label as target, got {typed(y)}; labels are texts or numbers")
