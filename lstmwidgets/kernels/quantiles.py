"""Quantiles of a forecaster's errors, tracked so that they hold what they promise in the long run.

Each of some levels τ has a bound b on the errors e, in units of their size s just now. With every
error it moves against what it got wrong,

    b = b + g (τ - [e < b s])

so that the share of errors below it comes to τ whatever the series does, growth and breaks
included: Gibbs & Candès (2021), "Adaptive conformal inference under distribution shift", in the
form of a tracked quantile of Angelopoulos, Candès & Tibshirani (2023), "Conformal PID control for
time series prediction", section 2.1. The steps g become smaller with the number of errors that are
independent of each other, of n errors h steps ahead n / h.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, kernel

Array = NDArray[Any]

LEVELS = np.array([0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
LEVELS = np.concatenate([LEVELS, [0.5], 1 - LEVELS[::-1]])
"""The levels τ."""

NORMAL = np.array([2.81, 2.58, 2.33, 1.96, 1.64, 1.28, 1.04, 0.84, 0.67, 0.52, 0.39, 0.25, 0.13])
NORMAL = 1.25 * np.concatenate([-NORMAL, [0.0], NORMAL[::-1]])
"""Where bounds begin: quantiles of a normal distribution whose mean absolute value is 1."""

COUNT, SIZE, BOUNDS = range(3)
"""Places in a row: how many errors there were, their size, and where the bounds begin."""

RATE = 0.1
"""The size follows at least this fast."""

WILD = 10.0
"""An error counts as so many sizes at most."""

WIDTH = BOUNDS + len(LEVELS)
"""How many numbers a row has."""

STEP, LEAST = 0.5, 0.05
"""The first step, and the smallest."""


@compiled
def learn_error(error: float, size: float, ahead: int, row: Array) -> None:
    """Take in an error of a forecast so many steps ahead.

    Parameters
    ----------
    error : float
        What came less what was forecast.
    size : float
        The errors' size when it was forecast, ``row[SIZE]`` at that time.
    ahead : int
        Steps between them, h.
    row : ndarray
        See `COUNT`; (WIDTH,), all zeros in the beginning.
    """
    if row[COUNT] == 0:
        for k in range(LEVELS.shape[0]):
            row[BOUNDS + k] = NORMAL[k]
    if size > 0:
        step = max(LEAST, STEP / np.sqrt(max(row[COUNT] / ahead, 1.0)))
        for k in range(LEVELS.shape[0]):
            below = 1.0 if error < row[BOUNDS + k] * size else 0.0
            row[BOUNDS + k] += step * (LEVELS[k] - below)
    row[COUNT] += 1
    bounded = min(abs(error), WILD * row[SIZE]) if row[SIZE] > 0 else abs(error)
    row[SIZE] += max(1.0 / row[COUNT], RATE) * (bounded - row[SIZE])


@kernel("")
def learn(error: float, row: Array) -> None:
    """Take in an error of a forecast one step ahead; see `learn_error`."""
    learn_error(error, row[SIZE], 1, row)


def errors_at(level: float, rows: Array) -> Array:
    """Return the errors that a share of errors stays below; infinite where too few tell.

    Parameters
    ----------
    level : float
        The share, between 0 and 1.
    rows : ndarray
        As `learn_error` has them, (..., WIDTH).

    Returns
    -------
    ndarray
        (...,).
    """
    nearest = min(level, 1 - level)
    bounds = np.sort(rows[..., BOUNDS:])  # each is tracked alone: two may pass each other a while
    upper = min(max(int(np.searchsorted(LEVELS, level)), 1), len(LEVELS) - 1)
    below, above = LEVELS[upper - 1 : upper + 1]
    share = (level - below) / (above - below)
    between = (1 - share) * bounds[..., upper - 1] + share * bounds[..., upper]
    few = ((rows[..., COUNT] + 1) * nearest < 1 - 1e-9) | (nearest < LEVELS[0] - 1e-9)
    errors: Array = np.where(few, np.copysign(np.inf, level - 0.5), between * rows[..., SIZE])
    return errors
