"""A copy of what cannot be read twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import StreamError


class Journal:
    """Reads lines of a stream, and writes each to a file before it passes it on.

    When the file has lines already, they come first: those that were read before a crash. What the
    stream then brings is taken for what comes after them; a repeated first line, the header of a
    sender that has started anew, is left out.

    Parameters
    ----------
    stream : binary file
        What cannot be read twice, as standard input.
    path : Path
        The journal; made if there is none.
    """

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        try:
            path.touch()
            self._kept = path.open("r+b")
        except OSError as error:
            raise StreamError(f"cannot write {path}: {error.strerror}") from error
        self._cut_half_a_line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines kept, from where `seek` has put it, and then those that come."""
        while line := self._kept.readline():  # for, unlike it, would make tell and seek unusable
            yield line
        first = self._first()
        for number, line in enumerate(self._stream):
            if number == 0 and line == first:
                continue
            self._kept.write(line)
            self._kept.flush()
            yield line

    def seek(self, offset: int) -> None:
        """Go on from a byte of the journal."""
        if offset > os.fstat(self._kept.fileno()).st_size:
            raise StreamError(f"{self._kept.name} is shorter than it was; begin anew")
        self._kept.seek(offset)

    def close(self) -> None:
        """Close the journal and the stream."""
        self._kept.close()
        self._stream.close()

    def _first(self) -> bytes:
        place = self._kept.tell()
        self._kept.seek(0)
        first = self._kept.readline()
        self._kept.seek(place)
        return first

    def _cut_half_a_line(self) -> None:
        """Cut off what a crash has left of a line: it was never passed on."""
        size = end = self._kept.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - 65_536)
            self._kept.seek(begin)
            found = self._kept.read(end - begin).rfind(b"\n")
            end = begin + found + 1
            if found >= 0:
                break
            end = begin
        if end != size:
            self._kept.truncate(end)
        self._kept.seek(0)
