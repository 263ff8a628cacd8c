"""Predict the events of a folder on Spark; print events and seconds of each micro-batch as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from lstmwidgets.streaming.spark import spark_predict

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
FEATURES = 5


def main(folder: Path, cores: int, way: str = "buckets") -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    options = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": False,
        "spark.sql.shuffle.partitions": cores,
        "spark.sql.streaming.stateStore.providerClass": ROCKSDB,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": True,
    }
    spark = SparkSession.builder.master(f"local[{cores}]").config(map=options).getOrCreate()
    names = ", ".join(f"x{n} double" for n in range(FEATURES))
    stream = spark.readStream.schema(f"n long, key string, y double, {names}")
    events = stream.option("maxFilesPerTrigger", 1).json(str(folder / "events"))
    model = folder / "model.safetensors"
    if way == "buckets":
        predictions = spark_predict(events, model, key="key", order="n", target="y")
    else:
        from .spark_ways import predictions_of

        predictions = predictions_of(way, events, model, [f"x{n}" for n in range(FEATURES)])
    place = folder / f"spark-{cores}-{way}"
    writer = predictions.writeStream.option("checkpointLocation", str(place / "checkpoint"))
    query = writer.trigger(availableNow=True).start(str(place / "out"))
    query.awaitTermination()
    batches = [
        (each["numInputRows"], each["durationMs"]["triggerExecution"] / 1000)
        for each in query.recentProgress
    ]
    print(json.dumps(batches))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
