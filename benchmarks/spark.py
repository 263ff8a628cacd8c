"""Predictions without learning on Spark, beside the same by ``lstmwidgets stream --no-learn``.

Of an LSTM with 32 units and five features, from JSON Lines to Parquet and to JSON Lines, in
micro-batches of 100,000 events, the first of which is not counted. On one core all processes of a
contestant share it. The command has all keys in memory and no checkpoint; Spark has its own. Needs
Spark's environment (``make setup-spark``) and Java: without them there are no figures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lstmwidgets import save
from lstmwidgets.online import LSTMRegressor

from .timing import RATIO, Figure, Target, Targets

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-spark" / "bin" / "python"
EVENTS = 100_000
"""Of a micro-batch."""
BATCHES = 4
KEYS = (100, 100_000)
FEATURES = 5
STREAM = "lstmwidgets stream"

FEW_EVENTS, FEW_BATCHES = 10_000, 3
"""The same where ways are compared, the slow ones among them."""

WAYS = {
    "buckets": "packed buckets",
    "row": "a group a key, Row",
    "pandas": "a group a key, pandas",
}
"""Ways of keeping keys' states, and what they are called."""

TARGETS: Targets = {
    (f"{keys:,} keys", f"Spark, {cores} / {STREAM}"): Target("≥", bar)
    for keys, bar in zip(KEYS, (0.25, 0.1), strict=True)
    for cores in ("1 core", "2 cores")
}


def figures() -> Iterator[Figure]:
    """Yield the figures, one number of keys after another."""
    if not PYTHON.exists() or shutil.which("java") is None:
        return
    for keys in KEYS:
        case = f"{keys:,} keys"
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            _write(folder, keys)
            alone = _streamed(folder)
            yield Figure(case, STREAM, "events/s", (alone,))
            for cores, name in ((1, "1 core"), (2, "2 cores")):
                rates = _on_spark(folder, cores)
                yield Figure(case, f"Spark, {name}", "events/s", rates)
                ratios = tuple(rate / alone for rate in rates)
                yield Figure(case, f"Spark, {name} / {STREAM}", RATIO, ratios)
        yield from ways(keys)


def ways(keys: int) -> Iterator[Figure]:
    """Yield how many events a second each way of keeping states does, in smaller micro-batches."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write(folder, keys, FEW_EVENTS, FEW_BATCHES)
        for way, name in WAYS.items():
            case = f"{keys:,} keys, {FEW_EVENTS:,} events a batch"
            yield Figure(case, f"Spark, 2 cores, {name}", "events/s", _on_spark(folder, 2, way))


def _write(folder: Path, keys: int, size: int = EVENTS, batches: int = BATCHES) -> None:
    """Write a model and events, a file for each micro-batch."""
    draw = np.random.default_rng(0)
    names = [f"x{n}" for n in range(FEATURES)]
    model = LSTMRegressor(seed=1)
    for row in draw.standard_normal((300, FEATURES + 1)).tolist():
        model.learn_one(dict(zip(names, row, strict=False)), row[-1])
    save(model, folder / "model.safetensors")
    (folder / "events").mkdir()
    for batch in range(batches):
        which = draw.integers(keys, size=size).tolist()
        rows = draw.standard_normal((size, FEATURES + 1)).round(4).tolist()
        path = folder / "events" / f"{batch}.jsonl"
        with path.open("w") as file:
            for n, (key, row) in enumerate(zip(which, rows, strict=True), start=batch * size):
                event = {"n": n, "key": f"key {key}", "y": row[-1]}
                file.write(json.dumps(event | dict(zip(names, row, strict=False))) + "\n")
        os.utime(path, (1e9 + batch, 1e9 + batch))


def _streamed(folder: Path) -> float:
    """Return the events a second of one process, after what its start takes."""
    files = sorted((folder / "events").iterdir())
    whole = folder / "all.jsonl"
    whole.write_bytes(b"".join(file.read_bytes() for file in files))
    seconds = [_stream(folder, path) for path in (files[0], files[0], whole)]
    return EVENTS * (BATCHES - 1) / (seconds[2] - seconds[1])


def _stream(folder: Path, source: Path) -> float:
    command = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()"]
    options = {
        "model": folder / "model.safetensors",
        "target": "y",
        "key": "key",
        "drop": "n",
        "hot-keys": max(KEYS),
        "predictions": folder / "predictions.jsonl",
    }
    words = [str(each) for name, value in options.items() for each in (f"--{name}", value)]
    begin = time.perf_counter()
    subprocess.run(
        ["taskset", "-c", "0", *command, "stream", str(source), "--no-learn", *words],
        check=True,
        capture_output=True,
        env=_environment(),
    )
    (folder / "predictions.jsonl").unlink()
    return time.perf_counter() - begin


def _on_spark(folder: Path, cores: int, way: str = "buckets") -> tuple[float, ...]:
    """Return the events a second of each micro-batch but the first."""
    command = [str(PYTHON), "-m", "benchmarks.spark_worker", str(folder), str(cores), way]
    done = subprocess.run(
        ["taskset", "-c", "0" if cores == 1 else f"0-{cores - 1}", *command],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=_environment(),
    )
    batches = json.loads(done.stdout.splitlines()[-1])
    return tuple(events / seconds for events, seconds in batches[1:])


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}
