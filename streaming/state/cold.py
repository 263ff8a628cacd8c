"""What a stream need not have in memory: bytes by number or name in a SQLite table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from .database import Database, damage_told, damaged, has_table

PORTION = 1 << 26
"""Bytes that are put in with one statement."""


def schema(table: str) -> list[str]:
    """Return the statements that make a table of bytes.

    Every row has a checksum of its name and its bytes. Their sum stands in a table beside it, which
    triggers keep up with what is put in and removed: it tells of a row that was lost.
    """
    change = f"BEGIN UPDATE {table}_sum SET total = total"
    return [
        f"CREATE TABLE {table} (name PRIMARY KEY, checksum INTEGER NOT NULL, value BLOB NOT NULL)",
        f"CREATE TABLE {table}_sum (total INTEGER NOT NULL)",
        f"CREATE TRIGGER {table}_new AFTER INSERT ON {table} {change} + new.checksum; END",
        f"CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} "
        f"{change} + new.checksum - old.checksum; END",
        f"CREATE TRIGGER {table}_removed AFTER DELETE ON {table} {change} - old.checksum; END",
    ]


def make_table(database: Database, table: str) -> None:
    """Make a table of bytes, which is empty."""
    statements = [*schema(table), f"INSERT INTO {table}_sum VALUES (0)"]
    database.executescript(";".join(["BEGIN", *statements, "COMMIT;"]))


class ColdStore:
    """A table of bytes.

    What is put in belongs to the transaction that is open; it counts from the next checkpoint on,
    and a crash before takes it back with everything else.

    Parameters
    ----------
    database : Database, optional
        The job's; by default one on the disk that goes with the process.
    table : str
        Name of the table, which is made if need be.

    Raises
    ------
    StreamError
        If the database cannot be read or written, or what is read is not what was put in.

    Examples
    --------
    >>> cold = ColdStore()
    >>> cold.put("north", b"1")
    >>> cold.put_many(["south", "west"], [1, 3], b"2345")
    >>> cold.get("south"), cold.get("east"), len(cold)
    (b'2', None, 3)
    """

    def __init__(self, database: Database | None = None, table: str = "cold") -> None:
        self._database = Database("") if database is None else database
        self._get = f"SELECT checksum, value FROM {table} WHERE name = ?"  # noqa: S608  # a name of ours
        replace = (
            "ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, value = excluded.value"
        )
        self._put = f"INSERT INTO {table} VALUES (?, ?, ?) {replace}"  # noqa: S608
        self._put_many = (
            f"INSERT INTO {table} SELECT json_extract(value, '$[0]'), "  # noqa: S608
            "json_extract(value, '$[1]'), "
            "substr(?, json_extract(value, '$[2]'), json_extract(value, '$[3]')) "
            f"FROM json_each(?) WHERE true {replace}"
        )
        self._remove = f"DELETE FROM {table} WHERE name IN (SELECT value FROM json_each(?))"  # noqa: S608
        self._all = f"SELECT name, checksum, value FROM {table} ORDER BY name"  # noqa: S608
        self._unordered = f"SELECT name, checksum, value FROM {table}"  # noqa: S608
        self._sum = f"SELECT total FROM {table}_sum"  # noqa: S608
        self._count = f"SELECT count(*) FROM {table}"  # noqa: S608
        with damage_told(self._database.name):
            if not has_table(self._database, table):
                make_table(self._database, table)

    def get(self, name: str | int) -> bytes | None:
        """Return what is kept by a name; None if nothing is."""
        with damage_told(self._database.name):
            row = self._database.execute(self._get, (name,)).fetchone()
        return None if row is None else self._checked(name, *row)

    def put(self, name: str | int, value: bytes) -> None:
        """Keep bytes by a name, in the place of what was there."""
        with damage_told(self._database.name):
            self._database.execute(self._put, (name, _checksum(name, value), value))

    def put_many(
        self, names: Iterable[str | int], sizes: Iterable[int], values: bytes | memoryview
    ) -> None:
        """Keep many values, by the time of the next commit.

        Parameters
        ----------
        names : iterable of str or int
            Of each value.
        sizes : iterable of int
            Bytes of each.
        values : bytes
            All of them, one after the other.
        """
        view = memoryview(values)
        places: list[tuple[str | int, int, int, int]] = []
        begin = end = 0
        for name, size in zip(names, sizes, strict=True):
            value = view[end : end + size]
            if isinstance(name, str) and "\0" in name:  # SQLite's JSON ends there
                self.put(name, bytes(value))
            else:
                places.append((name, _checksum(name, value), end - begin + 1, size))
            end += size
            if end - begin >= PORTION:
                self._put_later(places, view[begin:end])
                begin, places = end, []
        self._put_later(places, view[begin:])

    def remove(self, names: Iterable[int]) -> None:
        """Forget what is kept by these numbers, if anything is, by the time of the next commit."""
        self._database.later(self._remove, (msgspec.json.encode(list(names)).decode(),))

    def values(self) -> Iterator[bytes]:
        """Yield all of it, in the order of the names."""
        with damage_told(self._database.name):
            for name, checksum, value in self._database.execute(self._all):
                yield self._checked(name, checksum, value)

    def check(self) -> None:
        """Read all of it, and raise unless all that was put in is there."""
        total = 0
        with damage_told(self._database.name):
            for name, checksum, value in self._database.execute(self._unordered):
                self._checked(name, checksum, value)
                total += checksum
            sums = self._database.execute(self._sum).fetchall()
        if sums != [(total,)]:
            raise damaged(self._database.name, "rows are missing")

    def _checked(self, name: Any, checksum: Any, value: Any) -> bytes:
        """Return a value that is what was put in by its name."""
        if type(value) is not bytes or checksum != _checksum(name, value):
            raise damaged(self._database.name, f"what it has of {name!r} is not what was kept")
        return value

    def _put_later(self, places: list[tuple[str | int, int, int, int]], values: memoryview) -> None:
        if places:
            self._database.later(self._put_many, (values, msgspec.json.encode(places).decode()))

    def __len__(self) -> int:
        with damage_told(self._database.name):
            (count,) = self._database.execute(self._count).fetchone()
        return int(count)


def _checksum(name: str | int, value: bytes | memoryview) -> int:
    return zlib.crc32(value, zlib.crc32(str(name).encode()))
