"""How improbable it is that nothing has changed for so long.

Runs of events that repeat the one before are counted by their length, in powers of two. A run
counts when it has ended; a length that no run has had is half as probable as half of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled

Array = NDArray[Any]

EVENTS, RUN, LASTED = range(3)
"""Places in `runs`: how many events there were before the present run; its length; and then, for
each power of two, how many events were in a run that had lasted that long."""

POWERS = 32

LENGTH = LASTED + POWERS


@compiled
def stillness(repeats: bool, runs: Array) -> float:
    """Return -log10 of how often a run is as long as with one more event; 0 if it does not repeat.

    Parameters
    ----------
    repeats : bool
        Whether the event is equal to the one before.
    runs : ndarray
        (LENGTH,).
    """
    if not repeats:
        return 0.0
    power = min(int(np.log2(runs[RUN] + 1)), POWERS - 1)
    known = power
    while known > 0 and runs[LASTED + known] == 0:
        known -= 1
    share = (runs[LASTED + known] + 1) / (runs[EVENTS] + 2)
    return float((power - known) * np.log10(2) - np.log10(share))


@compiled
def learn_run(repeats: bool, runs: Array) -> None:
    """Take in whether an event is equal to the one before."""
    if repeats:
        runs[RUN] += 1
        return
    power, least = 0, 1
    while least <= runs[RUN] and power < POWERS:
        runs[LASTED + power] += runs[RUN] - least + 1
        power, least = power + 1, 2 * least
    runs[EVENTS] += runs[RUN] + 1
    runs[RUN] = 0
