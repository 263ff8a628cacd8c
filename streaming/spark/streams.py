"""What learners do with the events of a micro-batch, apart from Spark."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmwidgets.online import LSTMRegressor, StreamSlots
from lstmwidgets.online.estimator import Features
from lstmwidgets.online.merging import merge
from lstmwidgets.saving import from_bytes, to_bytes

Bucket = dict[str, tuple[int, bytes]]
"""Of each key when it came last, in milliseconds, and what it has left behind."""


class Update(msgspec.Struct, array_like=True):
    """What a learner has learned from a micro-batch.

    Attributes
    ----------
    learner : int
        Which one.
    model : bytes
        As `lstmwidgets.save` writes it.
    new : list of tuple
        Features with values that the model has no columns for, (name, value).
    """

    learner: int
    model: bytes
    new: list[tuple[str, str]]


def learn_shared(
    model: LSTMRegressor,
    buckets: Mapping[int, Bucket],
    places: Sequence[int],
    keys: Sequence[str],
    xs: Sequence[Features],
    ys: Sequence[float | None],
    now: int,
) -> NDArray[np.float64]:
    """Predict events and learn them, one after the other; buckets then have their keys' states.

    Parameters
    ----------
    model : LSTMRegressor
        Whose weights all keys share; changed.
    buckets : dict
        Those that keys are in; changed.
    places, keys, xs, ys : sequence
        Of each event its bucket, its key, features and target, None where that is unknown.
    now : int
        In milliseconds.
    """
    of = dict(zip(keys, places, strict=True))
    slots = {key: slot for slot, key in enumerate(of)}
    streams = StreamSlots(model, len(slots))
    for key, slot in slots.items():
        known = buckets[of[key]].get(key)
        if known is not None:
            streams.stream_from_bytes(slot, known[1])
    predictions = streams.predict_learn_many([slots[key] for key in keys], xs, ys)
    states = streams.streams_to_bytes(range(len(slots)))
    for (key, place), state in zip(of.items(), states, strict=True):
        buckets[place][key] = now, state.tobytes()
    return predictions


def forget(bucket: Bucket, earliest: int) -> None:
    """Forget the keys that came last before a moment."""
    for key in [key for key, (seen, _) in bucket.items() if seen < earliest]:
        del bucket[key]


def without_new(
    model: LSTMRegressor, xs: Sequence[Features], texts: Sequence[str]
) -> tuple[Sequence[Features], list[tuple[str, str]]]:
    """Return events without texts that a model has no columns for, and these texts."""
    encoder, new = model.parts.encoder, []
    for name in texts:
        values = sorted({x[name] for x in xs if x[name] is not None})
        new += [(name, value) for value in values if encoder.unknown({name: value})]
    if new:
        left_out = set(new)
        xs = [
            {name: value for name, value in x.items() if not _is_in(name, value, left_out)}
            for x in xs
        ]
    return xs, new


def _is_in(name: Hashable, value: Any, pairs: set[tuple[str, str]]) -> bool:
    return type(value) is str and (name, value) in pairs


def learn_alone(
    model: LSTMRegressor, xs: Sequence[Features], ys: Sequence[float | None]
) -> NDArray[np.float64]:
    """Predict the events of a key with a model of its own, and learn them; return predictions."""
    stream = StreamSlots(model, 1)
    stream.adopt(0)
    return stream.predict_learn_many([0] * len(xs), xs, ys)


def merged(before: bytes, updates: Sequence[Update]) -> bytes:
    """Return the model after a micro-batch, of what it was before and what learners have learned.

    Texts that were new get their columns: from the next batch on they are read.
    """
    ordered = sorted(updates, key=lambda update: update.learner)
    copies = [from_bytes(update.model) for update in ordered]
    model = copies[0]
    if len(copies) > 1:
        merge(model := from_bytes(before), copies)
    for name, value in sorted({pair for update in ordered for pair in update.new}):
        model.add_features({name: value})
    return to_bytes(model)
