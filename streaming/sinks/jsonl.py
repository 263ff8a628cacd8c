"""Predictions as JSON Lines: one object a line."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ..events import Prediction
from ..files import written_whole


class JsonLines:
    r"""Writes predictions to a file that appears when all of them are written.

    Use it as a context manager. Leaving it by an exception leaves no file, and an older file of the
    same name as it was. NaN and infinities are written as null, as JSON has no word for them.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "predictions.jsonl"
    >>> with JsonLines(path) as sink:
    ...     sink.write(Prediction(id=0, prediction=None, target=2.5))
    >>> path.read_text()
    '{"id":0,"prediction":null,"target":2.5}\n'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoder = msgspec.json.Encoder()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        beside = self._open.enter_context(written_whole(self.path))
        self._file = self._open.enter_context(beside.open("wb"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def write(self, prediction: Prediction) -> None:
        """Write one line."""
        self._file.write(self._encoder.encode(prediction) + b"\n")
