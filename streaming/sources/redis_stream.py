"""Entries of a Redis stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..events import Event
from ..redis_address import parse
from ..retry import PATIENCE
from .base import WAIT, Columns, Source, waiting
from .cell_values import CELLS
from .json_object import json_object
from .redis_place import Place, StreamState, moment, state_of
from .schema import RecordError, Schema
from .values import VALUES

COUNT = 500
"""Entries that are read at once, and so the most that are read ahead."""

Entry = tuple[bytes, dict[bytes, bytes]]


class RedisSource(Source):
    """Reads a Redis stream from its first entry on; several jobs can read the same one.

    The fields of an entry are columns, numbers or whatever their first value is. An entry with
    ``json`` as its only field holds a JSON object, whose values have their types already.

    The server (Redis 7 or later) keeps nothing for the job: where to go on is in the job's
    checkpoint. Entries that are removed before they are read are noticed, and end the job.

    Parameters
    ----------
    url : str
        ``redis://HOST:PORT/DB/STREAM``, or ``rediss://``; a password goes before the host.
    columns : Columns
        Which fields are target and features.
    follow : bool
        Wait for entries that are yet to come, and for the stream if there is none; otherwise read
        up to the entry that is the last one now.
    patience : float
        Seconds to wait for a server that does not answer.
    notes : callable, optional
        Is told when the server does not answer, and when it does again.

    Raises
    ------
    StreamError
        If the URL is none or redis is not installed, and while reading, if the server refuses, the
        patience is over, entries were removed before they were read, or an entry cannot be read.
    """

    def __init__(
        self,
        url: str,
        columns: Columns,
        *,
        follow: bool = True,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        self._address = parse(url)
        self.name = self._address.name
        self._follow = follow
        columns.check_roles()
        self._columns = columns
        self._texts = Schema(columns, CELLS, self.name)
        self._values = Schema(columns, VALUES, self.name)
        self._retry = self._address.retry(patience, notes)
        self._client = self._address.client()
        self._place = Place()
        self._number = 0
        self._begin: StreamState | None = None
        self._end: int | None = None  # entries that were ever added

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the entries; None when nothing has come, or the server does not answer."""
        entries: list[Entry] | None = None
        while True:
            try:
                if entries == []:
                    self._come()
                entries = self._read()
                self._retry.succeeded()
            except self._retry.failures as error:
                yield from waiting(self._retry.failed(error))
                continue
            if not entries:
                if not self._follow:
                    self._texts.check_texts()
                    self._values.check_texts()
                    return
                yield None
            for entry in entries:
                event = self._event(entry)
                if event is not None:
                    yield event

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @property
    def progress(self) -> float | None:
        """Share of the entries that has been read; None where more are waited for."""
        begin = self._begin
        if self._follow or begin is None or begin.added == begin.removed:
            return None
        return (self._place.passed - begin.removed) / (begin.added - begin.removed)

    @property
    def lag(self) -> dict[str, int]:
        """Entries behind the last one that was passed, when the server was last asked."""
        return {} if self._end is None else {"records": max(self._end - self._place.passed, 0)}

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether an entry has come behind an offset."""
        state = self._retry.until_done(lambda: self._ask(Place())[1])
        return state is not None and moment(state.last) > moment(offset["id"])

    @property
    def offset(self) -> dict[str, Any]:
        """The last entry's id, how many there were, and what the fields' types were found to be."""
        return {
            "id": self._place.id,
            "passed": self._place.passed,
            "events": self._number,
            "skipped": self.skipped,
            "columns": [each.offset(self._number) for each in (self._texts, self._values)],
        }

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._texts, self._values)

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on behind an entry."""
        self._place = Place(offset["id"], offset["passed"])
        self._number, self.skipped = offset["events"], offset["skipped"]
        for schema, columns in zip((self._texts, self._values), offset["columns"], strict=True):
            schema.resume(columns)
        try:
            self._place.check(self.name, self._ask(self._place)[1])
        except self._retry.failures:  # which are waited for, and the place checked, when it is read
            return

    def _read(self) -> list[Entry]:
        """Return the entries behind the place, up to `COUNT`."""
        entries, state = self._ask(self._place)
        self._place = self._place.check(self.name, state, must_exist=not self._follow)
        self._end = None if state is None else state.added
        if self._follow or state is None:
            return entries
        if self._begin is None:
            self._begin = state
        end = moment(self._begin.last)
        return [entry for entry in entries if moment(entry[0].decode()) <= end]

    def _ask(self, place: Place) -> tuple[list[Entry], StreamState | None]:
        """Return the entries behind a place and the stream's state, both of the same instant."""
        stream = self._address.stream
        with self._address.refusals_told():
            both = self._client.pipeline(transaction=True)
            both.xread({stream: place.id}, count=COUNT)
            both.xinfo_stream(stream)
            answer, info = both.execute(raise_on_error=False)
            state = state_of(self.name, info)
            if isinstance(answer, Exception):
                raise answer
        return (answer[0][1] if answer else []), state

    def _come(self) -> None:
        """Wait a moment for an entry behind the place."""
        place: dict[Any, Any] = {self._address.stream: self._place.id}
        with self._address.refusals_told():
            self._client.xread(place, count=1, block=round(1000 * WAIT))

    def _event(self, entry: Entry) -> Event | None:
        """Return an entry's event and pass it; None if it cannot be read and is left out."""
        id_, fields = entry[0].decode(), entry[1]
        event, number = None, self._number
        try:
            schema, record = self._texts, {}
            if list(fields) == [b"json"]:
                schema, record = self._values, json_object(fields[b"json"])
            else:
                record = {_text(name): _text(value) for name, value in fields.items()}
            self._columns.check_target(self.name, record)
            event = schema.event(number, record)
        except RecordError as error:
            raw = b", ".join(b"%s: %s" % pair for pair in fields.items())
            self.refuse(error.record(self.name, f"entry {id_}", raw.decode(errors="replace")))
        else:
            number += 1
        # Both at once: a signal may end the reading at any call.
        self._place, self._number = Place(id_, self._place.passed + 1), number
        return event


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RecordError(f"expected text in UTF-8, got {data!r}") from None
