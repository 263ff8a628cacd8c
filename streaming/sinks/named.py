"""Sinks by the names that the command line gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import kafka_address, redis_address
from .base import Sink
from .jsonl import JsonLines
from .kafka_topic import KafkaSink
from .parquet import ParquetParts
from .redis_stream import RedisSink
from .rows import PLAIN, Fields
from .sqlite import SqliteTable

OF_TABLES = (".sqlite", ".db", ".parquet")
"""Endings of what holds predictions and late targets only, and no other records."""


def open_sink(
    name: str,
    at: Mapping[str, Any] | None = None,
    *,
    text_ids: bool = False,
    keys: bool = False,
    fields: Fields = PLAIN,
    kafka_properties: Path | None = None,
    at_least_once: bool = False,
    notes: Callable[[str], None] | None = None,
) -> Sink:
    """Return the sink that a name on the command line stands for.

    Parameters
    ----------
    name : str
        ``*.sqlite`` or ``*.db`` for an SQLite file, ``*.parquet`` for a folder of Parquet files,
        ``redis://HOST:PORT/DB/STREAM`` for a Redis stream, ``kafka://HOST:PORT/TOPIC`` for a Kafka
        topic, anything else for a file of JSON Lines.
    at : mapping, optional
        Where to go on; see `Sink`.
    text_ids, keys : bool
        Whether ids are texts, and whether there are keys; Parquet has to know before the first.
    fields : mapping
        What a record has besides id and key; tables have to know before the first.
    kafka_properties : Path, optional
        What a client of Kafka needs besides, as a login; see `KafkaSink`.
    at_least_once : bool
        Write to a Kafka topic without transactions.
    notes : callable, optional
        Is told when a broker does not answer.

    Raises
    ------
    StreamError
        If there can be no such sink.

    Examples
    --------
    >>> from lstmwidgets.streaming.sinks import open_sink
    >>> type(open_sink("out/predictions.db")).__name__
    'SqliteTable'
    """
    if name.startswith(redis_address.SCHEMES):
        return RedisSink(name, notes=notes)
    if name.startswith(kafka_address.SCHEMES):
        exact = not at_least_once
        return KafkaSink(name, at, transactions=exact, properties=kafka_properties, notes=notes)
    path = Path(name)
    if path.suffix in (".sqlite", ".db"):
        return SqliteTable(path, at, fields)
    if path.suffix == ".parquet":
        return ParquetParts(path, at, text_ids=text_ids, keys=keys, fields=fields)
    return JsonLines(path, at)
