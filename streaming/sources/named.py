"""Sources by the names that they have on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import kafka_address, redis_address
from ..errors import StreamError
from .base import Columns, Source
from .byte_lines import BLOCK, LONGEST
from .csv_file import CsvFile
from .formats import format_of
from .jsonl_file import JsonLinesFile
from .kafka_topic import KafkaSource
from .parquet_files import ParquetFiles
from .redis_stream import RedisSource
from .river_dataset import RiverDataset

MOST = 2**31 - 1
"""Bytes that a record may have at most: more than that, Python's reader of CSV cannot take."""


def open_source(
    name: str,
    columns: Columns,
    *,
    follow: bool = False,
    format: str | None = None,  # noqa: A002  # as the command calls it
    journal: Path | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    record_bytes: int = LONGEST,
    sender: str | None = None,
    start: str | None = None,
    kafka_properties: Path | None = None,
    notes: Callable[[str], None] | None = None,
) -> Source:
    """Return the source that a name on the command line stands for.

    Parameters
    ----------
    name : str
        ``river:NAME`` for one of River's data sets, ``redis://HOST:PORT/DB/STREAM``,
        ``kafka://HOST:PORT/TOPIC``, a path to a file, or ``-`` for standard input. A folder stands
        for the Parquet files in it.
    columns : Columns
        Which columns are what.
    follow : bool
        Wait for more at the end; see `FileLines` and `ParquetFiles`. Standard input is always
        waited for.
    format : {"csv", "jsonl", "parquet"}, optional
        By default what the file's name ends with, and CSV without such an end.
    journal : Path, optional
        Where standard input, which cannot be read twice, is kept, or the order in which messages of
        Kafka's partitions are taken.
    delimiter : str, optional
        What separates the columns of CSV; by default what the header line has most of.
    decimal : {".", ","}, optional
        The decimal mark in CSV; see `CsvFile`.
    record_bytes : int
        How long a line may be, or a row of CSV.
    sender : {"again", "on"}, optional
        How standard input goes on; see `Journal`.
    start : {"earliest", "latest"}, optional
        Where a new job begins in a Kafka topic, at its beginning by default.
    kafka_properties : Path, optional
        What a client of Kafka needs besides, as a login; see `KafkaSource`.
    notes : callable, optional
        Is told when a broker does not answer, and what is left out of a file.

    Raises
    ------
    StreamError
        If there is no such source, or it has no such columns.
    """
    if format not in (None, "csv", "jsonl", "parquet"):
        raise StreamError(f"--format must be csv, jsonl or parquet, got {format!r}")
    _check(delimiter, decimal, record_bytes, sender)
    if sender is not None and (name != "-" or journal is None):
        raise StreamError("--stdin is for standard input (-) with --checkpoint; leave it out")
    format = _format(name, format)  # noqa: A001
    if format != "csv" and (delimiter is not None or decimal is not None):
        raise StreamError(f"{name} is no CSV file; leave out --delimiter and --decimal")
    if start is not None and format != "kafka":
        raise StreamError("--start is for kafka://HOST:PORT/TOPIC; leave it out")
    if format == "kafka":
        return KafkaSource(
            name,
            columns,
            follow=follow,
            start=start or "earliest",
            properties=kafka_properties,
            journal=journal,
            notes=notes,
        )
    if format == "redis":
        return RedisSource(name, columns, follow=follow, notes=notes)
    if format == "river":
        if follow:
            raise StreamError(f"{name} ends; leave out --follow")
        return RiverDataset(name.removeprefix("river:"), columns)
    if format == "parquet":
        if name == "-":
            raise StreamError("Parquet cannot be read from standard input; name the file")
        return ParquetFiles(name, columns, follow=follow)
    common: dict[str, Any] = {
        "follow": follow,
        "journal": journal if name == "-" else None,
        "record_bytes": record_bytes,
        "sender": sender,
        "notes": notes,
    }
    if format == "jsonl":
        return JsonLinesFile(name, columns, **common)
    return CsvFile(name, columns, delimiter=delimiter, decimal=decimal, **common)


def _format(name: str, given: str | None) -> str:
    """Return the format that a name stands for."""
    if name.startswith(redis_address.SCHEMES):
        return "redis"
    if name.startswith(kafka_address.SCHEMES):
        return "kafka"
    if name.startswith("river:"):
        return "river"
    return format_of(name) if given is None else given


def _check(
    delimiter: str | None, decimal: str | None, record_bytes: int, sender: str | None
) -> None:
    """Raise if an option has no meaning."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise StreamError(f"--delimiter must be one character, or tab, got {delimiter!r}")
    if decimal not in (None, ".", ","):
        raise StreamError(f"--decimal must be . or , got {decimal!r}")
    if not BLOCK <= record_bytes <= MOST:
        raise StreamError(
            f"--record-bytes must be between {BLOCK:,} and {MOST:,}, got {record_bytes:,}"
        )
    if sender not in (None, "again", "on"):
        raise StreamError(f"--stdin must be again or on, got {sender!r}")
