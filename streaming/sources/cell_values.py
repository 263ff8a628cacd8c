"""What a CSV file's cells say, and Redis' texts: numbers, true/false, datetimes or text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

MISSING = {
    "", "na", "n/a", "n.a.", "nan", "-nan", "nat", "null", "(null)", "\\n", "nil", "none",
    "?", ".", "..", "...", "-", "--", "---", "\u2013", "\u2014",
    "<na>", "#na", "#n/a", "#n/a n/a", "#null!", "#div/0!", "#value!", "#ref!", "#num!", "#name?",
    "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan",
}  # fmt: skip
"""Texts, in lower case, that hold no value: usual words and marks, and what spreadsheets write."""

LONGEST = max(map(len, MISSING))

COMPACT = {8: "20240329", 12: "202403291230", 14: "20240329123000"}
"""Dates and times of digits only, by their number of digits."""

LEAP_SECOND = re.compile(r"(?<=\d\d:\d\d:)60|(?<=T\d{4})60")
"""A leap second's seconds, in a time of ISO 8601."""

END_OF_DAY = re.compile(r"(?<=[T ])24(?=:?00(:?00(\.0+)?)?(?!\d))")
"""Midnight's hour at the end of a day, in a time of ISO 8601."""


class AmbiguousTimeError(ValueError):
    """Digits that can be a date with an hour, and seconds since 1970."""


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


def whole(text: str) -> float | None:
    """Return the number of a text without a decimal mark: its column can have either."""
    if "." in text or "," in text:
        check_missing(text)
        return None
    return number(text)


def comma(text: str) -> float | None:
    """Return the number of a text with a decimal comma or no decimal mark."""
    if "." in text or "," not in text:
        return whole(text)
    value = number(text.replace(",", "."))
    if value is None:
        raise ValueError(text)
    return value


def boolean(text: str) -> bool | None:
    """Return whether a text says true."""
    word = text.strip().lower()
    if word not in ("true", "false"):
        check_missing(word)
        return None
    return word == "true"


def moment(text: str) -> datetime | None:
    """Return the ISO 8601 date and time of a text; a leap second is the second after it."""
    text = text.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        time = _unusual_moment(text)
    if time is None:
        check_missing(text)
    return time


def _unusual_moment(text: str) -> datetime | None:
    """Return a time that ISO 8601 knows and Python does not; None if it is none either."""
    for pattern, usual, rest in (
        (LEAP_SECOND, "59", timedelta(seconds=1)),
        (END_OF_DAY, "00", timedelta(days=1)),
    ):
        changed, found = pattern.subn(usual, text)
        if not found:
            continue
        try:
            time = datetime.fromisoformat(changed).replace(microsecond=0)
            in_utc = time if time.tzinfo is None else time.astimezone(UTC)
            later = time + rest
        except (ValueError, OverflowError):
            continue
        if pattern is END_OF_DAY or (in_utc.hour, in_utc.minute) == (23, 59):
            return later
    return None


def compact(text: str) -> datetime | None:
    """Return the date and time of a text of digits, as those in `COMPACT`.

    Raises
    ------
    AmbiguousTimeError
        If it ends with the hour: then it can as well be seconds since 1970.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) in (*COMPACT, 10)):
        check_missing(text)
        return None
    time = moment(f"{text[:8]}T{text[8:]}" if text[8:] else text)
    if time is None or not 1900 <= time.year < 2200:
        raise ValueError(text)
    if len(text) == 10:
        raise AmbiguousTimeError(
            f"expected a time, got {text}, which can be an hour or seconds since 1970; write "
            f"{text}00 or ISO 8601 for the hour, {text}.0 for the seconds"
        )
    return time


def words(text: str) -> str | None:
    """Return a text, None if it is a word for a missing value."""
    text = text.strip()
    return None if len(text) <= LONGEST and text.lower() in MISSING else text


def verbatim(text: str) -> str | None:
    """Return a text whatever it says, None if it is empty."""
    return text.strip() or None


def as_id(name: str) -> int | str:
    """Return an id that is a whole number, as Python would write it, as that number."""
    if len(name) < 19 and name.removeprefix("-").isdecimal() and str(int(name)) == name:
        return int(name)
    return name


def label(text: str) -> str | int | float | bool | None:
    """Return a label: a number or true or false where a text says that, and otherwise the text."""
    word = words(text)
    if word is None or word.lower() in ("true", "false"):
        return word if word is None else word.lower() == "true"
    try:
        value = float(word)
    except ValueError:
        return word
    if "_" in word or not isfinite(value):
        return word
    return int(value) if value.is_integer() else value


def check_missing(text: str) -> None:
    """Raise if a text is neither empty nor a word for a missing value."""
    if text.strip().lower() not in MISSING:
        raise ValueError(text)


CELLS: Mapping[str, Callable[[Any], Any]] = {
    "number": number,
    "whole": whole,
    "comma": comma,
    "boolean": boolean,
    "compact": compact,
    "datetime": moment,
    "text": words,
    "verbatim": verbatim,
    "label": label,
}
"""By the kind of a column, what returns the value of a text of it."""
