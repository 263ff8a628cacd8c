"""Output files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StreamError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; rename it on success, remove it on failure.

    Raises
    ------
    StreamError
        If the folder cannot be made or written.
    """
    if path.is_dir():
        raise StreamError(f"{path} is a folder; name a file in it")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
