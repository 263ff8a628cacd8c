"""Sources by the names that they have on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import StreamError
from ..redis_address import SCHEMES
from .base import Columns, Source
from .csv_file import CsvFile
from .jsonl_file import JsonLinesFile
from .parquet_files import ParquetFiles
from .redis_stream import RedisSource
from .river_dataset import RiverDataset

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Formats by the ends of files' names; all others are CSV."""


def open_source(
    name: str,
    columns: Columns,
    *,
    follow: bool = False,
    format: str | None = None,  # noqa: A002  # as the command calls it
    journal: Path | None = None,
    notes: Callable[[str], None] | None = None,
) -> Source:
    """Return the source that a name on the command line stands for.

    Parameters
    ----------
    name : str
        ``river:NAME`` for one of River's data sets, ``redis://HOST:PORT/DB/STREAM``, a path to a
        file, or ``-`` for standard input. A folder stands for the Parquet files in it.
    columns : Columns
        Which columns are what.
    follow : bool
        Wait for more at the end; see `FileLines` and `ParquetFiles`. Standard input is always
        waited for.
    format : {"csv", "jsonl", "parquet"}, optional
        By default what the file's name ends with, and CSV without such an end.
    journal : Path, optional
        Where standard input, which cannot be read twice, is kept.
    notes : callable, optional
        Is told when a broker does not answer.

    Raises
    ------
    StreamError
        If there is no such source, or it has no such columns.
    """
    if format not in (None, "csv", "jsonl", "parquet"):
        raise StreamError(f"--format must be csv, jsonl or parquet, got {format!r}")
    if name.startswith(SCHEMES):
        return RedisSource(name, columns, follow=follow, notes=notes)
    kind, separator, rest = name.partition(":")
    if separator and kind == "river":
        if follow:
            raise StreamError(f"{name} ends; leave out --follow")
        return RiverDataset(rest, columns)
    if format is None:
        folder = name != "-" and Path(name).is_dir()
        format = "parquet" if folder else FORMATS.get(Path(name).suffix.lower(), "csv")  # noqa: A001
    if format == "parquet":
        if name == "-":
            raise StreamError("Parquet cannot be read from standard input; name the file")
        return ParquetFiles(name, columns, follow=follow)
    of_lines = CsvFile if format == "csv" else JsonLinesFile
    return of_lines(name, columns, follow=follow, journal=journal if name == "-" else None)
