"""What a bucket keeps of its keys: one value, read and written once for all events of a call."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmwidgets.online import FrozenRegressor
from lstmwidgets.online.estimator import Features
from lstmwidgets.saving import from_bytes

from ..errors import StreamError

VERSION = 1

FEWEST = 1024
"""Streams that there is room for at least."""

_serving: dict[bytes, FrozenRegressor] = {}
"""The model that this process predicts with, by its hash."""


class Bucket(msgspec.Struct, array_like=True):
    """The keys of a bucket and their states, as they stand in Spark's state store.

    Attributes
    ----------
    version : int
        Of this form.
    buckets : int
        How many there are in all.
    model : bytes
        Hash of the model that the states belong to.
    keys : list of str
        N of them.
    seen : bytes
        When each came last, in milliseconds, as int64.
    states : bytes
        What `FrozenRegressor.streams_to_bytes` says of each, one after the other.
    """

    version: int
    buckets: int
    model: bytes
    keys: list[str]
    seen: bytes
    states: bytes

    def check(self, buckets: int, model: bytes) -> None:
        """Raise unless it was made with so many buckets, and by this model."""
        if self.version != VERSION:
            raise StreamError(
                f"the checkpoint is of form {self.version}, this version of lstmwidgets reads "
                f"{VERSION}; go on with the version that wrote it, or begin with a new one"
            )
        if self.buckets != buckets:
            raise StreamError(
                f"the checkpoint has {self.buckets} buckets, got buckets={buckets}: keys would "
                f"lose their states; go on with buckets={self.buckets}"
            )
        if self.model != model:
            raise StreamError(
                "the states in the checkpoint are another model's; go on with the model that it "
                "began with, or begin with a new checkpoint"
            )


class Served(msgspec.Struct, frozen=True):
    """A model, to be sent to where it predicts.

    Attributes
    ----------
    data : bytes
        As `lstmwidgets.save` writes it.
    hash : bytes
        Of that.
    """

    data: bytes
    hash: bytes

    def regressor(self, streams: int) -> FrozenRegressor:
        """Return what predicts for so many streams; it is made once in a process."""
        found = _serving.get(self.hash)
        if found is None or found.streams < streams:
            room = max(FEWEST, 1 << (streams - 1).bit_length())
            found = FrozenRegressor(from_bytes(self.data), room)
            _serving.clear()
            _serving[self.hash] = found
        return found


def new_bucket(buckets: int, model: bytes) -> Bucket:
    """Return one without any key."""
    return Bucket(VERSION, buckets, model, [], b"", b"")


def predict(
    bucket: Bucket,
    model: Served,
    keys: Sequence[str],
    xs: Sequence[Features],
    ys: Sequence[float | None] | None,
    *,
    now: int,
    idle: int | None = None,
) -> NDArray[np.float64]:
    """Predict events in their order, and let them pass; the bucket then has their keys' states.

    Parameters
    ----------
    bucket : Bucket
        Is changed.
    model : Served
        What predicts.
    keys : sequence of str
        Of each event.
    xs : sequence of dict
        Features of each.
    ys : sequence of float, optional
        Targets, None where unknown.
    now : int
        In milliseconds.
    idle : int, optional
        Keys that were idle for more milliseconds are forgotten first.

    Returns
    -------
    ndarray
        A prediction for each event.
    """
    if idle is not None:
        _forget(bucket, now - idle)
    slots = {key: slot for slot, key in enumerate(dict.fromkeys(keys))}
    regressor = model.regressor(len(slots))
    here = np.arange(len(slots))
    regressor.reset(here)
    places = {key: place for place, key in enumerate(bucket.keys)}
    states = _rows(bucket.states, regressor.bytes_per_stream)
    seen = np.frombuffer(bucket.seen, np.int64)
    new = [key for key in slots if key not in places]
    places |= {key: len(bucket.keys) + n for n, key in enumerate(new)}
    which = np.fromiter((places[key] for key in slots), np.int64, len(slots))
    known = which < len(bucket.keys)
    regressor.streams_from_bytes(here[known], states[which[known]])
    predictions = regressor.observe_many([slots[key] for key in keys], xs, ys)
    after = np.empty((len(places), states.shape[1]), np.uint8)
    after[: len(states)] = states
    after[which] = regressor.streams_to_bytes(here)
    times = np.empty(len(places), np.int64)
    times[: len(seen)] = seen
    times[which] = now
    bucket.keys += new
    bucket.seen, bucket.states = times.tobytes(), after.tobytes()
    return predictions


def _forget(bucket: Bucket, earliest: int) -> None:
    """Forget the keys that came last before a moment."""
    seen = np.frombuffer(bucket.seen, np.int64)
    kept = seen >= earliest
    if not kept.all():
        states = np.frombuffer(bucket.states, np.uint8).reshape(len(seen), -1)
        bucket.keys = [bucket.keys[place] for place in np.flatnonzero(kept).tolist()]
        bucket.seen, bucket.states = seen[kept].tobytes(), states[kept].tobytes()


def _rows(states: bytes, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(states, np.uint8).reshape(-1, width)
