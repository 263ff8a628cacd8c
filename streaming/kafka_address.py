"""Where a Kafka topic is, and how to speak to its brokers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from .errors import StreamError, without_login
from .retry import ANSWER_SECONDS, PatientRetry

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer

SCHEMES = ("kafka://",)
"""How the addresses of Kafka topics begin."""

LOOK_SECONDS = 2.0
"""How long a question about a topic may take, before it is asked again."""

TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
BROKERS = re.compile(r"[^\s,:/@\[\]]+:\d{1,5}|\[[0-9A-Fa-f:.]+\]:\d{1,5}")

PUBLIC = {"security.protocol", "sasl.mechanism", "sasl.mechanisms"}
"""Properties whose values may be shown, as they are in what brokers answer."""

NOT_LET_IN = {
    "_AUTHENTICATION", "_SSL", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM",
    "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
}  # fmt: skip
"""Errors that a right login helps against."""

FINAL = {
    "_INVALID_ARG", "_STATE", "_UNSUPPORTED_FEATURE", "_FENCED", "INVALID_PRODUCER_EPOCH",
    "INVALID_TRANSACTION_TIMEOUT", "MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE",
    "TOPIC_EXCEPTION", "POLICY_VIOLATION", "UNSUPPORTED_VERSION", "INVALID_RECORD",
}  # fmt: skip
"""Errors that would come again."""


class KafkaAddress(NamedTuple):
    """A topic of a Kafka cluster.

    Attributes
    ----------
    name : str
        The address, for people and checkpoints.
    brokers : str
        Some of the cluster's brokers, with commas between: the others are asked for.
    topic : str
        The topic's name.
    properties : Path or None
        File with what else the client needs, such as a login.
    """

    name: str
    brokers: str
    topic: str
    properties: Path | None = None

    def consumer(self, heard: Callable[[KafkaError], None], **given: Any) -> Consumer:
        """Return a consumer, which connects when it is used.

        Parameters
        ----------
        heard : callable
            Is told of errors that belong to no partition.
        given
            Properties, with ``_`` for ``.``.
        """
        from confluent_kafka import Consumer

        ours = {
            "group.id": "lstmwidgets",  # which the client wants; partitions are assigned
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 2**17,  # so that the partitions take turns
            "fetch.queue.backoff.ms": 20,  # a second by default, in which nothing comes
            "queued.min.messages": 1000,
        }
        return self._client(Consumer, heard, ours | _dotted(given))  # type: ignore[no-any-return]

    def producer(self, heard: Callable[[KafkaError], None], **given: Any) -> Producer:
        """Return a producer, which connects at once; see `consumer`."""
        from confluent_kafka import Producer

        ours = {
            "enable.idempotence": True,
            "linger.ms": 20,
            "partitioner": "murmur2_random",  # as Java's clients do it
        }
        return self._client(Producer, heard, ours | _dotted(given))  # type: ignore[no-any-return]

    def retry(self, patience: float, notes: Callable[[str], None] | None) -> PatientRetry:
        """Return what to wait with when the brokers do not answer."""
        return PatientRetry(self.name, patience=patience, notes=notes)

    @contextmanager
    def refusals_told(self) -> Iterator[None]:
        """Turn what brokers refuse into what it means, and other failures into ConnectionError."""
        from confluent_kafka import KafkaException

        try:
            yield
        except KafkaException as error:
            self.check(error.args[0], error)

    def check(self, error: KafkaError, cause: Exception | None = None) -> None:
        """Raise what an error means.

        Raises
        ------
        StreamError
            If another try would not help.
        ConnectionError
            If it may.
        """
        text, name = self.told(error), error.name()
        if name in NOT_LET_IN:
            raise StreamError(
                f"{self.name} does not let you in ({text}); give login and certificates in the "
                "file of --kafka-properties"
            ) from cause
        if error.fatal() or error.txn_requires_abort():
            raise StreamError(
                f"{self.name} has ended the job's transaction ({text}); the last checkpoint holds: "
                "start the job again"
            ) from cause
        if name in FINAL:
            raise StreamError(f"{self.name} cannot be used: {text}") from cause
        raise ConnectionError(text) from cause

    def told(self, error: KafkaError) -> str:
        """Return what an error says, without how long it took and without any property's value."""
        text = re.sub(r" \(after \d+ms in state \w+[^)]*\)", "", error.str())
        for name, value in read_properties(self.properties).items():
            if value and name not in PUBLIC:
                text = text.replace(value, "…")
        return text

    def partitions(self, client: Consumer | Producer) -> list[int] | None:
        """Return the topic's partitions; None if there is no such topic.

        Raises
        ------
        StreamError, ConnectionError
            As `check` says.
        """
        with self.refusals_told():
            found = client.list_topics(self.topic, timeout=LOOK_SECONDS).topics[self.topic]
        if found.error is not None:
            if found.error.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"):
                return None
            self.check(found.error)
        return sorted(found.partitions) or None

    def topic_id(self) -> str | None:
        """Return what tells the topic from others of its name; None if the brokers do not say.

        Those before Kafka 2.8 do not, nor do some that only speak its protocol.
        """
        from confluent_kafka import KafkaException, TopicCollection
        from confluent_kafka.admin import AdminClient

        admin: AdminClient = self._client(AdminClient, Trouble(), {})
        asked = admin.describe_topics(TopicCollection([self.topic]), request_timeout=LOOK_SECONDS)
        try:
            id_ = str(asked[self.topic].result(ANSWER_SECONDS).topic_id)
        except (KafkaException, TimeoutError):
            return None
        return id_ if id_.strip("A") else None  # base 64, in which zeros are As

    def _client(
        self, kind: Any, heard: Callable[[KafkaError], None], ours: Mapping[str, Any]
    ) -> Any:
        from confluent_kafka import KafkaException

        ours = {
            **ours,
            "bootstrap.servers": self.brokers,
            "error_cb": heard,
            "log_level": 0,  # what goes wrong is told by us
            "socket.timeout.ms": round(1000 * ANSWER_SECONDS),
            "reconnect.backoff.max.ms": 1000,
        }
        given = read_properties(self.properties)
        taken = sorted(given.keys() & ours.keys())
        if taken:
            raise StreamError(f"{self.properties}: {taken[0]} is set by lstmwidgets; leave it out")
        try:
            return kind({**given, **ours})
        except KafkaException as error:  # whose text may show a value
            told = re.search(r'property[: ]+"?([\w.]+)', error.args[0].str())
            name = told[1] if told and told[1] in given else "one of its properties"
            raise StreamError(
                f"{self.properties}: the client cannot use {name} as it is given; names and values "
                "are those of librdkafka, as in security.protocol=SASL_SSL"
            ) from None


class Trouble:
    """Keeps what a client says that belongs to no partition and no message.

    Attributes
    ----------
    error : KafkaError or None
        The last such error since it was set to None; one of the login stays.
    """

    def __init__(self) -> None:
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take in an error."""
        known = self.error is not None and self.error.name() in NOT_LET_IN
        if not known and error.name() != "GROUP_AUTHORIZATION_FAILED":  # there is no group
            self.error = error


def parse(url: str, properties: Path | None = None) -> KafkaAddress:
    """Return the address that a URL stands for.

    Parameters
    ----------
    url : str
        ``kafka://HOST:PORT/TOPIC``; several brokers have commas between.
    properties : Path, optional
        File with what else the client needs; see `read_properties`.

    Raises
    ------
    StreamError
        If it is none, or the package confluent-kafka is not installed.

    Examples
    --------
    >>> parse("kafka://one:9092,two:9092/readings").brokers
    'one:9092,two:9092'
    """
    if find_spec("confluent_kafka") is None:
        raise StreamError("Kafka needs confluent-kafka: pip install 'lstmwidgets[kafka]'")
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message may show a login
        parts = urlsplit("")
    topic = parts.path.removeprefix("/")
    known = (
        parts.scheme == "kafka"
        and all(BROKERS.fullmatch(each) for each in parts.netloc.split(","))
        and TOPIC.fullmatch(topic)
        and topic not in (".", "..")
    )
    if not known or parts.query or parts.fragment or len(url.split()) != 1:
        raise StreamError(
            "expected a broker and a topic, as in kafka://localhost:9092/readings, got "
            f"{without_login(''.join(url.split()))}; a login goes into the file of "
            "--kafka-properties"
        )
    return KafkaAddress(f"kafka://{parts.netloc}/{topic}", parts.netloc, topic, properties)


def read_properties(path: Path | None) -> dict[str, str]:
    """Return what a file of properties has: lines such as ``sasl.username=reader``.

    Empty lines, and those that begin with ``#`` or ``!``, are left out.

    Raises
    ------
    StreamError
        If it cannot be read, or has another line; the line is not shown.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StreamError(f"cannot read {path} of --kafka-properties: {told}") from error
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line[0] in "#!":
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise StreamError(f"{path}, line {number}: expected name=value")
        found[name.strip()] = value.strip()
    return found


def _dotted(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in given.items()}
