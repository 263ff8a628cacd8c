"""Redis streams as a source of Spark's, each a partition, with entries' ids as offsets."""
# ruff: noqa: N802 (the names are Spark's)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from ..errors import StreamError
from ..redis_address import RedisAddress, parse
from ..retry import PATIENCE
from ..sources.redis_place import BEGINNING, Place, StreamState, moment, state_of
from .entries import Row, rows_of

NAME = "redis_streams"
"""Of the format."""

COUNT = 500
"""Entries that are read at once."""

STREAMS, MOST, START, MALFORMED, WAIT = "streams", "maxentries", "start", "malformed", "patience"
"""Options, which Spark hands over in small letters."""

Offset = dict[str, dict[str, Any]]
"""Of each stream the id of the entry up to which it has been read, and that entry's number."""


class Range(NamedTuple):
    """Entries of a stream that a task reads.

    Attributes
    ----------
    stream : int
        Which of the streams.
    after, until : str
        Id behind which it begins, and of its last entry.
    entries : int
        How many there are.
    """

    stream: int
    after: str
    until: str
    entries: int


@cache
def redis_streams() -> Any:
    """Return the data source ``redis_streams``, for ``spark.dataSource.register``.

    Options of ``spark.readStream.format("redis_streams")``:

    streams
        Addresses, with spaces between them: ``redis://HOST:PORT/DB/STREAM``. Each is a partition. A
        password is in the environment of driver and workers, as `lstmwidgets stream` reads it:
        ``LSTMWIDGETS_REDIS_PASSWORD``, or ``LSTMWIDGETS_REDIS_PASSWORD_FILE``.
    maxEntries
        Most entries of a stream in a micro-batch, with Spark 4.2 or newer; by default all.
    start
        Where a new query begins: ``earliest``, the default, or ``latest``.
    malformed
        ``fail``, the default, ends the query at a value that is not of its column's type; ``null``
        takes it as missing.
    patience
        Seconds to wait for a server that does not answer, 300 by default.

    The schema names fields of entries, or of the JSON object in an entry whose only field is
    ``json``. Its columns ``_stream``, ``_id``, ``_ms`` and ``_number`` are the stream's address,
    the entry's id, and the two whole numbers in it: ``order=["_ms", "_number"]``.

    Nothing is kept in the server: offsets are in Spark's checkpoint, several queries can read the
    same stream, and entries that are removed before they are read end the query.

    Returns
    -------
    type
        A ``pyspark.sql.datasource.DataSource``.

    Examples
    --------
    With a running Spark::

        spark.dataSource.register(redis_streams())
        stream_df = (
            spark.readStream.format("redis_streams")
            .schema("_ms long, _number long, sensor string, load double, flow double")
            .option("streams", "redis://localhost:6379/0/readings")
            .load()
        )
    """
    spark: Any = import_module("pyspark.sql.datasource")
    limits: Any = import_module("pyspark.sql.streaming.datasource") if _has_limits() else None
    at_once = (limits.SupportsTriggerAvailableNow,) if limits else ()

    class Part(spark.InputPartition):  # type: ignore[misc]  # pyspark is imported here
        """A range of entries."""

    class Reader(RedisReader, spark.DataSourceStreamReader, *at_once):  # type: ignore[misc]
        """Reads the streams."""

        def partitions(self, start: Offset, end: Offset) -> list[Any]:
            """Return what tasks read."""
            return [Part(each) for each in self.ranges(start, end)]

        def getDefaultReadLimit(self) -> Any:
            """Return how many entries a micro-batch has."""
            return limits.ReadAllAvailable() if self.most is None else limits.ReadMaxRows(self.most)

    class RedisStreams(spark.DataSource):  # type: ignore[misc]
        """Makes readers."""

        @classmethod
        def name(cls) -> str:
            """Return the format's name."""
            return NAME

        def schema(self) -> Any:
            """Raise: only the user knows it."""
            raise StreamError(
                f"{NAME} needs a schema, as .schema('sensor string, load double, flow double')"
            )

        def streamReader(self, schema: Any) -> Any:
            """Return what reads the streams."""
            return Reader(schema, self.options)

    return RedisStreams


class RedisReader:
    """Reads Redis streams for Spark; the methods are those of a ``DataSourceStreamReader``.

    Parameters
    ----------
    schema : pyspark.sql.types.StructType
        The columns.
    options : dict
        See `redis_streams`.
    """

    def __init__(self, schema: Any, options: Mapping[str, str]) -> None:
        known = {STREAMS, MOST, START, MALFORMED, WAIT, "path"}
        if unknown := sorted({name.lower() for name in options} - known):
            raise StreamError(f"{NAME} has no option {', '.join(unknown)}")
        named = options.get(STREAMS, options.get("path", "")).split()
        if not named:
            raise StreamError(
                f"{NAME} needs .option('{STREAMS}', 'redis://HOST:PORT/DB/STREAM'), several with "
                "spaces between"
            )
        self._addresses = [parse(url) for url in named]
        if len({address.name for address in self._addresses}) < len(named):
            raise StreamError(f"{STREAMS}: a stream is named twice; name each once")
        most = options.get(MOST)
        if most is not None and not (most.isdecimal() and int(most)):
            raise StreamError(f"maxEntries must be a whole number from 1 on, got {most}")
        self.most = None if most is None else int(most)
        self._start = _one_of(options, START, ("earliest", "latest"))
        self._lenient = _one_of(options, MALFORMED, ("fail", "null")) == "null"
        self._patience = float(options.get(WAIT, PATIENCE))
        self._schema = schema
        self._begin: Offset = {}
        self._final: Offset | None = None

    def initialOffset(self) -> Offset:
        """Return where a new query begins."""
        return {
            address.name: _offset(Place())
            if self._start == "earliest"
            else _offset(self._end(address, Place(), None))
            for address in self._addresses
        }

    def latestOffset(self, start: Offset | None = None, limit: Any = None) -> Offset:
        """Return up to which entries there is something to read."""
        if start is None:  # Spark 4.1 does not say it
            start = self._begin or self.initialOffset()
        most = getattr(limit, "max_rows", None)
        found = {}
        for address in self._addresses:
            place = _place(start, address)
            if self._final is not None and _is_reached(place, self._final[address.name]):
                found[address.name] = _offset(place)
            else:
                found[address.name] = _offset(self._end(address, place, most))
        self._begin = found
        return found

    def prepareForTriggerAvailableNow(self) -> None:
        """Note what is there now: a query that ends with it reads no more."""
        self._final = {
            address.name: _offset(self._end(address, Place(), None)) for address in self._addresses
        }

    def reportLatestOffset(self) -> None:
        """Return nothing: it would cost a question to the server."""

    def ranges(self, start: Offset, end: Offset) -> Iterator[Range]:
        """Yield what there is to read from one offset to another."""
        for number, address in enumerate(self._addresses):
            first, last = _place(start, address), _place(end, address)
            if moment(first.id) < moment(last.id):
                yield Range(number, first.id, last.id, last.passed - first.passed)

    def read(self, partition: Any) -> Iterator[Row]:
        """Yield the rows of some entries."""
        part: Range = partition.value
        address = self._addresses[part.stream]
        retry = address.retry(self._patience, None)
        client, after, count = address.client(), part.after, 0
        try:
            while moment(after) < moment(part.until):
                with address.refusals_told():
                    entries: Any = retry.until_done(
                        lambda begin=after: client.xrange(  # type: ignore[misc]
                            address.stream, f"({begin}", part.until, COUNT
                        )
                    )
                if not entries:
                    break
                count += len(entries)
                yield from rows_of(entries, address.name, self._schema, lenient=self._lenient)
                after = entries[-1][0].decode()
        finally:
            client.close()
        if count != part.entries and part.after != BEGINNING:
            _tell_of_loss(address, part, part.entries - count)

    def commit(self, end: Offset) -> None:
        """Do nothing: the server keeps nothing for the query."""

    def stop(self) -> None:
        """Do nothing: there are no open connections."""

    def _end(self, address: RedisAddress, place: Place, most: int | None) -> Place:
        """Return up to where a stream can be read, `most` entries at most."""
        retry, client = address.retry(self._patience, None), address.client()
        try:
            with address.refusals_told():
                entries, state = retry.until_done(lambda: _ask(client, address, place, most))
        finally:
            client.close()
        checked = place.check(address.name, state)
        if state is None:
            return checked
        if most is not None and len(entries) == most:
            return Place(entries[-1][0].decode(), checked.passed + most)
        return Place(state.last, state.added)


def _ask(
    client: Any, address: RedisAddress, place: Place, most: int | None
) -> tuple[list[Any], StreamState | None]:
    """Return entries behind a place, if so many are asked for, and the stream's state."""
    both = client.pipeline(transaction=True)
    both.xinfo_stream(address.stream)
    if most is not None:
        both.xrange(address.stream, f"({place.id}", "+", most)
    info, *entries = both.execute(raise_on_error=False)
    state = state_of(address.name, info)
    for answer in entries:
        if isinstance(answer, Exception):
            raise answer
    return (entries[0] if entries else []), state


def _tell_of_loss(address: RedisAddress, part: Range, lost: int) -> None:
    raise StreamError(
        f"{address.name}: {abs(lost):,} entries between {part.after} and {part.until} were removed "
        "unread; restore the stream, or begin anew with another checkpoint. A larger MAXLEN keeps "
        "them longer"
    )


def _one_of(options: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return an option, the first of the choices by default."""
    found = options.get(name, choices[0])
    if found not in choices:
        raise StreamError(f"{name} must be {' or '.join(choices)}, got {found}")
    return found


def _place(offset: Offset, address: RedisAddress) -> Place:
    """Return where a stream is in an offset; at its beginning if the offset does not know it."""
    known = offset.get(address.name)
    return Place() if known is None else Place(known["id"], known["passed"])


def _offset(place: Place) -> dict[str, Any]:
    return {"id": place.id, "passed": place.passed}


def _is_reached(place: Place, final: dict[str, Any]) -> bool:
    return moment(place.id) >= moment(final["id"])


def _has_limits() -> bool:
    """Say whether this Spark can bound a micro-batch."""
    version = import_module("pyspark").__version__
    return tuple(map(int, version.split(".")[:2])) >= (4, 2)
