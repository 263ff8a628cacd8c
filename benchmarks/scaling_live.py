"""A stream at a given rate on Spark, killed midway: when events came, when they were answered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from .clusters import Arrivals, Batch
from .scaling_parts import BUCKETS, FEW, surroundings, worker, write_events

RATE = 4_000
"""Events a second."""
APART = 0.25
"""Seconds between the files in which they come."""
SETTLED, KILLED, UNTIL = 40.0, 80.0, 230.0
"""Seconds from the first micro-batch's end: measured from, killed at, fed until."""
TOO_LONG = 300.0

Json = dict[str, Any]


class Live(NamedTuple):
    """What became of a stream, in seconds since it began.

    Attributes
    ----------
    arrivals : Arrivals
        When events came.
    batches : list of Batch
        When they were answered, before and behind the kill.
    settled, killed : float
        From when on it counts, and when all processes were killed.
    start : float
        Seconds from then to the end of the first micro-batch, less what one took before.
    others : float
        Share of the cores that others had, of those micro-batches that count.
    """

    arrivals: Arrivals
    batches: list[Batch]
    settled: float
    killed: float
    start: float
    others: float


def live(folder: Path, cores: int) -> Live:
    """Feed a stream on so many cores, kill all of its processes midway, and start them again."""
    name = f"live-{cores}"
    run = {"name": name, "events": f"{name}-events", "buckets": BUCKETS, "partitions": cores}
    (folder / "runs.json").write_text(json.dumps([run | {"live": True}]), encoding="utf-8")
    (folder / "stop").unlink(missing_ok=True)
    waiting, events = folder / f"{name}-waiting", folder / f"{name}-events"
    events.mkdir()
    size = round(RATE * APART)
    draw = np.random.default_rng(2)
    for number in range(round(UNTIL / APART) + 1):
        keys = draw.integers(FEW, size=size).tolist()
        write_events(waiting / f"{number:06}.jsonl", keys, number * size, number)
    files = sorted(waiting.iterdir())
    log = folder / f"{name}.jsonl"

    process = _start(folder, cores)
    try:
        files[0].rename(events / files[0].name)
        _wait(lambda: _batches(log), process)  # which takes what a start takes
        began = time.time()
        came: list[float] = []
        feeder = Thread(target=_feed, args=(files[1:], events, began, came), daemon=True)
        feeder.start()
        time.sleep(max(0.0, began + KILLED - time.time()))
        _wait(lambda: _in_a_batch(folder / name / "checkpoint", len(_batches(log))), process, 0.005)
        killed = time.time()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = len(_batches(log))
        process = _start(folder, cores)
        feeder.join()
        _wait(lambda: sum(each["events"] for each in _batches(log)) == len(files) * size, process)
        (folder / "stop").touch()
        process.wait(TOO_LONG)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    said = _batches(log)
    arrivals = Arrivals(np.array(came) - began, np.full(len(came), size))
    batches = _as_batches(said[1:], size, began)
    counted = [each for each in said[1:before] if each["began"] >= began + SETTLED]
    had = sum(each["others"] for each in counted) / sum(each["seconds"] for each in counted)
    first = said[before]
    usual = median(each["seconds"] for each in counted)
    start = first["began"] + first["seconds"] - killed - usual
    return Live(arrivals, batches, SETTLED, killed - began, start, had / cores)


def _start(folder: Path, cores: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        worker(folder, cores),
        stdout=subprocess.DEVNULL,
        text=True,
        **surroundings(),
    )


def _feed(files: list[Path], events: Path, began: float, came: list[float]) -> None:
    """Move files to where the query looks, one after another."""
    for number, path in enumerate(files, start=1):
        time.sleep(max(0.0, began + number * APART - time.time()))
        path.rename(events / path.name)
        came.append(time.time())


def _in_a_batch(checkpoint: Path, written: int) -> bool:
    """Say whether a micro-batch has begun, and all that have ended are written down."""
    begun, ended = (
        len(list((checkpoint / name).glob("[0-9]*"))) for name in ("offsets", "commits")
    )
    return begun == ended + 1 == written + 1


def _wait(until: Callable[[], Any], process: subprocess.Popen[str], pause: float = 0.1) -> None:
    deadline = time.monotonic() + TOO_LONG
    while not until():
        if process.poll() is not None:
            raise RuntimeError(f"the measured query ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing has come of the measured query for {TOO_LONG:g} s")
        time.sleep(pause)


def _batches(log: Path) -> list[Json]:
    """Return what the query has written of its micro-batches, without a line half written."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _as_batches(said: list[Json], size: int, began: float) -> list[Batch]:
    """Return the micro-batches by which of the arrivals they took."""
    found, first = [], 0
    for each in said:
        end = first + each["events"] // size
        start = each["began"] - began
        found.append(Batch(first, end, start, start + each["seconds"]))
        first = end
    return found
