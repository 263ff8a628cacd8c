"""Checkpoints that are made in portions between events hold the moment at which they were begun."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from river.linear_model import LinearRegression

from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.streaming import Event, StreamRunner
from lstmwidgets.streaming.job.model import bytes_of, model_of
from lstmwidgets.streaming.state import keyed as keyed_module
from lstmwidgets.streaming.state.checkpoint import JobFolder, Saved
from lstmwidgets.streaming.state.keyed import KeyedStreams
from lstmwidgets.streaming.state.pacing import LONGEST, Spread
from lstmwidgets.streaming.state.waiting import WaitingEvents

MODELS = {
    "regressor": lambda: LSTMRegressor(4, window=3, seed=1),
    "traces": lambda: LSTMRegressor(4, window=1, seed=1, gradient="eligibility"),
    "classifier": lambda: LSTMClassifier(4, window=2, seed=1, experts=False),
    "copies": LinearRegression,
}


def stream_of_events(count: int, grows: int, *, labels: bool, late: bool) -> list[Event]:
    """Return events of seven keys, which have 20 features more from one on."""
    events = []
    for n in range(count):
        x = {"a": n % 5, "b": n % 3} | {f"more {k}": n % 4 for k in range(20) if n >= grows}
        y: Any = n % 11 / 4 + n * n % 7
        key, target = f"k{n * 5 % 7}", f"label {n % 3 + (n > grows)}" if labels else y
        if late and n % 3 == 0:
            events.append(Event(n, x, None, None, key))
        else:
            events.append(Event(n, x, target, None, key))
        if late and n > 10 and n % 3 == 1:
            events.append(Event(n - 7 - (n - 7) % 3, {}, target, None, key))
    return events


class Job:
    """A job of a runner, which can be ended at any event and gone on with."""

    def __init__(self, path: Path, kind: str, events: list[Event], **options: Any) -> None:
        self.path = path
        self.kind = kind
        self.events = events
        self.options = options
        self.told: list[Any] = []
        self.checkpoints = 0

    def play(self, *, every: int, pace: Iterator[int], until: int | None = None) -> bool:
        """Play up to an event, as if the process was then killed; say whether it was the end."""
        with JobFolder(self.path, {}) as folder:
            saved, data = folder.load() or (None, b"")
            model = model_of(data, "it", "begin anew") if data else MODELS[self.kind]()
            begin = 0 if saved is None else saved.offset["taken"]
            del self.told[0 if saved is None else saved.outputs["told"]["records"] :]
            self.taken = begin
            runner = self.runner(model, folder, self.source(begin))
            if saved is not None:
                runner.progress = saved.progress
            portions: Iterator[None] | None = None
            before = runner.events
            for outcome in runner.run():
                if outcome is not None:
                    self.told.append((outcome.number, outcome.prediction, outcome.late))
                if not runner.at_rest:
                    continue
                for _ in range(next(pace)):
                    if portions is not None and next(portions, self) is self:
                        portions = None
                        self.checkpoints += 1
                if until is not None and runner.events >= until:
                    return False
                if portions is None and runner.events >= before + every:
                    portions = self.saving(folder, runner)
                    before = runner.events
            for _ in portions or ():
                pass
            for _ in self.saving(folder, runner):
                pass
        return True

    def runner(self, model: Any, folder: JobFolder, source: Iterator[Event | None]) -> StreamRunner:
        hot, cold = self.options["hot"], folder.cold("streams")
        keys = KeyedStreams(model, cold, hot)
        waiting = WaitingEvents(folder.cold("waiting"), 8, keyed=True)
        late = waiting if self.options["late"] else None
        return StreamRunner(model, source, keys=keys, waiting=late, batch=self.options["batch"])

    def saving(self, folder: JobFolder, runner: StreamRunner) -> Iterator[None]:
        folder.settle()
        outputs = {"told": {"records": len(self.told)}}
        saved = Saved(
            events=runner.events,
            offset={"taken": self.taken},
            outputs=outputs,
            progress=runner.progress,
        )
        return folder.saving(saved, bytes_of(runner.model), runner.saving())

    def source(self, begin: int) -> Iterator[Event | None]:
        for event in self.events[begin:]:
            self.taken += 1
            yield event
            if self.taken % 5 == 0:
                yield None

    def contents(self) -> Any:
        with JobFolder(self.path, {}) as folder:
            saved, model = folder.load() or (None, b"")
            rows = [list(folder.cold(table).values()) for table in ("streams", "waiting")]
        if self.kind == "copies":
            return saved, None, rows
        length = 8 + int.from_bytes(model[:8], "little")  # the header's order: a hash map's
        return saved, (json.loads(model[8:length]), model[length:]), rows


@settings(max_examples=25, phases=(Phase.explicit, Phase.generate))
@given(
    kind=st.sampled_from([*MODELS]),
    hot=st.integers(1, 9),
    batch=st.sampled_from([1, 6]),
    late=st.booleans(),
    every=st.integers(1, 30),
    pace=st.lists(st.integers(0, 3), min_size=1, max_size=5).filter(any),
    grows=st.integers(2, 90),
    ends=st.lists(st.integers(1, 85), max_size=4),
)
def test_a_job_that_ends_between_portions_goes_on_as_if_it_had_not(
    kind: str,
    hot: int,
    batch: int,
    late: bool,
    every: int,
    pace: list[int],
    grows: int,
    ends: list[int],
) -> None:
    events = stream_of_events(90, grows, labels=kind == "classifier", late=late)
    options = {"hot": hot, "batch": batch, "late": late}
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(keyed_module, "PORTION", 1)  # a key each
        whole = Job(Path(folder) / "whole", kind, events, **options)
        assert whole.play(every=10**6, pace=cycle([0]))
        broken = Job(Path(folder) / "broken", kind, events, **options)
        for end in sorted(ends):
            broken.play(every=every, pace=cycle(pace), until=end)
        assert broken.play(every=every, pace=cycle(pace))
        assert broken.told == whole.told
        assert broken.contents() == whole.contents()


@pytest.mark.parametrize("kind", ["regressor", "traces"])
@pytest.mark.parametrize("batch", [1, 6])
def test_a_checkpoint_fits_its_model_if_that_grows_meanwhile(
    tmp_path: Path, kind: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed_module, "PORTION", 1)
    events = stream_of_events(90, 33, labels=False, late=False)
    job = Job(tmp_path, kind, events, hot=9, batch=batch, late=False)
    assert not job.play(every=30, pace=cycle([0] * 9 + [9]), until=55)
    assert job.checkpoints == 1
    with JobFolder(tmp_path, {}) as folder:
        last = folder.load()
        assert last is not None
        assert 30 <= last[0].events <= 33  # before it grew
        model = model_of(last[1], "it", "begin anew")
        keys = KeyedStreams(model, folder.cold("streams"), 9)
        assert len(keys) == 7
        for n in range(7):
            keys.enter(f"k{n}")


def test_portions_that_take_longer_than_they_should_get_their_turns() -> None:
    done: list[int] = []

    def portions() -> Iterator[None]:
        for n in range(5):
            time.sleep(2 * LONGEST)
            done.append(n)
            yield

    spread, calls = Spread(portions()), 0
    while not spread.go_on():
        time.sleep(LONGEST)
        calls += 1
        assert calls < 1000
    assert done == [*range(5)]
