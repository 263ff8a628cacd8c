"""Output files that are there whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from lstmwidgets import files

from .errors import StreamError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; rename it on success, remove it on failure.

    A link is followed, so that the file it names is the one that is replaced.

    Raises
    ------
    StreamError
        If the path is a folder or a device, or its folder cannot be made or written.
    """
    try:
        with files.atomic_write(path) as beside:
            beside.touch()
            yield beside
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
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise cannot_write(path, error) from error


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


def check_distinct(source: str, *outputs: Path | None) -> None:
    """Raise if an output would replace the source, or two outputs each other."""
    taken = {Path(source).resolve()}
    for output in outputs:
        if output is None:
            continue
        if output.resolve() in taken:
            raise StreamError(f"{output} is named twice; every file needs a path of its own")
        taken.add(output.resolve())
