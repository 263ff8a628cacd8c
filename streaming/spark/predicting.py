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
from ..job.known_features import columns_of, is_known
from ..job.model import first_model
from .buckets import Served
from .packing import BUCKET, EVENTS, pack, unpack
from .processor import NOW, PREDICTION, BucketPredictor, Columns

BUCKETS = 64

PROVIDER = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
MILLISECONDS = 1000

NEEDED = (4, 1)
"""The first version of Spark with `transformWithState` for rows of Python."""


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
    A micro-batch fails, with what to do in the message, if the checkpoint has another number of
    buckets or was begun with another model, or if an event has no key.

    Examples
    --------
    With a running Spark, as the script in ``docs/spark.md``::

        predictions = spark_predict(
            stream_df, "model.safetensors", key="sensor", order="n", target="flow"
        )
        predictions.writeStream.option("checkpointLocation", "job").start("out")
    """
    functions, types = _checked(stream_df, buckets, idle_seconds)
    served, learned = _served(model)
    orders = [order] if isinstance(order, str) else list(order)
    if not orders:
        raise StreamError("order is empty; name a column such as a running number")
    given = None if features is None else list(features)
    columns = _columns(stream_df, learned, key, target, orders, given, list(keep))
    idle = None if idle_seconds is None else int(idle_seconds * MILLISECONDS)
    read = [_read(functions.col(_quoted(name)), name, columns) for name in columns.names]
    columns.names.append(NOW)
    read.append(functions.unix_millis(functions.current_timestamp()))
    hashed = functions.xxhash64(read[columns.names.index(key)])
    events = stream_df.select(
        functions.pmod(hashed, functions.lit(buckets)).cast("int").alias(BUCKET),
        *(column.alias(str(n)) for n, column in enumerate(read)),
    )
    packed = types.StructType(
        [
            types.StructField(BUCKET, types.IntegerType()),
            types.StructField(EVENTS, types.BinaryType()),
        ]
    )
    result = types.StructType(
        [
            types.StructField(name, events.schema[1 + columns.names.index(name)].dataType)
            for name in columns.kept
        ]
        + [types.StructField(PREDICTION, types.DoubleType())]
    )
    bytes_ = types.StructType([types.StructField(EVENTS, types.BinaryType())])
    import_module("pyspark.sql.streaming").StatefulProcessor.register(BucketPredictor)
    packing = partial(pack, place=columns.names.index(key), key=key)
    grouped = events.mapInArrow(packing, packed).groupBy(BUCKET)
    stepped = grouped.transformWithState(
        BucketPredictor(served, columns, buckets, idle, bytes_),
        bytes_,
        "append",
        "none",  # with timers Spark runs empty micro-batches without end
    )
    return stepped.mapInArrow(unpack, result)


def _checked(stream_df: Any, buckets: int, idle_seconds: float | None) -> tuple[Any, Any]:
    """Return pyspark's functions and types, if dataframe, session and numbers can be used."""
    if type(stream_df).__module__.startswith("pyspark.sql.connect."):
        raise StreamError(
            "spark_predict does not run on Spark Connect; use a session of Spark's own: "
            "SparkSession.builder.master(…), or spark-submit"
        )
    try:
        version = import_module("pyspark").__version__
        functions = import_module("pyspark.sql.functions")
        types = import_module("pyspark.sql.types")
        import_module("google.protobuf")
        import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise StreamError(f"Spark needs {error.name}: pip install 'lstmwidgets[spark]'") from error
    if tuple(map(int, version.split(".")[:2])) < NEEDED:
        raise StreamError(f"expected pyspark 4.1 or newer, got {version}; upgrade pyspark")
    if not isinstance(stream_df, import_module("pyspark.sql").DataFrame):
        raise StreamError(f"expected a DataFrame of Spark's, got {type(stream_df).__name__}")
    if not stream_df.isStreaming:
        raise StreamError("expected a streaming DataFrame, as spark.readStream gives")
    if isinstance(buckets, bool) or not isinstance(buckets, int) or not 1 <= buckets < 1 << 31:
        raise StreamError(f"buckets must be a whole number from 1 on, got {buckets!r}")
    if idle_seconds is not None and not idle_seconds > 0:
        raise StreamError(f"idle_seconds must be above 0, got {idle_seconds!r}")
    provider = stream_df.sparkSession.conf.get(PROVIDER)
    if provider != ROCKSDB:
        raise StreamError(
            "states are kept in RocksDB; before the query starts: "
            f'spark.conf.set("{PROVIDER}", "{ROCKSDB}")'
        )
    return functions, types


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


def _columns(
    stream_df: Any,
    learned: list[str],
    key: str,
    target: str | None,
    order: list[str],
    features: list[str] | None,
    keep: list[str],
) -> Columns:
    """Return what the columns of a dataframe are for; raise if one cannot be."""
    there = stream_df.columns
    named = [key, *order, *([] if target is None else [target])]
    for name in [*named, *(features or []), *keep]:
        if there.count(name) != 1:
            problem = "has no column" if name not in there else "has several columns"
            raise StreamError(f"stream_df {problem} {name!r}; it has {', '.join(there)}")
    if features is None:
        features = [name for name in there if name not in (key, target) and is_known(name, learned)]
    if taken := [name for name in features if name in (key, target)]:
        raise StreamError(
            f"{', '.join(taken)}: key and target are no features; name a copy of the column, as "
            "stream_df.withColumn makes it"
        )
    unknown = [name for name in features if not is_known(name, learned)]
    if unknown or not features:
        what = ", ".join(unknown) if unknown else "no column of stream_df"
        raise StreamError(
            f"{what}: not among the features that the model has learned, {', '.join(learned)}; "
            "name columns by features= that are, or rename them"
        )
    kept = list(dict.fromkeys([*named, *keep]))
    if PREDICTION in kept:
        raise StreamError(f"a column is called {PREDICTION}, as the model's are; rename it")
    if target is not None:
        numeric = import_module("pyspark.sql.types").NumericType
        found = stream_df.select(_quoted(target)).schema[0].dataType
        if not isinstance(found, numeric):
            raise StreamError(
                f"the target {target!r} must be a number, got {found.simpleString()}; cast it"
            )
    return Columns(list(dict.fromkeys([*kept, *features])), key, target, order, features, kept)


def _read(column: Any, name: str, columns: Columns) -> Any:
    """Return a column as events have it: the key as a string, the target as a double."""
    if name == columns.key:
        return column.cast("string")
    return column.cast("double") if name == columns.target else column


def _quoted(name: str) -> str:
    """Return a column's name for Spark, which takes dots apart."""
    return f"`{name.replace('`', '``')}`"
