"""Micro-batches of Spark, measured: ``python -m benchmarks.scaling_worker FOLDER MASTER``.

`FOLDER/runs.json` lists what to run. What Spark says of the micro-batches is printed as JSON. A run
that is `live` goes on until there is a file `FOLDER/stop`, and writes it to `FOLDER/NAME.jsonl`
meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from lstmwidgets.streaming.spark import spark_predict

from .core_time import EVERY, CoreTime

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
FEATURES = 5
EMPTY_TASKS = 500
MILLI = 1e-3

Json = dict[str, Any]


def main(folder: Path, master: str) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = session(master)
    runs = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    with CoreTime() as cores:
        found: Json = {run["name"]: measured(spark, folder, run, cores) for run in runs}
        found["task"] = empty_task(spark, cores)
    print(json.dumps(found))


def session(master: str) -> Any:
    """Return a session of Spark on this machine alone."""
    options = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": True,
    }
    return SparkSession.builder.master(master).config(map=options).getOrCreate()


def empty_task(spark: Any, cores: CoreTime) -> float:
    """Return the seconds of a task that has next to nothing to do, without those of others."""
    numbers = of_the_jvm(spark)[0].range(0, EMPTY_TASKS, 1, EMPTY_TASKS)
    numbers.count()
    begin = time.time()
    numbers.count()
    end = time.time()
    time.sleep(EVERY)  # until the cores have been looked at
    return (end - begin - cores.others(begin, end)) / EMPTY_TASKS


def of_the_jvm(spark: Any) -> tuple[Any, Any, Any]:
    """Return the JVM's context, the JVM, and the gateway to it."""
    context = spark.sparkContext
    return context._jsc.sc(), context._jvm, context._gateway  # noqa: SLF001 (there is no other way)


def measured(spark: Any, folder: Path, run: Json, cores: CoreTime) -> Json:
    """Return the micro-batches of a run, and the stages before and behind the shuffle."""
    spark.conf.set("spark.sql.shuffle.partitions", run["partitions"])
    place = folder / run["name"]
    seen = len(stages(spark))
    query = started(spark, folder, run, place)
    if run.get("live"):
        watch(query, folder, run["name"], cores)
    query.awaitTermination()
    said = [each for each in query.recentProgress if each["numInputRows"]]
    batches = [batch(each, place, cores) for each in said]
    ended = stages(spark)[seen:]
    sent = [stage for stage in ended if stage["sent"]]
    received = [stage for stage in ended if stage["received"]]
    return {"batches": batches, "sent": sent, "received": received}


def started(spark: Any, folder: Path, run: Json, place: Path) -> Any:
    """Start the query of a run."""
    names = ", ".join(f"x{n} double" for n in range(FEATURES))
    stream = spark.readStream.schema(f"n long, key string, y double, {names}")
    if not run.get("live"):
        stream = stream.option("maxFilesPerTrigger", 1)
    predictions = spark_predict(
        stream.json(str(folder / run["events"])),
        folder / "model.safetensors",
        key="key",
        order="n",
        target="y",
        buckets=run["buckets"],
    )
    writer = predictions.writeStream.option("checkpointLocation", str(place / "checkpoint"))
    if not run.get("live"):
        writer = writer.trigger(availableNow=True)
    return writer.start(str(place / "out"))


def watch(query: Any, folder: Path, name: str, cores: CoreTime) -> None:
    """Write down a query's micro-batches as they end, until it shall stop."""
    written = -1
    with (folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        while not (folder / "stop").exists():
            time.sleep(0.1)
            for progress in query.recentProgress:
                if progress["batchId"] > written and progress["numInputRows"]:
                    written = progress["batchId"]
                    file.write(json.dumps(batch(progress, folder / name, cores)) + "\n")
                    file.flush()
            if query.exception() is not None:
                raise query.exception()
    query.stop()


def batch(progress: Any, place: Path, cores: CoreTime) -> Json:
    """Return what Spark says of a micro-batch, what it added on the disk, and who had the cores."""
    (state,) = progress["stateOperators"]
    version = progress["batchId"] + 1
    added = (place / "checkpoint" / "state").rglob(f"{version}*.changelog")
    spent = progress["durationMs"]
    began = datetime.fromisoformat(progress["timestamp"]).timestamp()
    seconds = spent["triggerExecution"] * MILLI
    return {
        "number": progress["batchId"],
        "events": progress["numInputRows"],
        "began": began,
        "seconds": seconds,
        "others": cores.others(began, began + seconds),
        "committed": state["commitTimeMs"] * MILLI,
        "checkpoint": sum(path.stat().st_size for path in added),
    }


def stages(spark: Any) -> list[Json]:
    """Return the stages so far: seconds of their tasks and bytes that they sent and received."""
    context, jvm, gateway = of_the_jvm(spark)
    context.listenerBus().waitUntilEmpty()
    none = jvm.java.util.ArrayList()
    quantiles = gateway.new_array(jvm.double, 0)
    found = context.statusStore().stageList(none, False, False, quantiles, none)
    listed = [found.apply(place) for place in range(found.size())]
    return [
        {
            "seconds": stage.executorRunTime() * MILLI,
            "sent": stage.shuffleWriteBytes(),
            "received": stage.shuffleReadBytes(),
        }
        for stage in sorted(listed, key=lambda stage: stage.stageId())
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
