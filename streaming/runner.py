"""The loop: predict, emit, then learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from lstmwidgets.analysis.tasks import Task as Player
from lstmwidgets.analysis.tasks import last_step
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.features import UnknownFeaturesError
from lstmwidgets.online.stream_slots import NOWHERE, StreamSlots

from .errors import ModelError, StreamError
from .events import Event, LateTarget, Outcome
from .latency import Latency
from .sinks import Sink
from .state.frozen import Serving, batches
from .state.keyed import Hot, KeyedStreams, named
from .state.turns import carries, is_a, learn_late, stream_of
from .state.waiting import Waiting, WaitingEvents
from .tasks import Task, task_for, task_named

Weights = NDArray[Any] | Mapping[str, float]


@dataclass(slots=True)
class Planned:
    """An event of a batch.

    Attributes
    ----------
    event : Event
        With its target, if that has come.
    came : float
        When it came.
    waiting : Waiting or None
        What is remembered of it.
    late : bool
        Whether it was predicted before, and it is its target that has come.
    place : int
        Where a copy of its stream is kept.
    """

    event: Event
    came: float
    waiting: Waiting | None = None
    late: bool = False
    place: int = NOWHERE


class StreamRunner:
    """Runs a model over a stream, event by event: predict, emit, then learn.

    What that means for an event, its task says.

    Parameters
    ----------
    model : estimator
        A regressor, classifier, forecaster or anomaly detector of River's, or a pipeline. One with
        `step_one`, as those in `lstmwidgets.online` have, also advances its state on events without
        a target.
    source : iterable of Event or None
        The stream; None where nothing has come for a moment.
    sink : Sink, optional
        Where predictions go.
    task : Task, optional
        What is predicted; by default what the model is for.
    keys : KeyedStreams, optional
        Gives every key a state of its own.
    waiting : WaitingEvents, optional
        Lets events wait for their targets, and leaves out events that come twice. By default a
        target that does not come with its event is not known.
    late_sink : Sink, optional
        Where targets go that come late.
    serving : Serving, optional
        Predicts, and nothing is learned; then events are predicted many at a time.
    learn : bool
        Whether the model learns. If not, its state goes on all the same where it has `step_one`.
    batch : int
        How many events an `LSTMRegressor` learns in one call at most, as far as they are at hand.
        The numbers do not depend on it, but the model is ahead of the outcomes that `run` yields;
        what it did at each, `activations` and `shares` tell.

    Attributes
    ----------
    events : int
        How many events were predicted.
    player : lstmwidgets.analysis.tasks.Task
        Plays the model, where each key has a copy that of the last event.
    scores : Scores
        How good the predictions were, beside those of simple rules.
    comparisons : list
        Of these scores, one a rule.
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
        model: Any,
        source: Iterable[Event | None],
        sink: Sink | None = None,
        *,
        task: Task | None = None,
        keys: KeyedStreams | None = None,
        waiting: WaitingEvents | None = None,
        late_sink: Sink | None = None,
        serving: Serving | None = None,
        learn: bool = True,
        batch: int = 1,
    ) -> None:
        self.task = task_named(task_for(model)) if task is None else task
        self.model = model
        self.source = source
        self.sink = sink
        self.keys = keys
        self.waiting = waiting
        self.late_sink = late_sink
        self.serving = serving
        self.learning = learn and serving is None
        self.batch = batch
        self.events = 0
        self.latency = Latency()
        self.at_rest = True
        self.player = self.task.player(model)
        self.scores = self.task.scores(keyed=keys is not None)
        self._knows = self.task.knows(model) or not learn
        self._players: dict[int, Player] = {}
        self._result: NDArray[Any] | None = None  # of the last outcome, where many are learned

    @property
    def activations(self) -> NDArray[Any] | None:
        """What the LSTM did at the last outcome; as `activations` of the estimators of ours."""
        if self._result is not None:
            activations: NDArray[Any] = self.model.activations_of(self._result)
            return activations
        return getattr(last_step(self.player.model), "activations", None)

    @property
    def shares(self) -> Mapping[str, float]:
        """Weight of each expert after the last outcome; empty of a model without any."""
        return self.shares_of(self.weights)

    @property
    def weights(self) -> Weights:
        """What `shares_of` makes the shares of, which takes a while; or these, where they exist."""
        if self._result is not None:
            weights: Weights = self.model.weights_of(self._result)
            return weights
        return getattr(last_step(self.player.model), "shares", {})

    def shares_of(self, weights: Weights) -> Mapping[str, float]:
        """Return what `shares` was when `weights` were these."""
        if isinstance(weights, np.ndarray):
            shares: Mapping[str, float] = self.model.shares_of(weights)
            return shares
        return weights

    @property
    def comparisons(self) -> list[Any]:
        """How the predictions compare with those of each rule."""
        return self.scores.comparisons

    def run(self) -> Iterator[Outcome | None]:
        """Yield each event's outcome once its prediction is emitted and its target is learned.

        Yields None where the source does: nothing has come for a moment.
        """
        if self.serving is not None:
            yield from self._serve(self.serving)
        elif self.batch > 1 and self.learning and is_a(self.model, LSTMRegressor):
            yield from self._learn_batches(self.model)
        else:
            yield from self._learn_each()

    def _learn_each(self) -> Iterator[Outcome | None]:
        """Predict, emit and learn, one event after the other."""
        task = self.task
        for event in self.source:
            if event is None:
                yield None
                continue
            came = perf_counter()
            if self.waiting is not None and not self.waiting.is_new(event):
                yield self._learn_late(self.waiting, event)
                continue
            event = self._usable(event)
            entry = self._enter(event.key)
            knows, waiting = self._knows_stream(entry), None
            if self.waiting is not None:
                waiting = self.waiting.add(self.events, event, self._state_of(event))
            if task.learns_first:
                said = self._predict_and_teach(event, knows=knows)
            else:
                said = self._ask(task.predict, event) if knows else None
            outcome = self._emit(event, said, came, waiting)
            if not task.learns_first:
                self._teach(event)
            self._show(outcome, entry)
            yield outcome

    def _learn_batches(self, model: LSTMRegressor) -> Iterator[Outcome | None]:
        """Do the same with many events in one call."""
        slots = self._slots(model)
        for batch in batches(self.source, self.batch):
            if not batch:
                yield None
                continue
            self.at_rest = False
            planned, problem = self._plan(batch, slots)
            left = len(planned)
            results = self._learn_planned([each for each in planned if each is not None], slots)
            for each in planned:
                outcome = None if each is None else self._finish(each, next(results))
                left -= 1
                self.at_rest = not left and problem is None
                yield outcome
            if problem is not None:
                raise problem

    def _slots(self, model: LSTMRegressor) -> StreamSlots:
        """Return the slots of the keys' streams, or one where all is one stream."""
        if self.keys is not None:
            slots = self.keys.slots
        else:
            slots = StreamSlots(model, 1)
            slots.adopt(0)
        if self.waiting is not None:
            self.waiting.copies = slots
        return slots

    def _plan(
        self, batch: Sequence[tuple[Event, float]], slots: StreamSlots
    ) -> tuple[list[Planned | None], Exception | None]:
        """Return what there is to do with the events of a batch, nothing with some.

        And what is wrong with the event behind them, if there is one that cannot be used.
        """
        waiting, number = self.waiting, self.events
        slots.reclaim()
        planned: list[Planned | None] = []
        try:
            for event, came in batch:
                if waiting is not None and not waiting.is_new(event):
                    planned.append(self._plan_late(waiting, event, came, slots))
                    continue
                each = Planned(self._usable(event), came)
                if waiting is not None:
                    each.place = slots.keep() if each.event.y is None else NOWHERE
                    stream = b"" if each.place == NOWHERE else each.place
                    each.waiting = waiting.add(number, each.event, stream)
                number += 1
                planned.append(each)
        except StreamError as error:  # it comes after what was before it
            return planned, error
        return planned, None

    def _plan_late(
        self, waiting: WaitingEvents, event: Event, came: float, slots: StreamSlots
    ) -> Planned | None:
        """Return the event that a target belongs to; None if nobody waits for it."""
        known = self._awaited(waiting, event)
        if known is None:
            return None
        past, waited = known
        place = waited.stream
        if isinstance(place, bytes):  # it waited through a restart
            state, place = place, slots.keep()
            slots.copy_from_bytes(place, state)
        slots.free(place)
        return Planned(past, came, waited, late=True, place=place)

    def _learn_planned(
        self, planned: Sequence[Planned], slots: StreamSlots
    ) -> Iterator[NDArray[Any]]:
        """Predict and learn what is planned; yield what the model did at each event."""
        events, at = [each.event for each in planned], 0
        where = [[0] * len(events)] if self.keys is None else self.keys.iter_slots(events)
        for part in where:
            those = planned[at : at + len(part)]
            at += len(part)
            yield from slots.iter_results(
                part,
                [each.event.x for each in those],
                [each.event.y for each in those],
                kept=[each.place for each in those],
                late=[each.late for each in those],
                whole=True,
            )

    def _finish(self, planned: Planned, result: NDArray[Any]) -> Outcome:
        """Emit the prediction of an event that has been learned, or its late target."""
        event = planned.event
        entry = None
        if self.keys is not None:
            entry = self._note(self.keys.bring(named(event.key)))
        self._result = result
        if planned.late:
            assert planned.waiting is not None
            return self._finish_late(event, planned.waiting, entry)
        said = float(result[0]) if self._knows else None
        outcome = self._emit(event, said, planned.came, planned.waiting)
        self._knows = self._knows or event.y is not None
        self._show(outcome, entry)
        return outcome

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
                    new.append((self._usable(event), came))
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
            entry, waiting = self._enter(event.key), None
            if self.waiting is not None:
                waiting = self.waiting.add(self.events, event, b"")
            outcome = self._emit(event, prediction, came, waiting)
            self._show(outcome, entry)
            outcomes.append(outcome)
        return outcomes

    def _usable(self, event: Event) -> Event:
        """Return an event whose target, if there is one, can be learned."""
        target = self.task.target(event.y)
        return event if target is event.y else msgspec.structs.replace(event, y=target)

    def _knows_stream(self, entry: Hot | None) -> bool:
        """Say whether there is something to predict from."""
        if entry is None or self.keys is None or not self.keys.copies or not self.learning:
            return self._knows
        return entry.memory is not None or self.task.knows(self.player.model)

    def _emit(self, event: Event, said: Any, came: float, waiting: Waiting | None) -> Outcome:
        """Hand a prediction to the sink, and compare it with the rules'."""
        rules = self.scores.predict(event)
        record = self.task.record(event, said, self.player)
        if self.sink is not None:
            self.sink.write(record)
        self.latency.add(perf_counter() - came)
        outcome = Outcome(self.events, event, self.task.value(record), rules, record=record)
        if waiting is not None:
            waiting.prediction, waiting.baselines = outcome.prediction, rules
        self.scores.add(outcome)
        self.events += 1
        return outcome

    def _enter(self, key: str | None) -> Hot | None:
        """Go on with a key's stream, and what the rules know of it."""
        if self.serving is not None:
            entry = self.serving.enter(key)
        elif self.keys is None:
            return None
        else:
            entry = self.keys.enter(key)
            if self.keys.copies:
                self.player = self._player_of(self.keys.model_of(entry), entry.slot)
        return self._note(entry)

    def _player_of(self, model: Any, slot: int) -> Player:
        """Return what plays the model in a slot."""
        player = self._players.get(slot)
        if player is None or player.model is not model:
            player = self._players[slot] = self.task.player(model)
        return player

    def _note(self, entry: Hot) -> Hot:
        """Let the rules know what is known of a key."""
        self.scores.memory = entry.memory
        return entry

    def _teach(self, event: Event) -> None:
        """Let the model learn an event, or let it pass."""
        if self.learning:
            self._ask(self.task.learn, event)
            self._knows = self._knows or event.y is not None
        else:
            self.player.skip(event.x, event.y)

    def _predict_and_teach(self, event: Event, *, knows: bool) -> Any:
        """Return what the model says, if it knows anything, and let it learn the event."""
        if knows and self.learning:
            self._knows = self._knows or event.y is not None
            return self._ask(self.task.predict_and_learn, event)
        said = self._ask(self.task.predict, event) if knows else None
        self._teach(event)
        return said

    def _ask(self, what: Callable[[Player, Event], Any], event: Event) -> Any:
        """Return what the model says of an event, or does with it."""
        try:
            return what(self.player, event)
        except (StreamError, UnknownFeaturesError, MemoryError):
            raise
        except Exception as error:
            raise ModelError(self.player.model, error, event.id, event.x, event.y) from error

    def _show(self, outcome: Outcome, entry: Hot | None) -> None:
        """Show an event's target to the rules."""
        if outcome.event.y is not None:
            self.scores.learn(outcome.event, outcome.event.y)
        if not outcome.late:
            self.scores.follow(outcome)
        if entry is not None:
            entry.memory = self.scores.memory

    def _state_of(self, event: Event) -> bytes:
        """Return the state that an event starts with, if it is to wait for its target."""
        waits = self.waiting is not None and event.y is None
        learns = self.learning and self.task.needs_target
        return stream_of(self.player.model) if waits and learns else b""

    def _learn_late(self, waiting: WaitingEvents, event: Event) -> Outcome | None:
        """Learn a target that comes late; None if nobody waits for it."""
        awaited = self._awaited(waiting, event)
        if awaited is None:
            return None
        past, known = awaited
        entry = self._enter(known.key)
        if self.serving is not None:
            self.serving.remember(known.key, past.y, known.prediction)
        elif self.learning and self.task.needs_target:
            if carries(self.player.model):
                assert isinstance(known.stream, bytes)
                learn_late(self.player.model, known.x, past.y, known.stream)
            else:
                self._ask(self.task.learn, past)
        return self._finish_late(past, known, entry)

    def _awaited(self, waiting: WaitingEvents, event: Event) -> tuple[Event, Waiting] | None:
        """Return the event that a target belongs to, with it; None if nobody waits for it."""
        if event.y is None:
            return None
        target = self.task.target(event.y)
        known = waiting.take(event.id, target)
        if known is None:
            return None
        return Event(known.id, known.x, target, known.time, known.key), known

    def _finish_late(self, event: Event, known: Waiting, entry: Hot | None) -> Outcome:
        """Hand a late target to its sink, and compare the prediction of its event with it."""
        if self.learning and self.task.needs_target:
            self._knows = True
        if self.late_sink is not None:
            key = UNSET if known.key is None else known.key
            self.late_sink.write(LateTarget(known.id, known.prediction, event.y, key))
        outcome = Outcome(known.number, event, known.prediction, known.baselines, late=True)
        self.scores.add(outcome)
        self._show(outcome, entry)
        return outcome

    def saving(self) -> Iterator[None]:
        """Bring what keys and waiting events have now to their stores, for a checkpoint.

        It is done in portions, one whenever the iterator is asked for. Events may go on meanwhile.
        """
        parts = (self.keys, self.waiting, self.serving)
        return chain(*[part.saving() for part in parts if part is not None])

    def save(self) -> None:
        """Do the same at once."""
        for _ in self.saving():
            pass

    @property
    def progress(self) -> dict[str, Any]:
        """What was counted so far, in plain values; setting it goes on from there."""
        return {
            "events": self.events,
            "knows": self._knows,
            "scores": self.scores.counted(),
            "waiting": None if self.waiting is None else self.waiting.progress,
        }

    @progress.setter
    def progress(self, progress: dict[str, Any]) -> None:
        self.events, self._knows = progress["events"], progress["knows"]
        self.scores.go_on(progress["scores"])
        if self.waiting is not None:
            self.waiting.progress = progress["waiting"]
