"""Records handed to a function."""

from __future__ import annotations

from collections.abc import Callable as Function
from types import TracebackType
from typing import Any, Self

import msgspec

from .base import Sink


class Callback(Sink):
    """Calls a function with each record, as it is predicted.

    Delivery is at least once: after a crash, what came since the last checkpoint comes again.

    Parameters
    ----------
    function : callable
        Takes the record. An exception of it ends the job.
    name : str, optional
        The function's own by default.

    Examples
    --------
    >>> from lstmwidgets.streaming import Prediction
    >>> seen = []
    >>> with Callback(seen.append) as sink:
    ...     sink.write(Prediction(id=0, prediction=1.5, target=None))
    >>> seen[0].prediction
    1.5
    """

    exact = False

    def __init__(
        self, function: Function[[msgspec.Struct], object], *, name: str | None = None
    ) -> None:
        self.function = function
        self.name = name or f"callback:{getattr(function, '__qualname__', type(function).__name__)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def write(self, record: msgspec.Struct) -> None:
        """Call the function."""
        self.function(record)

    def flush(self) -> dict[str, Any]:
        """Return an empty place: the function has had all."""
        return {}
