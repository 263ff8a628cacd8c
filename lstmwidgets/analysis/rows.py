"""Events as they are drawn, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Row(NamedTuple):
    """One event as it is drawn.

    Attributes
    ----------
    step : int
        Position in the run. In a text source every word has one.
    mark : object
        What stands for it on the axis: a time, a word, or None.
    target : object
        Number, class or None.
    prediction : object
        Number, probabilities by class or None.
    margin : float or None
        Half the width of the interval around a number.
    """

    step: int
    mark: Any
    target: Any
    prediction: Any
    margin: float | None

    @property
    def time(self) -> datetime | None:
        """When it happened, if the features say so."""
        return self.mark if isinstance(self.mark, datetime) else None

    @property
    def label(self) -> str:
        """What stands for it, for people."""
        if self.mark is None:
            return f"event {self.step:,}"
        if isinstance(self.mark, datetime):
            return f"{self.mark:%a %d %b %Y %H:%M}"
        return str(self.mark)


class Numbering(NamedTuple):
    """What steps are called that were counted before: the n-th ``origin + stride * n``.

    Attributes
    ----------
    origin : int
        Number of the first one.
    stride : int
        How far apart they are.
    noun : str
        What one is.
    """

    origin: int
    stride: int = 1
    noun: str = "event"


def as_floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Return numbers as an array, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
