"""Parquet files, read batch by batch."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from lstmwidgets.shown import in_full

from ..errors import StreamError
from ..events import Event
from .base import WAIT, Columns, Source
from .schema import RecordError, Schema
from .values import VALUES

LAST_ROWS = 32
"""Rows before a place by which a file is known again."""

UNREADABLE = (ArithmeticError, LookupError, MemoryError, NotImplementedError, OSError, ValueError)
"""What PyArrow raises where a file is damaged, or has what it cannot read."""

BATCH = 1024
"""Rows that are in memory as Python's values; PyArrow holds a few batches more."""


class ParquetFiles(Source):
    """Rows of a Parquet file, or of all in a folder, in the order of their names, as events.

    Only the columns that are needed are read. A followed folder is watched for files with later
    names; they should be renamed into it when they are complete, but the last one is also given
    time to become so. Names that begin with a dot or an underscore are left out.

    Parameters
    ----------
    path : str
        A file, or a folder with ``*.parquet``.
    columns : Columns
        Which columns are what. The target must be named.
    follow : bool
        Wait for files with later names.

    Raises
    ------
    StreamError
        If there is no such file, PyArrow is not installed, or a column is not there.
    """

    def __init__(self, path: str, columns: Columns, *, follow: bool = False) -> None:
        self.name = path
        self._path = Path(path)
        self._follow = follow
        self._columns = columns
        self._schema = Schema(columns, VALUES, self.name)
        self._file = ""  # name of the one that is being read
        self._row = self._rows = self._number = 0
        self._last: deque[dict[str, Any]] = deque(maxlen=LAST_ROWS)  # before the one that is next
        self._known = ""
        self._open: Any = None
        self._arrow = _arrow()
        if follow and not self._path.is_dir():
            raise StreamError(f"{path} is no folder; only folders of Parquet files are followed")
        if not self._path.exists():
            raise StreamError(f"cannot read {path}: No such file or directory")
        if not self._names() and not follow:
            raise StreamError(f"cannot read {path}: Is a directory without *.parquet files")

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the rows."""
        try:
            name = self._file if self._file in self._names() else self._later()
            while name is not None or self._follow:
                if name is None or not self._begin(name):
                    yield None
                    time.sleep(WAIT)
                else:
                    yield from self._events()
                name = self._later() if name is None or self._row == self._rows else name
        finally:
            self.close()
        if self._number == 0 and not self.skipped:
            raise StreamError(f"{self.name} has no rows")
        self._schema.check_texts()

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def progress(self) -> float | None:
        """Share of the files' bytes that has been read; None if more may come."""
        if self._follow:
            return None
        sizes = {name: self._place(name).stat().st_size for name in self._names()}
        before = sum(size for name, size in sizes.items() if name < self._file)
        share = self._row / self._rows if self._rows else 0
        total = sum(sizes.values())
        return min((before + share * sizes.get(self._file, 0)) / total, 1.0) if total else None

    @property
    def offset(self) -> dict[str, Any]:
        """The file, how many of its rows have been read, and the columns' types."""
        return {
            "file": self._file,
            "row": self._row,
            "rows": self._rows,
            "tail": self._tail(),
            "events": self._number,
            "skipped": self.skipped,
            **self._schema.offset(self._number),
        }

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether there are files with later names or may come, or more rows in the last."""
        if self._follow or any(name > offset["file"] for name in self._names()):
            return True
        last = offset["file"]
        return last in self._names() and self._rows_of(last) > int(offset["row"])

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._schema,)

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a row of a file; one that was read to its end may be gone."""
        self._file, self._row, self._rows = offset["file"], offset["row"], offset["rows"]
        self._known = offset["tail"]
        self._number, self.skipped = offset["events"], offset["skipped"]
        self._schema.resume(offset)
        if self._file and self._file not in self._names() and self._row < self._rows:
            raise StreamError(
                f"{self._place(self._file)} is not there any more and had been read up to row "
                f"{self._row:,} of {self._rows:,}; put it back, or begin anew"
            )
        if self._file in self._names():
            self._begin(self._file)  # which looks whether it is the same

    def _names(self) -> list[str]:
        if not self._path.is_dir():
            return [self._path.name]
        names = sorted(place.name for place in self._path.glob("*.parquet"))
        return [name for name in names if name[0] not in "._"]

    def _place(self, name: str) -> Path:
        return self._path / name if self._path.is_dir() else self._path

    def _later(self) -> str | None:
        return next((name for name in self._names() if name > self._file), None)

    def _begin(self, name: str) -> bool:
        """Open a file, where it was read up to; return False if it is still being written."""
        place = self._place(name)
        self.close()
        try:
            with _reading(place):
                self._open = self._arrow.parquet.ParquetFile(place)
        except StreamError:
            if self._follow and name == self._names()[-1]:
                return False
            raise
        self._columns.check_target(self.name, self._open.schema_arrow.names)
        self._columns.check(str(place), self._open.schema_arrow.names)
        rows = self._open.metadata.num_rows
        if name != self._file:
            self._file, self._row = name, 0
            self._last.clear()
            self._known = ""
        elif rows < self._row:
            raise StreamError(
                f"{place} has {rows:,} rows and had been read up to {self._row:,}; "
                "put the file back, or begin anew"
            )
        elif self._known:
            begin = max(self._row - LAST_ROWS, 0)
            self._last.extend(islice(self._records(begin), self._row - begin))
            known, self._known = self._known, ""
            if self._tail() != known:
                raise StreamError(
                    f"{place} has changed before row {self._row + 1:,}, up to which it had been "
                    "read; put the file back, or begin anew"
                )
        self._rows = rows
        return True

    def _rows_of(self, name: str) -> int:
        place = self._place(name)
        with _reading(place):
            rows: int = self._arrow.parquet.read_metadata(place).num_rows
        return rows

    def _events(self) -> Iterator[Event]:
        for record in self._records(self._row):
            event = None
            try:
                event = self._schema.event(self._number, record)
            except RecordError as error:
                name = str(self._place(self._file))
                self.refuse(error.record(name, f"row {self._row + 1}", in_full(record)))
            self._row += 1
            self._last.append(record)
            if event is not None:
                self._number += 1
                yield event
        if self._row != self._rows:
            raise StreamError(
                f"cannot read {self._place(self._file)}: it says it has {self._rows:,} rows and "
                f"has {self._row:,}"
            )
        self.close()

    def _tail(self) -> str:
        """Return a hash of the last rows before the place."""
        return self._known or hashlib.sha256(repr([*self._last]).encode()).hexdigest()

    def _records(self, place: int) -> Iterator[dict[str, Any]]:
        """Yield the open file's rows from a place on; whole groups before it are not read."""
        sizes = [
            self._open.metadata.row_group(n).num_rows for n in range(self._open.num_row_groups)
        ]
        first, skip = 0, place
        while first < len(sizes) and sizes[first] <= skip:
            skip -= sizes[first]
            first += 1
        if first == len(sizes):
            return
        names = self._needed()
        groups = list(range(first, len(sizes)))
        with _reading(self._place(self._file)):
            for batch in self._open.iter_batches(BATCH, row_groups=groups, columns=names):
                begin = min(skip, batch.num_rows)
                skip -= begin
                columns = [self._values(batch.column(name).slice(begin)) for name in names]
                for row in zip(*columns, strict=True):
                    yield dict(zip(names, row, strict=True))

    def _needed(self) -> list[str]:
        """Return the columns that an event is made of."""
        named = (self._columns.target, self._columns.key, self._columns.id, self._columns.time)
        schema = self._open.schema_arrow
        moments = [field.name for field in schema if self._arrow.types.is_temporal(field.type)]
        time = moments[:1] if self._columns.time is None else []
        return [
            name
            for name in schema.names
            if name in named or name in time or self._columns.is_feature(name)
        ]

    def _values(self, column: Any) -> list[Any]:
        """Return a column's values; nanoseconds, which Python does not have, are cut off."""
        arrow = self._arrow
        if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
        values: list[Any] = column.to_pylist()
        return values


@contextmanager
def _reading(place: Path) -> Iterator[None]:
    """Say which file it was if PyArrow cannot read it."""
    try:
        yield
    except UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StreamError(f"cannot read {place}: {reason}") from error


def _arrow() -> Any:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError:
        raise StreamError(
            "Parquet files need PyArrow; install it with: pip install 'lstmwidgets[parquet]'"
        ) from None
