"""Estimators and runners do the same in whatever order one asks, copies, saves and goes on."""

from __future__ import annotations

import copy
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
)
from lstmwidgets.saving import from_bytes, to_bytes
from lstmwidgets.streaming import Event, StreamRunner
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.state.cold import ColdStore
from lstmwidgets.streaming.state.keyed import KeyedStreams
from lstmwidgets.streaming.state.waiting import WaitingEvents

LENGTH = settings(max_examples=20, stateful_step_count=30, deadline=None)

NUMBERS = st.floats(-3, 3, width=32)
FEATURES = st.dictionaries(st.sampled_from(["a", "b", "c"]), NUMBERS, max_size=3)
COPIES: dict[str, Callable[[Any], Any]] = {
    "copied": copy.deepcopy,
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),  # our own
    "saved": lambda model: from_bytes(to_bytes(model)),
}


class AnyOrder(RuleBasedStateMachine):
    """An estimator, and a twin that only learns: it is never asked, copied or put aside."""

    def make(self) -> Any:
        """Return a fresh estimator."""
        raise NotImplementedError

    def learn(self, model: Any, x: dict[str, float], y: float) -> None:
        """Let it learn an event."""
        model.learn_one(x, y)

    def ask(self, model: Any, x: dict[str, float]) -> Any:
        """Return what it says of an event."""
        return model.predict_one(x)

    @initialize()
    def begin(self) -> None:
        """Begin with two that are alike."""
        self.model, self.twin = self.make(), self.make()
        self.last: dict[str, float] = {}

    @rule(x=FEATURES, y=NUMBERS)
    def learns(self, x: dict[str, float], y: float) -> None:
        """Both learn an event, perhaps with a feature that is new or missing."""
        self.last = x
        for model in (self.model, self.twin):
            self.learn(model, x, y)

    @rule(x=FEATURES)
    def is_asked(self, x: dict[str, float]) -> None:
        """To ask changes nothing, so that the second answer is the first."""
        assert self.ask(self.model, x) == self.ask(self.model, x)

    @rule(x=FEATURES)
    def lets_pass(self, x: dict[str, float]) -> None:
        """An event without a target advances both."""
        self.last = x
        for model in (self.model, self.twin):
            model.step_one(x)

    @rule(how=st.sampled_from(sorted(COPIES)))
    def becomes_a_copy(self, how: str) -> None:
        """A copy goes on in its place."""
        self.model = COPIES[how](self.model)

    @rule(x=FEATURES)
    def sees_another_stream(self, x: dict[str, float]) -> None:
        """Its stream is put aside for another one's, which is asked about, and comes back."""
        stream = self.model.get_stream()
        self.model.reset_stream()
        self.ask(self.model, x)
        self.model.set_stream(stream)

    @rule()
    def begins_a_stream(self) -> None:
        """Both begin a stream anew."""
        for model in (self.model, self.twin):
            model.reset_stream()

    @invariant()
    def is_as_the_twin(self) -> None:
        """A copy of the twin, which stays unasked, says the same to the bit."""
        assert self.ask(self.model, self.last) == self.ask(copy.deepcopy(self.twin), self.last)


class RegressorInAnyOrder(AnyOrder):
    """Truncated backpropagation, with experts."""

    def make(self) -> Any:
        """Return a regressor."""
        return LSTMRegressor(4, window=3, seed=1)


class TracesInAnyOrder(AnyOrder):
    """Eligibility traces."""

    def make(self) -> Any:
        """Return a regressor that keeps traces."""
        return LSTMRegressor(4, gradient="eligibility", seed=1)


class ClassifierInAnyOrder(AnyOrder):
    """Classes of which new ones come."""

    def make(self) -> Any:
        """Return a classifier."""
        return LSTMClassifier(4, window=3, seed=1)

    def learn(self, model: Any, x: dict[str, float], y: float) -> None:
        """Learn the whole part of the number as a class."""
        model.learn_one(x, int(y))

    def ask(self, model: Any, x: dict[str, float]) -> Any:
        """Return the probabilities."""
        return model.predict_proba_one(x)


class ForecasterInAnyOrder(AnyOrder):
    """Several steps ahead."""

    def make(self) -> Any:
        """Return a forecaster."""
        return LSTMForecaster(hidden_size=4, window=3, seed=1)

    def learn(self, model: Any, x: dict[str, float], y: float) -> None:
        """Learn the next value of the series."""
        model.learn_one(y, x)

    def ask(self, model: Any, x: dict[str, float]) -> Any:
        """Return three steps."""
        return model.forecast(3, [x] * 3)


class DetectorInAnyOrder(AnyOrder):
    """Anomalies."""

    def make(self) -> Any:
        """Return a detector."""
        return LSTMAnomalyDetector(4, window=3, seed=1)

    def learn(self, model: Any, x: dict[str, float], y: float) -> None:
        """Learn the features alone."""
        model.learn_one(x)

    def ask(self, model: Any, x: dict[str, float]) -> Any:
        """Return the score."""
        return model.score_one(x)


class Feed:
    """A runner that is fed by hand, and what it has said."""

    def __init__(self, runner: StreamRunner, queue: deque[Event]) -> None:
        self.runner, self._queue = runner, queue
        self._outcomes = runner.run()

    def take(self, events: list[Event]) -> Iterator[Any]:
        """Hand events over and yield what comes of them."""
        self._queue.extend(events)
        for outcome in self._outcomes:
            if outcome is not None:
                yield outcome.number, outcome.prediction, outcome.event.y, outcome.late
            elif not self._queue and self.runner.at_rest:
                return


class RunnerInAnyOrder(RuleBasedStateMachine):
    """A runner that is stopped and goes on elsewhere, and one that takes event after event."""

    @initialize()
    def begin(self) -> None:
        """Begin with two that are alike."""
        self.stores = ColdStore(table="streams"), ColdStore(table="waiting")
        others = ColdStore(table="streams"), ColdStore(table="waiting")
        self.told: list[Any] = []
        self.plain_told: list[Any] = []
        self.sent, self.said, self.plain_said = 0, [], []
        self.feed = self.make(self.new_model(), self.stores, self.told, batch=4, hot=2)
        self.plain = self.make(self.new_model(), others, self.plain_told, batch=1, hot=100)

    def new_model(self) -> LSTMRegressor:
        """Return a fresh model."""
        return LSTMRegressor(4, window=3, seed=1)

    def make(
        self, model: LSTMRegressor, stores: Any, told: list[Any], *, batch: int, hot: int
    ) -> Feed:
        """Return a runner that goes on from what is in the stores."""
        queue: deque[Event] = deque()

        def source() -> Iterator[Event | None]:
            while True:
                yield queue.popleft() if queue else None

        runner = StreamRunner(
            model,
            source(),
            keys=KeyedStreams(model, stores[0], hot),
            waiting=WaitingEvents(stores[1], 6),
            late_sink=Callback(told.append),
            batch=batch,
        )
        return Feed(runner, queue)

    def send(self, events: list[Event]) -> None:
        """Hand the same to both."""
        self.said += self.feed.take(events)
        for event in events:
            self.plain_said += self.plain.take([event])

    @rule(
        given=st.lists(
            st.tuples(st.sampled_from("kmnop"), FEATURES, st.none() | NUMBERS),
            min_size=1,
            max_size=9,
        )
    )
    def events_come(self, given: list[tuple[str, dict[str, float], float | None]]) -> None:
        """Events of some keys, with their targets or without."""
        self.send([Event(self.sent + n, x, y, key=key) for n, (key, x, y) in enumerate(given)])
        self.sent += len(given)

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(1, 12), y=NUMBERS, key=st.sampled_from("kmnop"), x=FEATURES)
    def target_comes(self, back: int, y: float, key: str, x: dict[str, float]) -> None:
        """A target comes late, or again, or of an event that nobody remembers."""
        self.send([Event(max(0, self.sent - back), x, y, key=key)])

    @rule(batch=st.sampled_from([1, 2, 16]), hot=st.integers(1, 6))
    def goes_on_elsewhere(self, batch: int, hot: int) -> None:
        """It ends with a checkpoint, and another one goes on from that."""
        runner = self.feed.runner
        runner.save()
        progress = msgspec.json.encode(runner.progress)
        model = from_bytes(to_bytes(runner.model))
        self.feed = self.make(model, self.stores, self.told, batch=batch, hot=hot)
        self.feed.runner.progress = msgspec.json.decode(progress)

    @invariant()
    def both_say_the_same(self) -> None:
        """All that was said until now is equal to the bit."""
        assert self.said == self.plain_said
        assert self.told == self.plain_told
        assert self.feed.runner.progress == self.plain.runner.progress


MACHINES = (
    RegressorInAnyOrder,
    TracesInAnyOrder,
    ClassifierInAnyOrder,
    ForecasterInAnyOrder,
    DetectorInAnyOrder,
    RunnerInAnyOrder,
)
for machine in MACHINES:
    machine.TestCase.settings = LENGTH

TestRegressor = RegressorInAnyOrder.TestCase
TestTraces = TracesInAnyOrder.TestCase
TestClassifier = ClassifierInAnyOrder.TestCase
TestForecaster = ForecasterInAnyOrder.TestCase
TestDetector = DetectorInAnyOrder.TestCase
TestRunner = RunnerInAnyOrder.TestCase
