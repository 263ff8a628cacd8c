"""A copy of what cannot be read twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import StreamError
from ..files import make_private, write_all
from .byte_lines import BLOCK, CAN_WAIT, Lines, waiting_for


class Journal(Lines):
    """Reads lines of a stream, and writes what comes to a file before it passes it on.

    When the file has lines already, they come first: those that were read before a crash. What the
    stream then brings is taken for what comes after them. A sender that has started anew is known
    by the first line, such as a header: then all that is equal to the journal, from its beginning
    on, is left out.

    What has been taken from the stream is in the file, but for the moment between the two: a
    `kill -9` at that very moment loses a block.

    Parameters
    ----------
    stream : binary file
        What cannot be read twice, as standard input.
    path : Path
        The journal; made if there is none.
    """

    tells_waiting = CAN_WAIT

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        try:
            make_private(path)
            self._writer = path.open("ab", buffering=0)
            self._kept = path.open("rb")
            self._before = path.open("rb")
        except OSError as error:
            raise StreamError(f"cannot write {path}: {error.strerror}") from error
        self._comparing = self._size() > 0

    def __iter__(self) -> Iterator[bytes | None]:
        """Yield the lines kept, from where `seek` has put it, and then those that come."""
        while True:
            line = self._kept.readline()
            if line.endswith(b"\n"):
                yield line
                continue
            self._kept.seek(-len(line), os.SEEK_CUR)  # half a line, or none: there must be more
            yield from waiting_for(self._stream)
            if not self._take():
                if line:
                    yield self._kept.readline()
                return

    def seek(self, position: int, identity: Mapping[str, Any]) -> None:
        """Go on from a byte of the journal."""
        del identity  # there is no other
        if position > self._size():
            raise StreamError(f"{self._path} is shorter than it was; begin anew")
        self._kept.seek(position)

    def sync(self) -> None:
        """Bring the journal to the disk; closed, it is there."""
        if not self._writer.closed:
            os.fsync(self._writer.fileno())

    def close(self) -> None:
        """Bring the journal to the disk, and close it and the stream."""
        self.sync()
        for file in (self._writer, self._kept, self._before, self._stream):
            file.close()

    def _size(self) -> int:
        return os.fstat(self._writer.fileno()).st_size

    def _take(self) -> bool:
        """Bring a block from the stream into the journal; return False at the stream's end."""
        with _signals_held():
            block = self._stream.read1(BLOCK)  # type: ignore[attr-defined]  # of buffered files
            ended = not block
            write_all(self._writer, self._new(block) if self._comparing else block, self._path)
        return not ended

    def _new(self, block: bytes) -> bytes:
        """Return what of a block a sender that began anew has not sent before."""
        kept = self._before.read(len(block))
        if block and kept == block:
            return b""
        self._comparing = False
        pairs = enumerate(zip(kept, block, strict=False))
        same = next((n for n, (a, b) in pairs if a != b), min(len(kept), len(block)))
        place = self._before.tell() - len(kept) + same
        if place == self._size():
            return block[same:]
        # It goes on otherwise than before: from the beginning of the line that differs.
        self._before.seek(0)
        read = self._before.read(place)
        return read[read.rfind(b"\n") + 1 :] + block[same:]


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals wait: what was taken from a stream must get into the journal."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
