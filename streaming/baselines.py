"""Forecasts that cost nothing, for a model to be measured against, and the running errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from lstmwidgets.times import in_utc

from .events import Event, Outcome

EPOCH, DAY = datetime(1970, 1, 1, tzinfo=UTC), 86_400

REMEMBERED = 100_000
"""Most targets kept for a day: one a second fits, and a clock that stands still does no harm."""


class Baseline(ABC):
    """A forecast by rule.

    Attributes
    ----------
    name : str
        For people.
    """

    name: str
    state: Any
    """What it remembers, in plain values; can be set."""

    @abstractmethod
    def predict(self, event: Event) -> float | None:
        """Return the forecast for an event, None where the rule has none."""

    @abstractmethod
    def learn(self, event: Event, target: float) -> None:
        """Take in an event's target."""


class LastValue(Baseline):
    """Repeats the last value."""

    name = "last value"

    def __init__(self) -> None:
        self.state: float | None = None

    def predict(self, event: Event) -> float | None:  # noqa: ARG002
        """Return the last target."""
        return self.state

    def learn(self, event: Event, target: float) -> None:  # noqa: ARG002
        """Keep the target."""
        self.state = target


class SameTimeYesterday(Baseline):
    """Repeats the value of 24 hours before, to the second, of a stream with times in order.

    It has none where times are days, and a day has several events: which one is meant is not known.
    """

    name = "same hour yesterday"

    def __init__(self) -> None:
        self._past: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def predict(self, event: Event) -> float | None:
        """Return the target of 24 hours ago, None if there was no event at that time."""
        if event.time is None:
            return None
        past, yesterday = self._past, _second(event.time) - DAY
        while past and past[0][0] < yesterday:
            past.popleft()
        if not past or past[0][0] != yesterday:
            return None
        is_midnight = yesterday % DAY == 0
        if is_midnight and len(past) > 1 and past[1][0] == yesterday:
            return None
        return past[0][1]

    def learn(self, event: Event, target: float) -> None:
        """Keep the target until it is a day old."""
        if event.time is not None:
            self._past.append((_second(event.time), target))

    @property
    def state(self) -> list[tuple[int, float]]:
        """Times, in seconds since 1970, and targets of the last day."""
        return list(self._past)

    @state.setter
    def state(self, state: list[tuple[int, float]]) -> None:
        self._past.clear()
        self._past.extend((second, target) for second, target in state)


class Comparison:
    """Absolute errors of the model and of one baseline, over the events that both predicted.

    Attributes
    ----------
    name : str
        The baseline's.
    events : int
        How many events both predicted.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.events = 0
        self._model = 0.0
        self._baseline = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take in an event's outcome."""
        target, baseline = outcome.event.y, outcome.baselines[self.name]
        if target is None or baseline is None or outcome.prediction is None:
            return
        self.events += 1
        self._model += abs(outcome.prediction - target)
        self._baseline += abs(baseline - target)

    def copy(self) -> Comparison:
        """Return one that has counted the same."""
        twin = Comparison(self.name)
        twin.state = self.state
        return twin

    @property
    def state(self) -> tuple[int, float, float]:
        """Events and both sums of errors; can be set."""
        return self.events, self._model, self._baseline

    @state.setter
    def state(self, state: tuple[int, float, float]) -> None:
        self.events, self._model, self._baseline = state

    @property
    def model(self) -> float | None:
        """Mean absolute error of the model, in the target's unit; None before the first."""
        return self._model / self.events if self.events else None

    @property
    def baseline(self) -> float | None:
        """Mean absolute error of the baseline, in the target's unit; None before the first."""
        return self._baseline / self.events if self.events else None

    @property
    def ratio(self) -> float | None:
        """Error of the model over that of the baseline: below 1, the model is better."""
        return self._model / self._baseline if self._baseline else None


def _second(time: datetime) -> int:
    """Return whole seconds since 1970."""
    return (in_utc(time) - EPOCH) // timedelta(seconds=1)
