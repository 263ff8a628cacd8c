"""A copy of records that cannot be asked for twice, as JSON Lines."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ..errors import StreamError
from ..events import Event
from ..files import write_all
from .schema import RecordError, shown
from .values import plain


class FormlessError(RecordError):
    """A record that has no form in JSON.

    Attributes
    ----------
    raw : str
        The record as Python shows it.
    """

    def __init__(self, problem: str, column: str | None, raw: str) -> None:
        super().__init__(problem, column)
        self.raw = raw


class RecordJournal:
    """Keeps records, and gives them again with the types that they had.

    Parameters
    ----------
    path : Path
        The file; made if there is none. Half a line at its end, of a write that a crash cut short,
        is removed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._writer = path.open("ab", buffering=0)
            self._reader = path.open("rb")
        except OSError as error:
            raise StreamError(f"cannot write {path}: {error.strerror}") from error
        size = 0
        for line in self._reader:
            size += len(line) if line.endswith(b"\n") else 0
        self._writer.truncate(size)
        self._size = size

    def lines(self, position: int) -> Iterator[bytes]:
        """Yield what is kept, from a byte on."""
        if position > self._size:
            raise StreamError(f"{self._path} is shorter than it was; begin anew")
        self._reader.seek(position)
        yield from self._reader

    def write(self, line: bytes) -> None:
        """Keep a line."""
        write_all(self._writer, line, self._path)

    def sync(self) -> None:
        """Bring the journal to the disk; closed, it is there."""
        if not self._writer.closed:
            os.fsync(self._writer.fileno())

    def close(self) -> None:
        """Bring the journal to the disk, and close it."""
        self.sync()
        self._writer.close()
        self._reader.close()


def to_line(item: Any) -> bytes:
    """Return a record, a pair (x, y) or an Event as a line of JSON.

    What has no form in JSON makes a line that `from_line` raises an error for.
    """
    try:
        return msgspec.json.encode(_form(item)) + b"\n"
    except (RecordError, TypeError, ValueError, OverflowError) as error:
        column = error.column if isinstance(error, RecordError) else None
        return msgspec.json.encode({"bad": [str(error), column, repr(item)]}) + b"\n"


def from_line(line: bytes) -> Any:
    """Return the record, pair or Event of a line.

    Raises
    ------
    FormlessError
        If it had no form in JSON.
    """
    kept = msgspec.json.decode(line)
    if "bad" in kept:
        raise FormlessError(*kept["bad"])
    if "record" in kept:
        return _values(kept["record"])
    x, y = _values(kept["x"]), _value(kept["y"])
    if "id" not in kept:
        return x, y
    return Event(kept["id"], x, y, _value(kept["time"]), kept["key"])


def _form(item: Any) -> dict[str, Any]:
    if isinstance(item, Event):
        x, y, time = _forms(item.x), _value_form("y", item.y), _value_form("time", item.time)
        return {"x": x, "y": y, "id": plain(item.id), "time": time, "key": item.key}
    if isinstance(item, Mapping):
        return {"record": _forms(item)}
    features, y = pair(item)
    return {"x": _forms(features), "y": _value_form("y", y)}


def pair(item: Any) -> tuple[Mapping[str, Any], Any]:
    """Return features and target, if an item is such a pair."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping):
        return item
    raise RecordError(f"expected a mapping, a pair (x, y) or an Event, got {shown(item)}")


def _forms(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value_form(name, value) for name, value in record.items()}


def _value_form(name: str, value: Any) -> Any:
    """Return what stands for a value in JSON: itself, or an object that says its type."""
    value = plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()} if value == value else None  # NaT is not
    raise RecordError(
        f"expected a number, true or false, a date and time or text, got {shown(value)}", name
    )


def _values(forms: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(form) for name, form in forms.items()}


def _value(form: Any) -> Any:
    if not isinstance(form, dict):
        return form
    return float(form["float"]) if "float" in form else datetime.fromisoformat(form["datetime"])
