"""Output files: whole or not at all, one writer each, and known again by their last bytes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path

from lstmwidgets import files

from .errors import StreamError

if sys.platform != "win32":
    import fcntl

TAIL = 4096
"""Bytes before a place by which a file is known again."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; rename it on success, remove it on failure.

    A link is followed, so that the file it names is the one that is replaced.

    Raises
    ------
    StreamError
        If the path is a folder or a device, or its folder cannot be made or written. An error
        inside the context stays what it is.
    """
    with ExitStack() as stack:
        with writing(path):
            beside = stack.enter_context(files.atomic_write(path))
            beside.touch()
        yield beside
        with writing(path):
            stack.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file it was if the system cannot write it.

    Raises
    ------
    StreamError
        In the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> StreamError:
    """Return what an error of the system means to somebody who wanted a file."""
    if error.errno is None:  # one of ours, which says it all
        return StreamError(str(error))
    return StreamError(f"cannot write {path}: {error.strerror}")


def write_all(file: FileIO, data: bytes, path: Path) -> None:
    """Write all of the data to an unbuffered file, which may take less at a time.

    Raises
    ------
    StreamError
        If it cannot be written, as on a full disk.
    """
    rest = memoryview(data)
    with writing(path):
        while rest:
            rest = rest[file.write(rest) :]


def make_private(path: Path) -> None:
    """Let only its owner read and write a file, which is made if there is none."""
    path.touch(mode=0o600)
    with suppress(OSError):  # of somebody else, or on a file system that knows no owners
        path.chmod(0o600)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, as far as the system can."""
    if sys.platform == "win32":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_at(known: os.stat_result, path: Path) -> None:
    """Raise a StreamError if a file that was opened is not the one any more that its path names."""
    try:
        if os.path.samestat(known, path.stat()):
            return
    except OSError:
        pass
    raise StreamError(
        f"{path} was moved or removed while it was written; put it back, or begin anew"
    )


def tail(path: Path, end: int) -> str:
    """Return a hash of the last bytes before a place in a file."""
    with path.open("rb") as file:
        file.seek(max(end - TAIL, 0))
        return hashlib.sha256(file.read(min(end, TAIL))).hexdigest()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes that ask for it away from a file or folder, as far as the system can.

    Raises
    ------
    StreamError
        If another one has it.
    """
    if sys.platform == "win32":
        yield
        return
    with writing(path):
        file = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StreamError(
                f"{path} is being written by another job; stop it first, or name another file"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(file)


def check_distinct(source: str, *outputs: Path | None) -> None:
    """Raise if an output would replace the source, or two outputs each other."""
    taken = {_file(Path(source))}
    for output in outputs:
        if output is None:
            continue
        if _file(output) in taken:
            raise StreamError(f"{output} is named twice; every file needs a path of its own")
        taken.add(_file(output))


def _file(path: Path) -> object:
    """Return what two paths of one file have in common, links of any kind included."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
