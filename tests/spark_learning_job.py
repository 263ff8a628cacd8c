"""Learning of keyed events on Spark: ``python -m tests.spark_learning_job FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming.spark import spark_learn

from .spark_job import SCHEMA, spark_session

OPTIONS = {"key": "key", "order": "n", "target": "y", "features": ["a", "kind"]}


def new_model() -> LSTMRegressor:
    """Return the regressor that jobs begin with."""
    return LSTMRegressor(8, window=4, seed=1)


def writer_of(spark: Any, folder: Path, **options: Any) -> Any:
    """Return what learns the events in a folder when it is started."""
    read = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1)
    stream = read.json(str(folder / "events"))
    places = {"to": folder / "out", "checkpoint": folder / "checkpoint"}
    given = {"model": new_model(), **OPTIONS, **places, **options}
    return spark_learn(stream, given.pop("model"), **given)


def learn(spark: Any, folder: Path, **options: Any) -> None:
    """Learn what has come in a folder, on from the checkpoint there."""
    writer_of(spark, folder, **options).trigger(availableNow=True).start().awaitTermination()


if __name__ == "__main__":
    learn(spark_session(), Path(sys.argv[1]))
