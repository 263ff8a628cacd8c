"""Ctrl-C that ends a stream between two events instead of anywhere."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Interruptible(Generic[Item]):
    """Passes items on until Ctrl-C is pressed (SIGINT, or SIGTERM), and then ends quietly.

    While an item is being worked on, a signal only takes note; while the next one is waited for, it
    ends the wait at once. A second Ctrl-C interrupts as usual.

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
        self._waiting = False
        self.stopped_by: int | None = None

    def __iter__(self) -> Iterator[Item]:
        """Yield the items; must be run in the main thread, which gets the signals."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._note) for number in signals}
        items = iter(self._items)
        try:
            while self.stopped_by is None:
                try:
                    self._waiting = True
                    try:
                        item = next(items)
                    finally:
                        self._waiting = False
                except (StopIteration, _Stop):
                    break
                yield item
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.stopped_by is not None:
            raise KeyboardInterrupt
        self.stopped_by = number
        if self._waiting:
            raise _Stop


class _Stop(BaseException):
    """Raised out of the wait for the next item."""
