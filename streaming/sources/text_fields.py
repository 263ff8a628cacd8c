"""Named texts as events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..events import Event
from .base import Columns

MISSING = {"", "na", "n/a", "nan", "null", "none"}


class BadFieldError(ValueError):
    """A field that cannot be read; the message says what was expected and what came."""


class TextFields:
    """Reads fields as numbers, true/false, datetimes or text, whichever their first value is.

    Parameters
    ----------
    columns : Columns
        Which fields are target, features, key, id and time.

    Attributes
    ----------
    types : dict of str to str
        What the fields were found to be.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.types: dict[str, str] = dict.fromkeys(columns.text, "text")
        if columns.target is not None:
            self.types[columns.target] = "number"

    def event(self, number: int, place: str, pairs: Iterable[tuple[str, str]]) -> Event:
        """Return the event of a record's fields.

        Raises
        ------
        BadFieldError
            If a value is of another type than the first of its field.
        """
        columns = self.columns
        plain = {columns.key, columns.id, *columns.text}
        values = {
            name: text if name in plain else self._parsed(name, text.strip())
            for name, text in pairs
            if name in plain or text.strip().lower() not in MISSING
        }
        return self.event_of_values(number, place, values)

    def event_of_values(self, number: int, place: str, values: Mapping[str, Any]) -> Event:
        """Return the event of a record whose values have their types already."""
        del place
        columns = self.columns
        target = values.get(columns.target) if columns.target else None
        if target is not None and (isinstance(target, bool) or not isinstance(target, int | float)):
            raise BadFieldError(f"{columns.target!r}: expected a number, got {target!r}")
        times = [values.get(columns.time)] if columns.time else values.values()
        key = values.get(columns.key) if columns.key else None
        return Event(
            id=values.get(columns.id, number) if columns.id else number,
            x={k: v for k, v in values.items() if v is not None and columns.is_feature(k)},
            y=None if target is None else float(target),
            time=next((value for value in times if isinstance(value, datetime)), None),
            key=None if key is None else str(key),
        )

    def _parsed(self, name: str, text: str) -> Any:
        if name not in self.types:
            self.types[name] = next(kind for kind in PARSERS if _reads(PARSERS[kind], text))
        try:
            return PARSERS[self.types[name]](text)
        except ValueError:
            raise BadFieldError(f"{name!r}: expected a {self.types[name]}, got {text!r}") from None


def _reads(parse: Callable[[str], Any], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


PARSERS: dict[str, Callable[[str], Any]] = {
    "number": float,
    "boolean": _boolean,
    "datetime": datetime.fromisoformat,
    "text": str,
}
"""By type, the strictest first."""
