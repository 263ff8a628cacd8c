"""Messages of a Kafka topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..counting import counted
from ..errors import StreamError
from ..events import Event
from ..kafka_address import parse
from ..retry import PATIENCE
from .base import WAIT, Columns, Source, waiting
from .cell_values import label
from .json_object import json_object
from .schema import RecordError, Schema
from .taken_order import TakenOrder
from .topic_reader import TopicReader
from .values import VALUES

KEY, TIME, HEADERS = "kafka.key", "kafka.time", "kafka.headers."
"""Columns of a message beside those of its value: its key, its time, and a header by its name."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaSource(Source):
    """Reads all partitions of a Kafka topic; several jobs can read the same one.

    A message's value is a JSON object, whose values have their types already. A message without a
    value, a tombstone, is left out and counted. Where they are named, there are further columns:
    `KEY`, `TIME` and those of `HEADERS`; headers are texts, or the numbers and truths that they
    read as.

    The brokers keep nothing for the job, and it belongs to no consumer group: where to go on in
    each partition is in the job's checkpoint. Messages that are removed before they are read are
    noticed, and end the job.

    Parameters
    ----------
    url : str
        ``kafka://HOST:PORT/TOPIC``; several brokers have commas between.
    columns : Columns
        Which columns are target and features.
    follow : bool
        Wait for messages that are yet to come, for the topic if there is none, and for partitions
        that are added; otherwise read up to the messages that are the last ones now.
    start : {"earliest", "latest"}
        Where a new job begins: at the oldest message of each partition, or behind the newest.
        Partitions that are added later are read from their beginning.
    properties : Path, optional
        File with what the client needs besides, as a login; see `read_properties`.
    journal : Path, optional
        Where to note the order in which messages of several partitions are taken, so that after a
        crash they are taken in the same order; without it, what was not in the last checkpoint may
        come in another one.
    patience : float
        Seconds to wait for brokers that do not answer.
    notes : callable, optional
        Is told when the brokers do not answer, when they do again, and how many tombstones there
        were.

    Raises
    ------
    StreamError
        If the URL is none or confluent-kafka is not installed, and while reading, if the brokers
        refuse, the patience is over, messages were removed before they were read, or one cannot be
        read.
    """

    def __init__(
        self,
        url: str,
        columns: Columns,
        *,
        follow: bool = True,
        start: str = "earliest",
        properties: Path | None = None,
        journal: Path | None = None,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        address = parse(url, properties)
        if start not in ("earliest", "latest"):
            raise StreamError(f"--start must be earliest or latest, got {start!r}")
        columns.check_roles()
        self.name = address.name
        self._follow = follow
        self._columns = columns
        self._own = _own_columns(columns)
        self._schema = Schema(columns, VALUES, self.name)
        self._retry = address.retry(patience, notes)
        self._notes = notes or (lambda _: None)
        self._order = TakenOrder(journal)
        self._reader = TopicReader(
            address, follow=follow, latest=start == "latest", order=self._order
        )
        self._places: dict[int, int] = {}
        self._number = self._tombstones = 0
        self._closed = False

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the messages; None when nothing has come, or the brokers do not answer."""
        reader = self._reader
        seconds = 0.0
        while True:
            try:
                came = reader.fetch(seconds)
                self._retry.succeeded()
            except self._retry.failures as error:
                yield from waiting(self._retry.failed(error))
                continue
            messages = reader.take()
            seconds = 0.0
            for message in messages:
                event = self._event(message)
                if event is not None:
                    yield event
            if messages or (came and not reader.done):
                continue
            if reader.done:
                self._schema.check_texts()
                return
            yield None
            seconds = WAIT

    def close(self) -> None:
        """Close the connections and the journal."""
        self._reader.close()
        self._order.close()
        if self._tombstones and not self._closed:
            self._notes(
                f"{counted(self._tombstones, 'tombstone')} (messages without value) left out"
            )
        self._closed = True

    @property
    def progress(self) -> float | None:
        """Share of the messages that has been read; None where more are waited for."""
        ends, begins = self._reader.ends, self._order.begins
        if self._follow or not ends or ends.keys() != begins.keys():
            return None
        whole = sum(max(ends[number] - begins[number], 0) for number in ends)
        read = sum(self._places.get(number, begins[number]) - begins[number] for number in ends)
        return read / whole if whole else None

    @property
    def lag(self) -> dict[str, int]:
        """Messages behind those that were passed, as the brokers' last answers told."""
        places = self._order.begins | self._places
        told = {**self._reader.told}
        if not told or told.keys() != places.keys():
            return {}
        return {"records": sum(max(end - places[number], 0) for number, end in told.items())}

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether a message has come behind an offset."""
        del offset  # it has gone on from there

        def more() -> bool:
            self._reader.fetch(WAIT)
            return self._reader.has_some

        while not self._reader.done:
            if self._retry.until_done(more):
                return True
        return False

    @property
    def offset(self) -> dict[str, Any]:
        """Offsets by partition, of which topic, how many there were, and the columns' types."""
        return {
            "partitions": [
                [number, self._places.get(number, begin), begin]
                for number, begin in sorted(self._order.begins.items())
            ],
            "topic": self._reader.topic_id,
            "events": self._number,
            "skipped": self.skipped,
            "tombstones": self._tombstones,
            **self._schema.offset(self._number),
        }

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._schema,)

    def sync(self) -> None:
        """Bring to the disk in which order messages were taken."""
        self._order.sync()

    def committed(self, offset: dict[str, Any]) -> None:
        """Leave out of the journal what is before a checkpoint."""
        self._order.forget(_places(offset))

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on in each partition behind a message."""
        self._places = _places(offset)
        self._order.begins |= {number: begin for number, _, begin in offset["partitions"]}
        self._number, self.skipped = offset["events"], offset["skipped"]
        self._tombstones = offset["tombstones"]
        self._schema.resume(offset)
        self._reader.resume(self._places, offset["topic"])

    def _event(self, message: Any) -> Event | None:
        """Return a message's event and pass it; None if it has none, or cannot be read."""
        place, value = (message.partition(), message.offset()), message.value()
        event, number, tombstones = None, self._number, self._tombstones
        if value is None:
            tombstones += 1
        else:
            try:
                record = json_object(value) | self._besides(message)
                self._columns.check_target(self.name, record)
                event = self._schema.event(number, record)
            except RecordError as error:
                where = "partition {}, offset {}".format(*place)
                self.refuse(error.record(self.name, where, value.decode(errors="replace")))
            else:
                number += 1
        # All at once: a signal may end the reading at any call.
        self._places[place[0]], self._number, self._tombstones = place[1] + 1, number, tombstones
        return event

    def _besides(self, message: Any) -> dict[str, Any]:
        """Return the columns that a message has besides those of its value, if they are named."""
        found: dict[str, Any] = {}
        if KEY in self._own:
            found[KEY] = self._read(KEY, message.key())
        if TIME in self._own and message.timestamp()[0]:
            found[TIME] = EPOCH + timedelta(milliseconds=message.timestamp()[1])
        if len(self._own) > len(found):
            for name, value in message.headers() or ():
                if HEADERS + name in self._own:
                    found[HEADERS + name] = self._read(HEADERS + name, value)
        return {name: value for name, value in found.items() if value is not None}

    def _read(self, column: str, data: bytes | None) -> Any:
        if data is None:
            return None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise RecordError(f"expected text in UTF-8, got {data!r}", column) from None
        return text if self._own[column] else label(text)


def _own_columns(columns: Columns) -> dict[str, bool]:
    """Return the columns that are none of the value, and whether they are texts as they are."""
    texts = {*columns.text, columns.key, columns.id}
    own = [name for name in columns.named if name in (KEY, TIME) or name.startswith(HEADERS)]
    return {name: name in texts for name in own}


def _places(offset: dict[str, Any]) -> dict[int, int]:
    return {number: place for number, place, _ in offset["partitions"]}
