"""Rows of Spark's from entries of a Redis stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ..errors import StreamError
from ..sources.redis_place import moment

Row = tuple[Any, ...]

OWN = ("_stream", "_id", "_ms", "_number")
"""Columns that an entry has beside its fields."""


def rows_of(entries: Sequence[Any], stream: str, schema: Any, *, lenient: bool) -> Iterator[Row]:
    """Yield a row for each entry.

    Parameters
    ----------
    entries : sequence
        As the client returns them.
    stream : str
        Its address, for errors and for the column ``_stream``.
    schema : pyspark.sql.types.StructType
        The columns.
    lenient : bool
        Whether a value that is not of its column's type is taken as missing.

    Raises
    ------
    StreamError
        If a value is not of its column's type, or the schema has a type that there is no text of.
    """
    columns = [(field.name, _reader(field.name, field.dataType)) for field in schema.fields]
    for id_, fields in entries:
        name = id_.decode()
        milliseconds, number = moment(name)
        own = dict(zip(OWN, (stream, name, milliseconds, number), strict=True))
        try:
            values = _values(fields) | own
        except ValueError as error:
            if not lenient:
                raise StreamError(f"{stream}, entry {name}: {error}") from error
            values = own
        yield tuple(
            _read(values.get(column), read, f"{stream}, entry {name}, field {column!r}", lenient)
            for column, read in columns
        )


def _values(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return an entry's values by name: texts, or what a JSON object has."""
    if list(fields) != [b"json"]:
        return {name.decode(): value.decode() for name, value in fields.items()}
    found = json.loads(fields[b"json"])
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {type(found).__name__}")
    return found


def _read(value: Any, read: Callable[[Any], Any], place: str, lenient: bool) -> Any:
    if value is None or value == "":
        return None
    try:
        return read(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        if lenient:
            return None
        raise StreamError(
            f"{place}: {value!r} is not of the column's type; correct the schema, or take such "
            "values as missing by .option('malformed', 'null')"
        ) from error


def _reader(name: str, kind: Any) -> Callable[[Any], Any]:
    """Return what reads values of a type of Spark's."""
    found = READERS.get(type(kind).__name__)
    if found is None:
        raise StreamError(
            f"column {name!r}: {kind.simpleString()} cannot be read; use one of string, long, "
            "double, boolean, timestamp and date, and cast it"
        )
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _whole(value: Any) -> int:
    found = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and found != value):
        raise ValueError(value)
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _boolean(value: Any) -> bool:
    named = {"true": True, "1": True, "false": False, "0": False}
    found = value if isinstance(value, bool) else named.get(str(value).lower())
    if found is None:
        raise ValueError(value)
    return found


def _time(value: Any) -> datetime:
    return datetime.fromisoformat(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "BooleanType": _boolean,
    "DateType": date.fromisoformat,
    "DecimalType": lambda value: Decimal(str(value)),
    "DoubleType": _number,
    "FloatType": _number,
    "IntegerType": _whole,
    "LongType": _whole,
    "ShortType": _whole,
    "StringType": _text,
    "TimestampNTZType": _time,
    "TimestampType": _time,
}
"""What reads values, by the name of their type."""
