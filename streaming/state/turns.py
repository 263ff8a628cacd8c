"""How streams take turns in a model: what a stream leaves in it is put into a slot."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis.tasks import last_step
from lstmwidgets.online import LSTMRegressor, LSTMTextClassifier
from lstmwidgets.online.estimator import LSTMEstimator, StreamState
from lstmwidgets.online.learner_arrays import Carry
from lstmwidgets.online.numeric import NumericEstimator
from lstmwidgets.online.stream_slots import NOWHERE, StreamSlots

from ..pickles import from_pickle, to_pickle


class Slots(Protocol):
    """Where the states of streams are that are in memory."""

    def streams_to_bytes(self, slots: Sequence[int]) -> NDArray[np.uint8] | Sequence[bytes]:
        """Return the states in N slots, (N, bytes) where all have as many."""

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Put a state into a slot."""

    def reset(self, slot: int) -> None:
        """Put a beginning into a slot."""


class Turns(Slots, Protocol):
    """Slots of which one can be in the model."""

    def enter(self, slot: int) -> None:
        """Let the model go on with the stream in a slot."""


def turns(model: Any, slots: int, *, shared: bool = False) -> Turns | None:
    """Return how streams take turns in a model.

    The weights of an LSTM of ours, also of one at the end of a pipeline, are everybody's, and each
    stream has a state of its own. Of other models each stream has a copy, unless one is to be
    shared. None if streams leave nothing behind.
    """
    last = last_step(model)
    if is_a(model, LSTMRegressor):
        return StreamSlots(model, slots)
    if is_a(last, LSTMTextClassifier):  # which begins anew with every text
        return None
    if is_a(last, LSTMEstimator):
        return StreamsOut(last)
    return None if shared else Copies(model)


class StreamsOut:
    """Takes the stream that is in an estimator out, and puts another one in.

    Parameters
    ----------
    model : LSTMEstimator
        The weights are everybody's.
    """

    def __init__(self, model: LSTMEstimator) -> None:
        self._model = model
        self._states: dict[int, StreamState | None] = {}
        self._inside = NOWHERE

    def enter(self, slot: int) -> None:
        """Let the model go on with the stream in a slot."""
        if slot != self._inside:
            self._take_out()
            self._model.set_stream(self._states[slot])
            self._inside = slot

    def streams_to_bytes(self, slots: Sequence[int]) -> list[bytes]:
        """Return the states in N slots."""
        self._take_out()
        return [stream_to_bytes(self._states[slot]) for slot in slots]

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Put a state into a slot."""
        self.reset(slot)
        self._states[slot] = stream_from_bytes(state)

    def reset(self, slot: int) -> None:
        """Put a beginning into a slot."""
        if slot == self._inside:
            self._inside = NOWHERE
        self._states[slot] = None

    def _take_out(self) -> None:
        if self._inside != NOWHERE:
            self._states[self._inside] = self._model.get_stream()


class Copies:
    """Gives every stream a copy of a model.

    Parameters
    ----------
    model : estimator
        As each stream begins with it.

    Attributes
    ----------
    models : dict of int to estimator
        By slot.
    """

    def __init__(self, model: Any) -> None:
        self._first = model
        self.models: dict[int, Any] = {}

    def enter(self, slot: int) -> None:
        """Do nothing: each model is where it is."""

    def streams_to_bytes(self, slots: Sequence[int]) -> list[bytes]:
        """Return the models in N slots."""
        return [to_pickle(self.models[slot]) for slot in slots]

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Put a model into a slot."""
        self.models[slot] = from_pickle(state)

    def reset(self, slot: int) -> None:
        """Put a copy of the first model into a slot."""
        self.models[slot] = copy.deepcopy(self._first)


ARRAY = "array"
"""Marks an array among plain values: its type, its shape and its bytes."""


def stream_to_bytes(state: StreamState | None) -> bytes:
    """Return what a stream has left behind in an estimator as bytes; nothing of none."""
    if state is None:
        return b""
    return msgspec.msgpack.encode([_plain(value) for value in (*state.carry, *state.recent)])


def stream_from_bytes(data: bytes) -> StreamState | None:
    """Return what `stream_to_bytes` was given.

    Raises
    ------
    ValueError
        If that is no stream.
    """
    if not data:
        return None
    try:
        values = [_value(form) for form in msgspec.msgpack.decode(data)]
        carry, recent = values[: len(Carry._fields)], values[len(Carry._fields) :]
        return StreamState(Carry(*carry), tuple(recent))
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ValueError(f"these are not the numbers of a stream: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {ARRAY: (value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _value(form: Any) -> Any:
    if isinstance(form, dict):
        kind, shape, data = form[ARRAY]
        return np.frombuffer(data, np.dtype(kind)).reshape(shape).copy()
    return tuple(map(_value, form)) if isinstance(form, list) else form


def learn_late(model: Any, x: Any, y: Any, stream: bytes) -> None:
    """Learn a late target from the state that its event started with; see `stream_of`.

    The state that the stream has now stays, but the target is the last one known.

    Parameters
    ----------
    model : LSTMEstimator
        One that carries a state.
    x, y
        Features and target.
    stream : bytes
        What `stream_of` returned before the event.
    """
    if is_a(model, NumericEstimator):
        model.learn_late(x, y, stream)
        return
    now = model.get_stream()
    model.set_stream(stream_from_bytes(stream))
    try:
        model.learn_one(x, y)
        learned = model.get_stream()
    finally:
        model.set_stream(now)
    if now is not None and learned is not None:
        model.set_stream(StreamState(now.carry, (*learned.recent[:1], *now.recent[1:])))


def stream_of(model: Any) -> bytes:
    """Return the state of the stream in a model; nothing of one that carries none."""
    if is_a(model, NumericEstimator):
        data: bytes = model.stream_to_bytes()
        return data
    if carries(model):
        return stream_to_bytes(model.get_stream())
    return b""


def carries(model: Any) -> bool:
    """Say whether a model is one of ours that carries a state from event to event."""
    return is_a(model, LSTMEstimator) and not is_a(model, LSTMTextClassifier)


def is_a(model: Any, kind: type) -> bool:
    """Say whether a model is of a class; a pipeline of River's says it is of its last step's."""
    return issubclass(type(model), kind)
