"""One model, and a state of its own for every key."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from lstmwidgets.online.arrays import check_memory
from lstmwidgets.online.stream_slots import StreamSlots

from ..errors import StreamError
from ..events import Event
from .cold import ColdStore
from .memories import LastNumbers, Memories
from .turns import Copies, Slots, turns

HOT = 10_000
"""Streams in memory at most, by default; one of 32 units and a window of 16 takes 6 kB."""

LEAST = 16
"""Numbers of four bytes that a stream in memory takes at least."""


class Hot:
    """What is known of a key whose stream is in memory.

    Attributes
    ----------
    slot : int
        Where its state is.
    memory : object
        What simple rules know of it, as its last target.
    changed : bool
        Whether it differs from what the store has.
    """

    __slots__ = ("changed", "memory", "slot")

    def __init__(self, slot: int, memory: Any = None) -> None:
        self.slot = slot
        self.memory = memory
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
    memories : Memories, optional
        How what simple rules know of a stream is kept; by default it is a number, the last target.

    Raises
    ------
    StreamError
        If no stream fits into memory.
    """

    def __init__(
        self,
        slots: Slots | None,
        cold: ColdStore | None = None,
        hot: int = HOT,
        memories: Memories | None = None,
    ) -> None:
        check_room(hot)
        self._slots = slots
        self._memories = LastNumbers() if memories is None else memories
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
            sizes, data = self._rows([entry for _, entry in changed])
            self._cold.put_many((key for key, _ in changed), sizes, data)
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
            return Hot(slot, self._memories.new_memory())
        head = self._memories.packed
        try:
            memory = self._memories.unpack(data[:head])
            if self._slots is not None:
                self._slots.stream_from_bytes(slot, data[head:])
        except (ValueError, struct.error) as error:
            raise StreamError(
                f"the state of key {key!r} is damaged: {error}; restore the database from a copy, "
                "or begin anew with another folder"
            ) from error
        return Hot(slot, memory)

    def _evicted(self) -> int:
        """Bring the stream that was used least recently to the store; return its slot."""
        key, entry = self._hot.popitem(last=False)
        self._all_hot = False
        if entry.changed:
            self._cold.put(key, bytes(self._rows([entry])[1]))
            if key in self._new:
                self._new.remove(key)
                self._known += 1
        return entry.slot

    def _rows(self, entries: list[Hot]) -> tuple[Iterable[int], bytes | memoryview]:
        """Return what is to be kept of N keys: how many bytes of each, and all of them in a row."""
        heads = b"".join(self._memories.pack(entry.memory) for entry in entries)
        rows = np.frombuffer(heads, np.uint8).reshape(len(entries), -1)
        if self._slots is None or not entries:
            return repeat(rows.shape[1], len(rows)), heads
        states = self._slots.streams_to_bytes([entry.slot for entry in entries])
        if isinstance(states, np.ndarray):
            rows = np.hstack([rows, states])
            return repeat(rows.shape[1], len(rows)), rows.data.cast("B")
        parts = [row.tobytes() + state for row, state in zip(rows, states, strict=True)]
        return map(len, parts), b"".join(parts)


class KeyedStreams(KeyedSlots):
    """Lets keys take turns in a model, each with its own state; `turns` says what is everybody's.

    Parameters
    ----------
    model : estimator
        Such as `lstmwidgets.online.LSTMRegressor`, whose weights are everybody's. Of a model of
        another kind every key has a copy.
    cold, hot, memories
        As of `KeyedSlots`.
    shared : bool
        Let one model learn from all keys, without a state for each, where it has none.

    Raises
    ------
    StreamError
        If no stream fits into memory.

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
        self,
        model: Any,
        cold: ColdStore | None = None,
        hot: int = HOT,
        memories: Memories | None = None,
        *,
        shared: bool = False,
    ) -> None:
        check_room(hot)
        self._turns = turns(model, hot, shared=shared)
        super().__init__(self._turns, cold, hot, memories)

    @property
    def copies(self) -> bool:
        """Whether every key has a model of its own."""
        return isinstance(self._turns, Copies)

    def enter(self, key: str | None) -> Hot:
        """Let the model go on with a key's stream, and return what else is known of it."""
        entry = self.bring(named(key))
        if self._turns is not None:
            self._turns.enter(entry.slot)
        return entry

    def model_of(self, entry: Hot) -> Any:
        """Return the model of a key that has a copy."""
        assert isinstance(self._turns, Copies)
        return self._turns.models[entry.slot]

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
        assert isinstance(self._turns, StreamSlots)
        those = events[: len(slots)]
        xs, ys = [event.x for event in those], [event.y for event in those]
        return self._turns.iter_predict_learn_many(slots, xs, ys)


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
