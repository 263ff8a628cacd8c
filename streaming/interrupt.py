"""Ctrl-C that ends a stream between two events instead of anywhere."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Generic, TypeVar

from .errors import StreamError

Item = TypeVar("Item")


class TerminatedError(KeyboardInterrupt):
    """SIGTERM outside of the stream, where it ends what is done as Ctrl-C does."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise an error, so that what is half done is cleared away.

    Must be run in the main thread.
    """

    def end(*_: object) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Interruptible(Generic[Item]):
    """Passes items on until Ctrl-C is pressed (SIGINT, or SIGTERM), and then ends quietly.

    A signal only takes note, so that it finds whoever makes or takes an item with nothing half
    done; a source that waits yields None meanwhile. A second Ctrl-C interrupts as usual.

    Parameters
    ----------
    items : iterable
        What to pass on.

    Attributes
    ----------
    stopped_by : int or None
        The signal that came.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self.stopped_by: int | None = None

    def __iter__(self) -> Iterator[Item]:
        """Yield the items; must be run in the main thread, which gets the signals."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._note) for number in signals}
        try:
            for item in self._items:
                yield item
                if self.stopped_by is not None:
                    break
        except StreamError:  # a sender that was stopped by the same Ctrl-C has sent nothing
            if self.stopped_by is None:
                raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.stopped_by is not None:
            raise KeyboardInterrupt
        self.stopped_by = number
