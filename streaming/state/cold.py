"""What a stream need not have in memory: bytes by number or name in a SQLite table."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from .database import Database, damage_told, damaged, has_table

PORTION = 1 << 16
"""Bytes that are put in with one statement."""

MOST = 1 << 24
"""Bytes that wait in memory for the next commit, but for what is then put in."""


SCHEMA = (
    "CREATE TABLE @ (name PRIMARY KEY, checksum INTEGER NOT NULL, value BLOB NOT NULL)",
    "CREATE TABLE @_sum (total INTEGER NOT NULL)",
    "CREATE TRIGGER @_new AFTER INSERT ON @ "
    "BEGIN UPDATE @_sum SET total = total + new.checksum; END",
    "CREATE TRIGGER @_changed AFTER UPDATE ON @ "
    "BEGIN UPDATE @_sum SET total = total + new.checksum - old.checksum; END",
    "CREATE TRIGGER @_removed AFTER DELETE ON @ "
    "BEGIN UPDATE @_sum SET total = total - old.checksum; END",
)
"""Makes a table @.

Every row has a checksum of its name and its bytes. Their sum stands in a table beside it, which
triggers keep up with what is put in and removed: it tells of a row that was lost.
"""

STATEMENTS = {
    "make": ";".join(["BEGIN", *SCHEMA, "INSERT INTO @_sum VALUES (0)", "COMMIT;"]),
    "get": "SELECT checksum, value FROM @ WHERE name = ?",
    "put": "INSERT INTO @ VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, value = excluded.value",
    "put many": "INSERT INTO @ SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
    "coalesce(substr(?, json_extract(value, '$[2]'), json_extract(value, '$[3]')), x'') "
    "FROM json_each(?) "
    "WHERE true "
    "ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, value = excluded.value",
    "remove": "DELETE FROM @ WHERE name IN (SELECT value FROM json_each(?))",
    "get many": "SELECT name, checksum, value FROM @ "
    "WHERE name IN (SELECT value FROM json_each(?))",
    "all": "SELECT name, checksum, value FROM @ ORDER BY name",
    "unordered": "SELECT name, checksum, value FROM @",
    "sum": "SELECT total FROM @_sum",
    "count": "SELECT count(*) FROM @",
}


def schema(table: str) -> list[str]:
    """Return the statements that make a table of bytes."""
    return [text.replace("@", table) for text in SCHEMA]


class ColdStore:
    """A table of bytes.

    What is put in counts from the next checkpoint on, and a crash before takes it back with
    everything else. Rows come from the last commit, so that nobody waits for what is being written,
    but for those of `put`: they are there at once, and kept in memory until the next `saving`.

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
        self._temporary = database is None
        self._database = Database("") if database is None else database
        self._new: dict[str | int, bytes] = {}
        self._before = self._new  # of the last `saving`: may be being written
        self._size = 0
        self._read: dict[str | int, list[Any] | None] = {}
        self._sql = {name: text.replace("@", table) for name, text in STATEMENTS.items()}
        with damage_told(self._database.name):
            if not has_table(self._database, table):
                self._database.executescript(self._sql["make"])

    def get(self, name: str | int) -> bytes | None:
        """Return what is kept by a name; None if nothing is."""
        value = self._new.get(name)
        if value is None:
            value = self._before.get(name)
        if value is not None:
            return value
        with damage_told(self._database.name):
            rows = self._database.read(self._sql["get"], (name,))
        return self._checked(name, *rows[0]) if rows else None

    def take(self, name: str | int) -> bytes | None:
        """Return the same for somebody who will put it in again: until then it is his."""
        if name in self._read:
            row = self._read.pop(name)
            return None if row is None else self._checked(name, *row)
        value = self.get(name)
        if self._new.pop(name, None) is not None:
            self._size -= len(value or b"")
        return value

    def expect(self, names: Collection[str]) -> None:
        """Read at once what `take` will then be asked for."""
        self._read.clear()
        names = [name for name in names if not (name in self._new or name in self._before)]
        if len(names) > 1 and not any("\0" in name for name in names):  # SQLite's JSON ends there
            self._read = dict.fromkeys(names)
            with damage_told(self._database.name):
                asked = msgspec.json.encode(names).decode()
                rows = self._database.read(self._sql["get many"], (asked,))
            self._read |= {name: row for name, *row in rows}

    def put(self, name: str | int, value: bytes) -> None:
        """Keep bytes by a name, in the place of what was there."""
        self._new[name] = value
        self._size += len(value)
        if self._temporary and self.filled >= 1:
            self.save()
            self._database.commit()

    @property
    def filled(self) -> float:
        """How full the memory is of what was put in; from 1 on it has to be saved."""
        return self._size / MOST

    @property
    def at_rest(self) -> bool:
        """Whether the last checkpoint is on the disk."""
        return self._database.at_rest

    def saving(self) -> Iterator[None]:
        """Write what `put` was given until now, in portions, one whenever it is asked for."""
        self._before, self._new, self._size = self._new, {}, 0
        return self._portions(list(self._before.items()))

    def save(self) -> None:
        """Do the same at once."""
        for _ in self.saving():
            pass

    def put_many(
        self, names: Iterable[str | int], sizes: Iterable[int], values: bytes | memoryview
    ) -> None:
        """Keep many values, which are there from the next commit on.

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
                data = name, _checksum(name, value), bytes(value)
                self._database.later(self._sql["put"], data)
            else:
                places.append((name, _checksum(name, value), end - begin + 1, size))
            end += size
            if end - begin >= PORTION:
                self._put_later(places, view[begin:end])
                begin, places = end, []
        self._put_later(places, view[begin:])

    def remove(self, names: Iterable[int]) -> None:
        """Forget what is kept by these numbers, if anything is, by the time of the next commit."""
        self._database.later(self._sql["remove"], (msgspec.json.encode(list(names)).decode(),))

    def values(self) -> Iterator[bytes]:
        """Yield all of it, in the order of the names."""
        self.save()
        with damage_told(self._database.name):
            for name, checksum, value in self._database.execute(self._sql["all"]):
                yield self._checked(name, checksum, value)

    def check(self) -> None:
        """Read all of it, and raise unless all that was put in is there."""
        self.save()
        total = 0
        with damage_told(self._database.name):
            for name, checksum, value in self._database.execute(self._sql["unordered"]):
                self._checked(name, checksum, value)
                total += checksum
            sums = self._database.execute(self._sql["sum"]).fetchall()
        if sums != [(total,)]:
            raise damaged(self._database.name, "rows are missing")

    def _checked(self, name: Any, checksum: Any, value: Any) -> bytes:
        """Return a value that is what was put in by its name."""
        if type(value) is not bytes or checksum != _checksum(name, value):
            raise damaged(self._database.name, f"what it has of {name!r} is not what was kept")
        return value

    def _put_later(self, places: list[tuple[str | int, int, int, int]], values: memoryview) -> None:
        if places:
            self._database.later(
                self._sql["put many"], (values, msgspec.json.encode(places).decode())
            )

    def _portions(self, rows: list[tuple[str | int, bytes]]) -> Iterator[None]:
        while rows:
            portion, size = [], 0
            while rows and size < PORTION:
                portion.append(rows.pop())
                size += len(portion[-1][1])
            names, values = zip(*portion, strict=True)
            self.put_many(names, map(len, values), b"".join(values))
            yield

    def __len__(self) -> int:
        self.save()
        with damage_told(self._database.name):
            (count,) = self._database.execute(self._sql["count"]).fetchone()
        return int(count)


def _checksum(name: str | int, value: bytes | memoryview) -> int:
    return zlib.crc32(value, zlib.crc32(str(name).encode()))
