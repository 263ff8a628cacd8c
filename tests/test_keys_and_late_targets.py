"""Keys with a state each, targets that come late, events that come twice, and serving."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from river.linear_model import LinearRegression

from lstmwidgets.kernels.parameters import PARAMETERS
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Event, Outcome, StreamError, StreamRunner
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.state.cold import ColdStore
from lstmwidgets.streaming.state.frozen import Serving
from lstmwidgets.streaming.state.keyed import KeyedStreams
from lstmwidgets.streaming.state.waiting import WaitingEvents

KEYS = [f"sensor {n}" for n in range(7)]


def keyed_events(count: int, seed: int = 0, late: bool = False) -> list[Event]:
    """Return events of seven keys; with ``late``, every third target comes up to 9 events later."""
    draw = random.Random(seed)
    start = datetime(2024, 1, 1)
    planned: list[tuple[float, Event]] = []
    for n in range(count):
        key = draw.choice(KEYS)
        level = 10 * KEYS.index(key)
        x = {"load": draw.random(), "shift": "day" if n % 24 > 6 else "night"}
        time, y = start + timedelta(hours=n), level + draw.gauss(0, 1)
        if late and n % 3 == 0:
            planned.append((n, Event(n, x, None, time, key)))
            planned.append((n + 0.5 + draw.randrange(9), Event(n, {}, y, None, key)))
        else:
            planned.append((n, Event(n, x, y, time, key)))
    return [event for _, event in sorted(planned, key=lambda pair: pair[0])]


def ran(runner: StreamRunner) -> list[Outcome]:
    return [outcome for outcome in runner.run() if outcome is not None]


def contents(cold: ColdStore) -> list[bytes]:
    return list(cold.values())


@pytest.mark.parametrize("hot", [1, 2, 100])
def test_every_key_has_a_state_of_its_own_wherever_it_is_kept(hot: int) -> None:
    events = keyed_events(300)
    model, oracle = LSTMRegressor(6, window=3, seed=1), LSTMRegressor(6, window=3, seed=1)
    streams = KeyedStreams(model, hot=hot)
    outcomes = ran(StreamRunner(model, events, keys=streams))
    states: dict[str, Any] = {}
    for event, outcome in zip(events, outcomes, strict=True):
        oracle.set_stream(states.get(event.key or ""))
        if outcome.number:
            assert outcome.prediction == oracle.predict_one(event.x)
        oracle.learn_one(event.x, event.y)
        states[event.key or ""] = oracle.get_stream()
    assert (len(streams), streams.in_memory) == (len(KEYS), min(hot, len(KEYS)))


def test_the_last_value_is_that_of_the_key() -> None:
    events = keyed_events(100)
    model = LSTMRegressor(4, window=2, seed=1)
    last: dict[str | None, float | None] = {}
    for outcome in ran(StreamRunner(model, events, keys=KeyedStreams(model))):
        assert outcome.baselines == {"last value": last.get(outcome.event.key)}
        last[outcome.event.key] = outcome.event.y


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 150), hot=st.integers(1, 9), late=st.booleans(), seed=st.integers(0, 9))
def test_a_runner_goes_on_from_what_was_saved(cut: int, hot: int, late: bool, seed: int) -> None:
    events = keyed_events(150, seed, late)

    def play(model: LSTMRegressor, part: list[Event], stores: Any, progress: Any) -> Any:
        streams, ids = stores
        late_targets: list[Any] = []
        runner = StreamRunner(
            model,
            part,
            keys=KeyedStreams(model, streams, hot),
            waiting=WaitingEvents(ids, 20),
            late_sink=Callback(late_targets.append),
        )
        if progress is not None:
            runner.progress = msgspec.json.decode(msgspec.json.encode(progress))
        outcomes = ran(runner)
        runner.save()
        return [(o.number, o.prediction, o.event.y, o.late) for o in outcomes], runner, late_targets

    def stores() -> Any:
        return ColdStore(table="streams"), ColdStore(table="waiting")

    whole, broken = stores(), stores()
    model = LSTMRegressor(5, window=3, seed=1)
    expected, runner, told = play(model, events, whole, None)
    other = LSTMRegressor(5, window=3, seed=1)
    first, one, told_one = play(other, events[:cut], broken, None)
    second, two, told_two = play(copy.deepcopy(other), events[cut:], broken, one.progress)
    assert first + second == expected
    assert told_one + told_two == told
    assert two.progress == runner.progress
    assert [*map(contents, broken)] == [*map(contents, whole)]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_many_in_one_call_are_one_after_the_other(data: st.DataObject) -> None:
    count, seed = data.draw(st.integers(1, 150)), data.draw(st.integers(0, 9))
    keyed, hot = data.draw(st.booleans()), data.draw(st.integers(1, 9))
    most = data.draw(st.sampled_from([2, 8, 10_000]))  # events that wait; many expire
    cut, batch = data.draw(st.integers(0, count)), data.draw(st.sampled_from([2, 7, 64]))
    optimizer = data.draw(st.sampled_from(["adam", torch.optim.Rprop]))
    events = keyed_events(count, seed, late=data.draw(st.booleans()))
    grows = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
    for n in grows:  # a feature that was not there before
        if not events[n].x:
            continue
        events[n] = msgspec.structs.replace(events[n], x=dict(events[n].x) | {f"new {n}": 1.0})
    for n in data.draw(st.sets(st.integers(0, count - 1), max_size=3)):
        events[n] = msgspec.structs.replace(events[n], y=math.nan)

    def play(batch: int) -> Any:
        model = LSTMRegressor(5, window=3, optimizer=optimizer, seed=1)
        streams, ids = ColdStore(table="streams"), ColdStore(table="waiting")
        seen, told, progress = [], [], None
        for part in (events[:cut], events[cut:]):
            runner = StreamRunner(
                model,
                part,
                keys=KeyedStreams(model, streams, hot) if keyed else None,
                waiting=WaitingEvents(ids, most),
                late_sink=Callback(told.append),
                batch=batch,
            )
            if progress is not None:
                runner.progress = progress
            for outcome in runner.run():
                if outcome is not None:
                    shown = runner.activations
                    assert shown is not None
                    seen.append((repr(outcome), shown.tobytes(), repr(runner.shares)))
            assert runner.at_rest
            runner.save()
            progress = msgspec.json.decode(msgspec.json.encode(runner.progress))
        return seen, told, progress, model._learner.row(PARAMETERS).tobytes(), len(ids)

    one, many = play(1), play(batch)
    assert many[0] == one[0]
    assert many == one


def test_a_late_target_is_joined_compared_and_told() -> None:
    events = keyed_events(90, late=True)
    model = LSTMRegressor(4, window=2, seed=1)
    waiting, told = WaitingEvents(), []
    runner = StreamRunner(
        model, events, keys=KeyedStreams(model), waiting=waiting, late_sink=Callback(told.append)
    )
    outcomes = ran(runner)
    predicted = {o.event.id: o.prediction for o in outcomes if not o.late}
    assert len(predicted) == runner.events == 90
    assert waiting.counts == {"labelled": 30, "expired": 0, "unknown": 0, "repeated": 0}
    assert [target.prediction for target in told] == [predicted[target.id] for target in told]
    assert {o.event.id for o in outcomes if o.late} == set(range(0, 90, 3))
    assert runner.comparisons[0].events > 80


def test_targets_out_of_order_and_out_of_bounds() -> None:
    start = datetime(2024, 1, 1)

    def event(n: int) -> Event:
        return Event(n, {"a": n}, None, start + timedelta(minutes=n))

    def target(n: int) -> Event:
        return Event(n, {}, float(n))

    source = [
        *map(event, range(5)),
        target(3), target(1), target(1), event(2),  # the third: a second time; the last: again
        *map(event, range(5, 9)),
        target(0),  # eight events later: too late
        target(99),  # nobody knows it
        Event(100, {"a": 1}, None, start + timedelta(days=1)),  # the clock jumps
        target(8), target(100),
    ]  # fmt: skip
    waiting = WaitingEvents(most_events=8, most_seconds=7200)
    runner = StreamRunner(LSTMRegressor(4, seed=1), source, waiting=waiting)
    late = [outcome.event.id for outcome in ran(runner) if outcome.late]
    assert late == [3, 1, 100]
    assert waiting.counts == {"labelled": 3, "expired": 1, "unknown": 3, "repeated": 2}
    assert len(waiting) == 6  # 2 and 4 to 8, whose time is over


def test_a_stream_of_nothing_but_targets_with_ids_is_learned() -> None:
    source = [Event(n, {}, float(n)) for n in [0, 1, 2, 2, 3]]
    waiting = WaitingEvents()
    runner = StreamRunner(LSTMRegressor(4, seed=1), source, waiting=waiting)
    assert [outcome.event.id for outcome in ran(runner)] == [0, 1, 2, 3]
    assert waiting.repeated == 1


def test_other_models_learn_late_and_know_no_keys() -> None:
    source = [Event(0, {"a": 1.0}, None), Event(1, {"a": 2.0}, 4.0), Event(0, {}, 2.0)]
    model = LinearRegression()
    runner = StreamRunner(model, source, waiting=WaitingEvents())
    assert [outcome.late for outcome in ran(runner)] == [False, False, True]
    assert model.weights
    assert KeyedStreams(model).copies
    assert not KeyedStreams(model, shared=True).copies
    keyless = StreamRunner(m := LSTMRegressor(4), source, keys=KeyedStreams(m))
    with pytest.raises(StreamError, match="has no key"):
        ran(keyless)


def trained() -> LSTMRegressor:
    model = LSTMRegressor(6, window=3, seed=1)
    for event in keyed_events(200, seed=5):
        model.learn_one(event.x, event.y)
    return model


@pytest.mark.parametrize("late", [False, True])
def test_what_is_served_does_not_depend_on_batches_or_room(late: bool) -> None:
    events, model = keyed_events(300, seed=1, late=late), trained()

    def serve(batch: int, hot: int) -> list[tuple[Any, ...]]:
        waiting = WaitingEvents() if late else None
        runner = StreamRunner(
            model, events, serving=Serving(model, hot=hot, batch=batch), waiting=waiting
        )
        outcomes = ran(runner)
        assert runner.at_rest
        return [(o.number, o.prediction, o.baselines, o.late) for o in outcomes]

    expected = serve(1, 100)
    for batch, hot in [(7, 100), (64, 100), (1000, 100), (7, 1), (64, 3), (1000, 5)]:
        assert serve(batch, hot) == expected


def test_what_comes_twice_in_a_batch_is_seen_as_if_it_came_alone() -> None:
    model = trained()
    events = []
    for n in range(60):
        x = {"load": n / 10, "shift": "day"}
        events.append(Event(n, x, None, None, KEYS[n % 3]))
        events.append(Event(n, x if n % 2 else {}, float(n), None, KEYS[n % 3]))  # its target
        events.append(Event(n, x, None, None, KEYS[n % 3]))  # once more
        events.append(Event(1000 + n, {}, 1.0))  # the target of nothing
    expected = None
    for batch, hot in [(1, 100), (7, 100), (1000, 100), (1000, 2)]:
        waiting = WaitingEvents(keyed=True)
        serving = Serving(model, hot=hot, batch=batch)
        outcomes = ran(StreamRunner(model, events, serving=serving, waiting=waiting))
        seen = [(o.event.id, o.prediction, o.late) for o in outcomes], waiting.counts
        assert seen == (expected or seen)
        expected = seen
    assert expected is not None
    assert expected[1] == {"labelled": 60, "expired": 0, "unknown": 60, "repeated": 60}


def test_unusable_targets_teach_nothing_however_late() -> None:
    model = trained()
    events = [Event(0, {"load": 0.1}, None), Event(0, {}, 1e60), Event(1, {"load": 0.1}, 1e60)]
    waiting = WaitingEvents()
    runner = StreamRunner(model, events, serving=Serving(model), waiting=waiting)
    assert all(abs(outcome.prediction or 0.0) < 1e3 for outcome in ran(runner))
    assert waiting.unknown == 1
    learning = StreamRunner(model, events, waiting=WaitingEvents())
    assert all(abs(outcome.prediction or 0.0) < 1e3 for outcome in ran(learning))
    assert learning.comparisons[0].events == 0


def test_a_model_that_has_learned_predicts_from_the_first_event_on() -> None:
    outcomes = ran(StreamRunner(trained(), [Event(0, {"load": 0.5}, 3.0)]))
    assert outcomes[0].prediction is not None


def test_what_is_kept_for_a_checkpoint_is_kept_for_one_only() -> None:
    waiting = WaitingEvents(most_events=5)
    model = LSTMRegressor(4, seed=1)
    ran(StreamRunner(model, [Event(n, {"a": n}, 1.0) for n in range(50)], waiting=waiting))
    assert not waiting._changed


def test_the_edges_of_time_are_times() -> None:
    first = datetime.fromisoformat("0001-01-01T00:00:00+01:00")
    events = [Event(0, {"a": 1}, None, first), Event(0, {}, 1.0)]
    runner = StreamRunner(LSTMRegressor(4, seed=1), events, waiting=WaitingEvents(None, 9, 60.0))
    assert [outcome.late for outcome in ran(runner)] == [False, True]
    with pytest.raises(StreamError, match="an event can wait for"):
        WaitingEvents(most_seconds=float("inf"))


def test_features_that_wait_come_back_from_the_store_as_they_were() -> None:
    berlin, cold = ZoneInfo("Europe/Berlin"), ColdStore()
    x = {
        "when": datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1),
        "day": date(2024, 1, 2),
        "price": Decimal("1.10"),
        "load": math.inf,
        7: "x",
    }
    waiting = WaitingEvents(cold)
    event = Event("a", x | {"count": np.int64(3)}, None, datetime(2024, 1, 2, tzinfo=berlin))
    waiting.is_new(event)
    waiting.add(0, event, b"state").prediction = 1.5
    waiting.save()
    again = WaitingEvents(cold)
    again.progress = json.loads(json.dumps(waiting.progress))

    for each in (waiting, again):
        known = each.take("a", 2.0)
        assert known is not None
        assert repr(known.x) == repr(x | {"count": 3})
        assert (known.stream, known.prediction) == (b"state", 1.5)
    assert again.progress == waiting.progress


def test_features_that_no_store_can_hold_are_named() -> None:
    waiting = WaitingEvents(ColdStore())
    waiting.add(0, Event("a", {"odd": {1}}, None), b"")
    with pytest.raises(TypeError, match=r"the features of event 'a'\.odd cannot be kept: set"):
        waiting.save()


def test_serving_observes_every_key_and_changes_no_model() -> None:
    events, model = keyed_events(100, seed=1), trained()
    before = model._learner.row(PARAMETERS).copy()
    outcomes = ran(StreamRunner(model, events, serving=Serving(model)))
    oracles: dict[str | None, LSTMRegressor] = {}
    for event, outcome in zip(events, outcomes, strict=True):
        if event.key not in oracles:
            oracles[event.key] = copy.deepcopy(model)
            oracles[event.key].reset_stream()
        assert outcome.prediction == oracles[event.key].observe_one(event.x, event.y)
    assert (model._learner.row(PARAMETERS) == before).all()


def test_serving_goes_on_from_what_was_saved() -> None:
    events, model, cold = keyed_events(200, seed=2), trained(), ColdStore()
    whole = [o.prediction for o in ran(StreamRunner(model, events, serving=Serving(model)))]
    first = StreamRunner(model, events[:77], serving=Serving(model, cold, hot=3))
    predictions = [outcome.prediction for outcome in ran(first)]
    first.save()
    second = StreamRunner(model, events[77:], serving=Serving(model, cold, hot=5))
    second.progress = first.progress
    assert predictions + [outcome.prediction for outcome in ran(second)] == whole


def test_other_models_are_served_one_by_one() -> None:
    model = LinearRegression()
    model.learn_one({"a": 1.0}, 2.0)
    events = [Event(n, {"a": float(n)}, 1.0) for n in range(5)]
    outcomes = ran(StreamRunner(model, events, serving=Serving(model, batch=2)))
    assert [o.prediction for o in outcomes] == [model.predict_one(event.x) for event in events]


def test_a_model_without_knowledge_is_not_served() -> None:
    with pytest.raises(StreamError, match="nothing to predict with"):
        Serving(LSTMRegressor(4))


def test_a_quiet_source_is_told_and_rest_is_where_a_batch_ends() -> None:
    model = trained()

    def source() -> Iterator[Event | None]:
        yield from keyed_events(5)
        yield None
        yield None

    runner = StreamRunner(model, source(), serving=Serving(model, batch=3))
    rests = [(outcome is None, runner.at_rest) for outcome in runner.run()]
    first, second, third = [True], [False, True], [False, True]  # of one event, two, and the rest
    assert rests == [(False, rest) for rest in first + second + third] + [(True, True)]
    assert ran(StreamRunner(LSTMRegressor(4), [None, None])) == []


@pytest.mark.parametrize("damage", [b"", b"\x00" * 8 + b"nonsense", b"x"])
def test_damaged_states_are_told(damage: bytes) -> None:
    model, cold = trained(), ColdStore()
    cold.put("a", damage)
    if damage != b"\x00" * 8:
        with pytest.raises(StreamError, match="state of key 'a' is damaged"):
            KeyedStreams(model, cold).enter("a")
        with pytest.raises(StreamError, match="state of key 'a' is damaged"):
            Serving(model, cold).enter("a")


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_what_is_learned_does_not_depend_on_batches_or_room(batch: int) -> None:
    events = keyed_events(300)
    events = [e if n % 9 else msgspec.structs.replace(e, y=None) for n, e in enumerate(events)]
    for hot, keyed in [(100, True), (1, True), (3, True), (1, False)]:
        model = LSTMRegressor(6, window=3, seed=1)
        expected = ran(
            StreamRunner(m := copy.deepcopy(model), events, keys=KeyedStreams(m) if keyed else None)
        )
        source = [*events[:100], None, *events[100:]]
        keys = KeyedStreams(model, hot=hot) if keyed else None
        runner = StreamRunner(model, source, keys=keys, batch=batch)
        outcomes = ran(runner)
        assert runner.at_rest
        assert outcomes == expected
        assert model.stream_to_bytes() == m.stream_to_bytes()


@pytest.mark.parametrize("target", [3, True, np.float32(0.5)])
def test_targets_of_any_type_are_kept(target: Any) -> None:
    events = [Event(n, {"a": 1.0 * n}, target, None, KEYS[n % 2]) for n in range(40)]
    model = LSTMRegressor(4, seed=1)
    outcomes = ran(StreamRunner(model, events, keys=KeyedStreams(model, hot=1), batch=8))
    assert [o.baselines["last value"] for o in outcomes[2:]] == [float(target)] * 38


@pytest.mark.parametrize("batch", [1, 64])
def test_what_comes_before_an_error_is_predicted(batch: int) -> None:
    events = keyed_events(40)

    def broken() -> Iterator[Event]:
        yield from events
        raise ValueError("the line is dead")

    outcomes: list[Outcome | None] = []
    model = LSTMRegressor(4, seed=1)
    with pytest.raises(ValueError, match="the line is dead"):
        outcomes.extend(StreamRunner(model, broken(), batch=batch).run())
    assert len(outcomes) == 40
    keyless = [*events, Event(40, {"load": 1.0}, 1.0)]
    model, outcomes = LSTMRegressor(4, seed=1), []
    with pytest.raises(StreamError, match="has no key"):
        outcomes.extend(StreamRunner(model, keyless, keys=KeyedStreams(model), batch=batch).run())
    assert len(outcomes) == 40
