"""Other ways to keep keys' states on Spark than packed buckets: a group a key, as Row or pandas."""
# ruff: noqa: ARG002, N802 (the names are Spark's)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql.streaming import StatefulProcessor
from pyspark.sql.types import BinaryType, StructField, StructType

from lstmwidgets.files import checksum
from lstmwidgets.streaming.spark.buckets import Served

RESULT = "key string, n long, prediction double"
STATE = StructType([StructField("state", BinaryType())])


class KeyPredictor(StatefulProcessor):  # type: ignore[misc]  # pyspark is not there to be checked
    """Predicts the events of a key, whose state is a value of its own."""

    def __init__(self, path: Path, features: list[str]) -> None:
        data = path.read_bytes()
        self._model = Served(data, bytes.fromhex(checksum(data)))
        self._features = features

    def init(self, handle: Any) -> None:
        """Find the state."""
        self._value = handle.getValueState("state", STATE)

    def close(self) -> None:
        """Do nothing."""

    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        """Predict events and let them pass."""
        regressor, known = self._model.regressor(1), self._value.get()
        regressor.reset([0])
        if known is not None:
            regressor.stream_from_bytes(0, bytes(known[0]))
        xs = [{name: row[name] for name in self._features} for row in rows]
        predictions = regressor.observe_many([0] * len(rows), xs, [row["y"] for row in rows])
        self._value.update((regressor.stream_to_bytes(0),))
        return predictions.tolist()


class RowPredictor(KeyPredictor):
    """Is handed rows."""

    def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Any]:
        """Yield a row for each event."""
        ordered = sorted((row.asDict() for row in rows), key=lambda row: row["n"])
        for row, prediction in zip(ordered, self.predict(ordered), strict=True):
            yield Row(key=key[0], n=row["n"], prediction=prediction)


class PandasPredictor(KeyPredictor):
    """Is handed dataframes of pandas."""

    def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Any]:
        """Yield a dataframe of all events."""
        import pandas as pd

        frame = pd.concat(list(rows)).sort_values("n")
        predictions = self.predict(frame.to_dict("records"))
        yield pd.DataFrame({"key": key[0], "n": frame["n"], "prediction": predictions})


def predictions_of(way: str, events: DataFrame, path: Path, features: list[str]) -> DataFrame:
    """Return predictions, by ``"row"`` or ``"pandas"``."""
    grouped = events.groupBy("key")
    if way == "row":
        return grouped.transformWithState(RowPredictor(path, features), RESULT, "append", "none")
    return grouped.transformWithStateInPandas(
        PandasPredictor(path, features), RESULT, "append", "none"
    )
