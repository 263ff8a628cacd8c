"""One model, and a state of its own for every key."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any

import numpy as np

from lstmwidgets.online.arrays import check_memory
from lstmwidgets.online.stream_slots import StreamSlots

from ..errors import StreamError
from ..events import Event
from .cold import PORTION, ColdStore
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
    """

    __slots__ = ("memory", "slot")

    def __init__(self, slot: int, memory: Any = None) -> None:
        self.slot = slot
        self.memory = memory


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
        self._changed: dict[str, Hot] = {}  # since the last `saving`
        self._pending: dict[str, Hot] = {}  # of that, not yet copied, and not changed since
        self._known = len(self._cold)
        self._all_hot = not self._known  # then a key that is not in memory is a new one
        self._free: list[int] = []  # slots, of those that were in use
        self._at_once = 1
        if isinstance(slots, StreamSlots):  # what is pending is to fit the model that it was in
            slots.before_growth = self._finish

    def __len__(self) -> int:
        """How many keys have come."""
        return self._known

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
            if key in self._pending:
                self._copy([key])
        self._changed[key] = entry
        return entry

    def expect(self, keys: Iterable[str]) -> None:
        """Make room for these streams, and read them at once; `bring` then brings each.

        Parameters
        ----------
        keys : iterable of str
            No more of them than can be in memory.
        """
        new, pending = {}, {}
        for key in keys:
            if key in self._pending:
                pending[key] = True
            if key in self._hot:
                self._hot.move_to_end(key)
            else:
                new[key] = True
        if pending:
            self._copy(pending)
        self._evict(max(len(self._hot) + len(new) - self._room, 0))
        if not self._all_hot:
            self._cold.expect(new)

    def saving(self) -> Iterator[None]:
        """Bring all that has changed until now to the store: the next checkpoint then holds it.

        It is done in portions, one whenever the iterator is asked for. Events may go on meanwhile:
        a stream that they would change is copied before.
        """
        self._finish()  # of a checkpoint before, if nobody has
        pending, self._changed = self._changed, {}
        if pending:  # the stream that is in the model, and grows with it, at once
            last = next(reversed(self._hot))
            self._cold.put_many([last], *self._rows([pending.pop(last)]))
        self._pending = pending
        return self._portions()

    def save(self) -> None:
        """Do the same at once."""
        for _ in self.saving():
            pass

    def _finish(self) -> None:
        """Bring the rest of what is pending to the store."""
        for _ in self._portions():
            pass

    def _portions(self) -> Iterator[None]:
        while self._pending:  # those that were used last, and so may soon be again, come first
            self._copy(list(islice(reversed(self._pending), self._at_once)))
            yield

    def _copy(self, keys: Iterable[str]) -> None:
        """Bring some of what is pending to the store."""
        portion = {key: self._pending[key] for key in keys}
        sizes, data = self._rows([*portion.values()])
        if not self._pending:  # the model has grown, and `_finish` was called
            return
        self._cold.put_many(portion, sizes, data)
        for key in portion:
            del self._pending[key]
        self._at_once = max(1, PORTION * len(portion) // max(len(data), 1))

    def _fetched(self, key: str) -> Hot:
        """Return a stream from the store, or a new one, in a slot of its own."""
        if len(self._hot) == self._room:
            self._evict(1)
        slot = self._free.pop() if self._free else len(self._hot)
        data = None if self._all_hot else self._cold.take(key)
        if data is None:
            self._known += 1
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

    def _evict(self, count: int) -> None:
        """Bring the streams that were used least recently to the store; their slots are free."""
        gone = dict(self._hot.popitem(last=False) for _ in range(count))
        self._all_hot = self._all_hot and not gone
        pending = [key for key in gone if key in self._pending]
        if pending:
            self._copy(pending)
        if self._cold.at_rest:  # otherwise rows of before may not be there yet
            kept = {key: entry for key, entry in gone.items() if key in self._changed}
        else:
            kept = gone
        sizes, data = self._rows([*kept.values()]) if kept else ((), b"")
        end = 0
        for key, size in zip(kept, sizes, strict=True):
            self._changed.pop(key, None)
            begin, end = end, end + size
            self._cold.put(key, bytes(data[begin:end]))
        self._free += [entry.slot for entry in gone.values()]

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

    @property
    def slots(self) -> StreamSlots:
        """The slots of the keys' streams in an `LSTMRegressor`."""
        assert isinstance(self._turns, StreamSlots)
        return self._turns

    def iter_slots(self, events: Sequence[Event]) -> Iterator[list[int]]:
        """Bring the keys of events into memory; yield the slots of as many as can be there at once.

        Raises
        ------
        StreamError
            Of a key that cannot be brought, after the slots of those before it.
        """
        for part in portions(events, self._room):
            self.expect(event.key for event in part if event.key is not None)
            slots: list[int] = []
            try:
                slots.extend(self.bring(named(event.key)).slot for event in part)
            except StreamError:  # it comes after what was before it
                yield slots
                raise
            yield slots


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
