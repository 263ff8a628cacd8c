"""Records as JSON Lines: one object a line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from ..errors import StreamError
from ..files import atomic_write, cannot_write
from .base import Sink


class JsonLines(Sink):
    r"""Writes records to a file, one JSON object a line.

    By itself the file appears when all of it is written: leaving the context by an exception leaves
    no file, and an older one of the same name as it was. For a job with checkpoints the file is
    written in its place, and cut to the length that the last checkpoint knows of when the job goes
    on. NaN and infinities are written as null, as JSON has no word for them.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    at : mapping, optional
        Write in place, from the place on that `flush` has returned; ``{}`` begins a new file.

    Raises
    ------
    StreamError
        If the file is shorter than that, or cannot be written: what the last `flush` had is then in
        it.

    Examples
    --------
    >>> import tempfile
    >>> from lstmwidgets.streaming import Prediction
    >>> path = Path(tempfile.mkdtemp()) / "predictions.jsonl"
    >>> with JsonLines(path) as sink:
    ...     sink.write(Prediction(id=0, prediction=None, target=2.5))
    >>> path.read_text()
    '{"id":0,"prediction":null,"target":2.5}\n'
    """

    def __init__(self, path: Path, at: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.name = str(path)
        self._length = None if at is None else int(at.get("bytes", 0))
        self._encoder = msgspec.json.Encoder()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._length is None:
            beside = self._open.enter_context(atomic_write(self.path))
            self._file: BinaryIO = self._open.enter_context(beside.open("wb"))
        else:
            self._file = self._open.enter_context(_opened_at(self.path, self._length))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._open.__exit__(kind, error, traceback)
        except OSError as trouble:  # of what was still in memory
            raise cannot_write(self.path, trouble) from trouble

    def write(self, record: msgspec.Struct) -> None:
        """Write one line."""
        try:
            self._file.write(self._encoder.encode(record) + b"\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def flush(self) -> dict[str, Any]:
        """Bring all lines to the disk; return the file's length in bytes."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return {"bytes": self._file.tell()}


def _opened_at(path: Path, length: int) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
        if size < length:
            raise StreamError(
                f"{path} has {size:,} bytes, and {length:,} had been written at the last "
                "checkpoint; put the file back, or begin anew with another --checkpoint folder"
            )
        file = path.open("r+b" if length else "wb")
    except OSError as error:
        raise cannot_write(path, error) from error
    file.truncate(length)
    file.seek(length)
    return file
