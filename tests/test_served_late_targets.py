"""Predicting only, with targets that come late: as event by event, however the stream is cut."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lstmwidgets import save
from lstmwidgets.online import FrozenRegressor, LSTMRegressor
from lstmwidgets.streaming import Event, LateTarget, Prediction, StreamRunner
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.state.cold import ColdStore
from lstmwidgets.streaming.state.frozen import Serving
from lstmwidgets.streaming.state.waiting import WaitingEvents
from tests.test_checkpoint import SENSORS, check_kills

KEYS = ["north", "east", "south"]
MOST, SECONDS = 15, 40 * 3600.0


@cache
def trained() -> LSTMRegressor:
    """Return a model that has learned that targets are near the last one."""
    model = LSTMRegressor(5, window=3, seed=1)
    draw, level = random.Random(0), 0.0
    for n in range(200):
        level += draw.gauss(0, 1)
        model.learn_one({"load": draw.random(), "n": n % 7}, level)
    return model


def labelled_later(count: int, seed: int, keyed: bool) -> list[Event]:
    """Return events, and the labels of most of them later: in time, too late, or twice.

    Labels repeat their event's features, bring others, or have none.
    """
    draw, start = random.Random(seed), datetime(2024, 1, 1)
    planned: list[tuple[float, Event]] = []
    for n in range(count):
        key, x = draw.choice(KEYS) if keyed else None, {"load": draw.random(), "n": n % 7}
        time = start + timedelta(hours=n) if draw.random() < 0.8 else None
        y = draw.choice([n * 10.0, n * 10.0, float("nan")])
        at_once = draw.random() < 0.2
        planned.append((n, Event(n, x, y if at_once else None, time, key)))
        for _ in range(draw.choice([0, 1, 1, 1, 2])):
            again = draw.choice([x, x, {}, {"load": 0.5}])
            later = n + draw.choice([0.5, 10 * draw.random(), 10.5, 20.5])
            planned.append((later, Event(n, again, y, draw.choice([time, None]), key)))
    return [event for _, event in sorted(planned, key=lambda pair: pair[0])]


def one_by_one(events: Iterable[Event]) -> tuple[list[Prediction], list[LateTarget]]:
    """Predict one event after the other, and join targets to them, as simply as it can be said."""
    frozen, slots = FrozenRegressor(trained(), len(KEYS) + 1), [None, *KEYS]
    seen: dict[Any, tuple[int, Event, float]] = {}
    labelled: set[Any] = set()
    predictions: list[Prediction] = []
    late: list[LateTarget] = []
    latest = datetime(1, 1, 1)
    for event in events:
        usable = event.y is not None and event.y == event.y
        latest = max(latest, event.time or latest)
        key = msgspec.UNSET if event.key is None else event.key
        if event.id in seen:
            number, before, predicted = seen[event.id]
            too_late = before.time is not None and latest - before.time > timedelta(seconds=SECONDS)
            if usable and event.id not in labelled and not too_late:
                labelled.add(event.id)
                frozen.remember(slots.index(event.key), event.y, predicted)
                late.append(LateTarget(event.id, predicted, event.y, key))
        elif event.x:
            y = event.y if usable else None
            (predicted,) = frozen.observe_many([slots.index(event.key)], [event.x], [y]).tolist()
            number = len(predictions)
            predictions.append(Prediction(event.id, predicted, y, key))
            seen = {i: old for i, old in seen.items() if number - old[0] < MOST}
            seen[event.id] = number, event, predicted
            if y is not None:
                labelled.add(event.id)
    return predictions, late


def slowly(events: Iterable[Event], draw: random.Random) -> Iterator[Event | None]:
    """Yield events, and None wherever the next one is not there yet."""
    chance = draw.choice([0.0, 0.05, 0.5, 1.0])
    for event in events:
        yield event
        if draw.random() < chance:
            yield None


def check_cuts(seed: int) -> None:
    """Run events in two jobs, cut at random, in batches of random sizes, and compare."""
    draw, keyed = random.Random(seed), seed % 2 == 0
    events = labelled_later(60, seed, keyed)
    cut = draw.randrange(len(events))
    states, ids = ColdStore(table="streams"), ColdStore(table="waiting")
    predictions: list[Any] = []
    late: list[Any] = []
    progress = None
    for part in (events[:cut], events[cut:]):
        serving = Serving(
            copy.deepcopy(trained()), states, draw.choice([1, 2, 9]), draw.choice([1, 2, 1000])
        )
        runner = StreamRunner(
            serving._model,
            slowly(part, draw),
            Callback(predictions.append),
            waiting=WaitingEvents(ids, MOST, SECONDS, keyed=keyed),
            late_sink=Callback(late.append),
            serving=serving,
        )
        if progress is not None:
            runner.progress = msgspec.json.decode(progress)
        for _ in runner.run():
            pass
        runner.save()
        progress = msgspec.json.encode(runner.progress)
    assert (predictions, late) == one_by_one(events)


def test_cuts_change_nothing() -> None:
    for seed in range(30):
        check_cuts(seed)


@pytest.mark.slow
def test_two_hundred_cuts_change_nothing() -> None:
    for seed in range(30, 230):
        check_cuts(seed)


def test_a_label_takes_no_effect_before_the_events_before_it() -> None:
    """Each event is followed by the label of the one ten before, which repeats its features."""
    events = []
    for n in range(30):
        events.append(Event(n, {"load": 0.5, "n": n % 7}, None))
        if n >= 10:
            events.append(Event(n - 10, {"load": 0.5, "n": (n - 10) % 7}, 100.0 * (n - 10)))
    for size in (1, 7, 1000):
        told: list[Any] = []
        serving = Serving(trained(), batch=size)
        waiting = WaitingEvents(most_events=20)
        for _ in StreamRunner(
            trained(), events, Callback(told.append), waiting=waiting, serving=serving
        ).run():
            pass
        assert told == one_by_one(events)[0]


def write_pairs(path: Path, events: int) -> Path:
    """Write events, each followed by the label of the one ten before with its features."""
    draw = random.Random(0)
    rows, written = [], []
    for n in range(events):
        row = f"{n},{draw.choice(KEYS)},{draw.random():.4f},{n % 7}"
        rows.append(row)
        written.append(f"{row},")
        if n >= 10:
            written.append(f"{rows[n - 10]},{draw.gauss(n % 100, 2):.3f}")
    path.write_text("number,sensor,load,n,flow\n" + "\n".join(written) + "\n")
    return path


def kills(tmp_path: Path, events: int, kills: int) -> None:
    save(trained(), tmp_path / "model")
    source = write_pairs(tmp_path / "pairs.csv", events)
    served = SENSORS | dict.fromkeys(("hidden_size", "seed", "window")) | {"no_learn": True}
    check_kills(source, tmp_path, kills, **served, model=tmp_path / "model")


def test_a_kill_changes_nothing(tmp_path: Path) -> None:
    kills(tmp_path, 20_000, 1)


@pytest.mark.slow
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    kills(tmp_path, 300_000, 50)
