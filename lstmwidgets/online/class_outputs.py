"""The classes of a stream, which are not known beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import need, need_places
from .learner import OnlineLearner


class Labels:
    """Gives every class its output of a learner, in the order of first appearance.

    Attributes
    ----------
    places : dict
        Each class's output.
    seen : int
        Events learned.
    """

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}
        self.seen = 0

    def learn(self, y: Any, learner: OnlineLearner, *, with_prior: bool = True) -> int:
        """Return a class's output, after making room for it if it is new.

        The label is one that `lstmwidgets.labels.label_in` returns. The logits of the others do not
        move. With a prior, a new class begins with the probability of something that has not come
        in all events so far (Laplace's rule of succession); without, its bias is 0.
        """
        place = self.places.get(y, len(self.places))
        if place >= learner.outputs:
            bias = 0.0
            if with_prior:
                known = np.logaddexp.reduce(learner.weights().bias.astype(np.float64))
                bias = float(known) - math.log(self.seen + 1)
            learner.grow_outputs([bias])
        self.places[y] = place
        self.seen += 1
        return place

    def distribution(self, probabilities: NDArray[np.float64]) -> dict[Any, float]:
        """Return each class's probability, out of (K,)."""
        return dict(zip(self.places, probabilities.tolist(), strict=True))

    def softmax(self, output: NDArray[np.float32]) -> dict[Any, float]:
        """Return each class's probability in float64 from the outputs, (K,)."""
        logits = output.astype(np.float64)
        odds = np.exp(logits - logits.max())
        return self.distribution(odds / odds.sum())

    def verify(self, learner: OnlineLearner | None) -> None:
        """Raise ValueError unless labels from a file fit a learner."""
        need_places(self.places, "labels")
        need(len(self.places) <= (0 if learner is None else learner.outputs), "labels")
