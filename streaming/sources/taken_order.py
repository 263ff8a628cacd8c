"""In which order messages of several partitions were taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..errors import StreamError
from .record_journal import RecordJournal

Run = tuple[int, int]
"""A partition, and the offset that messages were taken up to."""

LARGE = 2**16
"""Bytes from which on the file is made shorter."""


class _Line(msgspec.Struct, omit_defaults=True):
    """What was noted at once.

    Attributes
    ----------
    begin : dict of int to int
        Where partitions begin that were found.
    taken : list of Run
        What was taken, one after the other.
    """

    begin: dict[int, int] = {}  # msgspec copies it
    taken: list[Run] = []


class TakenOrder:
    """Notes the order in which messages are taken from partitions, before they are passed on.

    A broker keeps each partition's order, and nobody keeps the order between them. So a job that
    goes on from a checkpoint takes again, in the order that is noted here, what it had taken since.

    Parameters
    ----------
    path : Path, optional
        The file; without it only where the partitions begin is known.

    Attributes
    ----------
    begins : dict of int to int
        Offset where each partition begins for this job.

    Raises
    ------
    StreamError
        If the file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "order"
    >>> order = TakenOrder(path)
    >>> order.found({0: 0, 1: 5})
    >>> order.took([(0, 3), (1, 6), (0, 4)])
    >>> order.close()
    >>> order = TakenOrder(path)
    >>> order.behind({0: 2, 1: 6})
    deque([(0, 3), (0, 4)])
    >>> order.close()
    """

    def __init__(self, path: Path | None) -> None:
        self.begins: dict[int, int] = {}
        self._path = path
        self._journal = None if path is None else RecordJournal(path)
        try:
            for line in self._lines():
                self.begins |= line.begin
        except StreamError:
            self.close()
            raise

    def found(self, begins: Mapping[int, int]) -> None:
        """Note where partitions begin."""
        self.begins |= begins
        self._note(_Line(begin=dict(begins)))

    def took(self, runs: Sequence[Run]) -> None:
        """Note what is passed on next."""
        self._note(_Line(taken=list(runs)))

    def behind(self, places: Mapping[int, int]) -> deque[Run]:
        """Return what was taken behind the offsets of a checkpoint, in order."""
        runs = (run for line in self._lines() for run in line.taken)
        return deque((number, end) for number, end in runs if end > places.get(number, -1))

    def forget(self, places: Mapping[int, int]) -> None:
        """Leave out what lies before a checkpoint's offsets, if it has become much."""
        if self._journal is not None and self._journal.size > LARGE:
            begins = {n: begin for n, begin in self.begins.items() if n not in places}
            rest = _Line(begin=begins, taken=list(self.behind(places)))
            self._journal.replace(_encoded(rest))

    def sync(self) -> None:
        """Bring the file to the disk."""
        if self._journal is not None:
            self._journal.sync()

    def close(self) -> None:
        """Bring the file to the disk, and close it."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _note(self, line: _Line) -> None:
        if self._journal is not None:
            self._journal.write(_encoded(line))

    def _lines(self) -> list[_Line]:
        lines = () if self._journal is None else self._journal.lines(0)
        try:
            return [msgspec.json.decode(line, type=_Line) for line in lines]
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StreamError(
                f"{self._path} is damaged ({error}); restore it, or remove it: what came after the "
                "last checkpoint may then be taken in another order than before"
            ) from error


def _encoded(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
