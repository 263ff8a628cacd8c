"""Where a Redis stream is, and how to speak to its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from .errors import StreamError

if TYPE_CHECKING:
    from redis import Redis

    from .retry import PatientRetry

ANSWER_SECONDS = 10.0
"""How long to wait for an answer before it counts as a failure."""

PATIENCE = 300.0
"""Seconds after which a server that does not answer is given up."""


class RedisAddress(NamedTuple):
    """A stream of a Redis server.

    Attributes
    ----------
    name : str
        The address without a password, for people and checkpoints.
    server : str
        The address of the server and database.
    stream : str
        The stream's key.
    """

    name: str
    server: str
    stream: str

    def client(self) -> Redis:
        """Return a client, which connects when it is used, and tries everything once."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            return Redis.from_url(
                self.server,
                protocol=2,  # its answers have the same shape in all releases of the client
                retry=Retry(NoBackoff(), 0),
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
            )
        except ValueError as error:  # a port that is no number
            raise StreamError(f"{self.name} is no address of a server: {error}") from error

    def retry(self, patience: float, notes: Callable[[str], None] | None) -> PatientRetry:
        """Return what to wait with when the server does not answer."""
        from .retry import PatientRetry  # which needs redis

        return PatientRetry(self.name, patience=patience, notes=notes)

    @contextmanager
    def refusals_told(self) -> Iterator[None]:
        """Turn what the server refuses, and would refuse again, into what it means."""
        from redis import exceptions

        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise StreamError(
                f"{self.name} does not let you in ({error}); "
                "write redis://USER:PASSWORD@HOST:PORT/DB/STREAM"
            ) from error
        except exceptions.ResponseError as error:
            meaning = "it is no stream; name another" if "WRONGTYPE" in str(error) else str(error)
            raise StreamError(f"{self.name} cannot be used: {meaning}") from error


def parse(url: str) -> RedisAddress:
    """Return the address that a URL stands for.

    Raises
    ------
    StreamError
        If it is none, or the package redis is not installed.

    Examples
    --------
    >>> parse("redis://:secret@localhost:6379/0/readings").name
    'redis://localhost:6379/0/readings'
    """
    if find_spec("redis") is None:
        raise StreamError("Redis needs the package redis: pip install 'lstmwidgets[redis]'")
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    database, _, stream = parts.path.removeprefix("/").partition("/")
    name = f"{parts.scheme}://{place}/{database}/{stream}"
    known = parts.scheme in ("redis", "rediss") and place and database.isdecimal() and stream
    if not known or parts.query or parts.fragment:
        raise StreamError(
            "expected a server, the number of a database and a stream, as in "
            f"redis://localhost:6379/0/readings, got {name}"
        )
    server = f"{parts.scheme}://{login}{'@' if login else ''}{place}/{database}"
    return RedisAddress(name, server, unquote(stream))
