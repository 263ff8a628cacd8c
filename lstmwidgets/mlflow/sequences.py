"""The states of sequences between calls: a bounded number of them, and none that is long idle."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ..checks import check_positive, check_size

MOST = 10_000
"""Sequences in memory at most, by default; one of 32 units takes 14 kB, a forecaster's 72."""

IDLE = 3600.0
"""Seconds without a call after which a sequence is dropped, by default."""


class Sequences:
    """Keeps what each sequence has left behind, by its id.

    Parameters
    ----------
    max_sequences : int
        At most so many; beyond, the one that was used least recently is dropped.
    idle_seconds : float
        One without a call for so long is dropped.
    clock : callable
        Tells the time in seconds; it never goes back.

    Examples
    --------
    >>> sequences = Sequences(max_sequences=2)
    >>> for name in "abc":
    ...     sequences.update({name: 1.0})
    >>> sequences.get("a"), sequences.get("c"), len(sequences)
    (None, 1.0, 2)
    """

    def __init__(
        self,
        max_sequences: int = MOST,
        idle_seconds: float = IDLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_size("max_sequences", max_sequences)
        check_positive("idle_seconds", idle_seconds)
        self._most = max_sequences
        self._idle = idle_seconds
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()  # the longest idle first

    def __len__(self) -> int:
        self._drop_idle()
        return len(self._kept)

    def get(self, name: str) -> Any:
        """Return what a sequence has left behind; None if nothing is known of it."""
        self._drop_idle()
        return self._kept.get(name, (0.0, None))[1]

    def update(self, states: Mapping[str, Any]) -> None:
        """Keep what sequences have left behind now; None: they have ended."""
        self._drop_idle()
        now = self._clock()
        for name, state in states.items():
            self._kept.pop(name, None)
            if state is not None:
                self._kept[name] = now, state
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _drop_idle(self) -> None:
        before = self._clock() - self._idle
        while self._kept and next(iter(self._kept.values()))[0] < before:
            self._kept.popitem(last=False)
