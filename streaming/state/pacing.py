"""When a checkpoint is due, and how the work of one is spread between events."""

from __future__ import annotations

import time
from collections.abc import Iterable

SHARE = 0.5
"""Most of the time that goes to a checkpoint, over what goes to events meanwhile."""

LONGEST = 4e-3
"""Seconds that events wait for portions of it at most, if a portion is short."""


class Due:
    """Says when the next checkpoint is due.

    Parameters
    ----------
    seconds : float
        Most time between two.
    events : int, optional
        Most events between two.
    """

    def __init__(self, seconds: float = 1.0, events: int | None = None) -> None:
        self._seconds = seconds
        self._events = events
        self._last = time.monotonic()
        self._passed = 0

    def __call__(self, events: int = 1) -> bool:
        """Count events; say whether a checkpoint is due after them: never if none has come."""
        self._passed += events
        if not self._passed:
            return False
        enough = self._events is not None and self._passed >= self._events
        return enough or time.monotonic() - self._last >= self._seconds

    def done(self) -> None:
        """Note that the checkpoint was made."""
        self._last = time.monotonic()
        self._passed = 0


class Spread:
    """Work that is done in portions between events, for a share of the time.

    Parameters
    ----------
    portions : iterable
        Does a portion whenever it is asked for an item.

    Examples
    --------
    >>> spread = Spread(range(3))
    >>> spread.finish()
    >>> spread.go_on()
    True
    """

    def __init__(self, portions: Iterable[object]) -> None:
        self._portions = iter(portions)
        self._done = False
        self._rested = time.perf_counter()
        self._took = 0.0

    def go_on(self) -> bool:
        """Do some of it, if enough time has gone by for events; say whether all is done."""
        begin = time.perf_counter()
        allowed = SHARE * (begin - self._rested)
        if self._took > allowed:  # also where a single portion takes longer than it should
            return self._done
        self._took = 0.0
        while not self._done and self._took <= min(allowed, LONGEST):
            self._done = next(self._portions, self) is self
            self._rested = time.perf_counter()
            self._took = self._rested - begin
        return self._done

    def finish(self) -> None:
        """Do the rest of it."""
        for _ in self._portions:
            pass
        self._done = True
