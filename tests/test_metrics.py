"""What `--metrics-port` serves is what the job has counted, and Prometheus' own parser reads it."""

from __future__ import annotations

import math
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Columns, Job, StreamError, StreamRunner, run_job
from lstmwidgets.streaming.job import options as job_options
from lstmwidgets.streaming.latency import Latency
from lstmwidgets.streaming.metrics import BOUNDS, JobMetrics, MetricsPage
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.sources import IterableSource, RedisSource, open_source

from .test_live_origins import FOREIGN, WELCOME, answer, headers
from .test_redis_streams import add, next_event, stream
from .test_stream_command import run

__all__ = ["stream"]  # a fixture

OPEN = "application/openmetrics-text; version=1.0.0"


def page(port: int, **sent: str) -> tuple[str, str]:
    """Return what a port tells at ``/metrics``, and in what format."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/metrics", headers=sent)
        told = connection.getresponse()
        assert told.status == 200
        return told.read().decode(), told.headers["Content-Type"]


def values(text: str, parse: Callable[[str], Any] = text_string_to_metric_families) -> Any:
    """Return what a text tells, by name and labels."""
    samples = [sample for family in parse(text) for sample in family.samples]
    told = {(sample.name, *sample.labels.values()): sample.value for sample in samples}
    assert len(told) == len(samples)
    return {" ".join(name).removeprefix("lstmwidgets_"): value for name, value in told.items()}


class Watch:
    """A sink that looks at the metrics of its own job at some events."""

    def __init__(self, *at: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.at = set(at)
        self.texts: list[str] = []
        self.written = 0

    def __call__(self, record: Any) -> None:
        if self.written in self.at:
            self.texts.append(page(self.port)[0])
        self.written += 1

    @property
    def told(self) -> list[dict[str, float]]:
        return [values(text) for text in self.texts]


def lines(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def ran(source: Any, watch: Watch, columns: Columns | None = None, **options: Any) -> Any:
    columns = Columns("y", key="key") if columns is None else columns
    options = {"hidden_size": 4, "seed": 1} | options
    return run_job(
        Job(source, columns, predictions=Callback(watch), metrics_port=watch.port, **options)
    )


def keyed(count: int) -> Iterator[str]:
    yield "key,a,y"
    for n in range(count):
        yield f"k{n % 7},{n % 5},{n % 3}"


def test_it_tells_what_the_job_has_counted(tmp_path: Path) -> None:
    source = lines(tmp_path / "events.csv", *keyed(50), "k1,oops,3", *list(keyed(51))[1:])
    watch = Watch(0, 60)
    folder = tmp_path / "job"
    ran(str(source), watch, skip_bad_rows=True, hot_keys=5, checkpoint=folder)
    first, later = watch.told
    assert (first["events_total"], first["bad_records_total"]) == (0, 0)
    assert (first["keys"], first["keys_in_memory"]) == (1, 1)
    assert first["source_lag_bytes"] > later["source_lag_bytes"] > 0
    assert first[f"job_info {source} regression"] == 1
    assert later["events_total"] == 60
    assert later["bad_records_total"] == 1
    assert (later["keys"], later["keys_in_memory"]) == (7, 5)
    assert later["latency_seconds_count"] == later["latency_seconds_bucket +Inf"] == 60
    assert later["latency_seconds_sum"] > 0
    assert later["score model"] > 0
    assert later["score baseline"] > 0
    assert later["checkpoint_seconds_count"] >= 1
    assert 0 <= later["checkpoint_age_seconds"] < 60
    assert later["process_resident_memory_bytes"] > 2**20
    with source.open("a") as more:
        more.write("k1,1,2\n")
    again = Watch(0)
    ran(str(source), again, skip_bad_rows=True, hot_keys=5, checkpoint=folder)
    (told,) = again.told
    assert (told["events_total"], told["bad_records_total"]) == (101, 1)
    assert (told["keys"], told["latency_seconds_count"]) == (7, 0)


def test_it_tells_of_late_targets_and_of_jobs_without_any(tmp_path: Path) -> None:
    rows = [f"{n},{n % 5}," for n in range(20)] + [f"{n},,3" for n in range(10)] + ["40,1,2"]
    source = lines(tmp_path / "events.csv", "id,a,y", *rows)
    watch = Watch(20)
    ran(str(source), watch, Columns("y", id="id"))
    (told,) = watch.told
    assert told["late_targets_total labelled"] == 10
    assert told["late_targets_total unknown"] == 0
    assert not any(name.startswith(("keys", "checkpoint")) for name in told)
    plain = Watch(3)
    ran(str(source), plain, Columns("y", drop=("id",)))
    assert not any(name.startswith("late_targets") for name in plain.told[0])


def test_a_job_that_only_predicts_tells_of_its_keys(tmp_path: Path) -> None:
    from lstmwidgets import save

    model = LSTMRegressor(4, seed=1)
    for n in range(50):
        model.learn_one({"a": n % 5}, n % 3)
    save(model, tmp_path / "model.safetensors")
    source = lines(tmp_path / "events.csv", *keyed(3000))
    given: dict[str, Any] = {"model": tmp_path / "model.safetensors", "learn": False}
    watch = Watch(2500)
    ran(str(source), watch, **given, hidden_size=None, seed=None)
    assert watch.told[0]["keys"] == 7
    alone = Watch(2500)
    columns = Columns("y", drop=("key",))
    ran(str(source), alone, columns, **given, hidden_size=None, seed=None)
    assert "keys" not in alone.told[0]


@given(st.lists(st.floats(0, 60), max_size=3000))
def test_waits_are_told_as_they_were(waits: list[float]) -> None:
    latency = Latency()
    for wait in waits:
        latency.add(wait)
    counts, seconds = latency.histogram(BOUNDS)
    assert counts[-1] == len(waits)
    assert math.isclose(seconds, math.fsum(waits), rel_tol=1e-9, abs_tol=1e-9)
    for bound, count in zip(BOUNDS, counts, strict=False):
        assert sum(wait <= bound * 0.98 for wait in waits) <= count
        assert count <= sum(wait <= bound * 1.02 for wait in waits)
    assert counts == sorted(counts)


def test_counts_never_fall_while_another_thread_looks_on() -> None:
    latency, over = Latency(), threading.Event()
    seen: list[list[int]] = []

    def look() -> None:
        while not over.is_set():
            seen.append(latency.histogram(BOUNDS)[0])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for n in range(100_000):
            latency.add(n % 1000 / 1e4)
    finally:
        over.set()
        thread.join()
    assert len(seen) > 1
    for before, after in pairwise(seen):
        assert all(one <= other for one, other in zip(before, after, strict=True))


@pytest.fixture
def served() -> Iterator[MetricsPage]:
    source = IterableSource([({"a": n}, 2.0 * n) for n in range(5)], Columns())
    runner = StreamRunner(LSTMRegressor(4, seed=1), source)
    assert len(list(runner.run())) == 5
    with MetricsPage(JobMetrics(runner, source, None), 0) as serving:
        yield serving


def port_of(served: MetricsPage) -> int:
    return int(re.findall(r":(\d+)/", served.address)[0])


def test_prometheus_chooses_the_format(served: MetricsPage) -> None:
    text, kind = page(port_of(served))
    assert kind.startswith("text/plain; version=")
    told = values(text)
    assert told["events_total"] == 5
    text, kind = page(port_of(served), Accept=OPEN)
    assert kind.startswith("application/openmetrics-text")
    others = values(text, open_metrics)
    assert others["events_total"] == 5
    assert {*told} == {*others}


def test_nothing_is_told_that_others_in_the_process_count(served: MetricsPage) -> None:
    registered = {metric.name for metric in REGISTRY.collect()}
    text = page(port_of(served))[0]
    told = {family.name for family in text_string_to_metric_families(text)}
    own = {name for name in told if name.startswith("lstmwidgets_")}
    assert own
    assert not own & registered
    assert not {name for name in told - own if not name.startswith("process_")}


def test_it_is_for_this_machine_only(served: MetricsPage) -> None:
    for host, origin in WELCOME:
        assert answer(served, "GET", "/metrics", headers(served, host, origin))[0] == 200
    for host, origin in FOREIGN:
        for path in ("/metrics", "/", "/metrics/", "//metrics"):
            status, text = answer(served, "GET", path, headers(served, host, origin))
            assert status in (400, 403), (host, origin, path)
            assert "lstmwidgets" not in text
    sent = headers(served, "localhost:{port}", None)
    assert answer(served, "GET", "/", sent)[0] == 404
    assert answer(served, "POST", "/metrics", sent)[0] == 405
    assert "Access-Control-" not in answer(served, "GET", "/metrics", sent)[1]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port_of(served)), timeout=60)


def test_the_port_is_closed_when_the_job_ends_or_fails(tmp_path: Path) -> None:
    source = lines(tmp_path / "events.csv", *keyed(20), "k1,oops,3")
    watch = Watch(3)
    with pytest.raises(StreamError, match="oops"):
        ran(str(source), watch)
    assert len(watch.texts) == 1
    with socket.create_server(("127.0.0.1", watch.port)):
        assert "metrics-port" not in {thread.name for thread in threading.enumerate()}


def test_a_port_that_is_taken_or_a_missing_package_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lines(tmp_path / "events.csv", *keyed(20))
    options = "--target", "y", "--hidden-size", "4", "--seed", "1", "--key", "key"
    assert run(monkeypatch, "stream", source, *options, "--metrics-port", "0") == 0
    told = capsys.readouterr().err
    assert len(re.findall(r"metrics at http://127\.0\.0\.1:\d+/metrics\n", told)) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(monkeypatch, "stream", source, *options, "--metrics-port", port) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in (told := capsys.readouterr().err)
    assert "name another --metrics-port" in told
    monkeypatch.setattr(job_options, "find_spec", lambda name: None)
    assert run(monkeypatch, "stream", source, *options, "--metrics-port", "0") == 2
    assert "pip install 'lstmwidgets[metrics]'" in capsys.readouterr().err


def test_sources_tell_how_far_they_are_behind(tmp_path: Path) -> None:
    path = lines(tmp_path / "events.csv", "a,y", "1,2", "3,4")
    for follow in (False, True):
        with closing(open_source(str(path), Columns("y"), follow=follow)) as source:
            events = iter(source)
            assert source.lag == {"bytes": 12 if follow else 8}
            next(events)
            assert source.lag == {"bytes": 4}
            next_event(events)
            assert source.lag == {"bytes": 0}
    with path.open("a") as more:
        more.write("5,6\n")
    assert source.lag == {}  # it is closed
    with closing(open_source("river:Phishing", Columns())) as source:
        before = source.lag["records"]
        next(iter(source))
        assert source.lag == {"records": before - 1}
    assert IterableSource([({"a": 1}, 2.0)], Columns()).lag == {}


def test_a_redis_stream_tells_how_many_entries_wait(stream: str) -> None:
    add(stream, 0, 700)
    with closing(RedisSource(stream, Columns(target="flow", targets="number"))) as source:
        assert source.lag == {}
        events = iter(source)
        for n in range(1, 701):
            next_event(events)
            assert source.lag == {"records": 700 - n}
