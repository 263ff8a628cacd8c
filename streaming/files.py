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

    A link is followed, so that the file it names is the one that is replaced.

    Raises
    ------
    StreamError
        If the path is a folder or a device, or its folder cannot be made or written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        kind = "a folder; name a file in it" if target.is_dir() else "not a regular file"
        raise StreamError(f"cannot write {path}: it is {kind}")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield beside
        beside.replace(target)
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def check_distinct(source: str, *outputs: Path | None) -> None:
    """Raise if an output would replace the source, or two outputs each other."""
    taken = {Path(source).resolve()}
    for output in outputs:
        if output is None:
            continue
        if output.resolve() in taken:
            raise StreamError(f"{output} is named twice; every file needs a path of its own")
        taken.add(output.resolve())
