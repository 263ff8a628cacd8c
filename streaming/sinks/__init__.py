"""Where predictions go."""

from .base import Sink
from .callback import Callback
from .jsonl import JsonLines
from .kafka_topic import KafkaSink
from .named import open_sink
from .parquet import ParquetParts
from .redis_stream import RedisSink
from .sqlite import SqliteTable

__all__ = [
    "Callback",
    "JsonLines",
    "KafkaSink",
    "ParquetParts",
    "RedisSink",
    "Sink",
    "SqliteTable",
    "open_sink",
]
