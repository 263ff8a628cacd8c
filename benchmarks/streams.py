"""Whole jobs: a CSV file of five features in, JSON Lines out, checkpoints each second.

The bare loop is `predict_one` and `learn_one` over the same events, read beforehand. It and the
jobs take turns; hidden 32, a window of 16, and with keys of 4. Latencies are taken at half of the
events a second that a job can do, from when an event was due to when its prediction was written,
so that an event that waits for others counts in full.

The time that an event takes in other tasks is told over that of regression, in a loop of single
calls and in jobs without checkpoints: classes are the sign of the target, forecasts go 24 steps.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace as replace_job
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import numpy as np
from msgspec.structs import replace

from lstmwidgets import save
from lstmwidgets.online import LSTMClassifier, LSTMForecaster, LSTMRegressor
from lstmwidgets.streaming import Event
from lstmwidgets.streaming.job.options import KEYED_WINDOW, WINDOW, Job
from lstmwidgets.streaming.job.run import run_job
from lstmwidgets.streaming.sources import Columns, Source

from .timing import RATIO, Figure, Target, Targets

EVENTS = {"1 key": 20_000, "10,000 keys": 120_000}
KEYS = {"1 key": 1, "10,000 keys": 10_000}
ROUNDS = 3
SECONDS = 8.0
"""How long latencies are taken."""

BARE, LEARNING, UNSAVED, SERVING = "bare loop", "learning", "without checkpoints", "predict-only"

TASKS = "tasks"
TASK_EVENTS = 3_000

MOST = {"classification": 1.5, "forecast": 3.0}
"""Times what regression takes an event, at most."""

TARGETS: Targets = {
    **{(case, "learning / bare loop"): Target("≥", 0.7) for case in EVENTS},
    **{
        (TASKS, f"{task} / regression, {where}"): Target("≤", most)
        for task, most in MOST.items()
        for where in ("bare loop", "job")
    },
}


def figures() -> Iterator[Figure]:
    """Yield the figures, one number of keys after another."""
    with tempfile.TemporaryDirectory() as folder:
        for case in EVENTS:
            yield from _figures(Path(folder), case)
        yield from _tasks(Path(folder))


def _figures(folder: Path, case: str) -> Iterator[Figure]:
    events = _events(EVENTS[case], KEYS[case])
    source, window = folder / f"{KEYS[case]}.csv", _window(case)
    _write(source, events)
    model = LSTMRegressor(window=window, seed=1)
    for event in events[:2000]:
        model.learn_one(event.x, event.y)
    saved = folder / "model.safetensors"
    save(model, saved)
    rates: dict[str, list[float]] = {name: [] for name in (BARE, LEARNING, UNSAVED, SERVING)}
    for turn in range(ROUNDS + 1):
        rates[BARE].append(_bare(events, window))
        for name in (LEARNING, UNSAVED, SERVING):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                rates[name].append(_job(name, case, source, saved, Path(place)))
        if turn == 0:  # everything is compiled and warm from here on
            for kept in rates.values():
                kept.clear()
    for over, under in [(LEARNING, BARE), (SERVING, BARE), (LEARNING, UNSAVED)]:
        ratios = tuple(a / b for a, b in zip(rates[over], rates[under], strict=True))
        yield Figure(case, f"{over} / {under}", RATIO, ratios)
    for name, each in rates.items():
        yield Figure(case, name, "events/s", tuple(each))
    yield from _latencies(folder, case, events, median(rates[LEARNING]) / 2)


def _bare(events: list[Event], window: int) -> float:
    """Return the events a second of the loop that a job is built around."""
    model = LSTMRegressor(window=window, seed=1)
    model.learn_one(events[0].x, events[0].y)
    begin = time.perf_counter()
    for event in events[1:]:
        model.predict_one(event.x)
        model.learn_one(event.x, event.y)
    return (len(events) - 1) / (time.perf_counter() - begin)


def _job(name: str, case: str, source: Path, saved: Path, folder: Path) -> float:
    """Return the events a second of a job, as its summary says."""
    job = Job(
        str(source),
        _columns(case, "y"),
        predictions=str(folder / "predictions.jsonl"),
        checkpoint=None if name == UNSAVED else folder / "job",
        window=None if name == SERVING else _window(case),
        model=saved if name == SERVING else None,
        learn=name != SERVING,
        seed=None if name == SERVING else 1,
    )
    rate = run_job(job).events_per_second
    assert rate is not None
    return rate


def _tasks(folder: Path) -> Iterator[Figure]:
    """Yield how much longer than in regression an event takes in other tasks."""
    events = _events(TASK_EVENTS, 1)
    source, labels = folder / "numbers.csv", folder / "labels.csv"
    _write(source, events)
    _write(labels, [replace(event, y="up" if event.y > 0 else "down") for event in events])
    jobs = {
        "regression": Job(str(source), Columns("y", drop=("key",)), seed=1),
        "classification": Job(str(labels), Columns("y", drop=("key",)), seed=1),
        "forecast": Job(str(source), Columns("y", drop=("key",)), horizon=24, seed=1),
    }
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS + 1):
        for name, job in jobs.items():
            rate = run_job(replace_job(job, predictions=str(folder / f"{name}.jsonl")))
            assert rate.events_per_second is not None
            bare = _bare_task(name, events)
            for where, seconds in (("job", 1 / rate.events_per_second), ("bare loop", bare)):
                times.setdefault((name, where), []).append(seconds)
        if turn == 0:
            times.clear()
    for name in MOST:
        for where in ("bare loop", "job"):
            pairs = zip(times[name, where], times["regression", where], strict=True)
            ratios = tuple(one / other for one, other in pairs)
            yield Figure(TASKS, f"{name} / regression, {where}", RATIO, ratios)


def _bare_task(name: str, events: list[Event]) -> float:
    """Return the seconds that an event takes in a loop of single calls."""
    xs, ys = [event.x for event in events], [event.y for event in events]
    labels = ["up" if y > 0 else "down" for y in ys]
    loops: dict[str, Callable[[], None]] = {
        "regression": lambda: _predict_and_learn(LSTMRegressor(seed=1), xs, ys),
        "classification": lambda: _classify_and_learn(LSTMClassifier(seed=1), xs, labels),
        "forecast": lambda: _learn_and_forecast(LSTMForecaster(seed=1), xs, ys),
    }
    begin = time.perf_counter()
    loops[name]()
    return (time.perf_counter() - begin) / len(events)


def _predict_and_learn(model: LSTMRegressor, xs: list[Any], ys: list[float]) -> None:
    for x, y in zip(xs, ys, strict=True):
        model.predict_one(x)
        model.learn_one(x, y)


def _classify_and_learn(model: LSTMClassifier, xs: list[Any], labels: list[str]) -> None:
    for x, label in zip(xs, labels, strict=True):
        model.predict_proba_one(x)
        model.learn_one(x, label)


def _learn_and_forecast(model: LSTMForecaster, xs: list[Any], ys: list[float]) -> None:
    for x, y in zip(xs, ys, strict=True):
        model.learn_one(y, x)
        model.forecast(24)


class Paced(Source):
    """Events that come at a steady rate, whether they are asked for or not."""

    name = "paced"
    progress = None
    offset: ClassVar[dict[str, Any]] = {}

    def __init__(self, events: list[Event], rate: float) -> None:
        self.events = events
        self._rate = rate
        self.waits: list[float] = []

    def __iter__(self) -> Iterator[Event | None]:
        """Yield each event when it is due, or as soon as it is asked for."""
        begin = time.perf_counter()
        for n, event in enumerate(self.events):
            due = begin + n / self._rate
            if time.perf_counter() < due:
                yield None
            while (left := due - time.perf_counter()) > 0:
                if left > 1e-3:
                    time.sleep(left - 1e-3)
            self._due = due
            yield event

    def note(self) -> None:
        """Note that the prediction of the last event was written."""
        self.waits.append(time.perf_counter() - self._due)

    def close(self) -> None:
        """Do nothing."""

    def resume(self, offset: dict[str, Any]) -> None:
        """Do nothing: it is not killed."""


def _latencies(folder: Path, case: str, events: list[Event], rate: float) -> Iterator[Figure]:
    """Yield how long events wait while they come at half of the rate that could be done."""
    from lstmwidgets.streaming.sinks import Callback

    count = int(rate * SECONDS)
    source = Paced((events * (count // len(events) + 1))[:count], rate)
    for n in range(2):  # the first one compiles and fills the caches
        source = Paced(source.events, rate)
        job = Job(
            source,
            _columns(case),
            predictions=Callback(lambda _, to=source: to.note()),
            checkpoint=folder / f"latency {case} {n}",
            window=_window(case),
            seed=1,
        )
        run_job(job)
    waits = np.array(source.waits[100:]) * 1e3
    for percent in (50, 99, 99.9):
        wait = float(np.percentile(waits, percent))
        yield Figure(case, f"latency p{percent:g} at half load", "ms", (wait,))


def _events(count: int, keys: int) -> list[Event]:
    draw = np.random.default_rng(0)
    numbers = draw.standard_normal((count, 6)).round(4).tolist()
    names = [f"key {n}" for n in draw.integers(keys, size=count)] if keys > 1 else ["key 0"] * count
    return [
        Event(n, {f"x{k}": value for k, value in enumerate(row[:5])}, row[5], None, name)
        for n, (row, name) in enumerate(zip(numbers, names, strict=True))
    ]


def _write(path: Path, events: list[Event]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", *events[0].x, "y"])
        writer.writerows([event.key, *event.x.values(), event.y] for event in events)


def _columns(case: str, target: str | None = None) -> Columns:
    return Columns(target, key="key") if KEYS[case] > 1 else Columns(target, drop=("key",))


def _window(case: str) -> int:
    return WINDOW if KEYS[case] == 1 else KEYED_WINDOW
