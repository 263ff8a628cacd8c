"""Features as plain values and back, dates and times included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np


def to_plain(x: Mapping[Any, Any]) -> list[tuple[Any, str, Any]]:
    """Return features in values that JSON and MessagePack can hold.

    Examples
    --------
    >>> x = {"load": 1.5, "when": datetime(2024, 1, 2, 3)}
    >>> to_plain(x)
    [('load', '', 1.5), ('when', 'datetime', '2024-01-02T03:00:00')]
    >>> from_plain(to_plain(x)) == x
    True
    """
    plain = []
    for name, value in x.items():
        if isinstance(value, datetime):
            plain.append((name, "datetime", value.isoformat()))
        elif isinstance(value, date):
            plain.append((name, "date", value.isoformat()))
        elif isinstance(value, np.generic):
            plain.append((name, "", value.item()))
        else:
            plain.append((name, "", value))
    return plain


def from_plain(plain: list[tuple[Any, str, Any]]) -> dict[Any, Any]:
    """Return the features that `to_plain` was given."""
    return {name: READERS[kind](value) if kind else value for name, kind, value in plain}


READERS: dict[str, Any] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat}
