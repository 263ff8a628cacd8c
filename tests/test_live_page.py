"""Pages that show a job while it runs hold what its runner did, and end with it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from river.linear_model import LinearRegression
from tornado.websocket import WebSocketClientConnection, websocket_connect

from lstmwidgets.live import live_panels
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Event, Outcome, StreamRunner
from lstmwidgets.streaming.errors import StreamError
from lstmwidgets.streaming.pictures.job_run import WINDOW, JobRun
from lstmwidgets.streaming.pictures.live_page import LivePage, page_html
from lstmwidgets.streaming.pictures.live_server import Live
from lstmwidgets.streaming.state.frozen import Serving
from lstmwidgets.streaming.state.keyed import KeyedStreams
from lstmwidgets.streaming.state.waiting import WaitingEvents

from .browser import Tab, browser_tab
from .received import Received
from .test_stream_command import COMMAND, run

FACTS = {"events": "?", "model": "standard LSTM, 6 units, window 3", "seed": "1 & 2"}
MAPS = ("cell", "forget_gate", "input_gate", "output_gate")
BLOCKS = ("hidden", "cell", "input_gate", "forget_gate", "candidate", "output_gate")


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
        self.run = JobRun(self.runner)
        self.page, self.seen = LivePage(self.run, lambda: FACTS), Received()
        self.outcomes: list[Outcome] = []
        self.blocks: dict[int, Any] = {}  # what the LSTM had done, by the event's number
        self._going = self.runner.run()

    def advance(self, count: int) -> None:
        """Let so many outcomes through, and look."""
        for _ in range(count):
            outcome = next(self._going)
            assert outcome is not None
            self.run.add(outcome)
            self.outcomes.append(outcome)
            last = getattr(self.runner.model, "activations", None)
            if not outcome.late and last is not None:
                self.blocks[outcome.number] = last[-1].reshape(6, -1).copy()
        self.look()

    def look(self, *, whole: bool = False) -> None:
        block = self.page.frame(whole=whole)
        if block is not None:
            self.seen.take_block(block)

    @property
    def told(self) -> dict[str, Any]:
        summary = self.page.summary(at_once=True)
        assert summary is not None
        told: dict[str, Any] = json.loads(summary)
        return told


def assert_shows(job: Watched, page: Received, key: str | None = None) -> None:
    """Compare what a page shows of the last events with what the runner did."""
    own = [each for each in job.outcomes if each.event.key == key and not each.late]
    late = {each.number: each.event.y for each in job.outcomes if each.late}
    assert page.next == len(own)
    for step, outcome in list(enumerate(own))[-WINDOW:]:
        target = late.get(outcome.number, outcome.event.y)
        for name, wanted in (("target", target), ("prediction", outcome.prediction)):
            shown = page.columns[name][step]
            assert shown == wanted or (wanted is None and math.isnan(shown)), (name, step)
        if job.run.hidden_size:
            block = job.blocks[outcome.number][[BLOCKS.index(name) for name in MAPS]]
            np.testing.assert_array_equal(page.units[step], block[:, page.shown])


@given(st.lists(st.sampled_from([0, 1, 2, 7, 60]), max_size=8))
def test_a_page_shows_what_the_runner_did_however_often_it_looks(counts: list[int]) -> None:
    job = Watched(events(700))
    for count in (1, *counts, 140):
        job.advance(count)
        assert_shows(job, job.seen)
    late = Received()
    block = LivePage(job.run, lambda: FACTS).frame(whole=True)
    assert block is not None
    late.take_block(block)
    assert_shows(job, late)


def test_a_page_looks_back_on_the_last_events_and_the_errors_of_all() -> None:
    job = Watched(events(WINDOW + 300))
    job.advance(WINDOW + 300)
    assert_shows(job, job.seen)
    assert len(job.seen.columns["target"]) == WINDOW
    steps, model, naive, *shares = job.seen.curve
    assert steps == list(range(WINDOW + 300))
    compared = job.runner.comparisons[0]
    assert (model[-1], naive[-1]) == (compared.model, compared.baseline)
    assert len(shares) == len(job.run.shares)
    assert job.run.shares[0] == "lstm"
    np.testing.assert_allclose(np.sum(shares, axis=0), 1)
    assert shares[0][-1] == job.runner.model.shares["lstm"]  # type: ignore[attr-defined]


def test_a_page_asks_for_all_of_it_when_something_was_lost() -> None:
    job = Watched(events(50))
    job.advance(30)
    job.advance(10)
    job.page.frame()  # nobody gets it
    job.advance(0)
    job.look(whole=True)
    assert_shows(job, job.seen)


def test_before_the_first_event_there_is_nothing_to_show() -> None:
    job = Watched(events(5))
    assert job.page.frame() is None
    assert job.told["events"] == 0
    assert job.told["errors"] == job.told["notes"] == []
    panels = [panel["id"] for panel in live_panels(job.run)]
    assert panels == ["prediction", *MAPS, "error"]


def test_facts_and_errors_are_those_of_the_runner() -> None:
    job = Watched(events(30))
    job.advance(30)
    told = job.told
    assert dict(told["facts"]) == FACTS | {"events": "30"}
    assert [row[2] for row in told["errors"]] == [
        f"{comparison.model:.4g}" for comparison in job.runner.comparisons if comparison.events
    ]
    assert job.page.summary() is None  # the last one is fresh


def test_errors_are_of_the_moment_of_the_last_outcome() -> None:
    job = Watched(events(30))
    job.advance(20)
    before = job.told["errors"]
    next(job._going)  # the runner is already further
    assert job.told["errors"] == before


def test_a_title_is_text_wherever_it_stands() -> None:
    page = page_html("a </script><b>title</b>", Watched(()).run, "number")
    assert "<b>" not in page
    assert page.count("</script>") == 1
    assert "<title>a &lt;/script&gt;&lt;b&gt;title" in page


def test_late_targets_come_to_their_rows() -> None:
    waiting = [Event(n, {"a": n}, None, None) for n in range(20)]
    targets = [Event(n, {}, float(n), None) for n in range(0, 20, 2)]
    job = Watched([*waiting, *targets], waiting=lambda model: WaitingEvents())
    job.advance(20)
    assert np.isnan(list(job.seen.columns["target"].values())).all()
    job.advance(6)
    assert_shows(job, job.seen)
    assert job.seen.columns["target"][10] == 10
    job.advance(4)
    assert_shows(job, job.seen)
    job.look(whole=True)
    assert_shows(job, job.seen)


def test_late_targets_of_rows_that_are_gone_or_of_other_keys_change_nothing() -> None:
    count = WINDOW + 40
    waiting = [Event(n, {"a": n}, None, None, "ab"[n % 2]) for n in range(2 * count)]
    targets = [Event(n, {}, 1.0, None, "ab"[n % 2]) for n in (0, 2, 200, 1001, 1000)]
    job = Watched(
        [*waiting, *targets],
        keys=KeyedStreams,
        waiting=lambda model: WaitingEvents(keyed=True),
    )
    job.advance(2 * count)
    job.advance(5)
    assert_shows(job, job.seen, "a")
    assert {step for step, y in job.seen.columns["target"].items() if y == 1.0} == {100, 500}


def test_a_job_without_targets_says_so() -> None:
    job = Watched(events(20, y=lambda n: None))
    job.advance(20)
    assert_shows(job, job.seen)
    assert job.told["notes"] == ["No event has had a target yet."]


def test_events_of_the_key_that_is_drawn_lie_beside_each_other() -> None:
    job = Watched(events(90, key=lambda n: "abc"[n % 3]), keys=KeyedStreams)
    job.advance(90)
    assert job.run.key == "a"
    assert_shows(job, job.seen, "a")
    assert job.told["events"] == 90


def test_a_job_that_only_predicts_has_no_units() -> None:
    model = LSTMRegressor(6, window=3, seed=1)
    for event in events(20):
        model.learn_one(event.x, event.y)
    job = Watched(events(20), model=model, serving=Serving)
    job.advance(20)
    assert_shows(job, job.seen)
    assert "units" not in job.seen.header


def test_other_models_have_neither_units_nor_shares() -> None:
    job = Watched(events(20), model=LinearRegression())
    job.advance(20)
    assert_shows(job, job.seen)
    assert job.run.shares == []


def test_a_large_network_shows_the_units_that_move_the_most() -> None:
    job = Watched(events(80), model=LSTMRegressor(200, window=1, seed=1))
    job.advance(80)
    assert len(job.seen.rows) == 128
    assert job.told["notes"] == ["Heatmaps show the 128 of 200 units that move the most."]


def test_a_job_that_goes_on_counts_on() -> None:
    runner = StreamRunner(LSTMRegressor(6, window=3, seed=1), events(30))
    runner.events = 1000
    run = JobRun(runner)
    for outcome in runner.run():
        assert outcome is not None
        run.add(outcome)
    page = Received()
    block = LivePage(run, dict).frame(whole=True)
    assert block is not None
    page.take_block(block)
    assert (page.header["origin"], page.header["stride"], page.header["noun"]) == (1000, 1, "event")
    assert sorted(page.columns["target"]) == list(range(30))


class Visitor:
    """A page that somebody has opened, without a browser."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self.seen, self.summary, self.ending = Received(), {}, {}

    @classmethod
    async def at(cls, live: Live) -> Visitor:
        return cls(await websocket_connect(f"{live.address.replace('http', 'ws')}frames"))

    async def until(self, condition: Callable[[Visitor], Any]) -> None:
        """Take in what comes until something holds, or the other side is gone."""
        while not condition(self):
            message = await asyncio.wait_for(self._connection.read_message(), 60)
            assert message is not None, "the server is gone"
            self._take(message)

    async def ask(self, **message: Any) -> None:
        await self._connection.write_message(json.dumps(message))

    async def close(self) -> None:
        self._connection.close()
        while await self._connection.read_message() is not None:
            pass

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.seen.take_block(message)
            return
        told: dict[str, Any] = json.loads(message)
        if "ended" in told:
            self.ending = told
        else:
            self.summary = told


@contextmanager
def served(source: Iterable[Event]) -> Iterator[tuple[Live, Callable[[], None], Watched]]:
    """Serve a job; the function lets it run to its end."""
    job = Watched(source)

    def go() -> None:
        with suppress(StopIteration):
            while True:
                job.advance(1)

    with Live("title", job.run, lambda: FACTS) as live:
        yield live, go, job
    gc.collect()  # what was left open would complain now
    assert "live" not in {thread.name for thread in threading.enumerate()}


def visiting(visit: Coroutine[Any, Any, None]) -> None:
    asyncio.run(visit)


def test_open_pages_follow_a_job_and_are_told_its_end() -> None:
    gate = threading.Event()

    def source() -> Iterator[Event]:
        for event in events(60):
            if event.id == 40:
                gate.wait(20)
            yield event

    async def visit(live: Live, go: Callable[[], None], job: Watched) -> None:
        first = await Visitor.at(live)
        await first.until(lambda page: page.summary)
        assert first.summary["events"] == first.seen.next == 0
        thread = threading.Thread(target=go)
        thread.start()
        await first.until(lambda page: page.seen.next == 40)
        second = await Visitor.at(live)
        await second.ask(type="pace", seconds=0.5)
        await second.until(lambda page: page.seen.next == 40)
        gate.set()
        await first.until(lambda page: page.seen.next == 60)
        before = first.seen.frames
        await first.ask(type="whole")
        await first.until(lambda page: page.seen.frames > before)
        assert first.seen.header["whole"]
        thread.join()
        ending = asyncio.to_thread(live.end, stopped=False)
        await asyncio.gather(ending, *(page.until(ended) for page in (first, second)))
        for page in (first, second):
            assert_shows(job, page.seen)
            assert page.summary["events"] == 60
            told = "The job has ended after 60 events, seed 1 & 2."
            assert page.ending == {"ended": told, "failed": False}
            await page.close()

    with served(source()) as (live, go, job):
        visiting(visit(live, go, job))


def ended(page: Visitor) -> Any:
    return page.ending


def test_a_page_that_is_closed_leaves_the_job_alone() -> None:
    async def visit(live: Live) -> None:
        page = await Visitor.at(live)
        await page.until(lambda page: page.summary)
        await page.close()

    with served(events(30)) as (live, go, job):
        visiting(visit(live))
        end = time.monotonic() + 30
        while live.pages and time.monotonic() < end:
            time.sleep(0.01)
        assert not live.pages
        go()
        assert job.run.predicted == 30


def test_a_failure_is_told() -> None:
    def source() -> Iterator[Event]:
        yield from events(5)
        raise ZeroDivisionError

    told = []

    async def visit(live: Live, opened: threading.Event) -> None:
        page = await Visitor.at(live)
        opened.set()
        await page.until(ended)
        told.append(page.ending)
        await page.close()

    with suppress(ZeroDivisionError), served(source()) as (live, go, _):
        opened = threading.Event()
        visitor = threading.Thread(target=visiting, args=[visit(live, opened)])
        visitor.start()
        opened.wait(30)
        go()
    visitor.join()
    assert told[0]["failed"]
    assert "The job ended with an error after 5 events" in told[0]["ended"]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StreamError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            Live("title", Watched(()).run, dict, port)


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
    assert threading.active_count() == 1 or "live-port" not in {
        t.name for t in threading.enumerate()
    }
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(monkeypatch, "stream", readings, *options, "--live-port", port) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


GROWN = "n => document.querySelector('.lw-live').store.position === n"
SAYS = "words => document.querySelector('.lw-state').textContent.includes(words)"
CELLS = "() => [...document.querySelectorAll('.lw-summary td')].map(cell => cell.textContent)"
DRAWN = """() => [...document.querySelectorAll('.lw-canvas')].map(canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
})"""


def assert_draws(tab: Tab) -> None:
    """Look whether every panel has a picture, and the table its numbers."""
    colours: Sequence[int] = tab.page.evaluate(DRAWN)
    assert len(colours) == 7
    assert min(colours) > 5
    assert all(tab.page.evaluate(CELLS))


def assert_accessible(tab: Tab) -> None:
    """Look in light and dark, wide and narrow, with axe-core."""
    for theme, width in itertools.product(("light", "dark"), (1280, 800, 400)):
        tab.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.wait_for_timeout(400)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(tab.page).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not serious, json.dumps(serious, indent=1)
        tab.screenshot(f"live_{theme}_{width}")


@pytest.mark.browser
@pytest.mark.xdist_group("pane")
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
            for page in (tab.page, other):
                page.goto(found[0])
                page.wait_for_function(GROWN, arg=60, timeout=30_000)
            with readings.open("a") as more:
                more.writelines(f"{n % 5},{10 + np.sin(n / 4):.4f}\n" for n in range(60, 150))
            for page in (tab.page, other):
                page.wait_for_function(GROWN, arg=150, timeout=30_000)
                page.wait_for_function(SAYS, arg="Waiting for the next event", timeout=30_000)
            assert_draws(tab)
            assert_accessible(tab)
            tab.screenshot("live_running")
            job.send_signal(signal.SIGTERM)
            assert job.wait(30) == 128 + signal.SIGTERM
            for page in (tab.page, other):
                page.wait_for_function(SAYS, arg="was stopped after 150 events", timeout=30_000)
                page.wait_for_timeout(300)  # and nothing says otherwise when the server is gone
                page.wait_for_function(SAYS, arg="was stopped after 150 events", timeout=30_000)
            tab.screenshot("live_stopped")
        finally:
            job.kill()
            job.wait()
        tab.check()
