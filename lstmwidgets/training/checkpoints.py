"""All that a training is at the end of an epoch, in one file that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import files

KIND = "training checkpoint"


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a checkpoint; an older one is replaced in one go."""
    files.write(path, KIND, content)


def check(content: Mapping[str, Any]) -> None:
    """Raise TypeError, naming it, if there is something that `write` cannot write."""
    try:
        files.to_bytes(KIND, content)
    except TypeError as error:
        raise TypeError(f"{error}; or leave out checkpoint=") from error


def find(path: str | os.PathLike[str]) -> bytes | None:
    """Return what `write` wrote, as bytes; None if there is nothing yet."""
    if not Path(path).exists():
        return None
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}: it is a folder or a device")
    return Path(path).read_bytes()


def from_bytes(data: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write` wrote to a file, of its bytes.

    Raises
    ------
    ValueError
        If it is no checkpoint, of another version, truncated or changed.
    """
    try:
        found: dict[str, Any] = files.from_bytes(data, [KIND], os.fspath(path))
    except ValueError as error:
        raise ValueError(f"{error}; give checkpoint= another path, or remove it") from error
    return found


def check_same(path: str | os.PathLike[str], name: str, was: Any, given: Any) -> None:
    """Raise, naming the difference, unless a checkpoint was made with the same things."""
    if was == given:
        return
    if isinstance(was, Mapping) and isinstance(given, Mapping):
        for key in sorted({*was, *given}, key=str):
            check_same(path, str(key), was.get(key), given.get(key))
    raise ValueError(
        f"{path} is the checkpoint of another training: its {name} was {was!r} and now is "
        f"{given!r}; give checkpoint= another path, or resume=False to overwrite it"
    )
