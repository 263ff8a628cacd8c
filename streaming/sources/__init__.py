"""Where events come from."""

from pathlib import Path

from .base import Columns, Source
from .csv_file import CsvFile
from .redis_stream import RedisSource
from .river_dataset import RiverDataset

__all__ = ["Columns", "CsvFile", "RedisSource", "RiverDataset", "Source", "open_source"]


def open_source(
    name: str, columns: Columns, skip_bad_rows: bool = False, *, journal: Path | None = None
) -> Source:
    """Return the source that a name on the command line stands for.

    Parameters
    ----------
    name : str
        ``river:NAME`` for one of River's data sets, a path to a CSV file, or ``-`` for CSV on
        standard input.
    columns : Columns
        Which columns are target and features.
    skip_bad_rows : bool
        Count rows that cannot be read and go on, instead of stopping at the first.

    journal : Path, optional
        Where standard input, which cannot be read twice, is kept.

    Raises
    ------
    StreamError
        If there is no such source, or it has no such columns.
    """
    kind, separator, rest = name.partition(":")
    if separator and kind == "river":
        return RiverDataset(rest, columns)
    return CsvFile(name, columns, skip_bad_rows=skip_bad_rows, journal=journal)
