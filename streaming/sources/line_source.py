"""What sources have in common whose records are lines of text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import StreamError
from ..events import Event
from .base import Columns, Source
from .file_lines import FileLines
from .journal import Journal
from .lines import Lines, PipeLines, standard_input
from .schema import RecordError, Schema


class LineSource(Source):
    """A file of lines, or standard input.

    Parameters
    ----------
    path : str
        The file, or ``-`` for standard input.
    columns : Columns
        Which columns are what. The target must be named.
    parsers : mapping
        See `Schema`.
    follow : bool
        Wait for more at the end of the file, and go on with the one that takes its place; see
        `FileLines`. Standard input is always waited for.
    journal : Path, optional
        Where to keep what comes on standard input, to go on from after a crash; without it, what
        was read is not delivered again.
    """

    def __init__(
        self,
        path: str,
        columns: Columns,
        parsers: Mapping[str, Callable[[Any], Any]],
        *,
        follow: bool,
        journal: Path | None,
    ) -> None:
        self.name = "standard input" if path == "-" else path
        columns.check_roles()
        self._columns = columns
        self._schema = Schema(columns, parsers)
        self._lines: Lines
        if path != "-":
            self._lines = FileLines(Path(path), follow=follow)
        elif journal is not None:
            self._lines = Journal(standard_input(), journal)
        else:
            self._lines = PipeLines(standard_input())
            self.replayable = False
        self._bytes = self._line = self._number = 0

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events of the lines."""
        try:
            yield from self._events()
            while self._lines.move_on():
                self._bytes = self._line = 0
                yield from self._events()
        finally:
            self.close()
        if self._number == 0 and not self.skipped:
            raise StreamError(f"{self.name} has {self._nothing}")
        self._schema.check_seen(self.name)

    _nothing: str
    """What is said of a source without records."""

    @abstractmethod
    def _events(self) -> Iterator[Event | None]:
        """Yield the events of one file, and count bytes, lines and events just before."""

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    @property
    def progress(self) -> float | None:
        """Share of the file's bytes that has been read; None if more may come."""
        return min(self._bytes / self._lines.size, 1.0) if self._lines.size else None

    @property
    def offset(self) -> dict[str, Any]:
        """Bytes and lines read, of which file, and what the columns' types were found to be."""
        return {
            "bytes": self._bytes,
            "line": self._line,
            "events": self._number,
            "skipped": self.skipped,
            "types": self._schema.types,
            **self._lines.identity,
        }

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether the file has grown; what is followed or standard input may have more."""
        if self._lines.size is None:
            return True
        return self._lines.size > int(offset["bytes"])

    def sync(self) -> None:
        """Bring the journal of standard input to the disk."""
        self._lines.sync()

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a byte."""
        self._lines.seek(int(offset["bytes"]), offset)
        self._bytes, self._line = offset["bytes"], offset["line"]
        self._number, self.skipped = offset["events"], offset["skipped"]
        self._schema.types = offset["types"]

    def _refuse(self, error: RecordError, raw: bytes, line: int) -> None:
        text = raw.decode(errors="replace").rstrip("\r\n")
        self.refuse(error.record(self.name, f"line {line}", text))
