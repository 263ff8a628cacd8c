"""The loop: predict, emit, then learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

from .baselines import Baseline, Comparison, LastValue, SameTimeYesterday, forecasts
from .events import Event, Outcome, Prediction
from .sinks import Sink


class Regressor(Protocol):
    """What a model must be able to do: River's regressors can, and `LSTMRegressor`."""

    def predict_one(self, x: Any) -> float:
        """Predict an event's target."""

    def learn_one(self, x: Any, y: Any) -> None:
        """Learn an event's target."""


class StreamRunner:
    """Runs a model over a stream, event by event: predict, emit, then learn.

    Parameters
    ----------
    model : Regressor
        A River regressor. One with `step_one`, as `LSTMRegressor` has, also advances its state on
        events without a target.
    source : iterable of Event
        The stream.
    sink : Sink, optional
        Where predictions go.

    Attributes
    ----------
    events : int
        How many events have gone through.
    comparisons : list of Comparison
        Running errors of the model beside repeating the last value and the same hour yesterday.

    Examples
    --------
    >>> from river.linear_model import LinearRegression
    >>> events = [Event(id=n, x={"a": n}, y=2.0 * n) for n in range(50)]
    >>> runner = StreamRunner(LinearRegression(), events)
    >>> outcomes = list(runner.run())
    >>> outcomes[0].prediction is None, outcomes[49].baselines["last value"]
    (True, 96.0)
    """

    def __init__(self, model: Regressor, source: Iterable[Event], sink: Sink | None = None) -> None:
        self.model = model
        self.source = source
        self.sink = sink
        self.events = 0
        self._learned = 0
        self._baselines: list[Baseline] = [LastValue(), SameTimeYesterday()]
        self.comparisons = [Comparison(baseline.name) for baseline in self._baselines]

    def run(self) -> Iterator[Outcome]:
        """Yield each event's outcome once its prediction is emitted and its target is learned."""
        for event in self.source:
            if event.y is not None and not math.isfinite(event.y):
                event = msgspec.structs.replace(event, y=None)
            prediction = self.model.predict_one(event.x) if self._learned else None
            if self.sink is not None:
                self.sink.write(Prediction(event.id, prediction, event.y))
            outcome = Outcome(event, prediction, forecasts(self._baselines, event))
            for comparison in self.comparisons:
                comparison.add(outcome)
            self._learn(event)
            self.events += 1
            yield outcome

    def _learn(self, event: Event) -> None:
        if event.y is None:
            step_one = getattr(self.model, "step_one", None)
            if step_one is not None:
                step_one(event.x)
            return
        self.model.learn_one(event.x, event.y)
        self._learned += 1
        for baseline in self._baselines:
            baseline.learn(event, event.y)

    @property
    def progress(self) -> dict[str, Any]:
        """What was counted so far, in plain values; setting it goes on from there."""
        return {
            "events": self.events,
            "learned": self._learned,
            "baselines": [baseline.state for baseline in self._baselines],
            "comparisons": [comparison.state for comparison in self.comparisons],
        }

    @progress.setter
    def progress(self, progress: dict[str, Any]) -> None:
        self.events, self._learned = progress["events"], progress["learned"]
        for baseline, state in zip(self._baselines, progress["baselines"], strict=True):
            baseline.state = state
        for comparison, state in zip(self.comparisons, progress["comparisons"], strict=True):
            comparison.state = state
