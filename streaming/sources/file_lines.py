"""Lines of a file, followed while it grows and when another one takes its place."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import StreamError
from ..files import TAIL
from .base import WAIT
from .byte_lines import BLOCK, CAN_WAIT, Lines, waiting_for

HEAD = 1024
"""Bytes at a file's beginning that it is known by."""

LAST = 2**20
"""Bytes of a packed file that are kept, to know it by those before a record that was read ahead."""

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

    A file whose name ends with ``.gz`` is unpacked while it is read, and cannot be followed; its
    bytes are counted unpacked.

    Parameters
    ----------
    path : Path
    follow : bool

    Raises
    ------
    StreamError
        If the file cannot be opened, and while reading, if it cannot be read or unpacked.
    """

    def __init__(self, path: Path, *, follow: bool = False) -> None:
        self._path = path
        self._last = b""  # that was read of a packed file
        self._follow = self.live = follow
        self._next: BinaryIO | None = None
        self._packed = path.suffix.lower() == ".gz"
        if follow and self._packed:
            raise StreamError(f"{path} is packed and cannot be followed; leave out --follow")
        waited_for = follow and not path.exists() and self._renamed()  # a new one is still to come
        try:
            file = self._open(Path(os.devnull if waited_for else path))
        except (OSError, ValueError) as error:  # a ValueError where there is a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else error
            raise StreamError(f"cannot read {path}: {reason}") from error
        self._start(file)
        if not follow and not self._packed:
            self.size = os.fstat(self._file.fileno()).st_size
        self.tells_waiting = CAN_WAIT or not self._is_pipe

    def _blocks(self) -> Iterator[bytes | None]:
        """Yield the bytes of the file that is open."""
        over = False
        while True:
            if self._is_pipe:
                yield from waiting_for(self._file)
            block = self._read()
            if block:
                if len(self._head) < HEAD and self._at == len(self._head):
                    self._head += block[: HEAD - len(self._head)]
                self._at += len(block)
                if self._packed:
                    self._last = (self._last + block)[-LAST:]
                yield block
            elif over or not self._follow:
                return
            else:
                wait = 0.0
                while not self._has_news(wait):
                    yield None
                    wait = WAIT
                if self._next is not None:
                    over = True  # but what was written before it was renamed is still to be read
                    if os.fstat(self._next.fileno()).st_ino == self._inode:
                        self._cut = True  # emptied: half a line has lost its end
                        return

    def _read(self) -> bytes:
        with self._reading():
            return self._file.read(BLOCK)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Say which file it was if it cannot be read."""
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None)
            if reason is None:
                reason = "it is damaged or no gzip file, or its end is missing; fetch it again"
            raise StreamError(f"cannot read {self._path}: {reason}") from error

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
        with self._reading():
            for path in self._places(position, identity):
                self._file.close()
                self._start(self._open(path))
                self._head = self._file.read(int(identity["head_bytes"]))
                self._at = position
                if self._packed:
                    self._file.seek(max(position - TAIL, 0))
                    self._last = self._file.read(min(position, TAIL))
                self._file.seek(position)
                return
        size = self._path.stat().st_size if self._path.exists() else 0
        raise StreamError(
            f"{self._path} is not the file that had been read up to byte {position:,}, or has "
            f"become shorter: it has {size:,} bytes"
            + (", and the old one is not beside it, so that its rest is lost" * self._follow)
            + "; put the file back, or begin anew"
        )

    def has_more(self, position: int) -> bool:
        """Say whether there is something behind a byte."""
        if not self._packed:
            return super().has_more(position)
        with self._reading(), self._open(self._path) as file:
            return file.seek(position) == position and file.read(1) != b""

    def has_ended_since(self, position: int) -> bool:
        """Say whether the line before a byte had no end when it was read, and now has one.

        Raises
        ------
        StreamError
            If it goes on.
        """
        if self._is_pipe:
            return False
        with self._reading():
            self._file.seek(max(position - 1, 0))
            before = self._file.read(min(position, 1))
            behind = self._file.read(2)
            self._file.seek(position)
        if before in (b"", b"\n") or not behind:
            return False
        if behind[:1] not in (b"\n", b"\r"):
            raise StreamError(
                f"the last line of {self._path}, up to byte {position:,}, had no end when it was "
                "read, and has been continued since; begin anew"
            )
        return True

    @property
    def end(self) -> int | None:
        """How many bytes the file has now; None of one that is packed or a pipe."""
        if self._packed or self._is_pipe:
            return None
        try:
            return os.fstat(self._file.fileno()).st_size
        except ValueError:  # closed, maybe for the one that takes its place
            return None

    def tail(self, position: int) -> str:
        """Return a hash of the last bytes before a byte, empty where they cannot be read again."""
        if self._is_pipe or sys.platform == "win32":
            return ""
        begin = max(position - TAIL, 0)
        if not self._packed:
            data = os.pread(self._file.fileno(), position - begin, begin)
        elif begin < self._at - len(self._last):
            return ""  # so much was read ahead
        else:
            end = len(self._last) - self._at
            data = self._last[begin + end : position + end]
        return hashlib.sha256(data).hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._next is not None:
            self._next.close()

    def _open(self, path: Path) -> BinaryIO:
        if self._packed:
            return cast("BinaryIO", gzip.open(path))
        return path.open("rb", buffering=0)

    def _start(self, file: BinaryIO) -> None:
        self._file = file
        known = os.fstat(file.fileno())
        self._inode = known.st_ino
        self._is_pipe = stat.S_ISFIFO(known.st_mode)
        self._head, self._at, self._cut = b"", 0, False
        self._last = b""

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
                if there is None or (there.st_size < position and not self._packed):
                    continue
                if certain and there.st_ino != identity["inode"]:
                    continue
                if not certain and self._follow and length < HEAD:
                    continue  # the same header is not yet the same file
                with self._open(place) as file:
                    head = hashlib.sha256(file.read(length)).hexdigest()
                    if head == identity["head"] and file.seek(position) == position:
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
