"""Intervals from past errors that hold a promised share of what comes (split conformal)."""

from __future__ import annotations

import math


def conformal_rank(level: float, count: int) -> int:
    """Return the place, from 0, of the error among sorted ones that so many new ones stay below.

    The next error is equally likely to stand at each place among those before it. Where too few
    are known for the level, the place is behind the last of them.

    Parameters
    ----------
    level : float
        Share of new errors that shall not be above it, between 0 and 1.
    count : int
        How many errors are known.

    References
    ----------
    Vovk, Gammerman & Shafer (2005), "Algorithmic learning in a random world", section 2.2.

    Examples
    --------
    >>> conformal_rank(0.9, 99), conformal_rank(0.9, 5)
    (89, 5)
    """
    return math.ceil(level * (count + 1)) - 1
