"""Predictions as rows of an SQLite database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ..errors import StreamError
from ..files import atomic_write, check_at, held, writing
from ..state.database import APPLICATION
from .base import Sink
from .rows import LABEL, NUMBER, PLAIN, TRUTH, Fields, Row, row_of

LAST_ROWS = 32
"""Rows before a place by which a table is known again."""

BATCH = 4096
"""Rows that are inserted at once, in a transaction of their own."""

TYPES = {NUMBER: " REAL", LABEL: "", TRUTH: " INTEGER"}
"""SQLite's types by kind of field; of the other kinds a text, which is JSON."""

INSERT = "INSERT INTO predictions VALUES (@)"


class SqliteTable(Sink):
    """Writes predictions into the table ``predictions`` of an SQLite file.

    Its columns are `n` (the row's number, from 0), `id`, `key`, and the fields: `prediction` and
    `target`, or those of another task. NaN and infinities are NULL, as they are in JSON Lines;
    probabilities, forecasts and intervals are texts in JSON, true and false are 1 and 0.

    By itself the file appears when all of it is written. For a job with checkpoints the rows are
    written in their place, the file can be read by others at any time (write-ahead log), and the
    rows that the last checkpoint does not know of are deleted when the job goes on. Other tables of
    the file are left alone.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    at : mapping, optional
        Write in place, from the place on that `flush` has returned; ``{}`` begins a new table.
    fields : mapping
        What a record has; see `lstmwidgets.streaming.sinks.rows`.

    Raises
    ------
    StreamError
        If there are fewer rows than that or others, another job writes the file, it is no database,
        a job's own, or has another table of that name, or it cannot be written: what the last
        `flush` had is then in it.

    Examples
    --------
    >>> import tempfile
    >>> from lstmwidgets.streaming import Prediction
    >>> path = Path(tempfile.mkdtemp()) / "predictions.sqlite"
    >>> with SqliteTable(path) as sink:
    ...     sink.write(Prediction(id="a", prediction=None, target=2.5))
    >>> with closing(sqlite3.connect(path)) as database:
    ...     database.execute("SELECT * FROM predictions").fetchall()
    [(0, 'a', None, None, 2.5)]
    """

    def __init__(
        self, path: Path, at: Mapping[str, Any] | None = None, fields: Fields = PLAIN
    ) -> None:
        self.path = path
        self._fields = fields
        self._as_json = [n for n, kind in enumerate(fields.values(), 2) if kind not in TYPES]
        self.name = str(path)
        self._in_place = at is not None
        self._count = int((at or {}).get("rows", 0))
        self._tail = (at or {}).get("tail")
        self._waiting: list[Row] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            path = self.path
            if not self._in_place:
                path = opening.enter_context(atomic_write(path))
                opening.push(self._remove_old_logs)
            if self._in_place:
                with writing(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.open("ab").close()
                opening.enter_context(held(path))
                self._known = path.stat()
            with _trouble_told(self.path):
                database = sqlite3.connect(path, timeout=30)
                self._database = opening.enter_context(closing(database))
                self._prepare()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or self._in_place:
            with self._open:
                self._insert()
        else:
            self._open.__exit__(kind, error, traceback)

    def write(self, record: msgspec.Struct) -> None:
        """Take in one row."""
        row = row_of(record, self._fields)
        if self._as_json:
            row = tuple(
                msgspec.json.encode(value).decode()
                if place in self._as_json and value is not None
                else value
                for place, value in enumerate(row)
            )
        self._waiting.append(row)
        if len(self._waiting) == BATCH:
            self._insert()

    def flush(self) -> dict[str, Any]:
        """Bring all rows to the disk; return how many there are, and what the last ones are."""
        self._insert()
        if not self._in_place:
            return {"rows": self._count}
        check_at(self._known, self.path)
        with _trouble_told(self.path):
            return {"rows": self._count, "tail": self._last_rows()}

    def has_records(self) -> bool:
        """Say whether there are rows in the table."""
        if not self.path.is_file() or not self.path.stat().st_size:
            return False
        with (
            _trouble_told(self.path),
            closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as there,
        ):
            tables = there.execute("SELECT name FROM sqlite_master").fetchall()
            return ("predictions",) in tables and bool(
                there.execute(
                    "SELECT count(*) FROM (SELECT 1 FROM predictions LIMIT 1)"
                ).fetchone()[0]
            )

    def _last_rows(self) -> str:
        """Return a hash of the last rows before the place."""
        asked = "SELECT * FROM predictions WHERE n < ? ORDER BY n DESC LIMIT ?"
        rows = self._database.execute(asked, (self._count, LAST_ROWS)).fetchall()
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    @property
    def _table(self) -> str:
        """The statement that makes the table.

        The id has no type of its own, so that whole numbers and texts both stay what they are.
        """
        fields = (f"{name}{TYPES.get(kind, ' TEXT')}" for name, kind in self._fields.items())
        columns = ", ".join(["n INTEGER PRIMARY KEY", "id NOT NULL", "key TEXT", *fields])
        return f"CREATE TABLE IF NOT EXISTS predictions ({columns})"

    def _prepare(self) -> None:
        """Make the table, and delete what lies behind the place."""
        # A file that is renamed when it is whole needs no log and no waiting for the disk.
        journal, synchronous = ("WAL", "FULL") if self._in_place else ("MEMORY", "OFF")
        database = self._database
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        if database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION:
            raise StreamError(f"{self.path} is the database of a job; name another file")
        with database:
            database.execute(self._table)
            names = tuple(row[1] for row in database.execute("PRAGMA table_info(predictions)"))
            if names != (wanted := ("n", "id", "key", *self._fields)):
                raise StreamError(
                    f"{self.path} has a table predictions with the columns {', '.join(names)}, "
                    f"expected {', '.join(wanted)}; name another file"
                )
            (last,) = database.execute("SELECT max(n) FROM predictions").fetchone()
            rows = 0 if last is None else last + 1
            problem = ""
            if rows < self._count:
                problem = f"has {rows:,} rows, and {self._count:,} had been written at"
            elif self._tail not in (None, self._last_rows()):
                problem = "has not the rows that had been written up to"
            if problem:
                raise StreamError(
                    f"{self.path} {problem} the last checkpoint; put the file back, or begin anew "
                    "with another --checkpoint folder"
                )
            database.execute("DELETE FROM predictions WHERE n >= ?", (self._count,))

    def _insert(self) -> None:
        """Insert the waiting rows in one transaction."""
        if not self._waiting:
            return
        rows = ((n, *row) for n, row in enumerate(self._waiting, self._count))
        insert = INSERT.replace("@", ", ".join("?" * (3 + len(self._fields))))
        with _trouble_told(self.path), self._database:
            self._database.executemany(insert, rows)
        self._count += len(self._waiting)
        self._waiting.clear()

    def _remove_old_logs(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Remove what a killed writer of the old file has left: it would be read into the new."""
        if kind is not None:  # then the old file stays
            return
        for ending in ("-wal", "-shm", "-journal"):
            Path(f"{self.path.resolve()}{ending}").unlink(missing_ok=True)


@contextmanager
def _trouble_told(path: Path) -> Iterator[None]:
    """Turn the database's errors into what they mean."""
    try:
        with writing(path):
            yield
    except sqlite3.OperationalError as error:
        raise StreamError(f"cannot write {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StreamError(
            f"{path} is no SQLite database, or a damaged one ({error}); name another file, or "
            "restore it from a copy"
        ) from error
