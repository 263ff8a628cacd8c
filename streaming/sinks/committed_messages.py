"""What of a job's records is in a Kafka topic already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..kafka_address import LOOK_SECONDS, KafkaAddress, Trouble
from ..retry import ANSWER_SECONDS

if TYPE_CHECKING:
    from confluent_kafka import Consumer

JOB, RECORD = "lstmwidgets.job", "lstmwidgets.record"
"""Headers of a message: the job's name for itself, and the number of the record."""

COUNT = 500
"""Messages that are read at once."""


def ends_of(address: KafkaAddress) -> dict[int, int]:
    """Return where each partition of a topic ends, open transactions included.

    Raises
    ------
    ConnectionError
        If no broker answers.
    StreamError
        If the brokers refuse.
    """
    from confluent_kafka import TopicPartition

    ends = {}
    with _reading(address, "read_uncommitted") as consumer:
        for number in address.partitions(consumer) or ():
            place = TopicPartition(address.topic, number)
            with address.refusals_told():
                found = consumer.get_watermark_offsets(place, timeout=LOOK_SECONDS)
            if found is None:
                raise ConnectionError("no answer")
            ends[number] = found[1]
    return ends


def committed_since(
    address: KafkaAddress, begins: Mapping[int, int], job: str, record: int
) -> dict[int, bytes]:
    """Return the records of a job that were committed since a checkpoint, by their numbers.

    Parameters
    ----------
    address : KafkaAddress
        The topic.
    begins : mapping of int to int
        Where each partition ended at the checkpoint; those that are missing are read as a whole.
    job : str
        The job's name for itself.
    record : int
        Number of the next record then.

    Raises
    ------
    ConnectionError
        If no broker answers, or another producer's transaction hides what is behind it.
    StreamError
        If the brokers refuse.
    """
    from confluent_kafka import OFFSET_BEGINNING, TopicPartition

    ends = ends_of(address)
    found: dict[int, bytes] = {}
    with _reading(address, "read_committed") as consumer:
        topic = address.topic
        consumer.assign([TopicPartition(topic, n, begins.get(n, OFFSET_BEGINNING)) for n in ends])
        for message in _messages(consumer, address, ends):
            headers = dict(message.headers() or ())
            if headers.get(JOB) == job.encode():
                number = int(headers[RECORD])
                if number >= record:
                    found[number] = message.value() or b""
    return found


def _messages(consumer: Consumer, address: KafkaAddress, ends: Mapping[int, int]) -> Iterator[Any]:
    """Yield what is there up to the ends."""
    left = dict(ends)
    heard = time.monotonic()
    while left:
        messages: list[Any] = consumer.consume(COUNT, 0.1)
        for message in messages:
            number, error = message.partition(), message.error()
            heard = time.monotonic()
            if error is None:
                yield message
            elif error.name() != "_PARTITION_EOF":
                address.check(error)
            elif message.offset() >= left.get(number, 0):
                left.pop(number, None)
        if time.monotonic() - heard > ANSWER_SECONDS:
            raise ConnectionError("nothing to read, or a transaction of another producer is open")


@contextmanager
def _reading(address: KafkaAddress, level: str) -> Iterator[Consumer]:
    given = {"isolation_level": level, "auto_offset_reset": "earliest"}
    consumer = address.consumer(Trouble(), **given)
    try:
        yield consumer
    finally:
        consumer.close()
