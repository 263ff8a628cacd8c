"""How improbable a size is, by the sizes before it: minus the decimal logarithm of a p-value.

The share of past sizes that were at least as large is a p-value (Vovk et al. 2005, "Algorithmic
learning in a random world", section 2.2), down to one over their number. Beyond the largest of them
the tail is taken to fall as a power of the size, whose exponent is estimated from the largest (Hill
1975, "A simple general approach to inference about the tail of a distribution", Annals of
Statistics 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_sum

Array = NDArray[Any]

BINS = 400
"""Bins of a histogram of sizes."""

LOWEST, HIGHEST = -5.0, 5.0
"""Its range, as powers of ten."""

MEMORY = 0.9999
"""How fast it forgets: it looks back on some 10,000 events."""

LARGEST_SHARE, LEAST = 0.02, 10.0
"""The tail is estimated from this share of the sizes, but from so many of them at least."""

EXCESS, WEIGHT = 5.0, 2.0
"""The tail's prior: so many sizes beyond it, by so many bins in the mean; an eighth of a power of
ten."""


@compiled
def improbability(size: float, histogram: Array) -> float:
    """Return -log10 of how often a size that large comes; 0 as long as few are known.

    Parameters
    ----------
    size : float
        0 or more.
    histogram : ndarray
        How many events had which size, (BINS,); at the beginning one event spread over all bins.
    """
    total = _sum(histogram)
    if total < LEAST + 1:
        return 0.0
    place, bins = _place(size), histogram.shape[0]
    own = min(int(place), bins - 1)
    above = histogram[own] * (own + 1 - place) + _sum(histogram[own + 1 :])
    needed = max(LARGEST_SHARE * (total - 1), LEAST)
    if above >= needed:
        return max(float(-np.log10((above + 1) / (total + 1))), 0.0)  # of rounding
    first, count = bins, 0.0
    while first > 1 and count + histogram[first - 1] < needed:
        first -= 1
        count += float(histogram[first])
    excess = (_moment(histogram, first) + WEIGHT * EXCESS) / (count + WEIGHT)
    beyond = max(place - first, 0.0) / excess * np.log10(np.e)
    return float(beyond - np.log10((count + 1) / (total + 1)))


@compiled_sum
def _moment(histogram: Array, first: int) -> float:
    """Return the sum over sizes of how many bins they are beyond the first."""
    total = 0.0
    for k in range(first, histogram.shape[0]):
        total += histogram[k] * (k - first + 0.5)
    return total


@compiled
def learn_size(size: float, histogram: Array) -> None:
    """Count a size in."""
    for k in range(histogram.shape[0]):
        histogram[k] *= MEMORY
    histogram[min(int(_place(size)), histogram.shape[0] - 1)] += 1


@compiled
def _place(size: float) -> float:
    power = np.log10(size) if size > 0 else LOWEST
    return min(max((power - LOWEST) / (HIGHEST - LOWEST), 0.0), 1.0) * BINS


@compiled_sum
def _sum(values: Array) -> float:
    total = 0.0
    for k in range(values.shape[0]):
        total += values[k]
    return total
