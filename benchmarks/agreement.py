"""Contestants do the same job: checked before they are timed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .timing import Contestant

TOLERANCE = 2e-5
"""How far two float32 outputs may be apart."""


def check_agreement(contestants: Sequence[Contestant]) -> None:
    """Run all contestants once through their inputs and compare what they return.

    They start from zeros then; when they are timed they go on from where this has left them.

    Raises
    ------
    ArithmeticError
        If one is further from the first than the tolerance.
    """
    first, *others = contestants
    expected = _outputs(first)
    for other in others:
        apart = np.abs(_outputs(other) - expected).max()
        if not apart <= TOLERANCE:  # NaN is no agreement
            raise ArithmeticError(f"{other.name} and {first.name} are {apart:.1e} apart")


def _outputs(contestant: Contestant) -> NDArray[np.float32]:
    return np.stack([np.array(contestant.call(x)).ravel() for x in contestant.inputs])
