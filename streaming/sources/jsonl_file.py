"""JSON Lines: one object a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from .base import Columns
from .line_source import LineSource, Record, Refused
from .schema import RecordError
from .values import VALUES


class JsonLinesFile(LineSource):
    """Lines of JSON, one object each, as events: of a file, or of standard input.

    What a value is, `Schema` says. Objects need not all have the same columns; one within another
    is a record that cannot be read, unless its column is dropped.

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
        If the file cannot be opened, and at its end, if it never had one of the columns.
    """

    _nothing = "no lines; expected a JSON object on each"

    def __init__(
        self, path: str, columns: Columns, *, follow: bool = False, journal: Path | None = None
    ) -> None:
        columns.check_target("standard input" if path == "-" else path)
        super().__init__(path, columns, VALUES, follow=follow, journal=journal)

    def _records(self, number: int) -> Iterator[Record | Refused | None]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        event_of = self._schema.event
        for line in self._lines:
            if line is None:
                yield None
                continue
            try:
                event = event_of(number, decode(line.removeprefix(codecs.BOM_UTF8)))
            except (RecordError, ValueError) as error:  # msgspec's errors are ValueErrors
                blank = line.isspace()
                yield (None, 1, len(line)) if blank else Refused(_in_our_words(error), [line])
                continue
            number += 1
            yield event, 1, len(line)


def _in_our_words(error: RecordError | ValueError) -> RecordError:
    if isinstance(error, RecordError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return RecordError("expected text in UTF-8, got other bytes")
    reason = str(error)
    return RecordError(f"expected one JSON object: {reason[:1].lower()}{reason[1:]}")
