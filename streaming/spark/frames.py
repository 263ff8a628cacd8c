"""What of a streaming dataframe is read as what, and whether it can be."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec

from ..errors import StreamError
from ..job.known_features import is_known
from .packing import BUCKET, EVENTS

PREDICTION = "prediction"

PROVIDER = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

NEEDED = (4, 1)
"""The first version of Spark with `transformWithState` for rows of Python."""

MILLISECONDS = 1000


class Columns(msgspec.Struct, frozen=True):
    """What the columns of events are for.

    Attributes
    ----------
    names : list of str
        Of all of them: on their way they have numbers, since Spark takes dots in names apart.
    key, target : str
        Their names; no target where there is none.
    order : list of str
        By which the events of a micro-batch are sorted.
    features : list of str
        What the model reads.
    kept : list of str
        What stands beside a prediction.
    """

    names: list[str]
    key: str
    target: str | None
    order: list[str]
    features: list[str]
    kept: list[str]


class Spark:
    """pyspark's modules, imported when a dataframe comes.

    Attributes
    ----------
    functions, types : module
        ``pyspark.sql.functions`` and ``pyspark.sql.types``.
    """

    def __init__(self) -> None:
        self.functions = import_module("pyspark.sql.functions")
        self.types = import_module("pyspark.sql.types")

    def struct(self, **fields: Any) -> Any:
        """Return a type of rows with these columns."""
        types = self.types
        return types.StructType([types.StructField(name, kind) for name, kind in fields.items()])


def checked(stream_df: Any, buckets: int, idle_seconds: float | None) -> Spark:
    """Return pyspark's modules, if dataframe, session and numbers can be used."""
    if type(stream_df).__module__.startswith("pyspark.sql.connect."):
        raise StreamError(
            "lstmwidgets does not run on Spark Connect; use a session of Spark's own: "
            "SparkSession.builder.master(…), or spark-submit"
        )
    try:
        version = import_module("pyspark").__version__
        spark = Spark()
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
    check_count("buckets", buckets)
    if idle_seconds is not None and not idle_seconds > 0:
        raise StreamError(f"idle_seconds must be above 0, got {idle_seconds!r}")
    provider = stream_df.sparkSession.conf.get(PROVIDER)
    if provider != ROCKSDB:
        raise StreamError(
            "states are kept in RocksDB; before the query starts: "
            f'spark.conf.set("{PROVIDER}", "{ROCKSDB}")'
        )
    return spark


def check_count(name: str, count: Any) -> None:
    """Raise unless a number of buckets or learners is one."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < 1 << 31:
        raise StreamError(f"{name} must be a whole number from 1 on, got {count!r}")


def columns_in(
    stream_df: Any,
    known: Sequence[str] | None,
    key: str,
    target: str | None,
    order: str | Sequence[str],
    features: Sequence[str] | None,
    keep: Sequence[str],
) -> Columns:
    """Return what the columns of a dataframe are for; raise if one cannot be.

    Parameters
    ----------
    known : sequence of str, optional
        The columns of the model, if it is to read no others. Otherwise it reads by default what is
        neither key, target, kept nor, unless it is a time, an order.
    """
    order = [order] if isinstance(order, str) else list(order)
    if not order:
        raise StreamError("order is empty; name a column such as a running number")
    there = stream_df.columns
    named = [key, *order, *([] if target is None else [target])]
    for name in [*named, *(features or []), *keep]:
        if there.count(name) != 1:
            problem = "has no column" if name not in there else "has several columns"
            raise StreamError(f"stream_df {problem} {name!r}; it has {', '.join(there)}")
    taken = [key, target, *keep, *(name for name in order if not _is_time(stream_df, name))]
    features = _features(there, known, [key, target], taken, features)
    kept = list(dict.fromkeys([*named, *keep]))
    if PREDICTION in kept:
        raise StreamError(f"a column is called {PREDICTION}, as the model's are; rename it")
    if target is not None:
        numeric = import_module("pyspark.sql.types").NumericType
        found = stream_df.select(quoted(target)).schema[0].dataType
        if not isinstance(found, numeric):
            raise StreamError(
                f"the target {target!r} must be a number, got {found.simpleString()}; cast it"
            )
    return Columns(list(dict.fromkeys([*kept, *features])), key, target, order, features, kept)


def _is_time(stream_df: Any, name: str) -> bool:
    """Say whether a column has times, which are features though events are sorted by them."""
    kind = stream_df.select(quoted(name)).schema[0].dataType
    return type(kind).__name__ in ("DateType", "TimestampType", "TimestampNTZType")


def _features(
    there: Sequence[str],
    known: Sequence[str] | None,
    no_features: Sequence[str | None],
    others: Sequence[str | None],
    features: Sequence[str] | None,
) -> list[str]:
    """Return which columns the model reads."""
    if features is None and known is None:
        features = [name for name in there if name not in others]
        if not features:
            raise StreamError("no column of stream_df is left to be a feature; name some")
    elif features is None:
        features = [
            name for name in there if name not in no_features and is_known(name, list(known or ()))
        ]
    if taken := [name for name in features if name in no_features]:
        raise StreamError(
            f"{', '.join(taken)}: key and target are no features; name a copy of the column, as "
            "stream_df.withColumn makes it"
        )
    if known is not None:
        unknown = [name for name in features if not is_known(name, list(known))]
        if unknown or not features:
            what = ", ".join(unknown) if unknown else "no column of stream_df"
            raise StreamError(
                f"{what}: not among the features that the model has learned, {', '.join(known)}; "
                "name columns by features= that are, or rename them"
            )
    return list(features)


def read(spark: Spark, columns: Columns) -> list[Any]:
    """Return the columns as events have them: the key as a string, the target as a double."""
    found = []
    for name in columns.names:
        column = spark.functions.col(quoted(name))
        if name == columns.key:
            column = column.cast("string")
        found.append(column.cast("double") if name == columns.target else column)
    return found


def results(spark: Spark, events: Any, columns: Columns, first: int) -> Any:
    """Return the type of rows with predictions, of events whose columns begin at a place."""
    kept = {
        name: events.schema[first + columns.names.index(name)].dataType for name in columns.kept
    }
    return spark.struct(**kept, **{PREDICTION: spark.types.DoubleType()})


def packed(spark: Spark) -> Any:
    """Return the type of rows with the events of a group."""
    return spark.struct(**{BUCKET: spark.types.IntegerType(), EVENTS: spark.types.BinaryType()})


def quoted(name: str) -> str:
    """Return a column's name for Spark, which takes dots apart."""
    return f"`{name.replace('`', '``')}`"
