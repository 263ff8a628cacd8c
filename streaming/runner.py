"""The loop: predict, emit, then learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.numeric import NumericEstimator
from lstmwidgets.online.stream_slots import StreamSlots
from lstmwidgets.values import number_in

from .baselines import Baseline, Comparison, LastValue, SameTimeYesterday
from .events import Event, LateTarget, Outcome, Prediction
from .latency import Latency
from .sinks import Sink
from .state.frozen import Serving, batches
from .state.keyed import Hot, KeyedStreams, named
from .state.waiting import WaitingEvents


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
    source : iterable of Event or None
        The stream; None where nothing has come for a moment.
    sink : Sink, optional
        Where predictions go.
    keys : KeyedStreams, optional
        Gives every key a state of its own.
    waiting : WaitingEvents, optional
        Lets events wait for their targets, and leaves out events that come twice. By default a
        target that does not come with its event is not known.
    late_sink : Sink, optional
        Where targets go that come late.
    serving : Serving, optional
        Predicts, and nothing is learned; then events are predicted many at a time.
    batch : int
        How many events an `LSTMRegressor` learns in one call at most, as far as they are at hand
        and no target is waited for. The numbers do not depend on it, but the model is ahead of the
        outcomes that `run` yields.

    Attributes
    ----------
    events : int
        How many events were predicted.
    comparisons : list of Comparison
        Running errors of the model beside repeating the last value (of the same key) and, without
        keys, the same hour yesterday.
    latency : Latency
        From when an event came to when its prediction was handed to the sink.
    at_rest : bool
        Whether all that was taken from the source has been dealt with, as a checkpoint needs it.

    Examples
    --------
    >>> from river.linear_model import LinearRegression
    >>> events = [Event(id=n, x={"a": n}, y=2.0 * n) for n in range(50)]
    >>> runner = StreamRunner(LinearRegression(), events)
    >>> outcomes = list(runner.run())
    >>> outcomes[0].prediction is None, outcomes[49].baselines["last value"]
    (True, 96.0)
    """

    def __init__(
        self,
        model: Regressor,
        source: Iterable[Event | None],
        sink: Sink | None = None,
        *,
        keys: KeyedStreams | None = None,
        waiting: WaitingEvents | None = None,
        late_sink: Sink | None = None,
        serving: Serving | None = None,
        batch: int = 1,
    ) -> None:
        self.model = model
        self.source = source
        self.sink = sink
        self.keys = keys
        self.waiting = waiting
        self.late_sink = late_sink
        self.serving = serving
        self.batch = batch
        self.events = 0
        self.latency = Latency()
        self.at_rest = True
        self._knows = bool(getattr(model, "has_learned", False))
        self._step_one = getattr(model, "step_one", None)
        self._last = LastValue()
        self._baselines: list[Baseline] = [self._last]
        if keys is None:
            self._baselines.append(SameTimeYesterday())
        self.comparisons = [Comparison(baseline.name) for baseline in self._baselines]

    def run(self) -> Iterator[Outcome | None]:
        """Yield each event's outcome once its prediction is emitted and its target is learned.

        Yields None where the source does: nothing has come for a moment.
        """
        if self.serving is not None:
            yield from self._serve(self.serving)
        elif self.batch > 1 and self.waiting is None and isinstance(self.model, LSTMRegressor):
            yield from self._learn_batches(self.model)
        else:
            yield from self._learn_each()

    def _learn_each(self) -> Iterator[Outcome | None]:
        """Predict, emit and learn, one event after the other."""
        for event in self.source:
            if event is None:
                yield None
                continue
            came = perf_counter()
            if self.waiting is not None and not self.waiting.is_new(event):
                yield self._learn_late(self.waiting, event)
                continue
            event = _usable(event)
            entry = self._enter(event.key)
            prediction = self.model.predict_one(event.x) if self._knows else None
            outcome = self._emit(event, prediction, came)
            if self.waiting is not None:
                self._remember(self.waiting, outcome)
            self._learn(event, entry)
            yield outcome

    def _learn_batches(self, model: LSTMRegressor) -> Iterator[Outcome | None]:
        """Do the same with many events in one call."""
        learn_many = self._learner(model)
        for batch in batches(self.source, self.batch):
            if not batch:
                yield None
                continue
            self.at_rest = False
            events = [_usable(event) for event, _ in batch]
            left = len(batch)
            for event, (_, came), prediction in zip(events, batch, learn_many(events), strict=True):
                entry = None
                if self.keys is not None:
                    entry = self._note(self.keys.bring(named(event.key)))
                outcome = self._emit(event, prediction if self._knows else None, came)
                if event.y is not None:
                    self._knows = True
                    self._show(event, event.y, entry)
                left -= 1
                self.at_rest = not left
                yield outcome

    def _learner(self, model: LSTMRegressor) -> Callable[[Sequence[Event]], Iterator[float]]:
        """Return what predicts and learns events: each on its key's stream, or all on one."""
        if self.keys is not None:
            return self.keys.iter_predict_learn_many
        alone = StreamSlots(model, 1)
        alone.adopt(0)

        def learn_many(events: Sequence[Event]) -> Iterator[float]:
            xs, ys = [event.x for event in events], [event.y for event in events]
            return alone.iter_predict_learn_many([0] * len(events), xs, ys)

        return learn_many

    def _serve(self, serving: Serving) -> Iterator[Outcome | None]:
        """Predict in batches; what is predicted does not depend on where they are cut."""
        for batch in batches(self.source, serving.batch):
            self.at_rest = False
            outcomes: list[Outcome | None] = []
            new: list[tuple[Event, float]] = []
            ids: set[int | str] = set()
            for event, came in batch:
                if self.waiting is not None and not (
                    event.x and event.id not in ids and event.id not in self.waiting
                ):  # it is known, or may be once those before it are: they come first
                    outcomes += self._serve_new(serving, new)
                    new, ids = [], set()
                if self.waiting is None or self.waiting.is_new(event):
                    new.append((_usable(event), came))
                    ids.add(event.id)
                else:
                    outcomes.append(self._learn_late(self.waiting, event))
            outcomes += self._serve_new(serving, new)
            yield from outcomes[:-1]
            self.at_rest = True
            yield outcomes[-1] if outcomes else None

    def _serve_new(self, serving: Serving, new: list[tuple[Event, float]]) -> list[Outcome]:
        """Predict events that were not seen before."""
        outcomes = []
        predictions = serving.predict([event for event, _ in new])
        for (event, came), prediction in zip(new, predictions, strict=True):
            entry = self._enter(event.key)
            outcome = self._emit(event, prediction, came)
            if self.waiting is not None:
                self._remember(self.waiting, outcome)
            if event.y is not None:
                self._show(event, event.y, entry)
            outcomes.append(outcome)
        return outcomes

    def _emit(self, event: Event, prediction: float | None, came: float) -> Outcome:
        """Hand a prediction to the sink, and compare it with the baselines'."""
        if self.sink is not None:
            key = UNSET if event.key is None else event.key
            self.sink.write(Prediction(event.id, prediction, event.y, key))
        self.latency.add(perf_counter() - came)
        forecasts = {baseline.name: baseline.predict(event) for baseline in self._baselines}
        outcome = Outcome(self.events, event, prediction, forecasts)
        self._compare(outcome)
        self.events += 1
        return outcome

    def _compare(self, outcome: Outcome) -> None:
        for comparison in self.comparisons:
            comparison.add(outcome)

    def _enter(self, key: str | None) -> Hot | None:
        """Go on with a key's stream, and what the baselines know of it."""
        if self.serving is not None:
            entry = self.serving.enter(key)
        elif self.keys is None:
            return None
        else:
            entry = self.keys.enter(key)
        return self._note(entry)

    def _note(self, entry: Hot) -> Hot:
        """Let the baselines know a key's last target."""
        self._last.state = entry.last
        return entry

    def _learn(self, event: Event, entry: Hot | None) -> None:
        if event.y is None:
            if self._step_one is not None:
                self._step_one(event.x)
            return
        self.model.learn_one(event.x, event.y)
        self._knows = True
        self._show(event, event.y, entry)

    def _show(self, event: Event, target: float, entry: Hot | None) -> None:
        """Show a target to the baselines."""
        for baseline in self._baselines:
            baseline.learn(event, target)
        if entry is not None:
            entry.last = self._last.state

    def _remember(self, waiting: WaitingEvents, outcome: Outcome) -> None:
        """Let an event wait for its target, with the state that it starts with."""
        state = b""
        to_learn = outcome.event.y is None and self.serving is None
        if to_learn and isinstance(self.model, NumericEstimator):
            state = self.model.stream_to_bytes()
        waiting.add(outcome, state)

    def _learn_late(self, waiting: WaitingEvents, event: Event) -> Outcome | None:
        """Learn a target that comes late; None if nobody waits for it."""
        known = waiting.take(event)
        if known is None or event.y is None:
            return None
        x, entry = known.x, self._enter(known.key)
        if self.serving is not None:
            self.serving.remember(known.key, event.y, known.prediction)
        elif isinstance(self.model, NumericEstimator):
            self.model.learn_late(x, event.y, known.stream)
        else:
            self.model.learn_one(x, event.y)
        self._knows = True
        past = Event(known.id, x, event.y, known.time, known.key)
        self._show(past, event.y, entry)
        if self.late_sink is not None:
            key = UNSET if known.key is None else known.key
            self.late_sink.write(LateTarget(known.id, known.prediction, event.y, key))
        outcome = Outcome(known.number, past, known.prediction, known.baselines, late=True)
        self._compare(outcome)
        return outcome

    def save(self) -> None:
        """Bring what keys and waiting events have to their stores, for a checkpoint."""
        for part in (self.keys, self.waiting, self.serving):
            if part is not None:
                part.save()

    @property
    def progress(self) -> dict[str, Any]:
        """What was counted so far, in plain values; setting it goes on from there."""
        return {
            "events": self.events,
            "knows": self._knows,
            "baselines": [baseline.state for baseline in self._baselines],
            "comparisons": [comparison.state for comparison in self.comparisons],
            "waiting": None if self.waiting is None else self.waiting.progress,
        }

    @progress.setter
    def progress(self, progress: dict[str, Any]) -> None:
        self.events, self._knows = progress["events"], progress["knows"]
        for baseline, state in zip(self._baselines, progress["baselines"], strict=True):
            baseline.state = state
        for comparison, state in zip(self.comparisons, progress["comparisons"], strict=True):
            comparison.state = state
        if self.waiting is not None:
            self.waiting.progress = progress["waiting"]


def _usable(event: Event) -> Event:
    """Return an event whose target, if there is one, can be learned."""
    if event.y is None or number_in(event.y) is not None:
        return event
    return msgspec.structs.replace(event, y=None)
