"""What the cells of a text say: numbers, true/false, datetimes or text."""

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
    except ValueError:
        return missing(text)
    if value != value or "_" in text:  # Python's own digit separator, which no file means
        return missing(text)
    return value


def boolean(text: str) -> bool | None:
    """Return whether a text says true."""
    word = text.strip().lower()
    return word == "true" if word in ("true", "false") else missing(word)


def moment(text: str) -> datetime | None:
    """Return the ISO 8601 date and time of a text."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return missing(text)


def words(text: str) -> str | None:
    """Return a text, None if it is a word for a missing value."""
    text = text.strip()
    return None if len(text) <= LONGEST and text.lower() in MISSING else text


def verbatim(text: str) -> str | None:
    """Return a text whatever it says, None if it is empty."""
    return text.strip() or None


def missing(text: str) -> None:
    """Return None if a text is empty or a word for a missing value, else raise."""
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
