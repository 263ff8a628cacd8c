"""Where events come from."""

from .base import Columns, Source
from .csv_file import CsvFile
from .iterable import IterableSource
from .jsonl_file import JsonLinesFile
from .named import open_source
from .parquet_files import ParquetFiles
from .river_dataset import RiverDataset

__all__ = [
    "Columns",
    "CsvFile",
    "IterableSource",
    "JsonLinesFile",
    "ParquetFiles",
    "RiverDataset",
    "Source",
    "open_source",
]
