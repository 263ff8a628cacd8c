"""What Spark calls for each bucket of a micro-batch."""
# ruff: noqa: ARG002, N802 (the names are Spark's)

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import msgspec

from lstmwidgets.online.estimator import Features

from .buckets import Bucket, Served, new_bucket, predict
from .frames import PREDICTION, Columns
from .packing import EVENTS, from_bytes, to_bytes

NOW = "lstmwidgets_now"
"""The column of when the micro-batch began, in milliseconds; it stays when one is run again."""


class BucketPredictor:
    """Predicts the events of a bucket, whose keys' states it keeps as one value.

    A `StatefulProcessor` of pyspark's, as which `spark_predict` registers it.

    Parameters
    ----------
    model : Served
        What predicts.
    columns : Columns
        What the columns of events are for.
    buckets : int
        How many there are.
    idle : int or None
        After how many milliseconds a key is forgotten.
    schema : pyspark.sql.types.StructType
        Of the value: one column of bytes.
    """

    def __init__(
        self, model: Served, columns: Columns, buckets: int, idle: int | None, schema: Any
    ) -> None:
        self._model = model
        self._columns = columns
        self._buckets = buckets
        self._idle = idle
        self._schema = schema

    def init(self, handle: Any) -> None:
        """Find the value."""
        self._value = handle.getValueState("bucket", self._schema)

    def handleInputRows(self, key: Any, rows: Iterable[Any], timerValues: Any) -> Iterator[Any]:
        """Predict the events of a bucket; yield them with their predictions as one row."""
        events = in_order((row[EVENTS] for row in rows), self._columns)
        bucket = self._read()
        columns = self._columns
        predictions = predict(
            bucket,
            self._model,
            events[columns.key].to_pylist(),
            features_of(events, columns.features),
            None if columns.target is None else events[columns.target].to_pylist(),
            now=events[NOW][0].as_py(),
            idle=self._idle,
        )
        self._value.update((msgspec.msgpack.encode(bucket),))
        arrow = import_module("pyarrow")
        known = events.select(columns.kept).append_column(PREDICTION, arrow.array(predictions))
        yield import_module("pyspark.sql").Row(**{EVENTS: to_bytes(known)})

    def close(self) -> None:
        """Do nothing: the model stays for the next micro-batch."""

    def _read(self) -> Bucket:
        value = self._value.get()
        if value is None:
            return new_bucket(self._buckets, self._model.hash)
        bucket = msgspec.msgpack.decode(value[0], type=Bucket)
        bucket.check(self._buckets, self._model.hash)
        return bucket


def in_order(parts: Iterable[bytes], columns: Columns) -> Any:
    """Return packed events as one table, sorted."""
    arrow = import_module("pyarrow")
    events = arrow.concat_tables(map(from_bytes, parts)).rename_columns(columns.names)
    return events.sort_by([(name, "ascending") for name in columns.order])


def features_of(events: Any, names: list[str]) -> list[Features]:
    """Return each event's features; a number that is missing is NaN, anything else None."""
    arrow = import_module("pyarrow")
    columns = [events[name] for name in names]
    lists = [
        (
            column.fill_null(float("nan")) if arrow.types.is_floating(column.type) else column
        ).to_pylist()
        for column in columns
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]
