"""A copy of records that cannot be asked for twice, as JSON Lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lstmwidgets.codec import decode, encode
from lstmwidgets.shown import in_full, shown

from ..errors import StreamError
from ..events import Event
from ..files import atomic_write, make_private, tail, write_all, writing
from .schema import RecordError


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
        with writing(path):
            make_private(path)
        self._open()
        size = 0
        for line in self._reader:
            size += len(line) if line.endswith(b"\n") else 0
        self._writer.truncate(size)
        self._size = size  # when it was opened

    def _open(self) -> None:
        with writing(self._path):
            self._writer = self._path.open("ab", buffering=0)
            self._reader = self._path.open("rb")

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return os.fstat(self._writer.fileno()).st_size

    def lines(self, position: int) -> Iterator[bytes]:
        """Yield what is kept, from a byte on."""
        if position > self._size:
            raise StreamError(f"{self._path} is shorter than it was; begin anew")
        self._reader.seek(position)
        yield from self._reader

    def tail(self, position: int) -> str:
        """Return a hash of the last bytes before a byte."""
        return tail(self._path, position)

    def write(self, line: bytes) -> None:
        """Keep a line."""
        write_all(self._writer, line, self._path)

    def replace(self, line: bytes) -> None:
        """Keep a line instead of all that was kept, in one go."""
        with atomic_write(self._path) as beside:
            make_private(beside)
            beside.write_bytes(line)
        self._writer.close()
        self._reader.close()
        self._open()

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
        form = _form(item)
    except RecordError as error:
        form = {"bad": [str(error), encode(error.column), in_full(item)]}
    return msgspec.json.encode(form) + b"\n"


def from_line(line: bytes) -> Any:
    """Return the record, pair or Event of a line.

    Raises
    ------
    FormlessError
        If it had no form in JSON, or the journal is of another version.
    """
    match msgspec.json.decode(line):
        case {"bad": [problem, column, raw]}:
            raise FormlessError(problem, decode(column), raw)
        case {"mapping": columns}:
            return _values(columns)
        case {"pair": [columns, y]}:
            return _values(columns), decode(y)
        case {"event": [columns, fields]}:
            return Event(x=_values(columns), **decode(fields))
    problem = "expected a line of this version of lstmwidgets; begin with a new journal"
    raise FormlessError(problem, None, line.decode())


def _form(item: Any) -> dict[str, Any]:
    if isinstance(item, Event):
        fields = {"id": item.id, "y": item.y, "time": item.time, "key": item.key}
        return {"event": [_columns(item.x), _column("an Event", fields)]}
    if isinstance(item, Mapping):
        return {"mapping": _columns(item)}
    x, y = pair(item)
    return {"pair": [_columns(x), _column("y", y)]}


def pair(item: Any) -> tuple[Mapping[str, Any], Any]:
    """Return features and target, if an item is such a pair."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping):
        return item
    raise RecordError(f"expected a mapping, a pair (x, y) or an Event, got {shown(item)}")


def _columns(record: Mapping[Any, Any]) -> list[Any]:
    return [[_column(name, name), _column(name, value)] for name, value in record.items()]


def _column(name: Any, value: Any) -> Any:
    """Return the form of a value, and say which column it is if it has none."""
    try:
        return encode(value)
    except TypeError as error:
        raise RecordError(str(error), str(name)) from error


def _values(columns: list[Any]) -> dict[Any, Any]:
    return {decode(name): decode(form) for name, form in columns}
