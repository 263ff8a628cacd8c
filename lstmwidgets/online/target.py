"""The target's way into a network and out of it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.scaling import BOUND, LIMIT, MEMORY
from ..kernels.streams import RATE, WILD


class Recent(NamedTuple):
    """What a stream's targets have left behind for the next input.

    Attributes
    ----------
    last : float or None
        The last learned target.
    change : float
        By how much it differed from the one before.
    surprise : float
        By how much it differed from what was to be expected without the network.
    """

    last: float | None = None
    change: float = 0.0
    surprise: float = 0.0


class TargetScaler:
    """Turns targets into what a network should put out, and its output into predictions.

    A network puts out the difference between the target and a base in units of the typical one, so
    that an output of zero is the base. The base is what cheap experts expect; without them the last
    target, and without that the mean.

    Parameters
    ----------
    scale : bool
        Use units that follow the data; otherwise the target's own.
    lag : bool
        Whether the network reads past targets, and differences are to a base that follows them.

    Attributes
    ----------
    recent : Recent
        What the stream has left behind.
    unit : float
        The typical difference between target and base.
    """

    def __init__(self, scale: bool, lag: bool) -> None:
        self.scale = scale
        self.lag = lag
        self.recent = Recent()
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self._residuals = 0
        self._typical = 0.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the target feeds."""
        if not self.lag:  # one that is always there, for events without any feature
            return ("nothing",)
        return ("last target", "last change", "expected change", "last surprise")

    @property
    def base(self) -> float:
        """What is to be expected without experts."""
        if self.lag:
            return 0.0 if self.recent.last is None else self.recent.last
        return self._mean if self.scale else 0.0

    @property
    def has_learned(self) -> bool:
        """Whether a target has come."""
        return self._count > 0

    @property
    def is_known(self) -> bool:
        """Whether there is a unit to learn in."""
        return not self.scale or self._typical > 0

    @property
    def unit(self) -> float:
        """The typical difference between target and base; 1 as long as it is not known."""
        return self._typical if self.scale and self._typical > 0 else 1.0

    def as_inputs(self, base: float) -> tuple[float, ...]:
        """Return what the network reads of the past targets, one number for each of `inputs`."""
        last, change, surprise = self.recent
        if not self.lag:
            return (0.0,)
        if last is None or not self._count:
            return (0.0, 0.0, 0.0, 0.0)
        if not self.scale:
            return tuple(_cut(value, LIMIT) for value in (last, change, base - last, surprise))
        unit = self._typical if self._typical > 0 else 1.0
        deviation = math.sqrt(self._squares / self._count)
        return (
            _cut((last - self._mean) / deviation, BOUND) if deviation > 0 else 0.0,
            _cut(change / unit, BOUND),
            _cut((base - last) / unit, BOUND),
            _cut(surprise / unit, BOUND),
        )

    def packed(self) -> NDArray[np.float64]:
        """Return what was learned, as `kernels.serving` takes it, (6,)."""
        known = float(self._count > 0)
        if not self.scale:
            return np.array([known, 0.0, 1.0, 1.0, LIMIT, 0.0])
        deviation = math.sqrt(self._squares / max(self._count, 1))
        return np.array([known, self._mean, deviation, self.unit, BOUND, self._mean])

    def learned(self) -> NDArray[np.float64]:
        """Return what was learned, as `kernels.streams` takes it, (5,)."""
        counts = (self._count, self._mean, self._squares, self._residuals, self._typical)
        return np.array(counts, np.float64)

    def put_learned(self, learned: NDArray[np.float64]) -> None:
        """Go on from what `learned` returned."""
        count, self._mean, self._squares, residuals, self._typical = learned.tolist()
        self._count, self._residuals = int(count), int(residuals)

    def learn(self, y: float, base: float) -> None:
        """Take in a target and what was to be expected."""
        if self._count:
            self._residuals += 1
            size = abs(y - base)
            if self._typical > 0:
                size = min(size, WILD * self._typical)
            self._typical += max(1 / self._residuals, RATE) * (size - self._typical)
        if self._count >= MEMORY:
            self._squares *= 1 - 1 / MEMORY
        else:
            self._count += 1
        apart = y - self._mean
        if self._typical > 0:  # an outlier moves the mean by no more than what is typical
            bound = self._count * self._typical
            apart = _cut(apart, bound)
        self._mean += apart / self._count
        self._squares += apart * (apart - apart / self._count)
        self.observe(y, base)

    def observe(self, y: float, base: float) -> None:
        """Remember a target and what was to be expected, if that is read; learn nothing."""
        if self.lag:
            last = self.recent.last
            self.recent = Recent(y, 0.0 if last is None else y - last, y - base)

    def scaled(self, y: float, base: float) -> float:
        """Return what the network should put out for a target."""
        apart = (y - base) / self.unit
        return _cut(apart, BOUND) if self.scale else apart

    def unscaled(self, output: float, base: float) -> float:
        """Return the prediction that a network output stands for."""
        return base + output * self.unit


def _cut(value: float, bound: float) -> float:
    if -bound <= value <= bound:
        return value
    return math.copysign(bound, value)
