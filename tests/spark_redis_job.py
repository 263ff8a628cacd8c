"""Rows of Redis streams on Spark: ``python -m tests.spark_redis_job FOLDER``, to be killed.

The addresses are in ``FOLDER/streams``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lstmwidgets.streaming.spark import redis_streams

from .spark_job import spark_session

SCHEMA = "_stream string, _ms long, _number long, n long, sensor string, load double, ok boolean"


def read_on(spark: Any, folder: Path, schema: str = SCHEMA, **options: Any) -> None:
    """Write what has come in the streams, on from the checkpoint in a folder."""
    spark.dataSource.register(redis_streams())
    reader = spark.readStream.format("redis_streams").schema(schema)
    given = {"streams": (folder / "streams").read_text(), **options}
    frame = reader.options(**given).load()

    def write(rows: Any, batch: int) -> None:
        rows.write.mode("overwrite").parquet(str(folder / "out" / f"batch={batch}"))

    writer = frame.writeStream.option("checkpointLocation", str(folder / "checkpoint"))
    writer.trigger(availableNow=True).foreachBatch(write).start().awaitTermination()


if __name__ == "__main__":
    read_on(spark_session(), Path(sys.argv[1]), maxEntries=100)
