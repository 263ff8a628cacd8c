"""Where a Redis stream is, and how to speak to its server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from .errors import StreamError, without_login
from .retry import ANSWER_SECONDS, PatientRetry

if TYPE_CHECKING:
    from redis import Redis

SCHEMES = ("redis://", "rediss://")
"""How the addresses of Redis streams begin."""

PASSWORD, PASSWORD_FILE = "LSTMWIDGETS_REDIS_PASSWORD", "LSTMWIDGETS_REDIS_PASSWORD_FILE"
"""Environment variables: the password, or the file that holds it, of addresses without one."""


class RedisAddress(NamedTuple):
    """A stream of a Redis server.

    Attributes
    ----------
    name : str
        The address without a login, for people and checkpoints.
    server : str
        The address of the server and database, with its login: for the client only.
    stream : str
        The stream's key.
    """

    name: str
    server: str
    stream: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def client(self) -> Redis:
        """Return a client, which connects when it is used, and tries everything once."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            return Redis.from_url(
                self.server,
                password=_password(),  # the address's own comes before it
                protocol=2,  # its answers have the same shape in all releases of the client
                retry=Retry(NoBackoff(), 0),
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
            )
        except ValueError as error:  # a port that is no number
            raise StreamError(f"{self.name} is no address of a server: {error}") from error

    def retry(self, patience: float, notes: Callable[[str], None] | None) -> PatientRetry:
        """Return what to wait with when the server does not answer."""
        from redis import exceptions

        failures = (exceptions.ConnectionError, exceptions.TimeoutError)
        return PatientRetry(self.name, patience=patience, notes=notes, failures=failures)

    @contextmanager
    def refusals_told(self) -> Iterator[None]:
        """Turn what the server refuses, and would refuse again, into what it means."""
        from redis import exceptions

        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise StreamError(
                f"{self.name} does not let you in ({error}); give the password in {PASSWORD}, or "
                f"the file that holds it in {PASSWORD_FILE}, and the user before the host"
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
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message may show the password
        parts = urlsplit("")
    login, _, place = parts.netloc.rpartition("@")
    database, _, stream = parts.path.removeprefix("/").partition("/")
    name = f"{parts.scheme}://{place}/{database}/{stream}"
    known = parts.scheme in ("redis", "rediss") and place and database.isdecimal() and stream
    if not known or parts.query or parts.fragment or "@" in stream or len(url.split()) != 1:
        shown = without_login("".join(url.split()))
        raise StreamError(
            "expected a server, the number of a database and a stream, as in "
            f"redis://localhost:6379/0/readings, got {shown}; in a login and a stream's name write "
            "/ as %2F, @ as %40, # as %23, ? as %3F, and so on"
        )
    server = f"{parts.scheme}://{login}{'@' if login else ''}{place}/{database}"
    return RedisAddress(name, server, unquote(stream))


def _password() -> str | None:
    """Return the password that the environment has, or the file that it names."""
    path = os.environ.get(PASSWORD_FILE)
    if PASSWORD in os.environ or path is None:
        return os.environ.get(PASSWORD)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StreamError(f"cannot read {path} of {PASSWORD_FILE}: {told}") from error
