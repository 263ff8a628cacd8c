"""What is remembered of a stream's targets: one row of numbers, all zeros at its beginning.

How many targets have come, the last one, by how much it differed from the one before and from what
was to be expected; then, where there are experts, the last n targets, a ring: the k-th last one at
``(seen - k) % n``, n being a power of two. A row without any number stands for a network that reads
no targets.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled_too

Array = NDArray[Any]

SEEN, LAST, CHANGE, SURPRISE, LAGS = range(5)
"""Places in a row; the lags begin at the last one."""


@compiled_too
def remember(past: Array, y: float, base: float) -> None:
    """Take in a target and what was to be expected; learn nothing."""
    if past.shape[0] == 0:
        return
    past[CHANGE] = y - past[LAST] if past[SEEN] > 0 else 0.0
    past[SURPRISE] = y - base
    past[LAST] = y
    lags = past.shape[0] - LAGS
    if lags > 0:
        past[LAGS + (int(past[SEEN]) & lags - 1)] = y
    past[SEEN] += 1
