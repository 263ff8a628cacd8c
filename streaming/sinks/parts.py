"""The files of a folder of Parquet parts, and the rows in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from lstmwidgets.files import atomic_write

from ..errors import StreamError
from ..files import tail
from .rows import INTERVALS, LABEL, NUMBER, NUMBERS, PLAIN, SHARES, TRUTH, Fields, Row, written

PART = re.compile(r"part-(\d{6,})\.parquet")
PENDING = re.compile(r"_pending-(\d{6,})\.jsonl")
UNFINISHED = ".part-*.parquet.*.part"
"""What a process that was killed while it wrote a part has left."""


@dataclass(frozen=True)
class PartFolder:
    """Names the files of a folder, and brings it back to an earlier place.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    def part(self, number: int) -> Path:
        """Return the path of a part."""
        return self.path / f"part-{number:06d}.parquet"

    def pending(self, number: int) -> Path:
        """Return the path of the rows that have not become a part yet."""
        return self.path / f"_pending-{number:06d}.jsonl"

    def has_rows(self) -> bool:
        """Say whether there are parts, or rows that have not become one."""
        pending = self.path.glob("_pending-*.jsonl")
        rows = any(path.stat().st_size for path in pending)
        return rows or any(PART.fullmatch(path.name) for path in self.path.glob("part-*.parquet"))

    def tail(self, part: int, length: int) -> str:
        """Return hashes of the ends of the last whole part before a place and of its rows."""
        last, pending = self.part(part - 1), self.pending(part)
        known = tail(last, last.stat().st_size) if part else ""
        return known + (tail(pending, length) if length else "")

    def cut(self, part: int, length: int, known: str | None = None) -> int:
        """Remove all that was written after a place; return how many rows of the part are left.

        Parameters
        ----------
        part, length : int
            The place: a part, and bytes of its pending rows.
        known : str, optional
            What `tail` returned for it.

        Raises
        ------
        StreamError
            If the place is not there; nothing has then been removed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._check(part, length, known)
        for path in self.path.glob(UNFINISHED):
            path.unlink()
        self._remove(PART, lambda number: number >= part)
        self._remove(PENDING, lambda number: number != part)
        pending = self.pending(part)
        if not pending.exists():
            return 0
        with pending.open("r+b") as file:
            file.truncate(length)
            return sum(1 for _ in file)

    def move_parts(self, into: Path) -> None:
        """Put the parts into another folder, instead of those that are there."""
        into.mkdir(parents=True, exist_ok=True)
        PartFolder(into).cut(0, 0)
        PartFolder(into).pending(0).unlink(missing_ok=True)
        for path in sorted(self.path.glob("part-*.parquet")):
            path.replace(into / path.name)

    def _check(self, part: int, length: int, known: str | None) -> None:
        missing = [n for n in range(part) if not self.part(n).exists()]
        pending = self.pending(part)
        size = pending.stat().st_size if pending.exists() else 0
        if missing:
            problem = f"lacks {self.part(missing[0]).name}, which had been written"
        elif size < length:
            problem = (
                f"has {size:,} bytes in {pending.name}, and {length:,} had been written at the "
                "last checkpoint"
            )
        elif known not in (None, self.tail(part, length)):
            problem = "has not the rows that had been written up to the last checkpoint"
        else:
            return
        raise StreamError(
            f"{self.path} {problem}; put the file back, or begin anew with another "
            "--checkpoint folder"
        )

    def _remove(self, pattern: re.Pattern[str], unwanted: Callable[[int], bool]) -> None:
        for path in list(self.path.iterdir()):
            match = pattern.fullmatch(path.name)
            if match is not None and unwanted(int(match[1])):
                path.unlink()


class PartSchema:
    """The columns of a part.

    Parameters
    ----------
    text_ids : bool
        The ids are texts.
    keys : bool
        There is a column of keys.
    fields : mapping
        What a record has; see `lstmwidgets.streaming.sinks.rows`.

    Raises
    ------
    StreamError
        If pyarrow is not installed.
    """

    def __init__(self, *, text_ids: bool, keys: bool, fields: Fields = PLAIN) -> None:
        if find_spec("pyarrow") is None:
            raise StreamError("Parquet needs pyarrow: pip install 'lstmwidgets[parquet]'")
        self._text_ids = text_ids
        self._keys = keys
        self.fields = fields
        self._labels = [n for n, kind in enumerate(fields.values(), 2) if kind == LABEL]
        self._decoder = msgspec.json.Decoder(list[Any])

    def fitting(self, row: Row) -> Row:
        """Return a row as the columns take it.

        Raises
        ------
        StreamError
            If they cannot.
        """
        id_, key, *values = row
        if key is not None and not self._keys:
            raise StreamError(f"expected events without keys, got {key!r}; pass keys=True")
        if self._text_ids:
            id_ = str(id_)
        elif isinstance(id_, str):
            raise StreamError(f"expected whole numbers as ids, got {id_!r}; pass text_ids=True")
        for place in self._labels:
            if values[place - 2] is not None:
                values[place - 2] = written(values[place - 2])
        return id_, key, *values

    def convert(self, pending: Path, part: Path) -> None:
        """Write the rows of a file of JSON Lines into a Parquet file, which is whole or missing."""
        arrow, parquet = self._arrow()
        numbers = arrow.list_(arrow.float64())
        kinds = {
            NUMBER: arrow.float64(),
            LABEL: arrow.string(),
            TRUTH: arrow.bool_(),
            SHARES: arrow.map_(arrow.string(), arrow.float64()),
            NUMBERS: numbers,
            INTERVALS: arrow.list_(numbers),
        }
        types = {
            "id": arrow.string() if self._text_ids else arrow.int64(),
            "key": arrow.string(),
            **{name: kinds[kind] for name, kind in self.fields.items()},
        }
        rows = self._decoder.decode_lines(pending.read_bytes())
        empty: list[Any] = [()] * len(types)
        columns = dict(zip(types, zip(*rows, strict=True) if rows else empty, strict=True))
        if not self._keys:
            del types["key"], columns["key"]
        for name, kind in self.fields.items():
            if kind == SHARES:
                columns[name] = [each and list(each.items()) for each in columns[name]]
        table = arrow.table(columns, schema=arrow.schema(list(types.items())))
        with atomic_write(part) as beside:
            parquet.write_table(table, beside)

    @staticmethod
    def _arrow() -> tuple[Any, Any]:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
