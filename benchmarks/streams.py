"""Whole jobs: a CSV file of five features in, JSON Lines out, checkpoints each second.

The bare loop is `predict_one` and `learn_one` over the same events, read beforehand. It and the
jobs take turns; hidden 32, a window of 16, and with keys of 4. Latencies are taken at half of the
events a second that a job can do, from when an event was due to when its prediction was written,
so that an event that waits for others counts in full.

The time that an event takes in other tasks is told over that of regression, in a loop of single
calls and in jobs without checkpoints: classes are the sign of the target, forecasts go 24 steps.

Late targets come ten events after theirs, in rows of their own. Two bare loops stand beside that
job. One is the loop from above, as if all targets came in time. The other one does what is to be
done: it keeps the state before each event, lets the event pass, and learns from that state when the
target comes. A job with a report, a recording or a live page that nobody looks at takes turns with
one that has none.
"""

from __future__ import annotations

import csv
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace as replace_job
from http.client import HTTPConnection
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
METRICS = "learning, metrics asked for"

LATE, LATE_EVENTS, DELAY = "late targets", 20_000, 10
IN_TIME, KEPT = "bare loop, in time", "bare loop, states kept"

LOOKS = "looked at"

TASKS = "tasks"
TASK_EVENTS = 3_000

MOST = {"classification": 1.5, "forecast": 3.0}
"""Times what regression takes an event, at most."""

TARGETS: Targets = {
    **{(case, "learning / bare loop"): Target("≥", 0.7) for case in EVENTS},
    ("10,000 keys", f"{METRICS} / {LEARNING}"): Target("≥", 0.95),
    ("10,000 keys", "latency p99 at half load"): Target("≤", 10.0),
    ("10,000 keys", "latency p99.9 at half load"): Target("≤", 25.0),
    (LATE, f"learning / {IN_TIME}"): Target("≥", 0.7),
    (LOOKS, "with a report / without"): Target("≥", 0.85),
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
        yield from _late_targets(Path(folder))
        yield from _looks(Path(folder))
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
    jobs = (LEARNING, METRICS, UNSAVED, SERVING)
    rates: dict[str, list[float]] = {name: [] for name in (BARE, *jobs)}
    for turn in range(ROUNDS + 1):
        rates[BARE].append(_bare(events, window))
        for name in jobs:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                rates[name].append(_job(name, case, source, saved, Path(place)))
        if turn == 0:  # everything is compiled and warm from here on
            for kept in rates.values():
                kept.clear()
    pairs = [(LEARNING, BARE), (SERVING, BARE), (LEARNING, UNSAVED), (METRICS, LEARNING)]
    for over, under in pairs:
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
    port = _free_port() if name == METRICS else None
    job = Job(
        str(source),
        _columns(case, "y"),
        metrics_port=port,
        predictions=str(folder / "predictions.jsonl"),
        checkpoint=None if name == UNSAVED else folder / "job",
        window=None if name == SERVING else _window(case),
        model=saved if name == SERVING else None,
        learn=name != SERVING,
        seed=None if name == SERVING else 1,
    )
    with _asked(port):
        rate = run_job(job).events_per_second
    assert rate is not None
    return rate


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _asked(port: int | None) -> Iterator[None]:
    """Ask for the metrics at a port every second; Prometheus does every 15 seconds."""
    if port is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_ask, args=(port, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ask(port: int, over: threading.Event) -> None:
    while not over.wait(1.0):
        with suppress(ConnectionError), closing(HTTPConnection("127.0.0.1", port)) as connection:
            connection.request("GET", "/metrics")
            connection.getresponse().read()


def _late_targets(folder: Path) -> Iterator[Figure]:
    """Yield how fast events are learned whose targets come ten events later."""
    events = _events(LATE_EVENTS, 1)
    source = folder / "late.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n", *events[0].x, "y"])
        for now, past in zip(events, [*[None] * DELAY, *events], strict=False):
            writer.writerow([now.id, *now.x.values(), None])
            if past is not None:
                writer.writerow([past.id, *[None] * len(past.x), past.y])
    rates: dict[str, list[float]] = {LEARNING: [], IN_TIME: [], KEPT: []}
    for turn in range(ROUNDS + 1):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            paths = {"predictions": f"{place}/out.jsonl", "checkpoint": Path(place, "job")}
            rate = run_job(Job(str(source), Columns("y", id="n"), seed=1, **paths))
        assert rate.events_per_second is not None
        rates[LEARNING].append(rate.events_per_second)
        rates[IN_TIME].append(_bare(events, WINDOW))
        rates[KEPT].append(_bare_late(events))
        if turn == 0:
            for kept in rates.values():
                kept.clear()
    for bare in (IN_TIME, KEPT):
        pairs = zip(rates[LEARNING], rates[bare], strict=True)
        yield Figure(LATE, f"learning / {bare}", RATIO, tuple(one / other for one, other in pairs))
    for name, each in rates.items():
        yield Figure(LATE, name, "events/s", tuple(each))


def _bare_late(events: list[Event]) -> float:
    """Return the events a second of a loop that learns each from the state before it."""
    model, waiting = LSTMRegressor(seed=1), deque[tuple[Event, bytes]]()
    model.learn_one(events[0].x, events[0].y)
    begin = time.perf_counter()
    for event in events[1:]:
        waiting.append((event, model.stream_to_bytes()))
        model.step_one(event.x)
        if len(waiting) > DELAY:
            past, stream = waiting.popleft()
            model.learn_late(past.x, past.y, stream)
    return (len(events) - 1) / (time.perf_counter() - begin)


def _looks(folder: Path) -> Iterator[Figure]:
    """Yield the rates of jobs that keep pictures over those of one that does not."""
    source = folder / "looks.csv"
    _write(source, _events(LATE_EVENTS, 1))
    predictions = str(folder / "looks.jsonl")
    job = Job(str(source), Columns("y", drop=("key",)), predictions=predictions, seed=1)
    jobs = {
        "without": job,
        "with a report": replace_job(job, report=folder / "report.html"),
        "with a recording": replace_job(job, recording=folder / "run.lstm"),
        "with a live page": replace_job(job, live_port=0),
    }
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(ROUNDS + 1):
        for name, each in jobs.items():
            rate = run_job(each).events_per_second
            assert rate is not None
            if turn:
                rates[name].append(rate)
    for name in jobs:
        if name != "without":
            pairs = zip(rates[name], rates["without"], strict=True)
            ratios = tuple(one / other for one, other in pairs)
            yield Figure(LOOKS, f"{name} / without", RATIO, ratios)


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
