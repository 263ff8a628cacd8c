"""Where events come from."""

from .base import Columns, Source
from .csv_file import CsvFile
from .iterable import IterableSource
from .jsonl_file import JsonLinesFile
from .kafka_topic import KafkaSource
from .named import open_source
from .parquet_files import ParquetFiles
from .redis_stream import RedisSource
from .river_dataset import RiverDataset

__all__ = [
    "Columns",
    "CsvFile",
    "IterableSource",
    "JsonLinesFile",
    "KafkaSource",
    "ParquetFiles",
    "RedisSource",
    "RiverDataset",
    "Source",
    "open_source",
]
