"""What a stream need not have in memory: bytes by number or name in a SQLite table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .errors import StreamError


class ColdStore:
    """A table of bytes.

    What is put in belongs to the transaction that is open; it counts from the next checkpoint on,
    and a crash before takes it back with everything else.

    Parameters
    ----------
    database : sqlite3.Connection, optional
        The job's; by default one on the disk that goes with the process.
    table : str
        Name of the table.

    Examples
    --------
    >>> cold = ColdStore()
    >>> cold.put([("north", b"1"), ("south", b"2")])
    >>> cold.get("south"), cold.get("east"), len(cold)
    (b'2', None, 2)
    """

    def __init__(self, database: sqlite3.Connection | None = None, table: str = "cold") -> None:
        self._database = sqlite3.connect("") if database is None else database
        self._get = f"SELECT value FROM {table} WHERE name = ?"  # noqa: S608  # a name of ours
        self._put = (
            f"INSERT INTO {table} VALUES (?, ?) "  # noqa: S608
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        self._remove = f"DELETE FROM {table} WHERE name = ?"  # noqa: S608
        self._all = f"SELECT value FROM {table} ORDER BY name"  # noqa: S608
        self._count = f"SELECT count(*) FROM {table}"  # noqa: S608
        with damage_told("the database"):
            if not has_table(self._database, table):
                self._database.execute(f"CREATE TABLE {table} (name PRIMARY KEY, value BLOB)")

    def get(self, name: str | int) -> bytes | None:
        """Return what is kept by a name; None if nothing is."""
        with damage_told("the database"):
            row = self._database.execute(self._get, (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, items: Iterable[tuple[str | int, bytes]]) -> None:
        """Keep bytes by their names, in the place of what was there."""
        with damage_told("the database"):
            self._database.executemany(self._put, items)

    def remove(self, names: Iterable[str | int]) -> None:
        """Forget what is kept by these names, if anything is."""
        with damage_told("the database"):
            self._database.executemany(self._remove, ((name,) for name in names))

    def values(self) -> Iterator[bytes]:
        """Yield all of it, in the order of the names."""
        with damage_told("the database"):
            for (value,) in self._database.execute(self._all):
                yield bytes(value)

    def __len__(self) -> int:
        with damage_told("the database"):
            (count,) = self._database.execute(self._count).fetchone()
        return int(count)


def has_table(database: sqlite3.Connection, table: str) -> bool:
    """Say whether there is such a table."""
    known = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    return bool(database.execute(known, (table,)).fetchone()[0])


@contextmanager
def damage_told(place: Path | str) -> Iterator[None]:
    """Turn a database's errors into what they mean."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StreamError(f"cannot write to {place}: {error}") from error
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        raise StreamError(
            f"{place} is damaged ({error}); restore it from a copy, or begin anew with "
            "another folder"
        ) from error
