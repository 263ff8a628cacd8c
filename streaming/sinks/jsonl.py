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
from ..files import atomic_write, cannot_write, check_at, held, tail, writing
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
        If the file is shorter than that or another one, another job writes it, or it cannot be
        written: what the last `flush` had is then in it.

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
        self._at = at
        self._encoder = msgspec.json.Encoder()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            if self._at is None:
                beside = opening.enter_context(atomic_write(self.path))
                self._file: BinaryIO = opening.enter_context(beside.open("wb"))
            else:
                with writing(self.path):
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    self.path.open("ab").close()
                opening.enter_context(held(self.path))
                self._file = opening.enter_context(_opened_at(self.path, self._at))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing(self.path):  # of what was still in memory
            self._open.__exit__(kind, error, traceback)

    def has_records(self) -> bool:
        """Say whether there is something in the file."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def write(self, record: msgspec.Struct) -> None:
        """Write one line."""
        try:
            self._file.write(self._encoder.encode(record) + b"\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def flush(self) -> dict[str, Any]:
        """Bring all lines to the disk; return the file's length, and what is at its end."""
        with writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            length = self._file.tell()
            if self._at is None:
                return {"bytes": length}
            check_at(os.fstat(self._file.fileno()), self.path)
            return {"bytes": length, "tail": tail(self.path, length)}


def _opened_at(path: Path, at: Mapping[str, Any]) -> BinaryIO:
    length = int(at.get("bytes", 0))
    with writing(path):
        size = path.stat().st_size
        if size < length:
            problem = f"has {size:,} bytes, and {length:,} had been written at the last checkpoint"
        elif at.get("tail") not in (None, tail(path, length)):
            problem = "is not what had been written up to the last checkpoint"
        else:
            file = path.open("r+b")
            file.truncate(length)
            file.seek(length)
            return file
    raise StreamError(
        f"{path} {problem}; put the file back, or begin anew with another --checkpoint folder"
    )
