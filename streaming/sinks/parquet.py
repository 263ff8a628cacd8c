"""Predictions as a folder of Parquet files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from ..errors import StreamError
from ..files import cannot_write, check_at, held, sync_folder, writing
from .base import Sink
from .parts import PartFolder, PartSchema
from .rows import PLAIN, Fields, row_of

ROWS = 65_536
"""Rows of a part."""


class ParquetParts(Sink):
    """Writes predictions into a folder of Parquet files with the same number of rows each.

    The files are ``part-000000.parquet`` and so on, with the columns `id`, `key` (if asked for),
    and the fields: `prediction` and `target`, or those of another task. Labels are texts; NaN and
    infinities are null, as they are in JSON Lines. Rows that do not fill a part yet lie beside them
    as JSON Lines, in ``_pending-000000.jsonl``, which programs that read the folder pass over. When
    the sink is closed they become the last part, which is taken back if the job then goes on. So
    equal runs give equal parts, killed or not.

    By itself the parts appear, and replace older ones, when all of them are written. Other files
    of the folder are left alone.

    Parameters
    ----------
    path : Path
        The folder; made if need be.
    at : mapping, optional
        Write in place, from the place on that `flush` has returned; ``{}`` begins anew.
    text_ids : bool
        The ids are texts; otherwise whole numbers of 64 bits.
    keys : bool
        There is a column of keys.
    rows : int
        Rows of a part.
    fields : mapping
        What a record has; see `lstmwidgets.streaming.sinks.rows`.

    Raises
    ------
    StreamError
        If pyarrow is not installed, parts or rows of that place are missing or others, another job
        writes the folder, an id or key does not fit into the columns, or the folder cannot be
        written: what the last `flush` had is then in it.
    """

    def __init__(
        self,
        path: Path,
        at: Mapping[str, Any] | None = None,
        *,
        text_ids: bool = False,
        keys: bool = False,
        rows: int = ROWS,
        fields: Fields = PLAIN,
    ) -> None:
        self.path = path
        self.name = str(path)
        self._in_place = at is not None
        self._part = int((at or {}).get("part", 0))
        self._bytes = int((at or {}).get("bytes", 0))
        self._tail = (at or {}).get("tail")
        self._rows = rows
        self._schema = PartSchema(text_ids=text_ids, keys=keys, fields=fields)
        self._encoder = msgspec.json.Encoder()
        staging = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._folder = PartFolder(path if self._in_place else staging)

    def __enter__(self) -> Self:
        with ExitStack() as opening, writing(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise StreamError(f"cannot write {self.path}: it is a file; name a folder")
            if not self._in_place:
                opening.callback(shutil.rmtree, self._folder.path, ignore_errors=True)
            else:
                self.path.mkdir(parents=True, exist_ok=True)
                opening.enter_context(held(self.path))
            self._count = self._folder.cut(self._part, self._bytes, self._tail)
            self._pending = self._opened(self._part)
            self._open = opening.pop_all()
        self._needed = self._flushed = self._part
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._open, writing(self.path):
            self._pending.close()
            if error is None:
                if self._count or not self._part:  # without any rows, the columns at least
                    self._finish_part()
                if not self._in_place:
                    self._folder.move_parts(self.path)

    def write(self, record: msgspec.Struct) -> None:
        """Take in one row; the one that fills a part brings the part to the disk."""
        row = self._schema.fitting(row_of(record, self._schema.fields))
        line = self._encoder.encode(row) + b"\n"
        try:
            self._pending.write(line)
            self._count += 1
            if self._count == self._rows:
                self._begin_part()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def flush(self) -> dict[str, Any]:
        """Bring all rows to the disk; return the part, the bytes of its pending rows, a hash."""
        with writing(self.path):
            self._pending.flush()
            os.fsync(self._pending.fileno())
            self._flushed = self._part
            length = self._pending.tell()
            if not self._in_place:
                return {"part": self._part, "bytes": length}
            check_at(os.fstat(self._pending.fileno()), self._folder.pending(self._part))
            known = self._folder.tail(self._part, length)
            return {"part": self._part, "bytes": length, "tail": known}

    def has_records(self) -> bool:
        """Say whether there are rows in the folder."""
        return self.path.is_dir() and PartFolder(self.path).has_rows()

    def committed(self) -> None:
        """Remove the rows of parts that no checkpoint needs any more."""
        with writing(self.path):
            for part in range(self._needed, self._flushed):
                self._folder.pending(part).unlink(missing_ok=True)
        self._needed = self._flushed

    def _begin_part(self) -> None:
        """Finish a part and begin the next."""
        self._pending.close()
        self._finish_part()
        self._part += 1
        self._count = 0
        self._pending = self._opened(self._part)
        if not self._in_place:  # no checkpoint will need what is in the part
            self._flushed = self._part
            self.committed()

    def _opened(self, part: int) -> BinaryIO:
        file = self._folder.pending(part).open("ab")
        sync_folder(self._folder.path)
        return file

    def _finish_part(self) -> None:
        self._schema.convert(self._folder.pending(self._part), self._folder.part(self._part))
