"""Learning the rows of a table that one event has read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import kernel
from .optimizers import global_norm, take_step

Array = NDArray[Any]


@kernel("")
def learn_rows(
    rule: int,
    settings: Array,
    clip: float,
    table: Array,
    moments: Array,
    steps: Array,
    which: Array,
    errors: Array,
    pace: Array,
) -> None:
    """Take a step of an optimizer for every row that was read, and leave the others alone.

    Parameters
    ----------
    rule, settings
        As of `.optimizers.take_step`.
    clip : float
        Bound on the norm of the gradient of all rows together.
    table : ndarray
        (V, E); changed.
    moments : ndarray
        (V, 2, E); changed.
    steps : ndarray
        Steps that each row has taken, (V,); changed.
    which : ndarray
        Rows that were read, (T,); one may come several times.
    errors : ndarray
        Their gradients, (T, E); changed.
    pace : ndarray
        As of `.optimizers.take_step`, (E,).
    """
    count = which.shape[0]
    for t in range(count):  # add up what belongs to the same row at its first place
        for first in range(t):
            if which[first] == which[t]:
                for j in range(errors.shape[1]):
                    errors[first, j] += errors[t, j]
                    errors[t, j] = 0
                break
    norm = global_norm(errors.reshape(errors.size))
    if not np.isfinite(norm):
        return
    factor = min(clip / (norm + 1e-6), 1.0)
    for j in range(errors.shape[1]):
        for t in range(count):
            errors[t, j] *= np.float32(factor)
    for t in range(count):
        row = which[t]
        repeated = False
        for first in range(t):
            repeated = repeated or which[first] == row
        if not repeated:
            steps[row] += 1
            first, second = moments[row, 0], moments[row, 1]
            own = table[row]
            take_step(rule, settings, steps[row], np.inf, own, errors[t], first, second, pace)
