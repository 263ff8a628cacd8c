"""Files that are there whole or not at all, and the one form that all files of the library have.

That form is safetensors: arrays as tensors, all else as `codec` writes it, in the header, beside
the kind of the file, the version of the form and a checksum. Nothing in it is code.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import torch as safetensors

from .codec import decode, encode

FORMAT = "lstmwidgets"
VERSION = 4
"""Of what is in the files; those of other versions are refused."""

EARLIER = b"lstmwidgets checkpoint "
"""How checkpoints of trainings began, before they were safetensors too."""

Other = Callable[[Any, str, Callable[[Any, str], Any]], Any]
Made = Callable[[dict[str, Any], Callable[[Any], Any]], Any]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; rename it on success, remove it on failure.

    A link is followed, so that the file it names is the one that is replaced. Folders are made.
    What was written is on the disk before the name is changed.

    Raises
    ------
    OSError
        If the path is a folder or a device, or its folder cannot be made or written.
    ValueError
        If the path has a NUL in it.
    """
    if "\0" in os.fspath(path):
        raise ValueError(f"path must not have a NUL in it, got {os.fspath(path)!r}")
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it is not a regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write(
    path: str | os.PathLike[str], kind: str, content: Any, other: Other | None = None
) -> None:
    """Write what `to_bytes` returns; an older file is replaced in one go, or stays on an error."""
    data = to_bytes(kind, content, other)
    try:
        with atomic_write(path) as beside:
            beside.write_bytes(data)
    except OSError as error:
        if error.errno is not None:
            error.filename = os.fspath(path)  # otherwise the one beside it, or none at all
        raise


def read(path: str | os.PathLike[str], kinds: Iterable[str], made: Made | None = None) -> Any:
    """Return the content of a file, see `from_bytes`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As of `from_bytes`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return from_bytes(Path(path).read_bytes(), kinds, os.fspath(path), made)


def to_bytes(kind: str, content: Any, other: Other | None = None) -> bytes:
    """Return a file of the library.

    Parameters
    ----------
    kind : str
        What it is, such as the class that is in it.
    content : object
        What `codec.encode` takes, with arrays of numbers and tensors in any place.
    other : callable, optional
        Gets anything else, its path, and what encodes the parts of it; returns a form or None.

    Raises
    ------
    TypeError
        If there is something else in it. The message says where.
    """
    tensors: dict[str, torch.Tensor] = {}

    def form(value: Any, path: str) -> Any:
        of_torch = isinstance(value, torch.Tensor)
        if of_torch:
            tensor = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        elif isinstance(value, np.ndarray) and _is_tensor(value.dtype):
            tensor = torch.from_numpy(np.array(value, order="C"))
        else:
            return None if other is None else other(value, path, inner)
        name = path if path not in tensors else f"{path}#{len(tensors)}"
        tensors[name] = tensor
        return {"array": name, "torch": of_torch}

    def inner(value: Any, path: str) -> Any:
        return encode(value, form, path)

    return sealed(kind, json.dumps(inner(content, kind)), tensors)


def from_bytes(
    data: bytes, kinds: Iterable[str], name: str = "the data", made: Made | None = None
) -> Any:
    """Return the content of a file that `to_bytes` made; nothing of it is run.

    Parameters
    ----------
    data : bytes
        The file.
    kinds : iterable of str
        What it may be.
    name : str
        Of the file, for errors.
    made : callable, optional
        Gets the forms that `other` returned, and what decodes the parts of them.

    Raises
    ------
    ValueError
        If the data are no such file, of another kind or version, truncated, changed or forged.
    """
    kind, text, tensors = opened(data, name)
    if kind not in kinds:
        raise ValueError(f"{name} is the file of a {kind}; expected one of {', '.join(kinds)}")

    def part(form: Any) -> Any:
        match form:
            case {"array": key, "torch": of_torch}:
                return tensors[key] if of_torch else tensors[key].numpy()
        if made is None:
            raise ValueError(f"unknown entry {sorted(form)}")
        return made(form, inner)

    def inner(form: Any) -> Any:
        return decode(form, part)

    try:
        return inner(json.loads(text))
    except Exception as error:  # whatever can go wrong with what a file describes
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{name} cannot be read: {problem}") from error


def sealed(kind: str, text: str, tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return a file of a text in JSON and the tensors that it names, with their checksum."""
    header = {"format": FORMAT, "version": str(VERSION), "kind": kind, "content": text}
    return safetensors.save(dict(tensors), header | {"sha256": _digest(header, tensors)})


def checksum(data: bytes) -> str:
    """Return the checksum that stands in a file; safetensors writes the same in several orders."""
    length = int.from_bytes(data[:8], "little")
    found: str = json.loads(data[8 : 8 + length])["__metadata__"]["sha256"]
    return found


def opened(data: bytes, name: str) -> tuple[str, str, dict[str, torch.Tensor]]:
    """Return what `sealed` was given.

    Raises
    ------
    ValueError
        See `from_bytes`.
    """
    earlier = f"{name} was saved by an earlier version of lstmwidgets; make and save it again"
    if data.startswith(EARLIER):
        raise ValueError(earlier)
    try:
        tensors = safetensors.load(data)
        length = int.from_bytes(data[:8], "little")
        header: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except Exception as error:
        raise ValueError(f"{name} is truncated or no file of lstmwidgets: {error}") from error
    form, version = header.get("format", ""), header.get("version", "")
    if form.startswith(f"{FORMAT} ") or f"{FORMAT}.recording" in header:
        raise ValueError(earlier)
    if form != FORMAT:
        raise ValueError(f"{name} is a file of safetensors, but none of lstmwidgets")
    if version != str(VERSION):
        raise ValueError(
            f"{name} was saved by another version of lstmwidgets (files of version {version}; this "
            f"one reads {VERSION}): use that version, or make and save it again"
        )
    if header.pop("sha256", "") != _digest(header, tensors):
        raise ValueError(f"{name} is damaged: it was changed after it had been written")
    return header["kind"], header["content"], tensors


def _is_tensor(dtype: np.dtype[Any]) -> bool:
    """Say whether arrays of a type can be tensors: of booleans and numbers up to 64 bits."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def _digest(header: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the checksum of all that a file holds."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
