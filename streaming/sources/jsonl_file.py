"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from .base import Columns
from .byte_lines import LONGEST, LongLine, too_long
from .json_object import json_object
from .line_source import LineSource, Record, Refused
from .schema import RecordError
from .values import VALUES


class JsonLinesFile(LineSource):
    """Lines of JSON, one object each, as events: of a file, or of standard input.

    What a value is, `Schema` says. Objects need not all have the same columns; one within another
    is a record that cannot be read, unless its column is dropped. NaN and infinities, which JSON
    does not have, are read as Python and pandas write them.

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
    record_bytes : int
        How long a line may be.
    sender : {"again", "on"}, optional
        How standard input goes on; see `Journal`.
    notes : callable, optional
        Is told what is left out of standard input.

    Raises
    ------
    StreamError
        If the file cannot be opened, and at its end, if it never had one of the columns.
    """

    _nothing = "no lines; expected a JSON object on each"

    def __init__(
        self,
        path: str,
        columns: Columns,
        *,
        follow: bool = False,
        journal: Path | None = None,
        record_bytes: int = LONGEST,
        sender: str | None = None,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            path,
            columns,
            VALUES,
            follow=follow,
            journal=journal,
            record_bytes=record_bytes,
            sender=sender,
            notes=notes,
        )

    def _records(self, number: int) -> Iterator[Record | Refused | None]:
        event_of = self._schema.event
        for line in self._lines:
            if line is None:
                yield None
                continue
            if type(line) is LongLine:
                yield Refused(RecordError(too_long(self._lines.longest)), [line])
                continue
            try:
                record = json_object(line)
                self._columns.check_target(self.name, record)
                event = event_of(number, record)
            except RecordError as error:
                blank = line.isspace()
                yield (None, 1, len(line)) if blank else Refused(error, [line])
                continue
            number += 1
            yield event, 1, len(line)
