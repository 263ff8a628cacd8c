"""Events whose targets come later, and events that come twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmwidgets.codec import decode, encode, plain
from lstmwidgets.times import in_utc

from ..errors import StreamError
from ..events import Event
from .cold import ColdStore
from .database import damage_told

MOST_EVENTS = 10_000

AT_ONCE = 32
"""Events that are brought to the store in one portion."""

USUAL = {float, int, bool, str, type(None)}
"""Types of features that are as the store has them."""

LONGEST = 10**10
"""Seconds; some centuries."""


class Waiting(msgspec.Struct, array_like=True):
    """An event that has been predicted.

    Attributes
    ----------
    number : int
        Its position in the stream.
    id : int or str
    key : str or None
    time : datetime or None
        In UTC.
    prediction : object
        What was compared with the target: a number, a label, a score, or None.
    baselines : dict
        What simple forecasts had said.
    x : mapping
        Its features; in the store as `lstmwidgets.codec` writes them.
    stream : bytes or int
        The state that it started with; empty at a stream's beginning. A number says where a copy of
        the state is kept, as long as it is in memory; see `Copies`.
    labelled : bool
        Whether its target has come: then only its id is still of interest.
    """

    number: int
    id: int | str
    key: str | None = None
    time: datetime | None = None
    prediction: Any = None
    baselines: Mapping[str, Any] = {}
    x: Any = {}
    stream: bytes | int = b""
    labelled: bool = False


class Copies(Protocol):
    """Keeps copies of streams, each in a place."""

    def free(self, place: int) -> None:
        """Give a place back."""

    def copies_to_bytes(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the states in N places, (N, bytes)."""


class WaitingEvents:
    """The last events by their ids: those that wait for a target, and those that have it.

    An event waits until so many others have come. With a bound in time, a target also comes too
    late when any event that is so much later than its own, by the time of the events, has come
    before it: a clock that jumps ahead ends the wait of all before it.

    Parameters
    ----------
    cold : ColdStore, optional
        Where they are kept for the next checkpoint.
    most_events : int
        How many events an event waits, and how long its id is remembered.
    most_seconds : float, optional
        How long it waits by the time of the events; by default that does not matter.
    keyed : bool
        Whether events have keys: what has neither features nor a key is then a target.

    Attributes
    ----------
    copies : Copies or None
        Where states are kept that are in memory.
    labelled, expired, unknown, repeated : int
        Targets that came in time; events that waited in vain; targets too late, or of an event that
        is not known; events that came again.
    """

    COUNTS = ("labelled", "expired", "unknown", "repeated")

    def __init__(
        self,
        cold: ColdStore | None = None,
        most_events: int = MOST_EVENTS,
        most_seconds: float | None = None,
        *,
        keyed: bool = False,
    ) -> None:
        if most_events < 1:
            raise StreamError(f"an event must wait for at least one other, got {most_events}")
        if most_seconds is not None and not 0 <= most_seconds <= LONGEST:
            raise StreamError(f"an event can wait for 0 to {LONGEST:,} seconds, got {most_seconds}")
        self._cold = cold
        self._most_events = most_events
        self._most_time = None if most_seconds is None else timedelta(seconds=most_seconds)
        self._keyed = keyed
        self._latest: datetime | None = None
        self._recent: OrderedDict[int | str, Waiting] = OrderedDict()
        self._changed: dict[int, Waiting | None] = {}
        self._has_features = False
        self.copies: Copies | None = None
        self.labelled = self.expired = self.unknown = self.repeated = 0
        if cold is not None:
            with damage_told("the job's database"):
                for data in cold.values():
                    event = msgspec.msgpack.decode(data, type=Waiting)
                    event.x = decode(event.x)
                    self._recent[event.id] = event

    def __len__(self) -> int:
        """How many wait."""
        return sum(not event.labelled for event in self._recent.values())

    def __contains__(self, id_: int | str) -> bool:
        """Say whether the event of an id is remembered."""
        return id_ in self._recent

    def is_new(self, event: Event) -> bool:
        """Say whether an event is to be predicted: it is no target of another, and comes first.

        What is neither that nor a target that is waited for is counted.
        """
        self._see(event.time)
        known = self._recent.get(event.id)
        if known is None:
            self._has_features = self._has_features or bool(event.x)
            is_target = event.y is not None and self._has_features
            keyless = self._keyed and event.key is None
            if event.x or not (is_target or keyless):
                return True
            self.unknown += 1
        elif known.labelled or event.y is None:
            self.repeated += 1
        return False

    def take(self, id_: int | str, target: Any) -> Waiting | None:
        """Return the event that a target belongs to and that has waited for it, if there is one.

        Where the state that it started with is in memory, whoever takes the event frees it.

        Parameters
        ----------
        id_ : int or str
            The event's.
        target : object
            As it can be learned; one that is None is of no use, and counts as unknown.
        """
        known = self._recent.get(id_)
        if known is None or known.labelled:
            return None
        if self._too_late(known) or target is None:
            self.unknown += 1
            return None
        self.labelled += 1
        self._keep(Waiting(known.number, known.id, labelled=True))
        return known

    def add(self, number: int, event: Event, stream: bytes | int) -> Waiting:
        """Remember an event; without a target it waits for it.

        Parameters
        ----------
        number : int
            Its position in the stream.
        event : Event
        stream : bytes or int
            The state that it starts with, or where that is kept.

        Returns
        -------
        Waiting
            Who has its prediction, and what simple forecasts say, puts both in.
        """
        if event.y is None:
            time = None if event.time is None else in_utc(event.time)
            x = event.x
            if not USUAL.issuperset(map(type, x.values())):
                x = {name: plain(value) for name, value in x.items()}
            waiting = Waiting(number, event.id, event.key, time, x=x, stream=stream)
        else:
            waiting = Waiting(number, event.id, labelled=True)
        self._keep(waiting)
        self._forget(number)
        return waiting

    def saving(self) -> Iterator[None]:
        """Bring what has changed until now to the store: the next checkpoint then holds it.

        It is done in portions, one whenever the iterator is asked for. Events may go on meanwhile.
        """
        changed, self._changed = self._changed, {}
        if self._cold is None:
            return iter(())
        states = self._states(event for event in changed.values() if event is not None)
        return _portions(self._cold, list(changed.items()), states)

    def save(self) -> None:
        """Do the same at once."""
        for _ in self.saving():
            pass

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of targets and events that were counted, by name."""
        return {name: getattr(self, name) for name in self.COUNTS}

    @property
    def progress(self) -> dict[str, Any]:
        """What was counted, in plain values; setting it goes on from there."""
        return {"latest": encode(self._latest), "has_features": self._has_features, **self.counts}

    @progress.setter
    def progress(self, progress: dict[str, Any]) -> None:
        self._latest = decode(progress["latest"])
        self._has_features = progress["has_features"]
        for name in self.COUNTS:
            setattr(self, name, progress[name])

    def _see(self, time: datetime | None) -> None:
        if time is not None:
            time = in_utc(time)
            if self._latest is None or time > self._latest:
                self._latest = time

    def _too_late(self, event: Waiting) -> bool:
        if self._most_time is None or event.time is None or self._latest is None:
            return False
        return self._latest - event.time > self._most_time

    def _keep(self, event: Waiting) -> None:
        self._recent[event.id] = event
        if self._cold is not None:
            self._changed[event.number] = event

    def _forget(self, number: int) -> None:
        """Forget what came too many events ago."""
        while self._recent:
            id_, oldest = next(iter(self._recent.items()))
            if number - oldest.number < self._most_events:
                break
            self.expired += not oldest.labelled
            del self._recent[id_]
            if isinstance(oldest.stream, int) and self.copies is not None:
                self.copies.free(oldest.stream)
            if self._cold is not None:
                self._changed[oldest.number] = None

    def _states(self, events: Iterable[Waiting]) -> Iterator[bytes]:
        """Return the states, as they are now, of those events that have them in memory."""
        places = [event.stream for event in events if isinstance(event.stream, int)]
        if not places or self.copies is None:
            return iter(())
        return (row.tobytes() for row in self.copies.copies_to_bytes(places))


def _portions(
    cold: ColdStore, changed: list[tuple[int, Waiting | None]], states: Iterator[bytes]
) -> Iterator[None]:
    for begin in range(0, len(changed), AT_ONCE):
        portion = changed[begin : begin + AT_ONCE]
        kept = [(n, event) for n, event in portion if event is not None]
        values = [_to_bytes(event, states) for _, event in kept]
        cold.put_many((n for n, _ in kept), map(len, values), b"".join(values))
        cold.remove(n for n, event in portion if event is None)
        yield


def _to_bytes(event: Waiting, states: Iterator[bytes]) -> bytes:
    """Return an event as the store has it, its state with it."""
    x = encode(event.x, path=f"the features of event {event.id!r}")
    stream = event.stream if isinstance(event.stream, bytes) else next(states)
    return msgspec.msgpack.encode(msgspec.structs.replace(event, x=x, stream=stream))
