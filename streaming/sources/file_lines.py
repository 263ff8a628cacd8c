"""Lines of a file, followed while it grows and when another one takes its place."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import StreamError
from ..files import TAIL
from .base import WAIT
from .byte_lines import BLOCK, CAN_WAIT, Lines, split, waiting_for

HEAD = 1024
"""Bytes at a file's beginning that it is known by."""

POLL = 0.02
"""Seconds between two looks at a file that is waited for."""

ROTATED = re.compile(r"[.-]\d[\d.-]*")
"""What is put behind a file's name when another takes its place, as in ``log.1``."""


class FileLines(Lines):
    """Lines of a file.

    Followed, the file has no end: more lines are waited for, and half a line for its other half.
    When another file takes its place (the old one was renamed or removed, and the new one has
    something in it), the old one is read to its end, and `move_on` goes to the new one: first to
    those that were renamed in the meantime, in the order in which they were written to, as
    ``log.1``. A file that was emptied in place, as by copy-truncate, is begun anew; what was
    written to it just before that, and not read yet, is lost. A file that is not there for a while
    is waited for.

    Parameters
    ----------
    path : Path
    follow : bool

    Raises
    ------
    StreamError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, *, follow: bool = False) -> None:
        self._path = path
        self._follow = self.live = follow
        self._next: BinaryIO | None = None
        waited_for = follow and not path.exists() and self._renamed()  # a new one is still to come
        try:
            file = Path(os.devnull if waited_for else path).open("rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise StreamError(f"cannot read {path}: {error.strerror}") from error
        self._start(file)
        self.size = None if follow else os.fstat(self._file.fileno()).st_size
        self.tells_waiting = CAN_WAIT or not self._is_pipe

    def __iter__(self) -> Iterator[bytes | None]:
        """Yield the lines of the file that is open."""
        rest, over = b"", False
        while True:
            if self._is_pipe:
                yield from waiting_for(self._file)
            block = self._file.read(BLOCK)
            if block:
                if len(self._head) < HEAD and self._at == len(self._head):
                    self._head += block[: HEAD - len(self._head)]
                self._at += len(block)
                lines, rest = split(rest + block)
                yield from lines
            elif over or not self._follow:
                break
            else:
                wait = 0.0
                while not self._has_news(wait):
                    yield None
                    wait = WAIT
                if self._next is not None:
                    over = True  # but what was written before it was renamed is still to be read
                    if os.fstat(self._next.fileno()).st_ino == self._inode:
                        return  # emptied: half a line has lost its end
        if rest:
            yield rest

    def move_on(self) -> bool:
        """Go on to the file that has taken this one's place."""
        if self._next is None:
            return False
        self._file.close()
        self._start(self._next)
        self._next = None
        return True

    @property
    def identity(self) -> dict[str, Any]:
        """The file's number in its file system, and a hash of its first bytes.

        The device is left out: the file is looked for in its own folder, and some file systems
        have another number after each start of the machine.
        """
        digest = hashlib.sha256(self._head).hexdigest()
        return {"inode": self._inode, "head": digest, "head_bytes": len(self._head)}

    def seek(self, position: int, identity: Mapping[str, Any]) -> None:
        """Go on at a byte of the file that is known by its identity.

        Raises
        ------
        StreamError
            If it is not there, or is shorter.
        """
        for path in self._places(position, identity):
            self._file.close()
            self._start(path.open("rb", buffering=0))
            self._head = self._file.read(int(identity["head_bytes"]))
            self._file.seek(position)
            self._at = position
            return
        size = self._path.stat().st_size if self._path.exists() else 0
        raise StreamError(
            f"{self._path} is not the file that had been read up to byte {position:,}, or has "
            f"become shorter: it has {size:,} bytes"
            + (", and the old one is not beside it, so that its rest is lost" * self._follow)
            + "; put the file back, or begin anew"
        )

    def tail(self, position: int) -> str:
        """Return a hash of the last bytes before a byte, empty where they cannot be read again."""
        if self._is_pipe or sys.platform == "win32":
            return ""
        begin = max(position - TAIL, 0)
        data = os.pread(self._file.fileno(), position - begin, begin)
        return hashlib.sha256(data).hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._next is not None:
            self._next.close()

    def _start(self, file: BinaryIO) -> None:
        self._file = file
        known = os.fstat(file.fileno())
        self._inode = known.st_ino
        self._is_pipe = stat.S_ISFIFO(known.st_mode)
        self._head, self._at = b"", 0

    def _has_news(self, seconds: float) -> bool:
        """Wait for the file to grow or to be over; return whether it did."""
        deadline = time.monotonic() + seconds
        while True:
            now = os.fstat(self._file.fileno())
            there = _stat(self._path)
            if there is not None and there.st_ino == now.st_ino:
                if now.st_size < self._at or not self._begins_as_before():
                    self._next = _opened(self._path)
            elif there is not None and there.st_size > 0:
                self._next = _opened(self._successor(now))
            if self._next is not None or now.st_size > self._at:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)

    def _begins_as_before(self) -> bool:
        self._file.seek(0)
        same = self._file.read(len(self._head)) == self._head
        self._file.seek(self._at)
        return same

    def _successor(self, now: os.stat_result) -> Path:
        """Return the file that was written after this one: a renamed one, or that of the path."""
        if not stat.S_ISREG(now.st_mode):  # there was none yet
            return self._path
        times = {place: _stat(place) for place in self._renamed()}
        later = [
            (there.st_mtime_ns, place)
            for place, there in times.items()
            if there is not None and there.st_ino != now.st_ino
        ]
        return min((pair for pair in later if pair[0] > now.st_mtime_ns), default=(0, self._path))[
            1
        ]

    def _renamed(self) -> list[Path]:
        """Return the files that have had this one's name."""
        name = self._path.name
        return [
            place
            for place in self._path.parent.iterdir()
            if place.name.startswith(name) and ROTATED.fullmatch(place.name[len(name) :])
        ]

    def _places(self, position: int, identity: Mapping[str, Any]) -> Iterator[Path]:
        """Yield the files that one with that identity can be: itself, or a copy put back."""
        places = [self._path, *(self._renamed() if self._follow else [])]
        length = int(identity["head_bytes"])
        for certain in (True, False):
            for place in places:
                there = _stat(place)
                if there is None or there.st_size < position:
                    continue
                if certain and there.st_ino != identity["inode"]:
                    continue
                if not certain and self._follow and length < HEAD:
                    continue  # the same header is not yet the same file
                with place.open("rb") as file:
                    if hashlib.sha256(file.read(length)).hexdigest() == identity["head"]:
                        yield place


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _opened(path: Path) -> BinaryIO | None:
    """Return an open file, None if it has gone in the meantime."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
