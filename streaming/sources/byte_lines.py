"""Lines of bytes, from wherever they come."""

from __future__ import annotations

import io
import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from ..errors import StreamError
from .base import WAIT

BLOCK = 65_536

LONGEST = 2**20
"""Bytes that a record may have by default; at least `BLOCK`."""

SHOWN = 1000
"""Bytes of a line that is too long that are kept, for whoever wants to see it."""

CAN_WAIT = sys.platform != "win32"
"""Whether it can be known beforehand that a pipe has nothing."""


class LongLine(bytes):
    """The beginning of a line that is longer than a record may be.

    Attributes
    ----------
    size : int
        Bytes of the line, as far as it has been read.
    """

    size: int


def size_of(line: bytes) -> int:
    """Return how many bytes a line has, whether they are kept or not."""
    return line.size if isinstance(line, LongLine) else len(line)


def too_long(longest: int) -> str:
    """Return what is wrong with a line that is longer than a record may be."""
    return f"expected a record of at most {longest:,} bytes, got a longer one (--record-bytes)"


class Lines(ABC):
    """Lines that can be read once, from the first or from where `seek` says.

    Attributes
    ----------
    size : int or None
        Bytes to be read, where that is known.
    live : bool
        Whether more may come at any time.
    tells_waiting : bool
        Whether None comes before every wait.
    longest : int
        Bytes that a line may have, `BLOCK` or more.
    passes_long : bool
        Whether a longer line is read to its end, to go on behind it; otherwise its beginning comes
        as soon as it is too long.
    """

    size: int | None = None
    live: bool = True
    tells_waiting: bool = True
    longest: int = LONGEST
    passes_long: bool = False
    _cut: bool = False  # the last line has lost its end: it is none

    def __iter__(self) -> Iterator[bytes | None]:
        """Yield lines, and None whenever the next one has to be waited for; see `Source`.

        None also comes while a long line is read, so that whoever reads can stop.
        """
        begun: list[bytes] = []  # of the line at hand; joined once, when its end has come
        size = 0
        for block in self._blocks():
            if block is None:
                yield None
                continue
            lines = io.BytesIO(block).readlines()
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if begun:
                more = lines[0] if lines else rest
                begun.append(more)
                size += len(more)
                if lines:
                    lines[0], begun = self._joined(begun, size), []
                else:
                    rest = b""
            yield from lines
            if rest:
                begun, size = [rest], len(rest)
            if size > self.longest and begun:
                begun = [self._joined(begun, size)]
                if not self.passes_long:
                    break
            if size > LONGEST and begun:
                yield None
        if begun and not self._cut:
            yield self._joined(begun, size)

    def _joined(self, parts: list[bytes], size: int) -> bytes:
        """Return a line of its parts, or the beginning of one that is too long."""
        if size <= self.longest:
            return b"".join(parts)
        line = LongLine(parts[0][:SHOWN])
        line.size = size
        return line

    @abstractmethod
    def _blocks(self) -> Iterator[bytes | None]:
        """Yield bytes as they come, and None whenever they have to be waited for."""

    def move_on(self) -> bool:
        """Go on to the file that has taken this one's place; return False if there is none."""
        return False

    @property
    def identity(self) -> dict[str, Any]:
        """What `seek` knows the file by again, in plain values."""
        return {}

    @abstractmethod
    def seek(self, position: int, identity: Mapping[str, Any]) -> None:
        """Go on at a byte; to be called before the lines are read."""

    def has_ended_since(self, position: int) -> bool:
        """Say whether the line before a byte had no end when it was read, and now has one."""
        del position
        return False

    def has_more(self, position: int) -> bool:
        """Say whether there is something behind a byte, or may come."""
        return self.size is None or self.size > position

    @property
    def end(self) -> int | None:
        """How many bytes there are now; None where nobody knows."""
        return self.size

    def tail(self, position: int) -> str:
        """Return a hash of the last bytes before a byte, empty where they cannot be read again."""
        del position
        return ""

    def sync(self) -> None:  # noqa: B027  # most keep nothing
        """Bring to the disk what is kept for `seek`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


class PipeLines(Lines):
    """Lines of standard input, which cannot be read twice: `seek` does nothing.

    Parameters
    ----------
    stream : binary file
    """

    tells_waiting = CAN_WAIT

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def _blocks(self) -> Iterator[bytes | None]:
        while True:
            yield from waiting_for(self._stream)
            block = self._stream.read1(BLOCK)  # type: ignore[attr-defined]  # of buffered files
            if not block:
                return
            yield block

    def seek(self, position: int, identity: Mapping[str, Any]) -> None:
        """Go on with what comes."""

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


def standard_input() -> BinaryIO:
    """Return standard input as bytes."""
    if sys.stdin is None:
        raise StreamError("cannot read standard input: it is closed")
    return sys.stdin.buffer


def waiting_for(stream: BinaryIO) -> Iterator[None]:
    """Yield None, every `WAIT` seconds, until a stream has something or has ended."""
    wait = 0.0
    while CAN_WAIT and not select.select([stream], [], [], wait)[0]:
        yield None
        wait = WAIT
