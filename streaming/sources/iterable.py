"""Records that a program has."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from lstmwidgets import codec
from lstmwidgets.online.dataframes import is_dataframe, rows
from lstmwidgets.shown import in_full, typed

from ..errors import StreamError
from ..events import Event
from .async_items import AsyncItems
from .base import Columns, Source
from .record_journal import FormlessError, RecordJournal, from_line, pair, to_line
from .schema import RecordError, Schema
from .values import VALUES, verbatim


class IterableSource(Source):
    """Items of any iterable, asynchronous or not: mappings, pairs (x, y) as of River, or Events.

    A dataframe's items are its rows, as mappings.

    With a journal every item is in that file before it is an event. A source that is made on the
    same journal gives its items first, from where `resume` puts it, and then those of the iterable:
    after a crash that has to go on behind the last item in the journal. An asynchronous iterable
    is asked for some hundred items ahead; those are not in the journal yet. None is no item, but
    says that nothing has come for a moment.

    Without a journal nothing can be given again: every item is delivered at most once, and
    `resume` only goes on counting.

    An asynchronous iterable runs on an event loop of its own in a thread. Another one is waited
    for as long as it takes: if it is no collection that is there already, such as a list or a
    dataframe, it is asked for an event only when those before it have been dealt with.

    Parameters
    ----------
    iterable : iterable or async iterable
        The items. What it raises is raised while reading.
    columns : Columns
        Which columns are what. The target must be named for mappings, and must not be for pairs;
        Events are left as they are.
    journal : Path, optional
        File to keep the items in. With it an item may have what `lstmwidgets.codec` takes only;
        another one is a record that cannot be read.
    name : str
        For people.

    Examples
    --------
    >>> readings = [{"load": 0.5, "flow": 2}, {"load": 0.7, "flow": None}]
    >>> [(event.x, event.y) for event in IterableSource(readings, Columns(target="flow"))]
    [({'load': 0.5}, 2.0), ({'load': 0.7}, None)]
    """

    def __init__(
        self,
        iterable: Iterable[Any] | AsyncIterable[Any],
        columns: Columns,
        *,
        journal: Path | None = None,
        name: str = "iterable",
    ) -> None:
        self.name = name
        columns.check_roles()
        self._columns = columns
        self._schema = Schema(columns, VALUES, name)
        self._items: AsyncItems[Any] | Iterator[Any] = (
            AsyncItems(iterable) if isinstance(iterable, AsyncIterable) else items_of(iterable)
        )
        self._journal = None if journal is None else RecordJournal(journal)
        self.tells_waiting = is_dataframe(iterable) or isinstance(
            iterable, AsyncIterable | Collection
        )
        self.replayable = journal is not None
        self._bytes = self._number = 0

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events: those of the journal, then those of the iterable."""
        try:
            for taken in self._taken():
                event = None if taken is None else self._read(*taken)
                if event is not None or taken is None:
                    yield event
        finally:
            self.close()
        self._schema.check_texts()

    def close(self) -> None:
        """Close the journal, and the iterable if it can be."""
        if self._journal is not None:
            self._journal.close()
        close = getattr(self._items, "close", None)  # generators have one, and AsyncItems
        if close is not None:
            close()

    @property
    def progress(self) -> None:
        """None: nobody knows how much will come."""

    @property
    def offset(self) -> dict[str, Any]:
        """Bytes of the journal, counts, and what the columns' types were found to be."""
        known = {} if self._journal is None else {"tail": self._journal.tail(self._bytes)}
        return known | {
            "bytes": self._bytes,
            "events": self._number,
            "skipped": self.skipped,
            **self._schema.offset(self._number),
        }

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say that there may be more: only the iterable knows."""
        del offset
        return True

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._schema,)

    def sync(self) -> None:
        """Bring the journal to the disk."""
        if self._journal is not None:
            self._journal.sync()

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a byte of the journal, or go on counting."""
        self._bytes, self._number = offset["bytes"], offset["events"]
        self.skipped = offset["skipped"]
        self._schema.resume(offset)
        if self._journal is not None and self._journal.tail(self._bytes) != offset.get("tail", ""):
            raise StreamError(f"the journal of {self.name} has changed; put it back, or begin anew")

    def _taken(self) -> Iterator[tuple[bytes, Any] | None]:
        """Yield the lines of the journal, and then those of what comes, with the item itself."""
        if self._journal is not None:
            for line in self._journal.lines(self._bytes):
                yield line, None
        for item in self._items:
            if item is None:
                yield None
                continue
            line = b"" if self._journal is None else to_line(item)
            if self._journal is not None:
                self._journal.write(line)
            yield line, item

    def _read(self, line: bytes, item: Any) -> Event | None:
        """Return the event of an item, as the journal has it; None if it cannot be read."""
        event = None
        try:
            item = from_line(line) if line else item
            event = self._event(item)
        except RecordError as error:
            raw = error.raw if isinstance(error, FormlessError) else in_full(item)
            place = f"record {self._number + self.skipped + 1}"
            self.refuse(error.record(self.name, place, raw))
        self._bytes += len(line)
        self._number += event is not None
        return event

    def _event(self, item: Any) -> Event:
        if isinstance(item, Event):
            return with_plain_names(item)
        if isinstance(item, Mapping):
            self._columns.check_target(self.name)
            return self._schema.event(self._number, item)
        x, y = pair(item)
        if self._columns.target is not None:
            raise StreamError(f"{self.name} has pairs, whose second is the target; name no target")
        return self._schema.event(self._number, x, y)


def items_of(iterable: Iterable[Any]) -> Iterator[Any]:
    """Return an iterator over items, or over the rows of a dataframe."""
    return rows(iterable) if is_dataframe(iterable) else iter(iterable)


def with_plain_names(event: Event) -> Event:
    """Return an event whose id is an int or a str, and whose key is a str.

    Raises
    ------
    RecordError
        If they are none.
    """
    id_, key = event.id, event.key
    if type(id_) not in (int, str):
        id_ = codec.key(id_)
        if type(id_) is not int:
            id_ = _named("id", id_)
    if key is not None and type(key) is not str:
        key = _named("key", key)
    return event if id_ is event.id and key is event.key else replace(event, id=id_, key=key)


def _named(what: str, value: Any) -> str:
    with suppress(ValueError):
        name = verbatim(value)
        if name is not None:
            return name
    raise RecordError(f"expected a whole number or a text as {what}, got {typed(value)}")
