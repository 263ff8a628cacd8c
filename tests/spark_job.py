"""Predictions of keyed events on Spark: ``python -m tests.spark_job FOLDER``, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmwidgets import save
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming.spark import spark_predict

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
TOO_LONG = 300.0

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
SCHEMA = "n long, key string, a double, kind string, y double"


def spark_session(master: str = "local[2]", partitions: int = 2) -> Any:
    """Return a session of Spark on this machine alone."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    options = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.executor.memory": "900m",
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.shuffle.partitions": partitions,
        "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
    }
    spark = SparkSession.builder.master(master).config(map=options).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def events(count: int, keys: int, seed: int = 0) -> list[Row]:
    """Return events of so many keys: each once, and then as they come; some lack something."""
    draw = np.random.default_rng(seed)
    which = [*draw.permutation(keys), *draw.integers(keys, size=max(count - keys, 0))][:count]
    return [
        {
            "n": n,
            "key": f"key {key}",
            "a": None if n % 11 == 0 else float(draw.normal()),
            "kind": "xyz"[n % 3],
            "y": None if n % 5 == 0 else float(draw.normal()),
        }
        for n, key in enumerate(which)
    ]


def write_model(path: Path, seed: int = 1) -> None:
    """Write a model that has learned such events."""
    model = LSTMRegressor(8, seed=seed)
    for row in events(200, 1, seed):
        model.learn_one({"a": row["a"], "kind": row["kind"]}, row["y"])
    save(model, path)


def write_file(folder: Path, number: int, rows: Sequence[Row]) -> None:
    """Write events into a file, which is a micro-batch, in another order than they have."""
    folder.mkdir(parents=True, exist_ok=True)
    shuffled = np.random.default_rng(number).permutation(len(rows))
    path = folder / f"{number}.json"
    path.write_text("".join(json.dumps(rows[at]) + "\n" for at in shuffled))
    os.utime(path, (1e9 + number, 1e9 + number))  # Spark takes the oldest first


def write_files(folder: Path, rows: Sequence[Row], files: int) -> None:
    """Write events into so many files."""
    size = -(-len(rows) // files)
    for number in range(files):
        write_file(folder / "events", number, rows[number * size : (number + 1) * size])


def commits(folder: Path) -> int:
    """Return how many micro-batches of the query in a folder have ended."""
    return len(list((folder / "checkpoint" / "commits").glob("[0-9]*")))


def kill_after(folder: Path, least: int, job: str = "tests.spark_job") -> None:
    """Run a job in a process of its own, and kill it and its JVM in the midst of a batch."""
    command = [sys.executable, "-m", job, str(folder)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + TOO_LONG
    while commits(folder) < least or not in_a_batch(folder):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert "java" in group(process.pid)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group(leader: int) -> set[str]:
    """Return the names of the processes in a group."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    names = set()
    for pid in pids:
        try:
            if os.getpgid(pid) == leader:
                names.add(Path(f"/proc/{pid}/comm").read_text().strip())
        except (ProcessLookupError, FileNotFoundError):  # it has ended
            continue
    return names


def in_a_batch(folder: Path) -> bool:
    """Say whether a micro-batch has begun that has not ended."""
    return len(list((folder / "checkpoint" / "offsets").glob("[0-9]*"))) > commits(folder)


def predictions_of(spark: Any, folder: Path, **options: Any) -> Any:
    """Return the predictions of the events in a folder."""
    read = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1)
    stream = read.json(str(folder / "events"))
    given = {"key": "key", "order": "n", "target": "y", "features": ["a", "kind"]} | options
    return spark_predict(stream, folder / "model.safetensors", **given)


def run(spark: Any, folder: Path, *, by_batch: bool = False, **options: Any) -> None:
    """Predict what has come in a folder, on from the checkpoint there.

    Spark's own file sink has a log of its batches; `by_batch` writes a folder for each instead.
    """
    writer = predictions_of(spark, folder, **options).writeStream.trigger(availableNow=True)
    writer = writer.option("checkpointLocation", str(folder / "checkpoint"))
    out = folder / "out"

    def write(frame: Any, number: int) -> None:
        frame.write.mode("overwrite").parquet(str(out / f"batch={number}"))

    query = writer.foreachBatch(write).start() if by_batch else writer.start(str(out))
    query.awaitTermination()


def said(spark: Any, folder: Path) -> dict[int, float]:
    """Return the predictions in a folder by the events' numbers; each has one."""
    rows = spark.read.parquet(str(folder / "out")).collect()
    found = {row.n: row.prediction for row in rows}
    assert len(found) == len(rows)
    return found


def streamed(folder: Path, rows: Sequence[Row]) -> dict[int, float]:
    """Return the predictions of ``lstmwidgets stream --no-learn``."""
    source, out = folder / "all.jsonl", folder / "predictions.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()", "stream"]
    options = {"model": folder / "model.safetensors", "target": "y", "key": "key", "id": "n"}
    words = [str(each) for name, value in options.items() for each in (f"--{name}", value)]
    subprocess.run(
        [*command, str(source), "--no-learn", "--predictions", str(out), *words],
        check=True,
        capture_output=True,
    )
    records = map(json.loads, out.read_text().splitlines())
    return {int(record["id"]): record["prediction"] for record in records}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    run(spark_session(*sys.argv[2:]), place)
