"""Pages that show a job while it runs hold what its record holds, and end with it."""

from __future__ import annotations

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.client import ClientSession, pull_session
from bokeh.document import Document
from bokeh.plotting import figure

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Event, StreamRunner
from lstmwidgets.streaming.errors import StreamError
from lstmwidgets.streaming.pictures import record
from lstmwidgets.streaming.pictures.figures import line_columns, unit_values
from lstmwidgets.streaming.pictures.live_page import LivePage
from lstmwidgets.streaming.pictures.live_record import LiveRecord
from lstmwidgets.streaming.pictures.live_server import Live
from lstmwidgets.streaming.pictures.report import report_html
from lstmwidgets.streaming.state.frozen import Serving
from lstmwidgets.streaming.state.keyed import KeyedStreams
from lstmwidgets.streaming.state.waiting import WaitingEvents

from .browser import browser_tab
from .test_stream_command import COMMAND, run

LINES = "Prediction and truth", "Mean absolute error so far", "Whom the prediction follows"
UNITS = "Cell state", "Input gate", "Forget gate", "Output gate"
FACTS = {"events": "?", "model": "standard LSTM, 6 units, window 3", "seed": "1 & 2"}


def events(count: int, **changed: Any) -> Iterator[Event]:
    """Yield an hourly wave."""
    start = datetime(2024, 1, 1)
    for n in range(count):
        given = {"y": 10 + float(np.sin(n / 4)), "time": start + timedelta(hours=n)}
        given |= {name: value(n) for name, value in changed.items()}
        yield Event(id=n, x={"a": n % 5}, **given)


class Watched:
    """A job, and a page of it without a server."""

    def __init__(self, source: Iterable[Event], **options: Any) -> None:
        model = options.pop("model", None) or LSTMRegressor(6, window=3, seed=1)
        for name, made in options.items():
            options[name] = made(model)
        self.runner = StreamRunner(model, source, **options)
        self.record = LiveRecord(self.runner)
        self._outcomes = self.runner.run()
        self.page, self.document = self.open()

    def open(self) -> tuple[LivePage, Document]:
        document = Document()
        return LivePage(document, "a <b>title</b>", self.record, lambda: FACTS), document

    def run(self, count: int) -> None:
        """Let so many outcomes through, and look."""
        for _ in range(count):
            outcome = next(self._outcomes)
            if outcome is not None:
                self.record.add(outcome)
        self.page.draw()

    @property
    def titles(self) -> list[str]:
        shown = self.document.roots[0].children  # type: ignore[attr-defined]
        return [plot.title.text.split(":")[0] for plot in shown if isinstance(plot, figure)]


def lines(document: Document) -> dict[str, Any]:
    return {name: np.asarray(column) for name, column in named(document, "lines").data.items()}


def images(document: Document, quantity: str) -> np.ndarray:
    """Return what a heatmap shows, (units, steps)."""
    source, units = named(document, "units"), named(document, "units").data[quantity]
    assert np.diff(source.data["x"]) == pytest.approx(source.data["dw"][:-1])
    whole = np.concatenate(units, axis=1)
    return whole[:, np.isfinite(whole).all(axis=0)]


def named(document: Document, name: str) -> Any:
    found = document.get_model_by_name(name)
    assert found is not None
    return found


def assert_shows(document: Document, seen: LiveRecord) -> None:
    wanted = line_columns(seen.points)
    shown = lines(document)
    assert shown.keys() == wanted.keys()
    for name, column in wanted.items():
        np.testing.assert_array_equal(shown[name], column)
    cells = unit_values(seen.snapshots.items)["cell"].T
    np.testing.assert_array_equal(np.sort(images(document, "cell"), axis=0), np.sort(cells, axis=0))


def test_a_page_shows_what_the_record_holds_however_often_it_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "POINTS", 150)
    monkeypatch.setattr(record, "COLUMNS", 140)
    job = Watched(events(700))
    for count in (1, 1, 30, 60, 7, 0, 45, 150, 2, 300):
        job.run(count)
        assert_shows(job.document, job.record)
    assert job.record.points.stride == 4
    assert job.titles == [*LINES, *UNITS]
    assert "Lines show one event in 4." in named(job.document, "summary").text
    _, late = job.open()
    assert_shows(late, job.record)


def test_a_page_waits_for_the_first_event() -> None:
    job = Watched(events(5))
    assert "Waiting for the first event" in named(job.document, "state").text
    assert "appear with the first event" in named(job.document, "nothing").text
    assert job.titles == []
    job.run(3)
    assert "Running" in named(job.document, "state").text
    assert job.document.get_model_by_name("nothing") is None


def test_facts_are_escaped_and_errors_are_those_of_the_runner() -> None:
    job = Watched(events(30))
    job.run(30)
    told = named(job.document, "summary").text
    assert "<dd>30</dd>" in told
    assert "1 &amp; 2" in told
    assert f"<td>{job.runner.comparisons[0].model:.4g}</td>" in told
    assert job.document.template_variables["heading"] == "a &lt;b&gt;title&lt;/b&gt;"


def test_late_targets_come_to_their_points() -> None:
    waiting = [Event(n, {"a": n}, None, None) for n in range(20)]
    targets = [Event(n, {}, float(n), None) for n in range(0, 20, 2)]
    job = Watched([*waiting, *targets], waiting=lambda model: WaitingEvents())
    job.run(20)
    assert job.titles == list(UNITS)
    assert np.isnan(lines(job.document)["target"]).all()
    job.run(6)
    assert_shows(job.document, job.record)
    assert lines(job.document)["target"][10] == 10
    job.run(4)
    assert_shows(job.document, job.record)


def test_a_job_without_targets_has_units_and_no_lines() -> None:
    job = Watched(events(20, y=lambda n: None))
    job.run(20)
    assert job.titles == list(UNITS)


def test_events_of_the_key_that_is_drawn_lie_beside_each_other() -> None:
    job = Watched(events(90, key=lambda n: "abc"[n % 3]), keys=KeyedStreams)
    job.run(90)
    assert job.record.key == "a"
    assert lines(job.document)["event"].tolist() == list(range(30))
    assert images(job.document, "cell").shape == (6, 30)


def test_a_job_that_only_predicts_has_lines_and_no_units() -> None:
    model = LSTMRegressor(6, window=3, seed=1)
    for event in events(20):
        model.learn_one(event.x, event.y)
    job = Watched(events(20), model=model, serving=Serving)
    job.run(20)
    assert job.titles == list(LINES)


def test_the_view_follows_until_somebody_moves_it() -> None:
    job = Watched(events(200))
    job.run(10)
    seen = job.document.roots[0].children[2].x_range  # type: ignore[attr-defined]
    assert (seen.start, seen.end) == (-0.5, 15.5)
    job.run(50)
    assert seen.end > 59
    seen.start = 20.5
    job.run(140)
    assert (seen.start, seen.reset_start) == (20.5, -0.5)
    assert seen.end < 100 < seen.reset_end


def test_a_report_does_not_depend_on_pages() -> None:
    made = []
    for pages in (0, 3):
        job = Watched(events(40))
        job.run(40)
        for _ in range(pages):
            job.open()
        made.append(report_html("title", FACTS, job.record, job.runner.comparisons))
    assert made[0] == made[1]


@contextmanager
def served(source: Iterable[Event]) -> Iterator[tuple[Live, Callable[[], None], LiveRecord]]:
    """Serve a job; the function lets it run to its end."""
    runner = StreamRunner(LSTMRegressor(6, window=3, seed=1), source)
    seen = LiveRecord(runner)

    def go() -> None:
        for outcome in runner.run():
            if outcome is not None:
                seen.add(outcome)

    with Live("title", seen, lambda: FACTS) as live:
        yield live, go, seen
    gc.collect()  # what was left open would complain now
    assert "live" not in {thread.name for thread in threading.enumerate()}


def wait_until(session: ClientSession, condition: Callable[[Document], Any]) -> None:
    end = time.monotonic() + 60
    session._connection._loop_until(
        lambda: condition(session.document) or time.monotonic() > end or not session.connected
    )
    assert condition(session.document)


def count(document: Document) -> int:
    source = document.get_model_by_name("lines")
    return 0 if source is None else len(source.data["event"])  # type: ignore[attr-defined]


def test_open_pages_follow_a_job_and_are_told_its_end() -> None:
    gate = threading.Event()

    def source() -> Iterator[Event]:
        for event in events(60):
            if event.id == 40:
                gate.wait(20)
            yield event

    with served(source()) as (live, go, seen):
        first = pull_session(url=live.address)
        assert count(first.document) == 0
        job = threading.Thread(target=go)
        job.start()
        wait_until(first, lambda document: count(document) == 40)
        second = pull_session(url=live.address)
        assert count(second.document) == 40
        gate.set()
        for session in (first, second):
            wait_until(session, lambda document: count(document) == 60)
        job.join()
        live.end(stopped=False)
        for session in (first, second):
            wait_until(session, lambda document: "ended" in named(document, "state").text)
            assert_shows(session.document, seen)
            told = named(session.document, "state").text
            assert "The job has ended after 60 events, seed 1 &amp; 2." in told
            session.close()


def test_nothing_is_drawn_when_nobody_looks() -> None:
    with served(events(30)) as (live, go, seen):
        session = pull_session(url=live.address)
        (page,) = live._pages
        session.close()
        views: list[None] = []
        seen.view = lambda: views.append(None)  # type: ignore[assignment,method-assign]
        go()
        time.sleep(1.2)
        assert not views
        del seen.view, page


def test_a_failure_is_told() -> None:
    def source() -> Iterator[Event]:
        yield from events(5)
        raise ZeroDivisionError

    with suppress(ZeroDivisionError), served(source()) as (live, go, _):
        session = pull_session(url=live.address)
        go()
    wait_until(session, lambda document: "failed" in named(document, "state").text)
    assert "The job ended with an error after 5 events" in named(session.document, "state").text
    session.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StreamError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            Live("title", Watched(()).record, dict, port)


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    rows = [f"{n % 5},{10 + np.sin(n / 4):.4f}" for n in range(60)]
    path.write_text("\n".join(["load,flow", *rows, ""]))
    return path


def test_the_command_names_the_page_once_and_ends(
    readings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--target", "flow", "--hidden-size", "4", "--seed", "1"
    assert run(monkeypatch, "stream", readings, *options, "--live") == 0
    told = capsys.readouterr().err
    assert len(re.findall(r"live at http://127\.0\.0\.1:\d+/\n", told)) == 1
    assert threading.active_count() == 1 or "live" not in {t.name for t in threading.enumerate()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(monkeypatch, "stream", readings, *options, "--live-port", port) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_a_browser_sees_figures_grow_and_the_end(readings: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "stream", "readings.csv", "--target", "flow", "--seed", "1", "--live"]
    errors = tmp_path / "stderr"
    with browser_tab(width=1280, height=1900) as tab, errors.open("w") as told:
        job = subprocess.Popen(
            [*command, "--hidden-size", "8", "--follow"],
            cwd=readings.parent,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            end = time.monotonic() + 60
            while (found := re.search(r"http://\S+", errors.read_text())) is None:
                assert time.monotonic() < end, errors.read_text()
                assert job.poll() is None, errors.read_text()
                time.sleep(0.1)
            other = tab.page.context.new_page()
            other.on("pageerror", lambda error: tab.complaints.append(str(error)))
            other.on("console", tab._hear)
            grown = "n => window.models('lines').some(lines => lines.data.event.length === n)"
            for page in (tab.page, other):
                page.goto(found[0])
                page.wait_for_function(grown, arg=60, timeout=30_000)
            with readings.open("a") as more:
                more.writelines(f"{n % 5},{10 + np.sin(n / 4):.4f}\n" for n in range(60, 150))
            for page in (tab.page, other):
                page.wait_for_function(grown, arg=150, timeout=30_000)
            tab.screenshot("live_running")
            job.send_signal(signal.SIGTERM)
            assert job.wait(30) == 128 + signal.SIGTERM
            ended = "() => window.models('state')[0].text.includes('was stopped after 150 events')"
            for page in (tab.page, other):
                page.wait_for_function(ended, timeout=30_000)
                page.evaluate("window.models('lines')[0].name = 'kept'")  # nobody is told of it
                page.wait_for_timeout(300)
            tab.screenshot("live_stopped")
        finally:
            job.kill()
            job.wait()
        tab.check()
