"""What Spark calls for each group of keys in a micro-batch that is learned."""
# ruff: noqa: ARG002, N802 (the names are Spark's)

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from lstmwidgets.saving import from_bytes, to_bytes

from .frames import PREDICTION, Columns
from .packing import EVENTS
from .packing import to_bytes as packed
from .processor import NOW, features_of, in_order
from .streams import Bucket, Update, forget, learn_alone, learn_shared, without_new
from .weights import WeightsFolder

UPDATE = "update"
"""The column with what a learner has learned."""

PLACE = "lstmwidgets_place"
"""The column with an event's bucket."""

BATCH = "streaming.sql.batchId"
"""The local property of Spark's tasks that says which micro-batch they belong to."""


class Learning(NamedTuple):
    """What learners need to know.

    Attributes
    ----------
    columns : Columns
        What the columns of events are for.
    texts : list of str
        Features that are texts.
    labels : list of int
        By which number each learner's events are grouped.
    idle : int or None
        After how many milliseconds a key is forgotten.
    checkpoint : Path
        The query's checkpoint folder.
    key_type, state_type : pyspark.sql.types.StructType
        Of the states: a column of bytes by a column that names them.
    """

    columns: Columns
    texts: list[str]
    labels: list[int]
    idle: int | None
    checkpoint: Path
    key_type: Any
    state_type: Any


class SharedLearner:
    """Learns the events of a group of keys, from weights that all groups share.

    A `StatefulProcessor` of pyspark's. The states of keys lie in buckets.

    Parameters
    ----------
    learning : Learning
        What it needs to know.
    """

    def __init__(self, learning: Learning) -> None:
        self._learning = learning

    def init(self, handle: Any) -> None:
        """Find the states."""
        learning = self._learning
        self._weights = WeightsFolder(learning.checkpoint)
        self._buckets = handle.getMapState("buckets", learning.key_type, learning.state_type)

    def handleInputRows(self, key: Any, rows: Iterable[Any], timerValues: Any) -> Iterator[Any]:
        """Predict and learn events; yield predictions and what was learned as one row."""
        columns = self._learning.columns
        events = in_order((row[EVENTS] for row in rows), columns)
        now = events[NOW][0].as_py()
        places = events[PLACE].to_pylist()
        model = from_bytes(self._weights.read(batch()))
        xs, new = without_new(model, features_of(events, columns.features), self._learning.texts)
        buckets = {place: self._read(place, now) for place in sorted(set(places))}
        keys, ys = events[columns.key].to_pylist(), events[columns.target].to_pylist()
        predictions = learn_shared(model, buckets, places, keys, xs, ys, now)
        for place, bucket in buckets.items():
            self._buckets.updateValue((place,), (msgspec.msgpack.encode(bucket),))
        model.reset_stream()
        learner = self._learning.labels.index(key[0])
        update = msgspec.msgpack.encode(Update(learner, to_bytes(model), new))
        yield row_of(events, columns, predictions, update)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _read(self, place: int, now: int) -> Bucket:
        """Return a bucket without the keys that were idle."""
        if not self._buckets.containsKey((place,)):
            return {}
        bucket = msgspec.msgpack.decode(self._buckets.getValue((place,))[0], type=Bucket)
        if self._learning.idle is not None:
            forget(bucket, now - self._learning.idle)
        return bucket


class KeyLearner:
    """Learns the events of each key with a regressor of its own, which is the key's state.

    A `StatefulProcessor` of pyspark's.

    Parameters
    ----------
    learning : Learning
        What it needs to know.
    """

    def __init__(self, learning: Learning) -> None:
        self._learning = learning

    def init(self, handle: Any) -> None:
        """Find the states."""
        learning = self._learning
        self._first = WeightsFolder(learning.checkpoint).read(0)
        self._models = handle.getMapState("models", learning.key_type, learning.state_type)

    def handleInputRows(self, key: Any, rows: Iterable[Any], timerValues: Any) -> Iterator[Any]:
        """Predict and learn events; yield predictions as one row."""
        columns = self._learning.columns
        events = in_order((row[EVENTS] for row in rows), columns)
        xs, ys = features_of(events, columns.features), events[columns.target].to_pylist()
        places: dict[str, list[int]] = {}
        for place, name in enumerate(events[columns.key].to_pylist()):
            places.setdefault(name, []).append(place)
        predictions = np.empty(len(xs))
        for name, own in places.items():
            known = self._models.containsKey((name,))
            model = from_bytes(self._models.getValue((name,))[0] if known else self._first)
            predictions[own] = learn_alone(model, [xs[n] for n in own], [ys[n] for n in own])
            self._models.updateValue((name,), (to_bytes(model),))
        yield row_of(events, columns, predictions, None)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def batch() -> int:
    """Return the number of the micro-batch that this task belongs to."""
    context = import_module("pyspark").TaskContext.get()
    return int(context.getLocalProperty(BATCH))


def row_of(events: Any, columns: Columns, predictions: Any, update: bytes | None) -> Any:
    """Return a row with predictions beside their events, and what was learned."""
    arrow = import_module("pyarrow")
    known = events.select(columns.kept).append_column(PREDICTION, arrow.array(predictions))
    return import_module("pyspark.sql").Row(**{EVENTS: packed(known), UPDATE: update})
