"""A job that runs for long takes no more and more memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lstmwidgets.streaming.state.checkpoint import inspect

EVENTS = 5_000_000
KEYS, HOT = 10_000, 7_500
LATE = 3
"""Of so many targets one comes a few events after its own."""

ROOM = 24 * 1024 * 1024
"""Bytes that memory may move by, after the first fifth: caches of the database and of pages."""

COMMAND = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()", "stream"]


def write_events(path: Path) -> None:
    draw = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("number,sensor,load,flow\n")
        for begin in range(0, EVENTS, 100_000):
            keys = draw.integers(KEYS, size=100_000).tolist()
            numbers = draw.standard_normal((100_000, 2)).round(3).tolist()
            waiting: list[list[str]] = [[] for _ in range(10)]
            for n, (key, (load, flow)) in enumerate(zip(keys, numbers, strict=True), begin):
                if n % LATE:
                    file.write(f"{n},s{key},{load},{flow}\n")
                else:
                    file.write(f"{n},s{key},{load},\n")
                    waiting[(n + 1 + draw_of(n)) % 10].append(f"{n},s{key},,{flow}\n")
                file.writelines(waiting[n % 10])
                waiting[n % 10].clear()
            for lines in waiting:
                file.writelines(lines)


def draw_of(n: int) -> int:
    """Return how many more events a target waits for, from 0 to 8."""
    return n * 7 % 9


def resident(process: subprocess.Popen[bytes]) -> int:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
def test_five_million_events_leave_memory_flat(tmp_path: Path) -> None:
    write_events(source := tmp_path / "events.csv")
    options = {
        "target": "flow",
        "key": "sensor",
        "id": "number",
        "hidden-size": 4,
        "window": 2,
        "hot-keys": HOT,
        "wait-events": 1000,
        "predictions": tmp_path / "predictions.jsonl",
        "report": tmp_path / "report.html",
        "checkpoint": tmp_path / "job",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [*COMMAND, str(source), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen: list[tuple[int, int]] = []
    while process.poll() is None:
        time.sleep(2)
        if (tmp_path / "job" / "job.sqlite").exists() and process.poll() is None:
            saved = inspect(tmp_path / "job")[1]
            if saved is not None:
                seen.append((saved.events, resident(process)))
    assert process.returncode == 0
    late = [size for events, size in seen if EVENTS // 5 < events < EVENTS * 0.98]
    assert len(late) > 20, seen
    assert max(late) - min(late) < ROOM, seen
    third = len(late) // 3
    assert np.mean(late[-third:]) - np.mean(late[:third]) < ROOM / 3
    assert (tmp_path / "job" / "job.sqlite").stat().st_size < 20_000_000
    late_targets = len(range(0, EVENTS, LATE))
    for name, count in {"predictions": EVENTS, "predictions.labels": late_targets}.items():
        with (tmp_path / f"{name}.jsonl").open("rb") as file:
            chunks = iter(lambda file=file: file.read(1 << 20), b"")
            assert sum(chunk.count(b"\n") for chunk in chunks) == count
