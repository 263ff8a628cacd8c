"""What sources have in common whose records are lines of text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StreamError
from ..events import Event
from .base import Columns, Source
from .byte_lines import Lines, PipeLines, size_of, standard_input
from .file_lines import FileLines
from .journal import Journal
from .schema import RecordError, Schema

AHEAD = 64
"""How many records are read ahead."""

Record = tuple[Event | None, int, int]
"""An event, None for an empty line, and how many lines and bytes it took."""


@dataclass
class Refused:
    """A record that could not be read, why, and the lines that it took."""

    error: RecordError
    lines: list[bytes]


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
    record_bytes : int
        How long a record may be.
    sender : {"again", "on"}, optional
        How standard input goes on; see `Journal`.
    notes : callable, optional
        Is told what is left out of a file or of standard input.
    """

    def __init__(
        self,
        path: str,
        columns: Columns,
        parsers: Mapping[str, Callable[[Any], Any]],
        *,
        follow: bool,
        journal: Path | None,
        record_bytes: int,
        sender: str | None,
        notes: Callable[[str], None] | None,
    ) -> None:
        self.name = "standard input" if path == "-" else path
        columns.check_roles()
        self._columns = columns
        self._schema = Schema(columns, parsers, self.name)
        self._notes = notes or (lambda _: None)
        self._lines: Lines
        if path != "-":
            self._lines = FileLines(Path(path), follow=follow)
        elif journal is not None:
            self._lines = Journal(standard_input(), journal, sender=sender, notes=notes)
        else:
            self._lines = PipeLines(standard_input())
            self.replayable = False
        self._lines.longest = record_bytes
        self.tells_waiting = self._lines.tells_waiting
        self._bytes = self._line = self._number = 0
        self._tail: str | None = None  # once it is closed

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events of the lines."""
        self._lines.passes_long = self.on_bad is not None
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
        self._schema.check_texts()

    _nothing: str
    """What is said of a source without records."""

    @abstractmethod
    def _records(self, number: int) -> Iterator[Record | Refused | None]:
        """Yield the records of one file, of which the first event is to have this number."""

    def _events(self) -> Iterator[Event | None]:
        """Yield the events of one file, and count bytes, lines and events just before.

        Some are read ahead, as far as they are at hand: one right after the other takes half of the
        time that it takes between two predictions.
        """
        ahead: list[Record] = []
        try:
            for record in self._records(self._number):
                if isinstance(record, tuple):
                    ahead.append(record)
                    if len(ahead) < AHEAD and self.tells_waiting:
                        continue
                yield from self._counted(ahead)
                if record is None:
                    yield None
                elif isinstance(record, Refused):
                    self._refuse(record)
        except Exception:  # it comes after what was read before it
            yield from self._counted(ahead)
            raise
        yield from self._counted(ahead)

    def _counted(self, ahead: list[Record]) -> Iterator[Event]:
        """Yield the events that were read, and leave none."""
        for event, lines, size in ahead:
            self._line += lines
            self._bytes += size
            if event is not None:
                self._number += 1
                yield event
        ahead.clear()

    def close(self) -> None:
        """Close the file, and keep what `offset` needs of it."""
        if self._tail is None:
            self._tail = self._lines.tail(self._bytes)
        self._lines.close()

    @property
    def progress(self) -> float | None:
        """Share of the file's bytes that has been read; None if more may come."""
        return min(self._bytes / self._lines.size, 1.0) if self._lines.size else None

    @property
    def lag(self) -> dict[str, int]:
        """Bytes of the file that were not read yet."""
        end = self._lines.end
        return {} if end is None else {"bytes": max(end - self._bytes, 0)}

    @property
    def offset(self) -> dict[str, Any]:
        """Bytes and lines read, of which file, and what the columns' types were found to be."""
        return {
            "bytes": self._bytes,
            "line": self._line,
            "events": self._number,
            "skipped": self.skipped,
            **self._schema.offset(self._number),
            **self._lines.identity,
            "tail": self._lines.tail(self._bytes) if self._tail is None else self._tail,
        }

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether the file has grown; what is followed or standard input may have more."""
        return self._lines.has_more(int(offset["bytes"]))

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._schema,)

    def sync(self) -> None:
        """Bring the journal of standard input to the disk."""
        self._lines.sync()

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a byte, if what is before it is what had been read."""
        self._lines.seek(int(offset["bytes"]), offset)
        tail = self._lines.tail(int(offset["bytes"]))
        if tail and offset["tail"] and tail != offset["tail"]:
            raise StreamError(
                f"{self.name} has changed before line {int(offset['line']) + 1:,}, up to which it "
                "had been read; put it back as it was, or begin anew"
            )
        ended = self._lines.has_ended_since(int(offset["bytes"]))
        self._bytes, self._line = offset["bytes"], offset["line"] - ended
        self._number, self.skipped = offset["events"], offset["skipped"]
        self._schema.resume(offset)

    def _refuse(self, refused: Refused) -> None:
        text = b"".join(refused.lines).decode(errors="replace").rstrip("\r\n")
        self.refuse(refused.error.record(self.name, f"line {self._line + 1}", text))
        self._line += len(refused.lines)
        self._bytes += sum(map(size_of, refused.lines))
