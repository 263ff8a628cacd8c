"""A copy of what cannot be read twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..counting import counted
from ..errors import StreamError
from ..files import cannot_write, make_private, tail, write_all
from .byte_lines import BLOCK, CAN_WAIT, Lines, waiting_for


class Journal(Lines):
    """Reads lines of a stream, and writes what comes to a file before it passes it on.

    When the file has lines already, they come first: those that were read before a crash. What the
    stream then brings is taken for what comes after them. A sender that has started again is known
    by the first line, such as a header: then all that is equal to the journal, from its beginning
    on, is left out. A sender can also say which it is.

    What has been taken from the stream is in the file, but for the moment between the two: a
    `kill -9` at that very moment loses a block.

    Parameters
    ----------
    stream : binary file
        What cannot be read twice, as standard input.
    path : Path
        The journal; made if there is none.
    sender : {"again", "on"}, optional
        Whether the stream begins with what is in the journal, from its first byte on, or goes on
        behind it. By default it begins again if its first line is the journal's.
    notes : callable, optional
        Is told what is left out.

    Raises
    ------
    StreamError
        If the journal cannot be written; while reading, if the stream was to begin again and does
        not.
    """

    tells_waiting = CAN_WAIT

    def __init__(
        self,
        stream: BinaryIO,
        path: Path,
        *,
        sender: str | None = None,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        self._stream = stream
        self._path = path
        self._sender = sender
        self._notes = notes or (lambda _: None)
        self._repeated = 0  # lines
        try:
            make_private(path)
            self._writer = path.open("ab", buffering=0)
            self._kept = path.open("rb")
            self._before = path.open("rb")
        except OSError as error:
            raise StreamError(f"cannot write {path}: {error.strerror}") from error
        self._comparing = self._size() > 0 and sender != "on"

    def _blocks(self) -> Iterator[bytes | None]:
        """Yield what is kept, from where `seek` has put it, and then what comes."""
        while True:
            block = self._kept.read(BLOCK)
            if block:
                yield block
                continue
            yield from waiting_for(self._stream)
            if not self._take():
                return

    def seek(self, position: int, identity: Mapping[str, Any]) -> None:
        """Go on from a byte of the journal."""
        del identity  # there is no other
        if position > self._size():
            raise StreamError(f"{self._path} is shorter than it was; begin anew")
        self._kept.seek(position)

    def tail(self, position: int) -> str:
        """Return a hash of the last bytes of the journal before a byte."""
        return tail(self._path, position)

    def sync(self) -> None:
        """Bring the journal to the disk; closed, it is there."""
        if not self._writer.closed:
            try:
                os.fsync(self._writer.fileno())
            except OSError as error:
                raise cannot_write(self._path, error) from error

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
        """Return what of a block a sender that began again has not sent before."""
        kept = self._before.read(len(block))
        pairs = () if kept == block else enumerate(zip(kept, block, strict=False))
        same = next((n for n, (a, b) in pairs if a != b), min(len(kept), len(block)))
        self._repeated += block[:same].count(b"\n")
        if block and same == len(block):
            return b""
        self._comparing = False
        place = self._before.tell() - len(kept) + same
        if block and place < self._size() and self._sender == "again":
            raise StreamError(
                f"standard input was to begin again (--stdin again), but its line "
                f"{self._repeated + 1} is not what had been read; let it begin as before, or "
                "begin anew with another --checkpoint folder"
            )
        if self._repeated:
            self._notes(
                f"standard input begins as before: {counted(self._repeated, 'line')} taken for a "
                "repetition and left out; --stdin on takes them for new ones"
            )
        if not block:
            return b""
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
