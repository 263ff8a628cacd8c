"""One model, and a state of its own for every key."""

from __future__ import annotations

import struct
from collections import OrderedDict

from lstmwidgets.online.numeric import NumericEstimator
from lstmwidgets.online.streams import OpenStream

from .cold import ColdStore
from .errors import StreamError

HOT = 10_000
"""Streams in memory at most, by default; one of 32 units and a window of 16 takes 14 kB."""

LAST = struct.Struct("<d")
"""The last target, in front of a stream's bytes; NaN if there was none."""


class KeyedStream:
    """What is known of one key.

    Attributes
    ----------
    stream : OpenStream or None
        Its state; None at its beginning, or while the model has it.
    last : float or None
        Its last target.
    changed : bool
        Whether it differs from what the store has.
    """

    __slots__ = ("changed", "last", "stream")

    def __init__(self, stream: OpenStream | None = None, last: float | None = None) -> None:
        self.stream = stream
        self.last = last
        self.changed = False


class KeyedStreams:
    """Lets keys take turns in a model, each with its own state; the weights are everybody's.

    The streams that were used last stay in memory, the others go to a store and come back bit for
    bit.

    Parameters
    ----------
    model : NumericEstimator
        Such as `lstmwidgets.online.LSTMRegressor`.
    cold : ColdStore, optional
        Where the others are kept; by default a database that goes with the process.
    hot : int
        How many stay in memory.

    Raises
    ------
    StreamError
        If the model has no streams to swap, or no stream fits into memory.

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
        if hot < 1:
            raise StreamError(f"at least one stream must be in memory, got {hot}")
        self._model = model
        self._cold = ColdStore() if cold is None else cold
        self._room = hot
        self._hot: OrderedDict[str, KeyedStream] = OrderedDict()
        self._key: str | None = None
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

    def enter(self, key: str) -> KeyedStream:
        """Let the model go on with a key's stream, and return what else is known of it."""
        if key == self._key:
            entry = self._hot[key]
        else:
            entry = self._hot.get(key) or self._fetched(key)
            before = self._model.swap_stream(entry.stream)
            if self._key is not None:
                self._hot[self._key].stream = before
            entry.stream = None
            self._hot[key] = entry
            self._hot.move_to_end(key)
            self._key = key
            if len(self._hot) > self._room:
                self._evict()
        entry.changed = True
        return entry

    def leave(self) -> None:
        """Take the stream that is in the model out of it."""
        if self._key is not None:
            self._hot[self._key].stream = self._model.open_stream
            self._key = None

    def save(self) -> None:
        """Bring all that has changed to the store: the next checkpoint then holds it."""
        self.leave()
        changed = [(key, entry) for key, entry in self._hot.items() if entry.changed]
        self._cold.put((key, self._to_bytes(entry)) for key, entry in changed)
        for _, entry in changed:
            entry.changed = False
        self._known += len(self._new)
        self._new.clear()

    def _fetched(self, key: str) -> KeyedStream:
        """Return a stream from the store, or a new one."""
        data = None if self._all_hot else self._cold.get(key)
        if data is None:
            self._new.add(key)
            return KeyedStream()
        try:
            (last,) = LAST.unpack_from(data)
            rest = data[LAST.size :]
            stream = self._model.stream_from_bytes(rest) if rest else None
        except (ValueError, struct.error) as error:
            raise StreamError(
                f"the state of key {key!r} is damaged: {error}; restore the database from a copy, "
                "or begin anew with another folder"
            ) from error
        return KeyedStream(stream, None if last != last else last)

    def _evict(self) -> None:
        """Bring the stream that was used least recently to the store."""
        key, entry = self._hot.popitem(last=False)
        self._all_hot = False
        if entry.changed:
            self._cold.put([(key, self._to_bytes(entry))])
            if key in self._new:
                self._new.remove(key)
                self._known += 1

    def _to_bytes(self, entry: KeyedStream) -> bytes:
        last = LAST.pack(float("nan") if entry.last is None else entry.last)
        return last + (b"" if entry.stream is None else self._model.stream_to_bytes(entry.stream))
