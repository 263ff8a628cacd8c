"""Steps found by what stands at them: a text in their labels, a number in a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice
from .recording import Recording

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """What a step must be like.

    Parameters
    ----------
    text : str
        What stands in its label, or in several labels one after another, with or without capitals;
        labels of one character follow each other without a space, others with one.
    column : str
        Which of the recording's numbers must be in the range; or, of the recording's categories,
        in which one the text must stand instead of in the labels.
    low, high : float
        The range, both ends in it. NaN is in no range.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> from lstmwidgets.analysis import Recording
    >>> trace = LSTM(3, 8).trace(torch.randn(1, 5, 3))
    >>> Condition("el").holds(Recording.from_trace(trace, list("Hello"))).tolist()
    [False, True, True, False, False]
    >>> words = Recording.from_trace(trace, "was it an eggplant ?".split())
    >>> Condition("an egg").holds(words).tolist()
    [False, False, True, True, False]
    """

    text: str = ""
    column: str = ""
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.text and not self.column:
            raise ValueError("a condition needs a text, a column or both")
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise ValueError(
                f"low and high must be numbers, low at most high, got {self.low} and {self.high}"
            )

    def holds(self, recording: Recording) -> Mask:
        """Return at which steps of a recording it holds, (T,)."""
        if self.column:
            check_choice("column", self.column, (*recording.columns, *recording.categories))
        words = recording.categories.get(self.column, recording.labels)
        holds = steps_with_text(words, self.text) if self.text else np.ones(len(recording), bool)
        numbers = recording.columns.get(self.column)
        if numbers is not None:
            holds &= (numbers >= self.low) & (numbers <= self.high)
        return holds


def steps_with_text(labels: Sequence[str], text: str) -> Mask:
    """Return which labels a text stands in, each time that it does, (T,)."""
    found = np.zeros(len(labels), bool)
    folded = [label.casefold() for label in labels]
    text = text.casefold()
    gap = "" if all(len(label) <= 1 for label in labels) else " "
    joined = gap.join(folded)
    ends = np.cumsum([len(label) + len(gap) for label in folded])
    place = joined.find(text)
    while place >= 0:
        first, last = np.searchsorted(ends, [place, place + len(text) - 1], side="right").tolist()
        found[first : last + 1] = True
        place = joined.find(text, place + 1)
    return found
