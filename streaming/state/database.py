"""A SQLite database whose writing does not hold up the events."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import StreamError
from ..files import make_private

Values = tuple[Any, ...]

T = TypeVar("T")

APPLICATION = 0x4C53_544D
"""Stands in the header of a job's database, so that nothing else is written into it."""

BEHIND = 512
"""Statements that wait for the thread at most."""

OF_THE_SYSTEM = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Errors that say nothing about what is in the file."""


class Database:
    """A SQLite database that a thread of its own writes to and commits.

    SQLite works without Python's lock, but takes it anew for every statement. So what can be
    written by that thread should be few statements with much in each: see `later`.

    Parameters
    ----------
    path : path or str
        As `sqlite3.connect` takes it; an empty one is a database that goes with the process.
    options
        Of `sqlite3.connect`.

    Attributes
    ----------
    name : str
        For people.

    Examples
    --------
    >>> database = Database("")
    >>> _ = database.execute("CREATE TABLE seen (name TEXT)")
    >>> database.later("INSERT INTO seen VALUES (?)", ("north",))
    >>> database.commit()  # which goes on by itself
    >>> database.execute("SELECT name FROM seen").fetchall()
    [('north',)]
    >>> database.close()
    """

    def __init__(self, path: Path | str, **options: Any) -> None:
        self.name = str(path) or "the temporary database"
        if isinstance(path, Path):  # then its journals are for the owner only, too
            make_private(path)
        self._connection = sqlite3.connect(path, check_same_thread=False, **options)
        self._reader: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: list[Future[Any]] = []
        self._committing: Future[None] | None = None

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """Execute a statement after all that wait."""
        self._catch_up()
        cursor: sqlite3.Cursor = self._connection.execute(statement, values)
        return cursor

    def read_beside(self) -> None:
        """Let `read` have a connection of its own; only for a file with a write-ahead log."""
        self._reader = sqlite3.connect(f"{Path(self.name).absolute().as_uri()}?mode=ro", uri=True)

    def read(self, statement: str, values: Values = ()) -> list[Any]:
        """Return rows of the last commit, without waiting for what is being written.

        Where there is no connection for it, all that waits is executed before.
        """
        if self._reader is None:
            return self.execute(statement, values).fetchall()
        return self._reader.execute(statement, values).fetchall()

    def executescript(self, statements: str) -> None:
        """Execute statements that take no values; they are committed."""
        self._catch_up()
        self._connection.executescript(statements)

    def later(self, statement: str, values: Values = ()) -> None:
        """Execute a statement in the background; it is done before any that follows."""
        if len(self._writing) >= BEHIND:
            wait([self._writing[-BEHIND]])
        self._writing.append(self._do(self._connection.execute, statement, values))

    def commit(self, done: Callable[[], None] | None = None) -> None:
        """Commit all of it in the background. The next call of any kind waits for the end.

        Parameters
        ----------
        done : callable, optional
            Is called there when it is on the disk.
        """
        self.settle()
        writing, self._writing = self._writing, []
        self._committing = self._do(self._commit, writing, done)

    @property
    def is_writing(self) -> bool:
        """Whether a commit is still going on."""
        return self._committing is not None and not self._committing.done()

    @property
    def at_rest(self) -> bool:
        """Whether all that was to be written is committed, and not in vain."""
        done = self._committing
        return not (self._writing or self.is_writing or (done and done.exception()))

    def settle(self) -> None:
        """Wait until the last commit is on the disk; if it failed, nothing of it is, and raise."""
        if self._committing is not None:
            wait([self._committing])  # Ctrl-C may end this: then it is waited for the next time
            committing, self._committing = self._committing, None
            committing.result()

    def close(self) -> None:
        """Close it, after the last commit; what was not committed is lost."""
        try:
            self.settle()
        finally:
            if self._thread is not None:
                self._thread.shutdown(cancel_futures=True)
            if self._reader is not None:
                self._reader.close()
            self._connection.close()

    def _catch_up(self) -> None:
        self.settle()
        while self._writing:
            wait(self._writing[:1])
            self._writing[0].result()
            del self._writing[0]

    def _do(self, what: Callable[..., T], *given: Any) -> Future[T]:
        self._thread = self._thread or ThreadPoolExecutor(1, "database", _leave_signals)
        return self._thread.submit(what, *given)

    def _commit(self, writing: list[Future[Any]], done: Callable[[], None] | None) -> None:
        with self._connection:
            for each in writing:
                each.result()
        if done is not None:
            done()


def _leave_signals() -> None:
    """Leave Ctrl-C to the main thread, which may have put it off for a moment."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


def has_table(database: Database, table: str) -> bool:
    """Say whether there is such a table."""
    known = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    return bool(database.execute(known, (table,)).fetchone()[0])


@contextmanager
def damage_told(place: Path | str) -> Iterator[None]:
    """Turn a database's errors into what they mean."""
    try:
        yield
    except (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in OF_THE_SYSTEM:
            raise StreamError(f"cannot write to {place}: {error}") from error
        raise damaged(place, str(error)) from error


def damaged(place: Path | str, problem: str) -> StreamError:
    """Return the error that says that a job's database is damaged."""
    return StreamError(
        f"{place} is damaged ({problem}); restore it from a copy, or begin anew with another folder"
    )
