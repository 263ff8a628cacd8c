"""The target's way into a network and out of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .scaling import BOUND, OnlineScaler


class TargetScaler:
    """Turns targets into what a network should put out, and its output into predictions.

    Parameters
    ----------
    scale : bool
        Standardise online; otherwise units are left alone.
    lag : bool
        The network reads the last target and its last change, and puts out the next change in units
        of the mean absolute change so far: an output of zero repeats the last value. Otherwise it
        puts out the standardised target itself.

    Attributes
    ----------
    last : float or None
        The last learned target.
    change : float
        By how much it differed from the one before.
    """

    def __init__(self, scale: bool, lag: bool) -> None:
        self.scale = scale
        self.lag = lag
        self.last: float | None = None
        self._level = OnlineScaler()
        self._level.learn(np.array([np.nan]))  # gives the scaler its column and no value
        self.change = 0.0
        self._changes = 0
        self._total_change = 0.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the target feeds."""
        return ("last target", "last change") if self.lag else ("nothing",)

    def as_inputs(self) -> NDArray[np.float64]:
        """Return what the network reads of the past targets, one number for each of `inputs`."""
        if not self.lag:  # one input that is always there, for events without any feature
            return np.zeros(1)
        if self.last is None:
            return np.zeros(2)
        if not self.scale:
            return np.array([self.last, self.change])
        level = self._level.scale(np.array([self.last]))[0]
        return np.array([level, np.clip(self.change / self._unit, -BOUND, BOUND)])

    def reset(self) -> None:
        """Forget the last target, as between two sequences; keep the scales."""
        self.last, self.change = None, 0.0

    def learn(self, y: float) -> None:
        """Take in a target."""
        if self.last is not None:
            self.change = y - self.last
            self._changes += 1
            self._total_change += abs(self.change)
        self.last = y
        self._level.learn(np.array([y]))

    def scaled(self, y: float) -> float:
        """Return what the network should put out for a target."""
        apart = (y - self._base) / self._unit
        return float(np.clip(apart, -BOUND, BOUND)) if self.scale else apart

    def unscaled(self, output: float) -> float:
        """Return the prediction that a network output stands for."""
        return self._base + output * self._unit

    @property
    def _base(self) -> float:
        if self.lag:
            return 0.0 if self.last is None else self.last
        return float(self._level.mean[0]) if self.scale else 0.0

    @property
    def _unit(self) -> float:
        if not self.scale:
            return 1.0
        if self.lag:
            return self._total_change / self._changes if self._total_change else 1.0
        return float(self._level.deviation[0]) or 1.0
