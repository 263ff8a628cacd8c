"""One model, and a state of its own for every key."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.online.arrays import check_memory
from lstmwidgets.online.numeric import NumericEstimator
from lstmwidgets.online.stream_slots import StreamSlots

from ..errors import StreamError
from ..events import Event
from .cold import ColdStore

HOT = 10_000
"""Streams in memory at most, by default; one of 32 units and a window of 16 takes 6 kB."""

LEAST = 16
"""Numbers of four bytes that a stream in memory takes at least."""

LAST = struct.Struct("<d")
"""The last target, in front of a stream's bytes; NaN if there was none."""


class Slots(Protocol):
    """Where the states of streams are that are in memory."""

    def streams_to_bytes(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return the states in N slots, (N, bytes)."""

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Put a state into a slot."""

    def reset(self, slot: int) -> None:
        """Put a beginning into a slot."""


class Hot:
    """What is known of a key whose stream is in memory.

    Attributes
    ----------
    slot : int
        Where its state is.
    last : float or None
        Its last target.
    changed : bool
        Whether it differs from what the store has.
    """

    __slots__ = ("changed", "last", "slot")

    def __init__(self, slot: int, last: float | None = None) -> None:
        self.slot = slot
        self.last = last
        self.changed = False


class KeyedSlots:
    """Gives keys slots. The streams that were used last are in memory, the others in a store.

    They come back bit for bit.

    Parameters
    ----------
    slots : Slots or None
        At least `hot` of them. None if there is no state but the last target.
    cold : ColdStore, optional
        Where the others are kept, and all of them for checkpoints; by default a database that goes
        with the process.
    hot : int
        How many are in memory.

    Raises
    ------
    StreamError
        If no stream fits into memory.
    """

    def __init__(self, slots: Slots | None, cold: ColdStore | None = None, hot: int = HOT) -> None:
        check_room(hot)
        self._slots = slots
        self._cold = ColdStore() if cold is None else cold
        self._room = hot
        self._hot: OrderedDict[str, Hot] = OrderedDict()
        self._known = len(self._cold)
        self._all_hot = not self._known  # then a key that is not in memory is a new one
        self._new: set[str] = set()

    def __len__(self) -> int:
        """How many keys have come."""
        return self._known + len(self._new)

    @property
    def in_memory(self) -> int:
        """How many of them are in memory."""
        return len(self._hot)

    def bring(self, key: str) -> Hot:
        """Bring a key's stream into memory, and return what is known of it."""
        entry = self._hot.get(key)
        if entry is None:
            entry = self._hot[key] = self._fetched(key)
        else:
            self._hot.move_to_end(key)
        entry.changed = True
        return entry

    def save(self) -> None:
        """Bring all that has changed to the store: the next checkpoint then holds it."""
        changed = [(key, entry) for key, entry in self._hot.items() if entry.changed]
        if changed:
            rows = self._rows([entry for _, entry in changed])
            sizes = repeat(rows.shape[1], len(rows))
            self._cold.put_many((key for key, _ in changed), sizes, rows.data.cast("B"))
        for _, entry in changed:
            entry.changed = False
        self._known += len(self._new)
        self._new.clear()

    def _fetched(self, key: str) -> Hot:
        """Return a stream from the store, or a new one, in a slot of its own."""
        slot = len(self._hot) if len(self._hot) < self._room else self._evicted()
        data = None if self._all_hot else self._cold.get(key)
        if data is None:
            self._new.add(key)
            if self._slots is not None:
                self._slots.reset(slot)
            return Hot(slot)
        try:
            (last,) = LAST.unpack_from(data)
            if self._slots is not None:
                self._slots.stream_from_bytes(slot, data[LAST.size :])
        except (ValueError, struct.error) as error:
            raise StreamError(
                f"the state of key {key!r} is damaged: {error}; restore the database from a copy, "
                "or begin anew with another folder"
            ) from error
        return Hot(slot, None if last != last else last)

    def _evicted(self) -> int:
        """Bring the stream that was used least recently to the store; return its slot."""
        key, entry = self._hot.popitem(last=False)
        self._all_hot = False
        if entry.changed:
            self._cold.put(key, self._rows([entry]).tobytes())
            if key in self._new:
                self._new.remove(key)
                self._known += 1
        return entry.slot

    def _rows(self, entries: list[Hot]) -> NDArray[np.uint8]:
        """Return what is to be kept of N keys, (N, bytes)."""
        lasts = [np.nan if entry.last is None else entry.last for entry in entries]
        rows = np.array(lasts, "<f8").reshape(-1, 1).view(np.uint8)
        if self._slots is None or not entries:
            return rows
        return np.hstack([rows, self._slots.streams_to_bytes([entry.slot for entry in entries])])


class KeyedStreams(KeyedSlots):
    """Lets keys take turns in a model, each with its own state; the weights are everybody's.

    Parameters
    ----------
    model : NumericEstimator
        Such as `lstmwidgets.online.LSTMRegressor`.
    cold, hot
        As of `KeyedSlots`.

    Raises
    ------
    StreamError
        If the model has no streams that could take turns, or none fits into memory.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMRegressor
    >>> model = LSTMRegressor(4, seed=1)
    >>> streams = KeyedStreams(model, hot=2)
    >>> for n in range(30):
    ...     for key in ("north", "east", "south"):
    ...         stream = streams.enter(key)
    ...         model.learn_one({"n": n}, n)
    >>> len(streams), streams.in_memory
    (3, 2)
    """

    def __init__(
        self, model: NumericEstimator, cold: ColdStore | None = None, hot: int = HOT
    ) -> None:
        if not isinstance(model, NumericEstimator):
            raise StreamError(
                f"keys need a model with a state for each, such as LSTMRegressor; "
                f"{type(model).__name__} has none"
            )
        check_room(hot)
        self._streams = StreamSlots(model, hot)
        super().__init__(self._streams, cold, hot)

    def enter(self, key: str | None) -> Hot:
        """Let the model go on with a key's stream, and return what else is known of it."""
        entry = self.bring(named(key))
        self._streams.enter(entry.slot)
        return entry

    def iter_predict_learn_many(self, events: Sequence[Event]) -> Iterator[float]:
        """Predict events and learn them, one after the other; see `StreamSlots`.

        The keys of what was yielded last are in memory.
        """
        for part in portions(events, self._room):
            slots: list[int] = []
            try:
                slots.extend(self.bring(named(event.key)).slot for event in part)
            except StreamError:  # it comes after what was before it
                yield from self._learn_many(part, slots)
                raise
            yield from self._learn_many(part, slots)

    def _learn_many(self, events: Sequence[Event], slots: list[int]) -> Iterator[float]:
        those = events[: len(slots)]
        xs, ys = [event.x for event in those], [event.y for event in those]
        return self._streams.iter_predict_learn_many(slots, xs, ys)


def portions(events: Sequence[Event], room: int) -> Iterator[Sequence[Event]]:
    """Yield events in portions whose keys are in memory together."""
    many = len({event.key for event in events}) > room
    step = room if many else max(len(events), 1)
    for begin in range(0, len(events), step):
        yield events[begin : begin + step]


def named(key: str | None) -> str:
    """Return a key, and raise if it is none."""
    if key is None:
        raise StreamError("an event has no key; every one needs it where there are keys")
    return key


def check_room(hot: int) -> None:
    """Raise unless at least one stream is to be in memory, and all that are to be fit into it."""
    if hot < 1:
        raise StreamError(f"at least one stream must be in memory, got {hot}")
    try:
        check_memory(f"the state of {hot:,} keys in memory (--hot-keys)", LEAST * hot)
    except ValueError as error:
        raise StreamError(str(error)) from error
