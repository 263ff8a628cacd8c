"""All that a training is at the end of an epoch, in one file that is there whole or not at all.

The file is a line with format and version, a checksum, and what `torch.save` makes of plain values
and tensors; it is read by PyTorch's restricted reader, which makes nothing else and runs nothing.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..files import written_whole

FORMAT = b"lstmwidgets checkpoint "
VERSION = b"1"


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a checkpoint; an older one is replaced in one go."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    data = buffer.getbuffer()
    head = FORMAT + VERSION + b"\n" + hashlib.sha256(data).hexdigest().encode() + b"\n"
    with written_whole(path) as beside, beside.open("wb") as file:
        file.write(head)
        file.write(data)


def check_plain(content: Mapping[str, Any]) -> None:
    """Raise if there is something that `write` could write and `read` would refuse.

    Raises
    ------
    TypeError
        Naming the entry.
    """
    for name, value in content.items():
        buffer = io.BytesIO()
        try:
            torch.save(value, buffer)
            buffer.seek(0)
            torch.load(buffer, weights_only=True)
        except Exception as error:
            raise TypeError(
                f"the {name} of this training holds more than plain values and tensors, which is "
                f"all that a checkpoint may hold; leave out checkpoint=, or choose another {name}"
            ) from error


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no checkpoint, of another version, truncated or changed.
    """
    with Path(path).open("rb") as file:
        first, checksum, data = file.readline(200), file.readline(200), file.read()
    if not first.startswith(FORMAT):
        raise ValueError(f"{path} is no checkpoint of lstmwidgets; give checkpoint= another path")
    version = first[len(FORMAT) :].strip()
    if version != VERSION:
        raise ValueError(
            f"{path} is a checkpoint of version {version.decode(errors='replace')} and this "
            f"lstmwidgets reads version {VERSION.decode()}; remove it to start anew"
        )
    if hashlib.sha256(data).hexdigest().encode() != checksum.strip():
        raise ValueError(f"{path} is truncated or was changed; remove it to start anew")
    content: dict[str, Any] = torch.load(io.BytesIO(data), weights_only=True)
    return content


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
