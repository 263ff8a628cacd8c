"""Predictions as entries of a Redis stream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import UNSET

from ..redis_address import parse
from ..retry import PATIENCE
from .base import Sink
from .rows import row_of

MOST_WAITING, LONGEST_WAIT = 500, 0.1
"""Entries, and seconds, after which what is waiting is sent when the next one comes."""


class RedisSink(Sink):
    """Appends predictions to a Redis stream.

    An entry has the fields `id`, `key` (where there are keys), `prediction` and `target`, or those
    of another task; these are written as in JSON, and what is missing, NaN or infinite as ``null``.

    Delivery is at least once: after a crash of the job or the server some entries come again, with
    the same `id`. An entry counts as delivered when the server says that it has it; what a crash of
    the server then leaves of it is up to the server's ``appendfsync``.

    Parameters
    ----------
    url : str
        ``redis://HOST:PORT/DB/STREAM``, or ``rediss://``; a password goes before the host.
    maxlen : int, optional
        About how many entries to keep; the oldest are removed. All by default.
    patience : float
        Seconds to wait for a server that does not answer.
    notes : callable, optional
        Is told when the server does not answer, and when it does again.

    Raises
    ------
    StreamError
        If the URL is none, redis is not installed, the server refuses, or the patience is over.
    """

    exact = False

    def __init__(
        self,
        url: str,
        *,
        maxlen: int | None = None,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        self._address = parse(url)
        self.name = self._address.name
        self._maxlen = maxlen
        self._retry = self._address.retry(patience, notes)
        self._waiting: list[dict[Any, Any]] = []
        self._first = 0.0

    def __enter__(self) -> Self:
        self._client = self._address.client()
        try:
            self._retry.until_done(self._look)
        except BaseException:
            self._client.close()
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
            self._client.close()

    def write(self, record: msgspec.Struct) -> None:
        """Take in one entry, and send what has waited long enough."""
        self._waiting.append(_fields(record))
        now = time.monotonic()
        if len(self._waiting) == 1:
            self._first = now
        if len(self._waiting) >= MOST_WAITING or now - self._first >= LONGEST_WAIT:
            self.flush()

    def flush(self) -> dict[str, Any]:
        """Wait until the server has all entries; return an empty place."""
        if self._waiting:
            self._retry.until_done(self._send)
            self._waiting.clear()
        return {}

    def _look(self) -> None:
        """Raise if the key is taken by something else than a stream."""
        with self._address.refusals_told():
            self._client.xlen(self._address.stream)

    def _send(self) -> None:
        with self._address.refusals_told():
            pipeline = self._client.pipeline(transaction=False)
            for fields in self._waiting:
                pipeline.xadd(self._address.stream, fields, maxlen=self._maxlen, approximate=True)
            pipeline.execute()


def _fields(record: msgspec.Struct) -> dict[Any, Any]:
    named = [name for name in record.__struct_fields__ if getattr(record, name) is not UNSET]
    fields = [name for name in named if name not in ("id", "key")]
    id_, key, *values = row_of(record, dict.fromkeys(fields, ""))
    told = {"id": str(id_)} | {n: _json(v) for n, v in zip(fields, values, strict=True)}
    return told if key is None else {**told, "key": key}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
