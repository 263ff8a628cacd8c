"""The columns of a call: their names, MLflow's types, and what is made of their values."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date, datetime, time
from typing import Any, NamedTuple

from ..codec import is_missing

SEQUENCE_ID, SEQUENCE_START, SEQUENCE_END = "sequence_id", "sequence_start", "sequence_end"
"""As KServe's and Triton's sequence extension has them."""

LAST_TARGET = "last_target"
"""What came true of the event before."""

RESERVED = (SEQUENCE_ID, SEQUENCE_START, SEQUENCE_END, LAST_TARGET)


class Column(NamedTuple):
    """A column of a call.

    Attributes
    ----------
    name : str
        In a dataframe or in JSON.
    type : str
        As MLflow names it; in brackets, as often as it is nested, that of a list.
    example : object
        A value.
    key : hashable
        What a model calls it.
    read : callable
        Makes of a value, which is not missing, what the model gets.
    is_required : bool
        Whether a call must have it; values may be missing in any case.
    """

    name: str
    type: str
    example: Any
    key: Hashable
    read: Callable[[Any], Any]
    is_required: bool = True

    def value(self, given: Any) -> Any:
        """Return what the model gets for a value of a call; None for a missing one."""
        if is_missing(given):
            return None
        try:
            return self.read(given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name} must be {self.type}, got {given!r}") from error


def same(value: Any) -> Any:
    """Return a value as it is."""
    return value


def as_date(value: Any) -> date:
    """Return the day of a time."""
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))


def as_clock(value: Any) -> time:
    """Return a time of the day, from how ISO 8601 writes it."""
    return value if isinstance(value, time) else time.fromisoformat(value)
