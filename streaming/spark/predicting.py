"""`spark_predict`: from a streaming dataframe of events to one of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from lstmwidgets.files import checksum
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.saving import to_bytes

from ..errors import StreamError
from ..job.known_features import columns_of
from ..job.model import first_model
from .buckets import Served
from .frames import MILLISECONDS, checked, columns_in, packed, read, results
from .packing import BUCKET, EVENTS, pack, unpack
from .processor import NOW, BucketPredictor
from .weights import Identity, WeightsFolder

BUCKETS = 64


def spark_predict(
    stream_df: Any,
    model: LSTMRegressor | str | Path,
    *,
    key: str,
    order: str | Sequence[str],
    features: Sequence[str] | None = None,
    target: str | None = None,
    keep: Sequence[str] = (),
    buckets: int = BUCKETS,
    idle_seconds: float | None = None,
    checkpoint: str | Path | None = None,
) -> Any:
    """Predict the events of a streaming dataframe with a state for each key; nothing is learned.

    Every key's events go through `lstmwidgets.online.LSTMRegressor.observe_one` in their order, as
    ``lstmwidgets stream --no-learn --key`` does it. Spark has the keys' states in its state store
    and its checkpoint, and so each event is predicted once, whatever is killed meanwhile. Keys are
    grouped by a hash, and all that a micro-batch has of a group is predicted in one call.

    Parameters
    ----------
    stream_df : pyspark.sql.DataFrame
        Streaming, with a row for each event. Its session keeps states in RocksDB; see
        ``docs/spark.md``.
    model : LSTMRegressor or path
        Has learned already; or the file in which `lstmwidgets.save` has put it. Every key's stream
        begins anew; what the model has carried is left aside.
    key : str
        Column by which events belong to streams, of any type that Spark casts to a string.
    order : str or sequence of str
        Columns by which the events of a micro-batch are sorted, such as a running number or Kafka's
        offset; a key's events need to differ in them. A shuffle keeps no order. Events of later
        micro-batches come later, whatever they have here.
    features : sequence of str, optional
        Columns that the model reads. By default all that it has learned, but for key and target.
    target : str, optional
        Column with what was to be predicted, a number, null where it is not known. The experts
        beside the LSTM read a key's last targets. By default none is known.
    keep : sequence of str
        More columns that stand beside the prediction, such as an id.
    buckets : int
        In how many groups keys are, for as long as the checkpoint lasts; 64 by default. Partitions
        share them: several for each, and some thousand keys in one.
    idle_seconds : float, optional
        A key that has not come for longer begins anew. Its state is removed when another key of its
        bucket comes. Time is that at which micro-batches begin. By default states stay for good.
    checkpoint : path, optional
        The query's checkpoint folder, where the driver sees it: another number of buckets, or
        another model, is then refused before the query starts. What is checked is written there.

    Returns
    -------
    pyspark.sql.DataFrame
        A row for each event, in no order: the columns of key (as a string), order, target (as a
        double) and `keep`, and ``prediction``, made before the target is known. Its output mode is
        ``append``.

    Raises
    ------
    StreamError
        If the dataframe is one of Spark Connect or is not streaming, a column is missing or of the
        wrong type, the model is another one or has learned nothing, or an option is out of range.

    Notes
    -----
    Without `checkpoint`, a micro-batch fails, with what to do in the message, if the checkpoint has
    another number of buckets or was begun with another model; and in any case if an event has no
    key.

    Examples
    --------
    With a running Spark, as the script in ``docs/spark.md``::

        predictions = spark_predict(
            stream_df, "model.safetensors", key="sensor", order="n", target="flow"
        )
        predictions.writeStream.option("checkpointLocation", "job").start("out")
    """
    spark = checked(stream_df, buckets, idle_seconds)
    served, learned = _served(model)
    columns = columns_in(stream_df, learned, key, target, order, features, keep)
    if checkpoint is not None:
        WeightsFolder(checkpoint).begin(Identity(buckets, 0, False, served.hash.hex()))
    idle = None if idle_seconds is None else int(idle_seconds * MILLISECONDS)
    functions, parts = spark.functions, read(spark, columns)
    columns.names.append(NOW)
    parts.append(functions.unix_millis(functions.current_timestamp()))
    place = columns.names.index(key)
    hashed = functions.xxhash64(parts[place])
    events = stream_df.select(
        functions.pmod(hashed, functions.lit(buckets)).cast("int").alias(BUCKET),
        *(column.alias(str(n)) for n, column in enumerate(parts)),
    )
    bytes_ = spark.struct(**{EVENTS: spark.types.BinaryType()})
    import_module("pyspark.sql.streaming").StatefulProcessor.register(BucketPredictor)
    grouped = events.mapInArrow(partial(pack, place=place, key=key), packed(spark)).groupBy(BUCKET)
    stepped = grouped.transformWithState(
        BucketPredictor(served, columns, buckets, idle, bytes_),
        bytes_,
        "append",
        "none",  # with timers Spark runs empty micro-batches without end
    )
    return stepped.mapInArrow(unpack, results(spark, events, columns, 1))


def _served(model: Any) -> tuple[Served, list[str]]:
    """Return a model to be sent, and the columns that it has learned."""
    if isinstance(model, str | Path):
        model = first_model(str(model))
    if type(model) is not LSTMRegressor:
        raise StreamError(
            f"expected an LSTMRegressor or the file of one, got {type(model).__name__}; other "
            "models run in one process: lstmwidgets stream --no-learn"
        )
    if model.parts.learner is None:
        raise StreamError("there is nothing to predict with: the model has not learned anything")
    data = to_bytes(model)
    return Served(data, bytes.fromhex(checksum(data))), columns_of(model)
