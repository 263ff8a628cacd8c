"""Standardising the numbers of an event by what the past ones were like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import LARGEST
from .compiled import compiled, inlined

Array = NDArray[Any]

BOUND = 5.0
"""Standardised numbers are cut off here (in standard deviations): one wild value must not throw the
carried state, and inputs this far out saturate the gates anyway."""

LIMIT = 1e6
"""Numbers that are not standardised are cut off here: sums of them stay within float32."""

MEMORY = 10_000.0
"""Events that a mean looks back on once there were more: what drifts is followed."""

SURPRISE = 10.0
"""A number further from the mean than this many deviations enters mean and deviation as if it were
just so far: a single outlier does not flatten all that comes after it, a new level is reached in a
few events."""

WILD = 10.0
"""A size enters the typical one as if it were at most so many times as large."""

SETTLED = 16.0
"""Values after which a deviation is known well enough to call a number an outlier."""

COUNT, MEAN, SQUARES, NUMERIC, INDEX = range(5)
"""Rows of `statistics`, (5, columns); `NUMERIC` is 1 where numbers are to be standardised, and the
last row tells where in the inputs each column goes."""


@compiled
def update(values: Array, statistics: Array) -> None:
    """Update running means and squared deviations; missing numbers are skipped."""
    for k in range(values.shape[0]):
        value = values[k]
        if not abs(value) <= LARGEST:
            continue
        residual, count = value - statistics[MEAN, k], statistics[COUNT, k]
        if count >= SETTLED:
            limit = SURPRISE * np.sqrt(statistics[SQUARES, k] / count)
            if limit > 0:
                residual = within(residual, 0.0, limit)
        remember_one_more(statistics[:, k])
        add_residual(residual, statistics[:, k])


@inlined
def remember_one_more(statistics: Array) -> None:
    """Count a number in, or where there are `MEMORY` of them discount the squared deviations."""
    if statistics[COUNT] >= MEMORY:
        statistics[SQUARES] *= 1 - 1 / MEMORY
    else:
        statistics[COUNT] += 1


@inlined
def add_residual(residual: float, statistics: Array) -> None:
    """Update mean and squared deviations by how far a number is from the mean (Welford 1962)."""
    step = residual / statistics[COUNT]
    statistics[MEAN] += step
    statistics[SQUARES] += residual * (residual - step)


@inlined
def typical_size(size: float, typical: float, count: int, rate: float) -> float:
    """Return the typical size after one more, the count-th, which enters it bounded.

    It is the mean of all, and with many it follows at least at this rate.
    """
    bounded = min(size, WILD * typical) if typical > 0 else size
    return typical + max(1 / count, rate) * (bounded - typical)


@compiled
def within(value: float, centre: float, reach: float) -> float:
    """Return a value that is no farther from the centre than that; the centre for NaN."""
    return centre if np.isnan(value) else min(max(value, centre - reach), centre + reach)


@compiled
def standardise(values: Array, statistics: Array, features: Array, inputs: Array) -> None:
    """Standardise an event's numbers; a missing feature is imputed by its mean, 0.

    Parameters
    ----------
    values : ndarray
        (columns,), NaN where missing.
    statistics : ndarray
        As `update` keeps them. Columns that are not numeric are taken as they are.
    features : ndarray
        (columns,); written.
    inputs : ndarray
        (I,); written at the columns' indices.
    """
    for k in range(values.shape[0]):
        features[k] = _standardised(values[k], statistics, k)
        inputs[int(statistics[INDEX, k])] = features[k]


@compiled
def _standardised(value: float, statistics: Array, k: int) -> float:
    if not abs(value) <= LARGEST:
        return 0.0
    if statistics[NUMERIC, k] == 0:
        return float(within(value, 0.0, LIMIT))
    count = statistics[COUNT, k]
    deviation = np.sqrt(statistics[SQUARES, k] / count) if count > 0 else 0.0
    if deviation <= 0:
        return 0.0
    return float(within((value - statistics[MEAN, k]) / deviation, 0.0, BOUND))
