"""The text of a script that Spark runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..brokers import check_address
from ..errors import StreamError, without_login
from ..redis_address import SCHEMES as REDIS
from .redis_source import NAME

KAFKA = "kafka://"

FORMATS = {"csv": "csv", "jsonl": "json", "parquet": "parquet"}
"""Spark's names of the formats of files."""

HEAD = '''\
"""{title}"""

import os
import sys

from pyspark.sql import SparkSession, functions

{imports}

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run in this environment
state_store = "spark.sql.streaming.stateStore"
rocksdb = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
spark = (
    SparkSession.builder.master({master!r})
{local}    .config("spark.sql.shuffle.partitions", {partitions})  # from the first start on
    .config(f"{{state_store}}.providerClass", rocksdb)
    .config(f"{{state_store}}.rocksdb.changelogCheckpointing.enabled", True)
    .getOrCreate()
)
'''

LOCAL = """\
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
"""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a script is to do.

    Attributes
    ----------
    source : str
        A file or folder, or the address of a Redis stream or a Kafka topic.
    format, delimiter : str or None
        Of files.
    start : str or None
        Where a new job begins in a stream: ``"earliest"`` or ``"latest"``.
    schema : str or None
        The columns; None where they are found in the files.
    master : str
        Where Spark runs.
    drop, text : list of str
        Columns to leave out, and to take as texts.
    time : str or None
        The column that is a time.
    learn : bool
        Whether to learn.
    model : str or None
        The file of a model to begin with.
    hidden_size, new
        Units and other options of a new one.
    key, order, target, features, to, checkpoint, shared, learners, buckets
        As of `spark_learn`.
    seconds : float or None
        Between two micro-batches; None ends with what is there.
    """

    source: str
    format: str | None
    delimiter: str | None
    start: str | None
    schema: str | None
    master: str
    drop: list[str]
    text: list[str]
    time: str | None
    learn: bool
    model: str | None
    hidden_size: int
    new: dict[str, Any]
    key: str
    order: list[str]
    target: str | None
    features: list[str] | None
    to: str
    checkpoint: str
    shared: bool
    learners: int
    buckets: int
    seconds: float | None


def script_of(job: Script) -> str:
    """Return the text of a script.

    Raises
    ------
    StreamError
        If Spark cannot read such a source, or columns or their order are not known.
    """
    reading, order = _reading(job)
    names = ["spark_learn" if job.learn else "spark_predict"]
    if job.source.startswith(REDIS):
        names.insert(0, "redis_streams")
    imports = [f"from lstmwidgets.streaming.spark import {', '.join(names)}"]
    if job.model is None:
        imports.insert(0, "from lstmwidgets.online import LSTMRegressor")
    head = HEAD.format(
        title=f"{'Learn' if job.learn else 'Predict'} on Spark.",
        imports="\n".join(imports),
        master=job.master,
        local=LOCAL if job.master.startswith("local") else "",
        partitions=job.learners,
    )
    columns = [f"events = events.drop(*{job.drop!r})"] * bool(job.drop)
    casts = dict.fromkeys(job.text, "string")
    if job.time is not None:
        casts[job.time] = "timestamp"
    columns += [
        f"events = events.withColumn({name!r}, functions.col({name!r}).cast({kind!r}))"
        for name, kind in casts.items()
    ]
    return "\n".join([head, *reading, *columns, "", *_stepping(job, order), ""])


def _reading(job: Script) -> tuple[list[str], list[str]]:
    """Return lines that make `events`, and the columns that order them."""
    if job.source.startswith(REDIS):
        return _of_redis(job), job.order or ["_ms", "_number"]
    if job.source.startswith(KAFKA):
        return _of_kafka(job), job.order or ["_partition", "_offset"]
    if job.start is not None:
        raise StreamError("--start is for Redis and Kafka; leave it out")
    if not job.order:
        raise StreamError("name the columns that order events with --order, or --time")
    return _of_files(job), job.order


def _of_files(job: Script) -> list[str]:
    """Return lines that read the files of a folder."""
    if job.source == "-" or job.source.startswith("river:"):
        raise StreamError(
            f"Spark does not read {job.source}; name a folder of files, a Redis stream or a Kafka "
            "topic"
        )
    path = Path(job.source)
    name = path.name.removesuffix(".gz")
    kind = job.format or next((each for each in FORMATS if name.endswith(f".{each}")), None)
    if kind not in FORMATS:
        raise StreamError(
            f"{job.source}: name the format of its files, --format {', '.join(FORMATS)}"
        )
    options = ""
    if kind == "csv":
        options = ".option('header', True)"
        if job.delimiter is not None:
            options += f".option('sep', {job.delimiter!r})"
    form = FORMATS[kind]
    if job.schema is None:
        inferred = ".option('inferSchema', True)" if kind == "csv" else ""
        schema = f"spark.read{options}{inferred}.{form}({job.source!r}).schema"
    else:
        schema = repr(job.schema)
    return [
        f"schema = {schema}",
        f"events = spark.readStream{options}.schema(schema).{form}({job.source!r})",
    ]


def _of_redis(job: Script) -> list[str]:
    """Return lines that read a Redis stream."""
    check_address(job.source)
    if without_login(job.source) != job.source:
        raise StreamError(
            "a script shows no login: give the password in LSTMWIDGETS_REDIS_PASSWORD, to driver "
            "and workers"
        )
    schema = f"_ms long, _number long, {_schema(job)}"
    start = "" if job.start is None else f"    .option('start', {job.start!r})\n"
    return [
        "spark.dataSource.register(redis_streams())",
        "events = (",
        f"    spark.readStream.format({NAME!r})",
        f"    .schema({schema!r})",
        f"    .option('streams', {job.source!r})\n{start}    .load()",
        ")",
    ]


def _of_kafka(job: Script) -> list[str]:
    """Return lines that read JSON objects from a Kafka topic, by Spark's own connector."""
    brokers, _, topic = job.source.removeprefix(KAFKA).partition("/")
    if not brokers or not topic or "/" in topic:
        raise StreamError(
            f"expected kafka://HOST:PORT/TOPIC, several brokers with commas between, got "
            f"{without_login(job.source)}"
        )
    return [
        "# The connector is a package of Spark's: spark-submit --packages",
        "# org.apache.spark:spark-sql-kafka-0-10_2.13:VERSION",
        "events = (",
        "    spark.readStream.format('kafka')",
        f"    .option('kafka.bootstrap.servers', {brokers!r})",
        f"    .option('subscribe', {topic!r})",
        f"    .option('startingOffsets', {job.start or 'earliest'!r})",
        "    .load()",
        "    .select(",
        "        functions.col('partition').alias('_partition'),",
        "        functions.col('offset').alias('_offset'),",
        f"        functions.from_json(functions.col('value').cast('string'), {_schema(job)!r})",
        "        .alias('_value'),",
        "    )",
        "    .select('_partition', '_offset', '_value.*')",
        ")",
    ]


def _schema(job: Script) -> str:
    if job.schema is None:
        raise StreamError(
            "name the source's columns and their types: --schema 'sensor string, load double'"
        )
    return job.schema


def _stepping(job: Script, order: list[str]) -> list[str]:
    """Return lines that make a writer of `events` and run it."""
    first = f"LSTMRegressor({job.hidden_size}{_words(job.new)})"
    model = first if job.model is None else repr(job.model)
    given: dict[str, Any] = {"key": job.key, "order": order, "target": job.target}
    given |= {"features": job.features, "buckets": job.buckets}
    if job.learn:
        given |= {"to": job.to, "checkpoint": job.checkpoint}
        given |= {"learners": job.learners} if job.shared else {"shared": False}
    options = [f"    {name}={value!r}," for name, value in given.items() if value is not None]
    made = "writer = spark_learn(" if job.learn else "predictions = spark_predict("
    lines = [made, "    events,", f"    {model},", *options, ")"]
    start = "start()"
    if not job.learn:
        option = f".option('checkpointLocation', {job.checkpoint!r})"
        lines.append(f"writer = predictions.writeStream{option}")
        start = f"start({job.to!r})"
    trigger = "availableNow=True"
    if job.seconds is not None:
        trigger = f"processingTime='{job.seconds:g} seconds'"
    return [*lines, f"writer.trigger({trigger}).{start}.awaitTermination()"]


def _words(options: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())
