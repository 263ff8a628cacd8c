"""What a CSV file's cells say, and Redis' texts: numbers, true/false, datetimes or text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

MISSING = {"", "na", "n/a", "nan", "-nan", "null", "none"}
"""Texts, in lower case, that hold no value."""

LONGEST = max(map(len, MISSING))


def number(text: str) -> float | None:
    """Return a text's number, None for a missing one."""
    try:
        value = float(text)
        if value == value and "_" not in text:  # Python's own digit separator, which no file means
            return value
    except ValueError:
        pass
    check_missing(text)
    return None


def boolean(text: str) -> bool | None:
    """Return whether a text says true."""
    word = text.strip().lower()
    if word not in ("true", "false"):
        check_missing(word)
        return None
    return word == "true"


def moment(text: str) -> datetime | None:
    """Return the ISO 8601 date and time of a text."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        check_missing(text)
        return None


def words(text: str) -> str | None:
    """Return a text, None if it is a word for a missing value."""
    text = text.strip()
    return None if len(text) <= LONGEST and text.lower() in MISSING else text


def verbatim(text: str) -> str | None:
    """Return a text whatever it says, None if it is empty."""
    return text.strip() or None


def check_missing(text: str) -> None:
    """Raise if a text is neither empty nor a word for a missing value."""
    if text.strip().lower() not in MISSING:
        raise ValueError(text)


CELLS: Mapping[str, Callable[[Any], Any]] = {
    "number": number,
    "boolean": boolean,
    "datetime": moment,
    "text": words,
    "verbatim": verbatim,
}
"""By the kind of a column; the strictest come first."""
