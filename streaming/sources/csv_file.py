"""CSV files with a header line, read row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from ..errors import StreamError
from .base import Columns
from .cell_values import CELLS
from .line_source import LineSource, Record, Refused
from .number_rows import number_rows
from .schema import RecordError


class CsvFile(LineSource):
    """Rows of a CSV file, or of standard input, as events.

    Columns are separated by commas, semicolons or tabs, whichever the header line has most of.
    What a cell is, `Schema` says. When another file takes the place of a followed one, its first
    line is left out if it is the same header.

    Parameters
    ----------
    path : str
        The file, or ``-`` for standard input.
    columns : Columns
        Which columns are what. The target must be named.
    follow : bool
        Wait for more at the end of the file, and go on with the one that takes its place; see
        `FileLines`. Standard input is always waited for.
    journal : Path, optional
        Where to keep what comes on standard input, to go on from after a crash; without it, what
        was read is not delivered again.

    Raises
    ------
    StreamError
        If the file cannot be opened or has no header, and on an unknown column; where the header
        has to be waited for, while reading.
    """

    _nothing = "a header line and no rows under it"

    def __init__(
        self, path: str, columns: Columns, *, follow: bool = False, journal: Path | None = None
    ) -> None:
        super().__init__(path, columns, CELLS, follow=follow, journal=journal)
        self._header: list[str] = []
        self._delimiter = ","
        self._begun: _Text | None = None
        if not self._lines.live:
            self._begun = _Text(iter(self._lines), "utf-8-sig")
            try:
                list(self._read_header(self._begun))
            except StreamError:
                self.close()
                raise

    def _records(self, number: int) -> Iterator[Record | Refused | None]:
        new = self._bytes == 0
        text = self._begun or _Text(iter(self._lines), "utf-8-sig" if new else "utf-8")
        self._begun = None
        if not self._header:
            yield from self._read_header(text)
            new = False
        header, width, schema = self._header, len(self._header), self._schema
        types, plain = None, None
        reader = csv.reader(text, delimiter=self._delimiter)
        while True:
            try:
                row = next(reader)
                if len(row) != width or width == 1 or text.not_utf8 or new:
                    row = self._checked(row, text, new=new)
                    new = False
                if types is not schema.types:
                    types = schema.types
                    plain = number_rows(header, self._columns, types)
                event = plain(number, row) if plain is not None and row else None
                if event is None and row:
                    event = schema.event(number, dict(zip(header, row, strict=True)))
            except StopIteration:
                return
            except _WaitingError:
                yield None
                continue
            except (RecordError, csv.Error) as error:
                bad = error if isinstance(error, RecordError) else RecordError(str(error))
                refused = Refused(bad, text.taken.copy())
                text.done()
                yield refused
                continue
            lines = len(text.taken)
            yield event, lines, text.done()
            number += event is not None

    @property
    def offset(self) -> dict[str, Any]:
        """Bytes and lines read, of which file, its header and its columns' types."""
        return super().offset | {"header": self._header, "delimiter": self._delimiter}

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a byte."""
        super().resume(offset)
        self._header, self._delimiter = offset["header"], offset["delimiter"]
        self._begun = None

    def _read_header(self, text: _Text) -> Iterator[None]:
        """Read the header line, and yield None while it has to be waited for."""
        row: list[str] = []
        while _is_blank(row):
            try:
                self._delimiter = max(",;\t", key=text.peek().count)
                row = next(csv.reader(text, delimiter=self._delimiter))
            except _WaitingError:
                yield None
                continue
            except StopIteration:
                raise StreamError(
                    f"{self.name} is empty; expected a header line with the names of the columns"
                ) from None
            except csv.Error as error:
                raise StreamError(f"{self.name} is not a CSV file: {error}") from error
            if text.not_utf8:
                raise StreamError(f"{self.name} is not text in UTF-8; convert it first")
            self._line += len(text.taken)
            self._bytes += text.done()
        header = [name.strip() for name in row]
        for name in header:
            if not name or header.count(name) > 1:
                raise StreamError(
                    f"{self.name}, line {self._line}: every column needs a name of its own, "
                    f"got {header}"
                )
        self._columns.check_target(self.name, header)
        self._columns.check(self.name, header)
        self._header, text.encoding = header, "utf-8"

    def _checked(self, row: list[str], text: _Text, *, new: bool) -> list[str]:
        """Return a row, an empty list for one that is left out, and raise if it is no row."""
        if text.not_utf8:
            raise RecordError("expected text in UTF-8, got other bytes")
        if _is_blank(row) or (new and [name.strip() for name in row] == self._header):
            return []
        if len(row) != len(self._header):
            raise RecordError(
                f"expected {len(self._header)} cells as in the header, got {len(row)}"
            )
        return row


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


class _WaitingError(Exception):
    """The next line has to be waited for."""


class _Text:
    """Lines as text, for `csv.reader`, which are given again when half a row had to wait.

    Attributes
    ----------
    taken : list of bytes
        Lines that the row at hand is made of.
    not_utf8 : bool
        Whether one of them is no text.
    """

    def __init__(self, lines: Iterator[bytes | None], encoding: str) -> None:
        self._lines = lines
        self._again: list[bytes] = []
        self.encoding = encoding  # utf-8-sig at the beginning, where a byte order mark may be
        self.taken: list[bytes] = []
        self.not_utf8 = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        if line is None:
            self._put_back()
            raise _WaitingError
        self.taken.append(line)
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError:  # raised here, it would cut the row in two
            self.not_utf8 = True
            return line.decode(self.encoding, "replace")

    def peek(self) -> str:
        """Return the next line, and give it again."""
        line = next(self)
        self._put_back()
        return line

    def done(self) -> int:
        """Begin a row; return how many bytes the last one had."""
        taken = self.taken
        size = len(taken[0]) if len(taken) == 1 else sum(map(len, taken))
        taken.clear()
        self.not_utf8 = False
        return size

    def _put_back(self) -> None:
        self._again += reversed(self.taken)
        self.taken.clear()
        self.not_utf8 = False
