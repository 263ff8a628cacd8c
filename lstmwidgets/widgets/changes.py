"""Changes of a Bokeh document on their way to the page, as few of them as tell the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.document.events import (
    ColumnDataChangedEvent,
    ColumnsPatchedEvent,
    ColumnsStreamedEvent,
    DocumentPatchedEvent,
    ModelChangedEvent,
)

DataEvent = ColumnDataChangedEvent | ColumnsStreamedEvent | ColumnsPatchedEvent


class Changes:
    """Changes that wait for the next frame, in the order in which they were made.

    Bokeh writes the columns of a `ColumnDataChangedEvent` as they are when it is *sent*. They hold
    then what was streamed and patched in the meantime, which must not be sent again. What was
    streamed and patched is copied, so that the caller may use an array again before it is sent.
    """

    def __init__(self) -> None:
        self._events: list[DocumentPatchedEvent] = []

    def __bool__(self) -> bool:
        return bool(self._events)

    def clear(self) -> None:
        """Forget all changes."""
        self._events = []

    def take(self) -> list[DocumentPatchedEvent]:
        """Return the changes, and wait for new ones."""
        events, self._events = self._events, []
        return events

    def copy(self) -> list[DocumentPatchedEvent]:
        """Return the changes, which go on waiting."""
        return list(self._events)

    def put_back(self, events: list[DocumentPatchedEvent]) -> None:
        """Let these wait, and no others."""
        self._events = events

    def add(self, event: DocumentPatchedEvent) -> None:
        """Add a change, and leave out what it makes void."""
        if isinstance(event, ColumnDataChangedEvent):
            self._replace(event)
        elif isinstance(event, ColumnsStreamedEvent | ColumnsPatchedEvent):
            self._extend(event)
        else:
            # A page that has not heard of what has left the document does not know it. If it comes
            # back, it is sent as it is then; older changes must not be applied to that.
            self._events = [e for e in self._events if _is_there(e)]
            if isinstance(event, ModelChangedEvent):
                # Ten changes of one property are one. The last one moves to the end, because it
                # may name a model that came into the document in between.
                self._events = [e for e in self._events if not _same_property(e, event)]
            self._events.append(event)

    def _of(self, event: DataEvent) -> list[DataEvent]:
        """Return what waits of the same source."""
        same = (e for e in self._events if isinstance(e, DataEvent))
        return [e for e in same if e.model is event.model]

    def _replace(self, event: ColumnDataChangedEvent) -> None:
        before = self._of(event)
        whole = next((e for e in before if isinstance(e, ColumnDataChangedEvent)), None)
        if event.cols is None:
            self._events = [e for e in self._events if e not in before]
            self._events.append(event)
        elif whole is None:
            self._events.append(event)
        elif whole.cols is not None:
            whole.cols = sorted({*whole.cols, *event.cols})

    def _extend(self, event: ColumnsStreamedEvent | ColumnsPatchedEvent) -> None:
        before = self._of(event)
        whole = next((e for e in before if isinstance(e, ColumnDataChangedEvent)), None)
        if whole is not None:
            whole.cols = None  # all columns are sent, as they will be then
            return
        last = before[-1] if before else None
        if isinstance(event, ColumnsPatchedEvent):
            patches = {
                name: [(place, _copied(values)) for place, values in parts]
                for name, parts in event.patches.items()
            }
            if isinstance(last, ColumnsPatchedEvent):
                before_it = last.patches
                last.patches = {**before_it} | {
                    name: [*before_it.get(name, ()), *parts] for name, parts in patches.items()
                }
                return
            event.patches = patches
        else:
            data = {name: _own(values) for name, values in event.data.items()}
            if (
                isinstance(last, ColumnsStreamedEvent)
                and last.rollover == event.rollover
                and last.data.keys() == data.keys()
            ):
                last.data = {name: _joined(last.data[name], data[name]) for name in data}
                return
            event.data = data
        self._events.append(event)


def _is_there(event: DocumentPatchedEvent) -> bool:
    """Whether the document still has the model that an event is about."""
    if not isinstance(event, DataEvent | ModelChangedEvent):
        return True
    return event.model.document is event.document


def _same_property(one: DocumentPatchedEvent, other: ModelChangedEvent) -> bool:
    if not isinstance(one, ModelChangedEvent):
        return False
    return one.model is other.model and one.attr == other.attr


def _copied(values: Any) -> Any:
    return values.copy() if isinstance(values, np.ndarray) else values


def _own(column: Any) -> Any:
    """Copy a column: an array, or a list of whatever."""
    return column.copy() if isinstance(column, np.ndarray) else [_copied(v) for v in column]


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.concatenate([one, other])
    return [*one, *other]
