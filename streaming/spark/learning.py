"""`spark_learn`: predictions of a streaming dataframe, each made before its event is learned."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from lstmwidgets.files import checksum
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.saving import from_bytes, to_bytes

from ..errors import StreamError
from ..job.known_features import columns_of
from ..job.model import first_model
from .frames import MILLISECONDS, Spark, check_count, checked, columns_in, packed, read, results
from .groups import spread
from .learners import PLACE, UPDATE, KeyLearner, Learning, SharedLearner
from .packing import BUCKET, EVENTS, pack, unpack
from .processor import NOW
from .streams import Update, merged
from .weights import Identity, WeightsFolder

BUCKETS = 64

LEARNERS = 2

Write = Callable[[Any, int], None]

EXAMPLES = {
    "BooleanType": True,
    "DateType": date(1970, 1, 1),
    "DayTimeIntervalType": timedelta(),
    "TimestampType": datetime(1970, 1, 1),
    "TimestampNTZType": datetime(1970, 1, 1),
}
"""A value of each type of Spark's that is no number and no text: it shows what columns it has."""


def spark_learn(
    stream_df: Any,
    model: LSTMRegressor | str | Path,
    *,
    key: str,
    order: str | Sequence[str],
    target: str,
    to: str | Path | Write,
    checkpoint: str | Path,
    features: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    shared: bool = True,
    learners: int = LEARNERS,
    buckets: int = BUCKETS,
    idle_seconds: float | None = None,
) -> Any:
    """Predict the events of a streaming dataframe, and learn them.

    Keys are shared out among learners by a hash. In a micro-batch each learner takes the weights
    that there are, and goes through its events in their order: it predicts an event, then learns
    it, with the key's own state and window. Then the driver brings together what they have learned,
    as `lstmwidgets.online.merging` describes, and the next micro-batch begins with that. With
    ``shared=False`` every key has a regressor of its own instead, and nothing is brought together.

    Each event is predicted once and learned once, whatever is killed meanwhile: a micro-batch that
    is run again reads the weights that it read before.

    Parameters
    ----------
    stream_df : pyspark.sql.DataFrame
        Streaming, with a row for each event. Its session keeps states in RocksDB; see
        ``docs/spark.md``.
    model : LSTMRegressor or path
        New, or has learned already; or the file in which `lstmwidgets.save` has put it. Its
        optimizer is ``"adam"``, ``"adamw"`` or ``"sgd"``. Every key's stream begins anew.
    key : str
        Column by which events belong to streams, of any type that Spark casts to a string.
    order : str or sequence of str
        Columns by which the events of a micro-batch are sorted, as of `spark_predict`.
    target : str
        Column with what is predicted and learned, a number; null where it is not known.
    to : path or callable
        Folder for predictions: Parquet, in a folder ``batch=N`` for each micro-batch, overwritten
        when one is run again. Or what is called with a dataframe of them and N; for the same N it
        gets the same rows. They have the columns of key (as a string), order, target (as a double)
        and `keep`, and ``prediction``.
    checkpoint : path
        Folder for the query's checkpoint and, in ``lstmwidgets`` there, for weights. Driver and
        workers see it by the same name, as on one machine or on a network file system.
    features : sequence of str, optional
        Columns that the model reads. By default those that it has learned; for a new one all that
        are named nowhere else here, and times by which events are ordered.
    keep : sequence of str
        More columns that stand beside the prediction, such as an id.
    shared : bool
        Let all keys learn the same weights; otherwise each has a model of its own.
    learners : int
        How many learn side by side, for as long as the checkpoint lasts; 2 by default. As many as
        there are cores: a multiple of ``spark.sql.shuffle.partitions``, which share them evenly.
        More of them learn less well. It has no meaning with ``shared=False``.
    buckets : int
        In how many groups the keys' states are stored, for as long as the checkpoint lasts; 64 by
        default.
    idle_seconds : float, optional
        A key that has not come for longer begins anew, as of `spark_predict`. With shared weights
        only.

    Returns
    -------
    pyspark.sql.streaming.DataStreamWriter
        To be started, after a trigger is chosen: ``.trigger(availableNow=True).start()``.

    Raises
    ------
    StreamError
        If the dataframe is one of Spark Connect or is not streaming, a column is missing or of the
        wrong type, the model cannot be learned there, an option is out of range, or the checkpoint
        was begun with other buckets, learners or another model.

    Notes
    -----
    A text that is new counts as missing in the micro-batch in which it first comes.

    Examples
    --------
    With a running Spark, as the script in ``docs/spark.md``::

        writer = spark_learn(
            stream_df, LSTMRegressor(window=4), key="sensor", order="n", target="flow",
            to="out", checkpoint="job",
        )
        writer.trigger(processingTime="10 seconds").start().awaitTermination()
    """
    spark = checked(stream_df, buckets, idle_seconds)
    check_count("learners", learners)
    if not shared and idle_seconds is not None:
        raise StreamError("idle_seconds is for shared weights; leave it out with shared=False")
    began, known = _began(model)
    columns = columns_in(stream_df, known, key, target, order, features, keep)
    folder = WeightsFolder(checkpoint)
    identity = Identity(buckets, learners if shared else 0, shared, checksum(to_bytes(began)))
    texts = _add_features(began := copy.deepcopy(began), stream_df, columns, shared=shared)
    folder.begin(identity, to_bytes(began))
    labels = spread(learners)
    parts = read(spark, columns)
    place = columns.names.index(key)
    bucket = spark.functions.pmod(
        spark.functions.xxhash64(parts[place]), spark.functions.lit(buckets)
    ).cast("int")
    group = _label(spark, bucket, labels) if shared else bucket
    columns.names.extend((PLACE, NOW))
    now = spark.functions.unix_millis(spark.functions.current_timestamp())
    events = stream_df.select(
        group.alias(BUCKET),
        *(column.alias(str(n)) for n, column in enumerate([*parts, bucket, now])),
    )
    idle = None if idle_seconds is None else int(idle_seconds * MILLISECONDS)
    names = spark.types.IntegerType() if shared else spark.types.StringType()
    bytes_ = spark.types.BinaryType()
    learning = Learning(
        columns,
        texts,
        labels,
        idle,
        folder.path.parent,
        spark.struct(name=names),
        spark.struct(state=bytes_),
    )
    kind: Any = SharedLearner if shared else KeyLearner
    import_module("pyspark.sql.streaming").StatefulProcessor.register(kind)
    grouped = events.mapInArrow(partial(pack, place=place, key=key), packed(spark)).groupBy(BUCKET)
    stepped = grouped.transformWithState(
        kind(learning), spark.struct(**{EVENTS: bytes_, UPDATE: bytes_}), "append", "none"
    )
    finish = Finish(folder, _write(to), results(spark, events, columns, 1))
    writer = stepped.writeStream.option("checkpointLocation", str(folder.path.parent))
    return writer.foreachBatch(finish)


def learned_model(checkpoint: str | Path) -> LSTMRegressor:
    """Return the model that a job of `spark_learn` with shared weights has learned.

    The job may be running meanwhile.

    Parameters
    ----------
    checkpoint : path
        What was given to `spark_learn`.

    Raises
    ------
    StreamError
        If there is no such job.
    """
    found = from_bytes(WeightsFolder(checkpoint).newest())
    assert isinstance(found, LSTMRegressor)
    found.expect_known_features()
    return found


class Finish:
    """What is done at the end of a micro-batch: weights are brought together, predictions written.

    Parameters
    ----------
    folder : WeightsFolder
        Where weights are.
    write : callable
        Is handed predictions and the batch's number.
    schema : pyspark.sql.types.StructType
        Of predictions.
    """

    def __init__(self, folder: WeightsFolder, write: Write, schema: Any) -> None:
        self._folder = folder
        self._write = write
        self._schema = schema

    def __call__(self, frame: Any, batch: int) -> None:
        """Finish a micro-batch; the same once more if it is run again."""
        frame.persist()  # so that events are learned once, not with every look at the frame
        try:
            rows = frame.select(UPDATE).where(frame[UPDATE].isNotNull()).collect()
            updates = [msgspec.msgpack.decode(row[0], type=Update) for row in rows]
            if updates:
                self._folder.write(batch + 1, merged(self._folder.read(batch), updates))
            self._write(frame.select(EVENTS).mapInArrow(unpack, self._schema), batch)
        finally:
            frame.unpersist()


def _began(model: Any) -> tuple[LSTMRegressor, list[str] | None]:
    """Return the model to begin with, and its columns if it has any."""
    if isinstance(model, str | Path):
        model = first_model(str(model))
    if type(model) is not LSTMRegressor:
        raise StreamError(
            f"expected an LSTMRegressor or the file of one, got {type(model).__name__}; other "
            "models learn in one process: lstmwidgets stream"
        )
    learner = model.parts.learner
    if model.optimizer not in ("adam", "adamw", "sgd") and (
        learner is None or not learner.is_compiled
    ):
        raise StreamError("the optimizer must be adam, adamw or sgd: others are PyTorch's own")
    model = copy.deepcopy(model)
    model.reset_stream()
    return model, None if learner is None else columns_of(model)


def _add_features(model: LSTMRegressor, stream_df: Any, columns: Any, *, shared: bool) -> list[str]:
    """Give features their columns, as far as their types say it; return which are texts."""
    if model.seed is None and model.parts.learner is None:
        model.seed = secrets.randbits(32)  # so that a batch that is run again draws the same
    types = import_module("pyspark.sql.types")
    texts: list[str] = []
    examples: dict[Hashable, Any] = {}
    for name in columns.features:
        kind = next(field.dataType for field in stream_df.schema if field.name == name)
        if isinstance(kind, types.StringType):
            texts.append(name)
        elif isinstance(kind, types.NumericType):
            examples[name] = 0.0
        elif type(kind).__name__ in EXAMPLES:
            examples[name] = EXAMPLES[type(kind).__name__]
    if shared:
        model.add_features(examples)
    return texts


def _label(spark: Spark, bucket: Any, labels: Sequence[int]) -> Any:
    """Return the column by which events of a bucket are grouped."""
    functions = spark.functions
    given = functions.array(*map(functions.lit, labels))
    return functions.element_at(given, functions.pmod(bucket, functions.lit(len(labels))) + 1)


def _write(to: str | Path | Write) -> Write:
    if not isinstance(to, str | Path):
        return to

    def write(frame: Any, batch: int) -> None:
        frame.write.mode("overwrite").parquet(f"{to}/batch={batch}")

    return write
