"""Predictions as messages of a Kafka topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import msgspec
from msgspec import UNSET

from ..errors import StreamError
from ..kafka_address import LOOK_SECONDS, Trouble, parse
from ..retry import ANSWER_SECONDS, PATIENCE
from .base import Sink
from .committed_messages import JOB, RECORD, committed_since, ends_of

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

SERVED = 64
"""Records after which it is looked for what the brokers have said, at the latest."""

CLOSED_AFTER = 600.0
"""Seconds after which the brokers give up a transaction that nobody goes on with."""


class KafkaSink(Sink):
    """Sends predictions to a Kafka topic.

    A message's value is the record as JSON Lines have it, its key the event's, if there are keys.

    For a job with checkpoints each checkpoint is a transaction. What it has, and what the last
    checkpoint does not know of, is read back after a crash and not sent again: whoever reads the
    topic with ``isolation.level=read_committed`` gets each record exactly once. Messages have two
    headers for that, the job's own name and the record's number.

    Otherwise delivery is at least once: after a crash some messages come again, with the same `id`.
    A message counts as delivered when all replicas that are in sync have it.

    Parameters
    ----------
    url : str
        ``kafka://HOST:PORT/TOPIC``; several brokers have commas between.
    at : mapping, optional
        Where to go on; see `Sink`.
    transactions : bool
        Whether to be exact, where there are checkpoints.
    properties : Path, optional
        File with what the client needs besides, as a login; see `read_properties`.
    patience : float
        Seconds to wait for brokers that do not answer.
    notes : callable, optional
        Is told when the brokers do not answer, and when they do again.

    Raises
    ------
    StreamError
        If the URL is none, confluent-kafka is not installed, there is no such topic, the brokers
        refuse, or the patience is over.
    """

    def __init__(
        self,
        url: str,
        at: Mapping[str, Any] | None = None,
        *,
        transactions: bool = True,
        properties: Path | None = None,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        self._address = parse(url, properties)
        self.name = self._address.name
        self.exact = at is not None and transactions
        self._at = at or {}
        self._patience = patience
        self._retry = self._address.retry(patience, notes)
        self._encoder = msgspec.json.Encoder()
        self._job = str(self._at.get("job") or uuid4().hex)
        self._records = int(self._at.get("records", 0))
        self._ends = dict(self._at.get("ends", ()))
        self._sent: dict[int, int] = {}  # ends since then
        self._there: dict[int, bytes] = {}
        self._refused: KafkaError | None = None
        self._trouble = Trouble()
        self._begun = False

    def __enter__(self) -> Self:
        longest = round(1000 * (self._patience + 60))
        given: dict[str, Any] = {"message_timeout_ms": longest}
        if self.exact:
            given |= {
                "transactional_id": f"lstmwidgets-{self._job}",
                "transaction_timeout_ms": max(round(1000 * CLOSED_AFTER), longest),
            }
        self._producer = self._address.producer(self._trouble, **given)
        try:
            self._retry.until_done(self._look)
            if self.exact:
                self._retry.until_done(self._take_over)
                self._retry.until_done(self._read_back)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:  # otherwise what is waiting comes again
                self.flush()
        finally:
            self._close()

    def write(self, record: msgspec.Struct) -> None:
        """Take in one record, which is sent soon; it is there when `flush` has returned."""
        number, value = self._records, self._encoder.encode(record)
        self._records += 1
        if self._there and self._there.pop(number, None) == value:
            return
        key = getattr(record, "key", UNSET)
        given: dict[str, Any] = {}
        if self.exact:
            given["headers"] = {JOB: self._job, RECORD: str(number)}
            if not self._begun:
                with self._address.refusals_told():
                    self._producer.begin_transaction()
                self._begun = True
        if key is not UNSET and key is not None:
            given["key"] = key
        self._produce(value, given)
        if number % SERVED == 0:
            self._producer.poll(0)

    def flush(self) -> dict[str, Any]:
        """Wait until the brokers have all records; return where to go on, if it is exact."""
        self._retry.until_done(self._send)
        if not self.exact:
            return {}
        if self._begun:
            self._retry.until_done(self._commit)
        if not self._there:
            self._ends |= self._sent
        return {"job": self._job, "records": self._records, "ends": sorted(self._ends.items())}

    def _look(self) -> None:
        """Raise if there is no such topic."""
        try:
            found = self._address.partitions(self._producer)
        except ConnectionError:
            self._producer.poll(0)  # only then the reason is told
            self._check_trouble()
            raise
        if found is None:
            raise StreamError(f"there is no topic {self.name}; make it first")

    def _take_over(self) -> None:
        """End what an earlier process has begun."""
        with self._address.refusals_told():
            self._producer.init_transactions(ANSWER_SECONDS)

    def _read_back(self) -> None:
        """Find what was committed since the last checkpoint, or where a new job begins."""
        if "records" in self._at:
            self._there = committed_since(self._address, self._ends, self._job, self._records)
        else:
            self._ends = ends_of(self._address)

    def _produce(self, value: bytes, given: Mapping[str, Any]) -> None:
        topic, told = self._address.topic, self._delivered
        while True:
            try:
                with self._address.refusals_told():
                    return self._producer.produce(topic, value, on_delivery=told, **given)
            except BufferError:  # full: what waits has to go first
                self._retry.until_done(self._send)

    def _send(self) -> None:
        """Wait until nothing waits, as long as it goes on.

        Raises
        ------
        ConnectionError
            If it does not.
        StreamError
            If a record is refused.
        """
        waiting = len(self._producer)
        while waiting:
            rest = self._producer.flush(LOOK_SECONDS)
            self._check_refused()
            if rest >= waiting:
                self._check_trouble()
                raise ConnectionError(f"no answer for {LOOK_SECONDS:.0f} seconds")
            waiting = rest
        self._producer.poll(0)
        self._check_refused()
        self._trouble.error = None

    def _commit(self) -> None:
        with self._address.refusals_told():
            self._producer.commit_transaction(ANSWER_SECONDS)
        self._begun = False

    def _check_refused(self) -> None:
        if self._refused is not None:
            self._address.check(self._refused)

    def _check_trouble(self) -> None:
        error, self._trouble.error = self._trouble.error, None
        if error is not None:
            self._address.check(error)

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._refused = self._refused or error
        elif message.offset() is not None:  # it is unknown of what was sent twice and taken once
            self._sent[message.partition()] = message.offset() + 1

    def _close(self) -> None:
        """Let go of what is not sent, and of the connections."""
        self._producer.purge()
        if self._begun:
            self._abort()
        self._producer.close()

    def _abort(self) -> None:
        """End a transaction so that nobody waits for it; if it cannot be, the next start does."""
        from confluent_kafka import KafkaException

        try:
            self._producer.abort_transaction(LOOK_SECONDS)
        except KafkaException:
            return
        self._begun = False
