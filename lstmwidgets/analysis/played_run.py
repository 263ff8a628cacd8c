"""A run that goes on as far as it is told, so that one can look on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from time import monotonic, sleep

from .live_run import Run

GAP = 0.001
"""Seconds between two events from which on another thread must have been at work."""

POLITE = 0.008
"""Seconds for which other threads then get their turn at once; Python's own wait of 5 ms for each
of the many turns that a cell's answer takes makes a notebook feel slow."""

TURN = 0.0003
"""Seconds between two turns of theirs, a little less than a burst of events takes."""


class PlayedRun(Run, ABC):
    """A run that takes its events itself; parameters and attributes are those of `Run`."""

    def advance(self, until: float = 0.0) -> bool:
        """Take in the next event, or the next word of a text; return False at the end.

        Parameters
        ----------
        until : float
            Go on with further events until then, on the clock of `time.monotonic`. Where they take
            less than a millisecond together, several go through the model at once.
        """
        take = self._take_some if until else self._take_one
        try:
            more, now, turn, polite = take(), monotonic(), 0.0, 0.0
            while more and now < until:
                before = now
                more, now = take(), monotonic()
                if now - before > GAP:
                    polite = now + POLITE
                if turn < now < polite:
                    sleep(0)
                    now = monotonic()
                    turn = now + TURN
        finally:
            self._settle()
        return more

    @abstractmethod
    def _take_one(self) -> bool:
        """Take in the next event and `_note` it; return False at the end."""

    def _take_some(self) -> bool:
        """Take in the next events, if several at once do the same as one after the other."""
        return self._take_one()
