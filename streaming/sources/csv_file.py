"""CSV files with a header line, read row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import StreamError
from ..events import Event
from .base import Columns
from .byte_lines import LONGEST
from .cell_values import CELLS
from .csv_header import cells, delimiter_of, is_header, named
from .csv_text import CsvText, UnclosedError, WaitingError
from .formats import advice
from .line_source import LineSource, Record, Refused
from .number_rows import number_rows
from .schema import RecordError

DECIMALS = {".": ("number",), ",": ("comma",)}
"""Kinds of numbers that columns can be of, by the decimal mark that is given."""


class CsvFile(LineSource):
    """Rows of a CSV file, or of standard input, as events.

    Columns are separated by commas, semicolons, tabs or bars, whichever the header line has most
    of outside of quotes. Where it is no comma, a column's numbers may have decimal commas; then
    all of them have. What a cell is, `Schema` says. Cells behind the last column are left out if
    they are empty. A first column without a name that begins with a whole number is left out: it
    counts rows; with something else in it, it is called ``column 1``.

    A row with the name of the target in it, and no numbers, is a header; what follows it is read by
    its names. So another file may take the place of a followed one, with the same header, with
    another one, or without.

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
    delimiter : str, optional
        What separates columns.
    decimal : {".", ","}, optional
        The decimal mark of all columns.
    record_bytes : int
        How long a row may be.
    sender : {"again", "on"}, optional
        How standard input goes on; see `Journal`.
    notes : callable, optional
        Is told what is left out of a file or of standard input.

    Raises
    ------
    StreamError
        If the file cannot be opened or has no header, and on an unknown column; where the header
        has to be waited for, while reading.
    """

    _nothing = "a header line and no rows under it"

    def __init__(
        self,
        path: str,
        columns: Columns,
        *,
        follow: bool = False,
        journal: Path | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        record_bytes: int = LONGEST,
        sender: str | None = None,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            path,
            columns,
            CELLS,
            follow=follow,
            journal=journal,
            record_bytes=record_bytes,
            sender=sender,
            notes=notes,
        )
        self._header: list[str] = []
        self._given = delimiter
        self._decimal = decimal
        self._delimiter = ","
        self._begun: CsvText | None = None
        if csv.field_size_limit() < record_bytes:
            csv.field_size_limit(record_bytes)  # of the whole process, which is why it only grows
        if not self._lines.live:
            self._begun = self._text(begins=True)
            try:
                list(self._read_header(self._begun))
            except StreamError:
                self.close()
                raise

    def _text(self, *, begins: bool) -> CsvText:
        encoding = "utf-8-sig" if begins else "utf-8"
        return CsvText(iter(self._lines), encoding, self._lines.longest)

    def _records(self, number: int) -> Iterator[Record | Refused | None]:
        begins = self._bytes == 0
        text = self._begun or self._text(begins=begins)
        self._begun = None
        if not self._header or begins:
            yield from self._read_header(text)
        header, types, plain = self._header, None, None
        row: list[str] = []
        reader = csv.reader(text, delimiter=self._delimiter)
        schema = self._schema
        while True:
            try:
                row = next(reader)
                if len(row) != len(header) or len(row) == 1 or text.not_utf8 or len(text.taken) > 1:
                    row = self._checked(row, text)
                if types is not schema.types or header is not self._header:
                    header, types = self._header, schema.types
                    plain = number_rows(header, self._columns, types)
                event = plain(number, row) if plain is not None and row else None
                if event is None and row:
                    event = self._event(number, row)
            except StopIteration:
                return
            except WaitingError:
                yield None
                continue
            except (RecordError, csv.Error) as error:
                if type(error) is not RecordError or not self._is_header(row):
                    yield _refused(error, text)
                    continue
                yield None  # so that what was read before it is dealt with by the old names
                self._take_header(row)
                header, types, event = self._header, None, None
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
        self._choose_numbers()
        self._begun = None

    def _read_header(self, text: CsvText) -> Iterator[None]:
        """Read the header line, and yield None while it has to be waited for.

        A file that takes another one's place need not have one.
        """
        row: list[str] = []
        while _is_blank(row):
            try:
                line = text.peek()
                delimiter = self._given or delimiter_of(line, self._columns.target)
                if self._header and not self._is_header(cells(line, delimiter)):
                    return
                row = next(csv.reader(text, delimiter=delimiter))
            except WaitingError:
                yield None
                continue
            except StopIteration:
                if self._header:
                    return
                raise StreamError(
                    f"{self.name} is empty; expected a header line with the names of the columns"
                ) from None
            except (RecordError, csv.Error) as error:
                if self._header:
                    text.put_back()
                    return
                raise StreamError(
                    f"{self.name} is not a CSV file: {in_our_words(error)}"
                ) from error
            if text.not_utf8 or "\0" in "".join(row):
                raise StreamError(f"{self.name} is not text in UTF-8; {advice(text.taken[0])}")
            self._line += len(text.taken)
            self._bytes += text.done()
            self._delimiter = delimiter
        self._take_header(row)
        text.encoding = "utf-8"

    def _take_header(self, row: list[str]) -> None:
        """Read what follows by the names in a row."""
        before, names = self._header, named(row)
        for name in names or [""]:
            if names.count(name) != 1:
                raise StreamError(
                    f"{self.name}: every column needs a name of its own, got the header {row}"
                )
        self._columns.check_target(self.name, names)
        self._columns.check(self.name, names)
        if not row[0].strip() and names[0] not in {*self._columns.named, *before}:
            names[0] = ""  # until the first row says what it is
        self._header = names
        self._choose_numbers()
        if before and set(before) != set(names):
            self._notes(f"{self.name}: the columns are now {', '.join(filter(None, names))}")

    def _choose_numbers(self) -> None:
        """Let the schema know which decimal marks numbers can have."""
        either = ("number",) if self._delimiter == "," else ("whole", "number", "comma")
        self._schema.numbers = DECIMALS.get(self._decimal or "", either)

    def _event(self, number: int, row: list[str]) -> Event:
        """Return a row's event; the first one says whether a column without a name counts rows."""
        names, undecided = self._header, number == 0 and self._header[0] == ""
        if undecided and not row[0].strip().isdigit():
            names = ["column 1", *names[1:]]
        record = dict(zip(names, row, strict=True))
        if names[0] == "":
            del record[""]
        event = self._schema.event(number, record)
        if undecided:
            what = "counts rows: it is left out" if names[0] == "" else "is read as 'column 1'"
            self._notes(f"{self.name}: the first column has no name and {what}")
            self._header = names
        return event

    def _is_header(self, row: list[str]) -> bool:
        return is_header(row, self._columns.target, self._header)

    def _checked(self, row: list[str], text: CsvText) -> list[str]:
        """Return a row, an empty list for one that is left out, and raise if it is no row."""
        if len(text.taken) > 1:
            text.check_quotes(self._delimiter)
        if text.not_utf8:
            raise RecordError("expected text in UTF-8, got other bytes")
        if _is_blank(row):
            return []
        width = len(self._header)
        if len(row) > width and not "".join(row[width:]).strip():
            row = row[:width]
        if len(row) != width:
            raise RecordError(f"expected {width} cells as in the header, got {len(row)}")
        return row


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _refused(error: RecordError | csv.Error, text: CsvText) -> Refused:
    """Return the row at hand as one that cannot be read."""
    if isinstance(error, UnclosedError):
        text.keep_first()
    lines = text.taken.copy()
    text.done()
    return Refused(in_our_words(error), lines)


def in_our_words(error: RecordError | csv.Error) -> RecordError:
    """Return what is wrong with a row."""
    if isinstance(error, RecordError):
        return error
    if "new-line character" in str(error):
        return RecordError("a carriage return stands within the line; end lines with a newline")
    return RecordError(str(error))
