"""Which columns a feature's value fills, and with what numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

from ..codec import written
from ..values import CLOCK, DAY, MOMENT, NUMBER, TEXT

Reading = tuple[Hashable, str, Any]
"""A feature's name, and what `lstmwidgets.values.reading` returns of its value, or "" and None."""

TURNS = {MOMENT: ("hour", "month", "weekday"), DAY: ("month", "weekday"), CLOCK: ("hour",)}
"""What is told of a time, each as sine and cosine of its turn."""

WAVES = ("sin", "cos")

IS = "is "
"""Stands before the text in the name of a text's column."""

TURN = 2 * math.pi


def is_usable(kind: str, value: Any) -> bool:
    """Say whether there is a value to put into columns."""
    return bool(kind) and value == value  # NaN is not equal to itself


def columns_of(name: Hashable, kind: str, value: Any) -> list[str]:
    """Return the names of the columns that a value fills."""
    named = written(name)
    if kind == NUMBER:
        return [named]
    if kind == TEXT:
        return [f"{named} {IS}{value!r}"]
    return [f"{named} {turn} ({wave})" for turn in TURNS.get(kind, ()) for wave in WAVES]


def is_turn(column: str, is_number: bool) -> bool:
    """Say whether a column tells of a time; a text's ends with a quotation mark."""
    return not is_number and column.endswith(tuple(f" ({wave})" for wave in WAVES))


def numbers_of(kind: str, value: Any) -> tuple[float, ...]:
    """Return the numbers that a usable value puts into its columns."""
    if kind == NUMBER:
        return (value,)
    if kind == TEXT:
        return (1.0,)
    if kind == CLOCK:
        return _waves((value.hour + value.minute / 60) / 24)
    waves = (*_waves((value.month - 1) / 12), *_waves(value.weekday() / 7))
    return waves if kind == DAY else (*_waves((value.hour + value.minute / 60) / 24), *waves)


def _waves(turns: float) -> tuple[float, float]:
    return math.sin(TURN * turns), math.cos(TURN * turns)
