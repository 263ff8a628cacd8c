"""The target's way into a network and out of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..kernels.numbers import COUNT, SCALED, TYPICAL
from .arrays import Arrays, Table


class TargetScaler(Arrays):
    """What was learned of a target: its mean and how far it typically is from what was expected.

    A network puts out the difference between the target and a base in units of the typical one, so
    that an output of zero is the base. The base is what cheap experts expect; without them the last
    target, and without that the mean. `lstmwidgets.kernels.numbers` has the formulas.

    Parameters
    ----------
    scale : bool
        Use units that follow the data; otherwise the target's own.

    Attributes
    ----------
    numbers : ndarray
        What kernels take, (6,).
    """

    ARRAYS: ClassVar[Table] = {"numbers": (np.float64, lambda _: (6,))}

    def __init__(self, scale: bool) -> None:
        self.numbers = np.zeros(6)
        self.numbers[SCALED] = scale

    @property
    def has_learned(self) -> bool:
        """Whether a target has come."""
        return bool(self.numbers[COUNT] > 0)

    @property
    def is_known(self) -> bool:
        """Whether there is a unit to learn in."""
        return bool(self.numbers[SCALED] == 0 or self.numbers[TYPICAL] > 0)

    @property
    def unit(self) -> float:
        """The typical difference between target and base; 1 as long as it is not known."""
        typical = float(self.numbers[TYPICAL])
        return typical if self.numbers[SCALED] and typical > 0 else 1.0
