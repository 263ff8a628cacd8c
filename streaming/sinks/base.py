"""What every sink has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec


class Sink(ABC):
    """Takes predictions, and goes on where a killed job's last checkpoint had it.

    A job with checkpoints opens a sink with the place that `flush` gave at the last one (``{}``
    for a new job); an exact sink then takes back what it has got since, so that in the end nothing
    is there twice and nothing is missing. Without checkpoints the place is None.

    Attributes
    ----------
    name : str
        For people, and for the checkpoint: a job's sinks have different ones.
    exact : bool
        Whether what was written after the last checkpoint can be taken back. What cannot is
        delivered at least once: after a crash some records come again, with the same id.
    """

    name: str
    exact: bool = True

    @abstractmethod
    def __enter__(self) -> Self:
        """Open it.

        Raises
        ------
        StreamError
            If it cannot be written, another job writes it, or what it holds is not what had been
            written up to the place it is to go on from.
        """

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it; all that was written is in it, but after an exception without checkpoints."""

    @abstractmethod
    def write(self, record: msgspec.Struct) -> None:
        """Take in one record; it may be kept in memory until `flush`."""

    @abstractmethod
    def flush(self) -> Mapping[str, Any]:
        """Bring all records to where no crash can take them; return where to go on, as JSON can."""

    def has_records(self) -> bool:
        """Say whether there are records already that a new job would replace."""
        return False

    def committed(self) -> None:  # noqa: B027  # most sinks keep nothing for it
        """Note that a checkpoint holds what the last `flush` returned."""
