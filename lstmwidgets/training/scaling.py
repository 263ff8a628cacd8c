"""Mean and deviation of inputs and targets: measured once, and taken out of what is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from ..models import SequenceModel


class Moments:
    """Mean and deviation of numbers that come part by part.

    Parameters
    ----------
    width : int
        Numbers a row, each with a mean and a deviation of its own.

    References
    ----------
    Chan, Golub, LeVeque (1983). Algorithms for computing the sample variance. The American
    Statistician 37(3).

    Examples
    --------
    >>> moments = Moments(1)
    >>> moments.add(np.array([[1.0], [2.0]]))
    >>> moments.add(np.array([[3.0], [6.0]]))
    >>> moments.mean, moments.deviation**2
    (array([3.]), array([3.5]))
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)

    def add(self, *arrays: NDArray[Any]) -> None:
        """Take in arrays of rows, (n, width) each, which together are one part."""
        count = sum(map(len, arrays))
        if not count:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # see `check_held`
            self._add(count, arrays)

    def _add(self, count: int, arrays: Sequence[NDArray[Any]]) -> None:
        part = Moments(len(self.mean))
        part.count = count
        part.mean = sum(rows.sum(0, dtype=np.float64) for rows in arrays) / count
        part._squares = sum(np.square(rows - part.mean, dtype=np.float64).sum(0) for rows in arrays)
        self.join(part)

    def join(self, other: Moments) -> None:
        """Take in what another has taken in."""
        if not other.count:
            return
        total, apart = self.count + other.count, other.mean - self.mean
        self._squares += other._squares
        self._squares += np.square(apart) * (self.count * other.count / total)
        self.mean += apart * (other.count / total)
        self.count = total

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation, (width,); 1 of what never changes: it has no unit to divide by."""
        deviation = np.sqrt(self._squares / self.count)
        trace = 1e-12 * np.maximum(1, np.abs(self.mean))  # that rounding leaves of a deviation
        return np.where(deviation <= trace, 1, deviation)


def joined(parts: Sequence[Moments]) -> Moments:
    """Return the moments of all that several have taken in."""
    first, *others = parts
    for other in others:
        first.join(other)
    return first


def unmeasured(model: SequenceModel) -> dict[str, Moments]:
    """Return empty moments for ``"input"`` and ``"target"``, as far as a model lacks theirs.

    What has been measured before stays as it is: the weights rely on it.
    """
    wanted = {"input": model.embedding is None, "target": model.scales_targets}
    found = {}
    for name in (name for name, wants in wanted.items() if wants):
        mean, scale = getattr(model, f"{name}_mean"), getattr(model, f"{name}_scale")
        if not bool((mean != 0).any() or (scale != 1).any()):
            found[name] = Moments(len(mean))
    return found


def keep(model: SequenceModel, measured: Mapping[str, Moments]) -> None:
    """Keep mean and deviation in the model."""
    for name, moments in measured.items():
        mean, scale = as_tensor(moments.mean), as_tensor(moments.deviation)
        for each in (mean, scale):
            check_held(each.to(model.head.weight.dtype), f"the mean or deviation of the {name}s")
        getattr(model, f"{name}_mean").copy_(mean)
        getattr(model, f"{name}_scale").copy_(scale)


def check_held(values: Tensor, name: str) -> None:
    """Raise if numbers that were finite before have become too large for a model's dtype."""
    if not bool(values.isfinite().all()):
        kind = str(values.dtype).removeprefix("torch.")
        raise ValueError(f"{name} has numbers too large for {kind}: give them in a larger unit")


def standardised(model: SequenceModel, name: str, values: Tensor) -> Tensor:
    """Return inputs or targets (..., width) without mean and deviation, in the model's dtype.

    It computes in float64: a mean far above the deviation would eat float32's digits.
    """
    exact = (values.cpu() if values.device.type == "mps" else values).double()  # mps has none
    mean, scale = (
        getattr(model, f"{name}_{what}").to(exact.device).double() for what in ("mean", "scale")
    )
    found: Tensor = ((exact - mean) / scale).to(values.device, model.head.weight.dtype)
    return found
