"""What a stream need not have in memory: bytes by number or name in a SQLite table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .database import Database, damage_told, has_table

PORTION = 1 << 26
"""Bytes that are put in with one statement."""


class ColdStore:
    """A table of bytes.

    What is put in belongs to the transaction that is open; it counts from the next checkpoint on,
    and a crash before takes it back with everything else.

    Parameters
    ----------
    database : Database, optional
        The job's; by default one on the disk that goes with the process.
    table : str
        Name of the table.

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
        self._get = f"SELECT value FROM {table} WHERE name = ?"  # noqa: S608  # a name of ours
        replace = "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self._put = f"INSERT INTO {table} VALUES (?, ?) {replace}"  # noqa: S608
        self._put_many = (
            f"INSERT INTO {table} SELECT json_extract(value, '$[0]'), "  # noqa: S608
            "substr(?, json_extract(value, '$[1]'), json_extract(value, '$[2]')) "
            f"FROM json_each(?) WHERE true {replace}"
        )
        self._remove = f"DELETE FROM {table} WHERE name IN (SELECT value FROM json_each(?))"  # noqa: S608
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

    def put(self, name: str | int, value: bytes) -> None:
        """Keep bytes by a name, in the place of what was there."""
        with damage_told("the database"):
            self._database.execute(self._put, (name, value))

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
        places: list[tuple[str | int, int, int]] = []
        begin = end = 0
        for name, size in zip(names, sizes, strict=True):
            if isinstance(name, str) and "\0" in name:  # SQLite's JSON ends there
                self.put(name, bytes(view[end : end + size]))
            else:
                places.append((name, end - begin + 1, size))
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
        with damage_told("the database"):
            for (value,) in self._database.execute(self._all):
                yield bytes(value)

    def _put_later(self, places: list[tuple[str | int, int, int]], values: memoryview) -> None:
        if places:
            self._database.later(self._put_many, (values, msgspec.json.encode(places).decode()))

    def __len__(self) -> int:
        with damage_told("the database"):
            (count,) = self._database.execute(self._count).fetchone()
        return int(count)
