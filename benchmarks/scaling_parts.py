"""What parts of a micro-batch cost: in this process, and as Spark says of whole micro-batches."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from scipy.optimize import nnls  # type: ignore[import-untyped]

from lstmwidgets import save
from lstmwidgets.online import FrozenRegressor, LSTMRegressor
from lstmwidgets.saving import to_bytes
from lstmwidgets.streaming.spark.buckets import Bucket, Served, new_bucket, predict
from lstmwidgets.streaming.spark.packing import EVENTS, pack, unpack

from .clusters import Costs

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-spark" / "bin" / "python"
FEATURES = [f"x{n}" for n in range(5)]
FEW, MANY = 100, 100_000
BUCKETS = 64
FILES = (100_000, 1_000, 100_000, 30_000, 1_000, 100_000)
"""Events of each micro-batch; the first has every key, and is not counted."""
SMALL = (30_000, 1_000, 30_000, 1_000)
WARM = (30_000,) * 4

Json = dict[str, Any]


class Run(NamedTuple):
    """A query to be measured, over the events of `keys` keys in `files`."""

    name: str
    keys: int
    files: tuple[int, ...]
    buckets: int = BUCKETS
    partitions: int = 1

    @property
    def touched(self) -> float:
        """Buckets that have keys, about."""
        return self.buckets * -np.expm1(-self.keys / self.buckets)


def runs(cores: int) -> list[Run]:
    """Return what is run on so many cores, the first to warm up."""
    both = [Run("few", FEW, FILES, BUCKETS, cores), Run("many", MANY, FILES, BUCKETS, cores)]
    more = [Run("coarse", FEW, SMALL, 8), Run("split", FEW, SMALL, BUCKETS, 8)]
    return [Run("warm", FEW, WARM, BUCKETS, cores), *both, *(more if cores == 1 else [])]


def write_model(path: Path) -> None:
    """Write a model that has learned a little."""
    save(_learned(), path)


def write_events(path: Path, keys: Sequence[int], first: int, seed: int) -> None:
    """Write an event of each of these keys, numbered from `first` on, as JSON Lines."""
    path.parent.mkdir(exist_ok=True)
    rows = np.random.default_rng(seed).standard_normal((len(keys), len(FEATURES) + 1)).round(4)
    with path.open("w", encoding="utf-8") as file:
        for n, (key, row) in enumerate(zip(keys, rows.tolist(), strict=True), start=first):
            event = {"n": n, "key": f"key {key}", "y": row[-1]}
            file.write(json.dumps(event | dict(zip(FEATURES, row, strict=False))) + "\n")


def write(folder: Path) -> None:
    """Write a model and the events of all runs."""
    write_model(folder / "model.safetensors")
    for run in runs(1):
        draw, first = np.random.default_rng(1), 0
        for number, size in enumerate(run.files):
            once = draw.permutation(run.keys)[:size] if number == 0 else []
            keys = [*once, *draw.integers(run.keys, size=size - len(once))]
            path = folder / f"{run.name}-events" / f"{number}.jsonl"
            write_events(path, keys, first, number)
            os.utime(path, (1e9 + number, 1e9 + number))  # Spark takes the oldest first
            first += size


def session(folder: Path, cores: int, *, backwards: bool = False) -> Json:
    """Run all queries in one session of Spark on so many cores; return what it says of them."""
    first, *others = runs(cores)
    in_turn = [first, *(reversed(others) if backwards else others)]
    listed = [run._asdict() | {"events": f"{run.name}-events"} for run in in_turn]
    (folder / "runs.json").write_text(json.dumps(listed), encoding="utf-8")
    command = worker(folder, cores)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **surroundings())
    found: Json = json.loads(done.stdout.splitlines()[-1])
    return found


def worker(folder: Path, cores: int) -> list[str]:
    """Return the command that measures on so many cores."""
    pinned = ["taskset", "-c", "0" if cores == 1 else f"0-{cores - 1}"]
    return [*pinned, str(PYTHON), "-m", "benchmarks.scaling_worker", str(folder), f"local[{cores}]"]


def surroundings() -> Json:
    """Return the options with which the worker is started."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return {
        "cwd": ROOT,
        "env": environment,
        "stderr": subprocess.DEVNULL,
        "start_new_session": True,
    }


def fitted(found: Json) -> Costs:
    """Return the service times that fit the micro-batches of sessions on one core best.

    The seconds in which others had the core are taken off.
    """
    rows, seconds = [], []
    for run in runs(1)[1:]:
        for batch in found[run.name]["batches"][1:]:
            rows.append([1, run.partitions, batch["events"], run.touched, run.keys])
            seconds.append(batch["seconds"] - batch["others"])
    weighted = np.array(rows) / np.array(seconds)[:, None]
    size = weighted.max(axis=0)  # of like sizes, for the solver
    fit, _ = nnls(weighted / size, np.ones(len(rows)))
    batch, partition, event, bucket, key = fit / size
    task = min(found["task"], partition)
    before, behind = (_slope(found["few"], stages) for stages in ("sent", "received"))
    read = event * before / (before + behind)
    return Costs(batch, task, read, event - read, partition - task, bucket, key)


def _slope(run: Json, stages: str) -> float:
    """Return the seconds that the tasks of a stage take for each event more."""
    events = [batch["events"] for batch in run["batches"][1:]]
    seconds = [stage["seconds"] for stage in run[stages][1:]]
    return float(np.polyfit(events, seconds, 1)[0])


def shuffled(run: Json) -> float:
    """Return the bytes that an event takes in the shuffle, of the largest micro-batches."""
    sent = [
        (batch["events"], stage["sent"])
        for batch, stage in zip(run["batches"], run["sent"], strict=True)
    ]
    most = max(events for events, _ in sent)
    return median(size / events for events, size in sent if events == most)


def parts(keys: int) -> dict[str, float]:
    """Return what the library's parts take in one process, in seconds of processor time.

    Of a bucket with so many keys, and as many events, of one key each.

    Returns
    -------
    dict
        Seconds an event: ``pack``, ``unpack``, ``observe`` (the compiled kernel, from dicts on);
        seconds a key: ``state`` (decoded, put in place, taken out and encoded); bytes:
        ``event bytes``, ``key bytes``.
    """
    draw = np.random.default_rng(0)
    names = [f"key {n}" for n in range(keys)]
    xs = [dict(zip(FEATURES, row, strict=True)) for row in draw.standard_normal((keys, 5)).tolist()]
    ys = draw.standard_normal(keys).tolist()
    model = _learned()
    frozen = FrozenRegressor(model, keys)
    slots = list(range(keys))
    observe = _timed(lambda: frozen.observe_many(slots, xs, ys)) / keys

    served = Served(to_bytes(model), b"")
    bucket = new_bucket(BUCKETS, b"")
    predict(bucket, served, names, xs, ys, now=0)
    encoded = msgspec.msgpack.encode(bucket)

    def through() -> None:
        again = msgspec.msgpack.decode(encoded, type=Bucket)
        predict(again, served, names, xs, ys, now=0)
        msgspec.msgpack.encode(again)

    columns = {"bucket": [0] * keys, "n": slots, "key": names, "y": ys}
    columns |= {name: [x[name] for x in xs] for name in FEATURES}
    batch = pa.record_batch(columns)
    (packed,) = pack([batch], 1, "key")
    return {
        "pack": _timed(lambda: list(pack([batch], 1, "key"))) / keys,
        "unpack": _timed(lambda: [each.to_pydict() for each in unpack([packed])]) / keys,
        "observe": observe,
        "state": _timed(through) / keys - observe,
        "event bytes": packed[EVENTS].nbytes / keys,
        "key bytes": len(encoded) / keys,
    }


def _learned() -> LSTMRegressor:
    model = LSTMRegressor(seed=1)
    for row in np.random.default_rng(0).standard_normal((300, len(FEATURES) + 1)).tolist():
        model.learn_one(dict(zip(FEATURES, row, strict=False)), row[-1])
    return model


def _timed(call: Callable[[], Any], rounds: int = 15) -> float:
    """Return the processor's seconds of a call, the median of some."""
    call()
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return median(taken)
