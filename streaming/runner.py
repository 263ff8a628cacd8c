"""The loop: predict, emit, then learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any

import msgspec
from msgspec import UNSET

from lstmwidgets.analysis.tasks import Task as Player
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.stream_slots import StreamSlots

from .events import Event, LateTarget, Outcome
from .latency import Latency
from .sinks import Sink
from .state.frozen import Serving, batches
from .state.keyed import Hot, KeyedStreams, named
from .state.turns import carries, is_a, learn_late, stream_of
from .state.waiting import WaitingEvents
from .tasks import Task, task_for, task_named


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
        How many events an `LSTMRegressor` learns in one call at most, as far as they are at hand
        and no target is waited for. The numbers do not depend on it, but the model is ahead of the
        outcomes that `run` yields.

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
        elif self._learns_many and is_a(self.model, LSTMRegressor):
            yield from self._learn_batches(self.model)
        else:
            yield from self._learn_each()

    @property
    def _learns_many(self) -> bool:
        return self.batch > 1 and self.waiting is None and self.learning

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
            said = task.predict(self.player, event) if self._knows_stream(entry) else None
            state = self._state_of(event)
            if task.learns_first:
                self._teach(event)
            outcome = self._emit(event, said, came)
            if self.waiting is not None:
                self.waiting.add(outcome, state)
            if not task.learns_first:
                self._teach(event)
            self._show(outcome, entry)
            yield outcome

    def _learn_batches(self, model: LSTMRegressor) -> Iterator[Outcome | None]:
        """Do the same with many events in one call."""
        learn_many = self._learner(model)
        for batch in batches(self.source, self.batch):
            if not batch:
                yield None
                continue
            self.at_rest = False
            events = [self._usable(event) for event, _ in batch]
            left = len(batch)
            for event, (_, came), prediction in zip(events, batch, learn_many(events), strict=True):
                entry = None
                if self.keys is not None:
                    entry = self._note(self.keys.bring(named(event.key)))
                outcome = self._emit(event, prediction if self._knows else None, came)
                self._knows = self._knows or event.y is not None
                self._show(outcome, entry)
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
            entry = self._enter(event.key)
            outcome = self._emit(event, prediction, came)
            if self.waiting is not None:
                self.waiting.add(outcome, b"")
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

    def _emit(self, event: Event, said: Any, came: float) -> Outcome:
        """Hand a prediction to the sink, and compare it with the rules'."""
        rules = self.scores.predict(event)
        record = self.task.record(event, said, self.player)
        if self.sink is not None:
            self.sink.write(record)
        self.latency.add(perf_counter() - came)
        outcome = Outcome(self.events, event, self.task.value(record), rules, record=record)
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
            self.task.learn(self.player, event)
            self._knows = self._knows or event.y is not None
        else:
            self.player.skip(event.x, event.y)

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
        if event.y is None:
            return None
        target = self.task.target(event.y)
        known = waiting.take(event.id, target)
        if known is None:
            return None
        x, entry = known.x, self._enter(known.key)
        past = Event(known.id, x, target, known.time, known.key)
        if self.serving is not None:
            self.serving.remember(known.key, target, known.prediction)
        elif self.learning and self.task.needs_target:
            if carries(self.player.model):
                learn_late(self.player.model, x, target, known.stream)
            else:
                self.player.learn(x, target)
            self._knows = True
        if self.late_sink is not None:
            key = UNSET if known.key is None else known.key
            self.late_sink.write(LateTarget(known.id, known.prediction, target, key))
        outcome = Outcome(known.number, past, known.prediction, known.baselines, late=True)
        self.scores.add(outcome)
        self._show(outcome, entry)
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
            "scores": self.scores.counted(),
            "waiting": None if self.waiting is None else self.waiting.progress,
        }

    @progress.setter
    def progress(self, progress: dict[str, Any]) -> None:
        self.events, self._knows = progress["events"], progress["knows"]
        self.scores.go_on(progress["scores"])
        if self.waiting is not None:
            self.waiting.progress = progress["waiting"]
