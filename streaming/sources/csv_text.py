"""Lines of bytes as the lines of text that `csv.reader` takes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Self

from .byte_lines import LongLine, size_of, too_long
from .schema import RecordError


class WaitingError(Exception):
    """The next line has to be waited for."""


class UnclosedError(RecordError):
    """A quote is opened and not closed: the record is its first line only."""


class LongLineError(RecordError):
    """A line is longer than a record may be."""


class CsvText:
    """Lines as text, which are given again when half a row had to wait.

    Parameters
    ----------
    lines : iterator of bytes or None
    encoding : str
        ``utf-8-sig`` at the beginning, where a byte order mark may be.
    longest : int
        Bytes that a record may have.

    Attributes
    ----------
    taken : list of bytes
        Lines that the row at hand is made of.
    not_utf8 : bool
        Whether one of them is no text.
    """

    def __init__(self, lines: Iterator[bytes | None], encoding: str, longest: int) -> None:
        self._lines = lines
        self._longest = longest
        self._again: list[bytes] = []
        self.encoding = encoding
        self.taken: list[bytes] = []
        self.not_utf8 = False
        self._size = 0  # of what was taken, where it is more than one line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        try:
            line = self._again.pop() if self._again else next(self._lines)
        except StopIteration:
            if self.taken:
                raise UnclosedError("a quote is opened and not closed") from None
            raise
        if line is None:
            self.put_back()
            raise WaitingError
        if self.taken:  # only within quotes a row goes on in another line
            before = size_of(self.taken[0]) if len(self.taken) == 1 else self._size
            self._size = before + size_of(line)
            if self._size > self._longest:
                self._again.append(line)
                raise UnclosedError(
                    f"a quote is opened and not closed within {self._longest:,} bytes"
                )
        elif type(line) is LongLine:
            self.taken.append(line)
            raise LongLineError(too_long(self._longest))
        self.taken.append(line)
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError:  # raised here, it would cut the row in two
            self.not_utf8 = True
            return line.decode(self.encoding, "replace")

    def peek(self) -> str:
        """Return the next line, and give it again."""
        try:
            return next(self)
        finally:
            self.put_back()

    def check_quotes(self, delimiter: str) -> None:
        """Raise if a row of several lines is one only because a quote was not closed.

        That is so where the quote that closes it is followed by something: it was opened there.
        """
        lines = (line.decode(self.encoding, "replace") for line in self.taken)
        try:
            list(csv.reader(lines, delimiter=delimiter, strict=True))
        except csv.Error as error:
            raise UnclosedError("a quote is opened and not closed") from error

    def keep_first(self) -> None:
        """Let the row at hand be its first line only, and give the others again."""
        self._again += reversed(self.taken[1:])
        del self.taken[1:]

    def done(self) -> int:
        """Begin a row; return how many bytes the last one had."""
        taken = self.taken
        size = len(taken[0]) if len(taken) == 1 else sum(map(size_of, taken))
        taken.clear()
        self.not_utf8 = False
        return size

    def put_back(self) -> None:
        """Give the lines of the row at hand again."""
        self._again += reversed(self.taken)
        self.taken.clear()
        self.not_utf8 = False
