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

CAN_WAIT = sys.platform != "win32"
"""Whether it can be known beforehand that a pipe has nothing."""


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
    """

    size: int | None = None
    live: bool = True
    tells_waiting: bool = True

    @abstractmethod
    def __iter__(self) -> Iterator[bytes | None]:
        """Yield lines, and None whenever the next one has to be waited for; see `Source`."""

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

    def __iter__(self) -> Iterator[bytes | None]:
        """Yield the lines that come."""
        rest = b""
        while True:
            yield from waiting_for(self._stream)
            block = self._stream.read1(BLOCK)  # type: ignore[attr-defined]  # of buffered files
            if not block:
                break
            lines, rest = split(rest + block)
            yield from lines
        if rest:
            yield rest

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


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole lines, with their ends, and the rest."""
    lines = io.BytesIO(data).readlines()
    rest = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
    return lines, rest


def waiting_for(stream: BinaryIO) -> Iterator[None]:
    """Yield None, every `WAIT` seconds, until a stream has something or has ended."""
    wait = 0.0
    while CAN_WAIT and not select.select([stream], [], [], wait)[0]:
        yield None
        wait = WAIT
