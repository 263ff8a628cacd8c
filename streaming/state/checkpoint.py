"""A job's database: all that is needed to go on after a crash, in one transaction a checkpoint."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from filelock import FileLock, Timeout

from ..errors import StreamError
from ..files import make_private
from .cold import ColdStore
from .database import Database, damage_told, has_table

FORMAT = 5
DATABASE, LOCK, HOLDER = "job.sqlite", "lock", "holder"

CACHE = 32 * 1024 * 1024
"""Bytes of the database in memory at most, keys that have changed since the last checkpoint too."""

TABLES = """
CREATE TABLE job (format INTEGER NOT NULL, options TEXT NOT NULL);
CREATE TABLE checkpoint (saved TEXT NOT NULL);
CREATE TABLE model (data BLOB NOT NULL);
"""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A moment between two events.

    Attributes
    ----------
    events : int
        How many have gone through.
    offset : dict
        Where the source goes on; its own affair.
    outputs : dict of str to dict
        Where each sink goes on, by what goes into it; its own affair.
    progress : dict
        What the runner has counted.
    finished : bool
        Whether the source has come to its end.
    """

    events: int
    offset: dict[str, Any]
    outputs: dict[str, dict[str, Any]]
    progress: dict[str, Any]
    finished: bool = False


class JobFolder:
    """The folder of a job that can be killed at any moment and started again.

    It holds one SQLite database (write-ahead log, ``synchronous=FULL``): what is committed is on
    the disk, and a crash leaves the last commit. A lock, which the system lets go of when the
    process ends in whatever way, keeps a second process out.

    Parameters
    ----------
    path : Path
        The folder; made if need be.
    options : mapping
        What the job is, as JSON can hold it. A folder takes the same job again and no other.
    drawn : mapping
        What a new job has where the options say None; None is then what it was before.

    Raises
    ------
    StreamError
        If the folder cannot be written, is held by another process, belongs to another job (the
        differences are named) or is damaged.
    """

    def __init__(
        self, path: Path, options: Mapping[str, Any], drawn: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(path / LOCK, mode=0o600)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StreamError(f"{path} is held by {_holder(path)}; stop it first") from None
        except OSError as error:
            raise StreamError(f"cannot write to {path}: {error.strerror or error}") from error
        try:
            make_private(path / HOLDER)
            (path / HOLDER).write_text(str(os.getpid()))
            self._database = _opened(path / DATABASE)
            self.options = self._agreed(dict(options), dict(drawn or {}))
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder, when all that was saved is on the disk."""
        try:
            with damage_told(self.path / DATABASE):
                self._database.close()
        finally:
            (self.path / HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def cold(self, table: str) -> ColdStore:
        """Return a store in the job's database; what is put there counts from the next `save`."""
        return ColdStore(self._database, table)

    def load(self) -> tuple[Saved, bytes] | None:
        """Return the last checkpoint and its model; None before the first."""
        with damage_told(self.path / DATABASE):
            return _last(self._database)

    def save(self, saved: Saved, model: bytes | None) -> None:
        """Put a checkpoint in the place of the last one, with all that `cold` stores have got.

        It is written meanwhile; `settle` says when it counts.

        Parameters
        ----------
        saved : Saved
            The moment.
        model : bytes or None
            None leaves the last one, if the model does not change.

        Raises
        ------
        StreamError
            If the one before failed, see `settle`.
        """
        text = msgspec.json.encode(saved).decode()
        with damage_told(self.path / DATABASE):
            self._database.later("DELETE FROM checkpoint")
            self._database.later("INSERT INTO checkpoint VALUES (?)", (text,))
            if model is not None:
                self._database.later("DELETE FROM model")
                self._database.later("INSERT INTO model VALUES (?)", (model,))
            self._database.commit()

    def settle(self) -> None:
        """Wait until what was saved last is on the disk.

        Raises
        ------
        StreamError
            If the disk is full, or the database cannot be written: the checkpoint before holds.
        """
        with damage_told(self.path / DATABASE):
            self._database.settle()

    def _agreed(self, options: dict[str, Any], drawn: dict[str, Any]) -> dict[str, Any]:
        """Return the job's options as they were first given, if they are still the same."""
        with damage_told(self.path / DATABASE):
            row = self._database.execute("SELECT format, options FROM job").fetchone()
            if row is None:
                new = {k: drawn.get(k) if v is None else v for k, v in options.items()}
                text = msgspec.json.encode(new).decode()
                self._database.later("INSERT INTO job VALUES (?, ?)", (FORMAT, text))
                self._database.commit()
                self._database.settle()
                return new
        before: dict[str, Any] = msgspec.json.decode(row[1])
        differences = [
            f"{name} was {before.get(name)!r} and is now {options.get(name)!r}"
            for name in {**before, **options}
            if before.get(name) != options.get(name)
            and not (name in drawn and options.get(name) is None)
        ]
        if differences:
            raise StreamError(
                f"{self.path} belongs to another job: {'; '.join(differences)}. "
                "Give the same options again, or another folder"
            )
        return before


class Due:
    """Says when the next checkpoint is due.

    Parameters
    ----------
    seconds : float
        Most time between two.
    events : int, optional
        Most events between two.
    """

    def __init__(self, seconds: float = 1.0, events: int | None = None) -> None:
        self._seconds = seconds
        self._events = events
        self._last = time.monotonic()
        self._passed = 0

    def __call__(self, events: int = 1) -> bool:
        """Count events; say whether a checkpoint is due after them: never if none has come."""
        self._passed += events
        if not self._passed:
            return False
        enough = self._events is not None and self._passed >= self._events
        return enough or time.monotonic() - self._last >= self._seconds

    def done(self) -> None:
        """Note that the checkpoint was made."""
        self._last = time.monotonic()
        self._passed = 0


def inspect(path: Path) -> tuple[dict[str, Any], Saved | None, dict[str, int]]:
    """Return a folder's job, its last checkpoint and the sizes of what it holds, without the lock.

    Raises
    ------
    StreamError
        If it is no job's folder, or damaged.
    """
    with look_into(path) as (options, database, last):
        saved, model = last or (None, b"")
        sizes = {"bytes of the model": len(model)}
        for what, table, column in (("keys", "streams", "key"), ("recent ids", "waiting", "id")):
            there = options.get(column) is not None and has_table(database, table)
            sizes[what] = len(ColdStore(database, table)) if there else 0
        return options, saved, sizes


@contextmanager
def look_into(
    path: Path,
) -> Iterator[tuple[dict[str, Any], Database, tuple[Saved, bytes] | None]]:
    """Give a folder's job, its database to read, and its last checkpoint, without the lock.

    The job is empty for a moment at its beginning, and the checkpoint None before the first. All
    of it is of one moment, whatever a running job writes meanwhile.

    Raises
    ------
    StreamError
        If it is no job's folder, or damaged.
    """
    if not (path / DATABASE).is_file():
        raise StreamError(f"{path} holds no job: there is no {DATABASE} in it")
    with damage_told(path / DATABASE):
        database = Database(f"file:{path / DATABASE}?mode=ro", uri=True)
        try:
            database.execute("BEGIN")
            row = None
            if has_table(database, "job"):  # a job that has only just begun may have none yet
                _check_format(database, path)
                row = database.execute("SELECT options FROM job").fetchone()
            if row is None:
                yield {}, database, None
            else:
                yield msgspec.json.decode(row[0]), database, _last(database)
        finally:
            database.close()


def _opened(path: Path) -> Database:
    with damage_told(path):
        database = Database(path, isolation_level="IMMEDIATE")
        database.execute(f"PRAGMA cache_size = -{CACHE // 1024}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            database.executescript(f"BEGIN; {TABLES} COMMIT;")
        else:
            (state,) = database.execute("PRAGMA quick_check").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
        _check_format(database, path.parent)
    return database


def _check_format(database: Database, path: Path) -> None:
    row = database.execute("SELECT format FROM job").fetchone()
    if row is not None and row[0] != FORMAT:
        raise StreamError(
            f"{path} was written in format {row[0]}, and this lstmwidgets reads format {FORMAT}"
        )


def _last(database: Database) -> tuple[Saved, bytes] | None:
    row = database.execute("SELECT saved, data FROM checkpoint, model").fetchone()
    return None if row is None else (msgspec.json.decode(row[0], type=Saved), bytes(row[1]))


def _holder(path: Path) -> str:
    try:
        return f"process {int((path / HOLDER).read_text())}"
    except (OSError, ValueError):
        return "another process"
