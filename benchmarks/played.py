"""What the notebooks of `frames` play: a regressor over data that are at rest and never end."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from river import datasets

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream

EVENTS = list(datasets.TrumpApproval())


class Endless:
    """The events over and over; it can be read again, as a list can."""

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(itertools.repeat(EVENTS))


def regressor(**options: Any) -> LSTMRegressor:
    """Return a new model of 32 units, if not told otherwise."""
    return LSTMRegressor(seed=1, **options)


def stream(**options: Any) -> LiveStream:
    """Return a widget that plays the events through a new model."""
    return LiveStream(regressor(**options), Endless())


class BareLoop:
    """Predicts and learns, and nothing else."""

    def __init__(self) -> None:
        self._model, self._source = regressor(), iter(Endless())

    def learned(self, seconds: float) -> float:
        """Return how many events a second it learns."""
        n, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds:
            for x, y in itertools.islice(self._source, 50):
                self._model.predict_one(x)
                self._model.learn_one(x, y)
            n += 50
        return n / (time.perf_counter() - start)
