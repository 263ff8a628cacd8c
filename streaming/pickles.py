"""Models of any kind as bytes: pickles, which only who made them may read.

Reading a pickle runs what is in it. So those of a job's folder are read only if the job names the
same code as the one that wrote them, and if folder and database belong to the user who reads them
and nobody else can write there: see `check_own`.
"""

from __future__ import annotations

import io
import os
import pickle
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import StreamError

MARK = b"lstmwidgets pickle\n"
"""What such bytes begin with; no other file of the library does."""


def to_pickle(model: Any) -> bytes:
    """Return a model as bytes.

    Raises
    ------
    StreamError
        If it cannot be pickled.
    """
    try:
        return MARK + pickle.dumps(model, protocol=5)
    except (pickle.PickleError, AttributeError, RecursionError, TypeError, ValueError) as error:
        raise StreamError(
            f"{type(model).__name__} cannot be kept in a checkpoint: {error}; leave out what "
            "pickle does not take, such as a lambda, or run without --checkpoint and --key"
        ) from error


def from_pickle(data: bytes) -> Any:
    """Return what `to_pickle` was given. The bytes must be one's own: see `check_own`.

    Raises
    ------
    ValueError
        If they are no such thing, or the code has changed so that they cannot be read.
    """
    if not is_pickle(data):
        raise ValueError("this is no model")
    try:
        return _Reader(io.BytesIO(data[len(MARK) :])).load()
    except (pickle.PickleError, AttributeError, EOFError, ImportError, LookupError) as error:
        raise ValueError(f"it cannot be read: {error}") from error


class _Reader(pickle.Unpickler):
    """Reads a pickle, and says so if the code is not what it was."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by its name."""
        try:
            return super().find_class(module, name)
        except (AttributeError, ImportError) as error:
            raise ValueError(
                f"there is no {name} in {module} any more; put the code back as it was"
            ) from error


def is_pickle(data: bytes) -> bool:
    """Say whether bytes are what `to_pickle` returned."""
    return data.startswith(MARK)


def check_own(paths: Iterable[Path]) -> None:
    """Raise unless files and folders belong to this user and nobody else can write them.

    Raises
    ------
    StreamError
        If one is somebody else's.
    """
    if not hasattr(os, "getuid"):
        raise StreamError(
            "this system does not tell whose a file is, and a checkpoint of --model CODE is read "
            "back from one's own folder only; begin anew with another folder"
        )
    for path in paths:
        found = path.stat()
        if found.st_uid != os.getuid():
            whose = "belongs to another user"
        elif stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
            whose = "can be written by others"
        else:
            continue
        raise StreamError(
            f"{path} {whose}, and its checkpoint holds a pickle, which would run what they put "
            "there; make it your own (chmod go-w), or begin anew with another folder"
        )
