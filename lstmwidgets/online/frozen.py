"""A trained regressor that predicts for many streams and learns no more."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..cells import CELLS
from ..checks import check_size, check_slots
from ..kernels import numbers as kernels
from ..kernels.recent import remember
from ..state import State
from ..values import target_in
from .estimator import Features
from .experts import NO_EXPERTS
from .regressor import LSTMRegressor

Array = NDArray[Any]


class FrozenRegressor:
    """What a trained `LSTMRegressor` predicts for many streams, each in a slot; it learns nothing.

    Every stream has a state of its own and goes through `LSTMRegressor.observe_one`, to the bit,
    whatever other events a call holds. States can leave their slots, as to a database, and come
    back.

    Parameters
    ----------
    model : LSTMRegressor
        Has learned already. What is needed of it is copied: it may go on learning.
    streams : int
        How many slots there are, S. Each is a stream at its beginning, as after `reset_stream`.

    Attributes
    ----------
    parts : RegressorParts
        What it consists of, by reference: what was learned, and what is remembered of each stream's
        targets, (S, numbers).
    state : LSTMState or FullGateState
        State of all streams, each field (L, S, H).
    bytes_per_stream : int
        Bytes of a stream's state; there are S times as many in memory.

    Raises
    ------
    TypeError
        If the model is another estimator.
    ValueError
        If it has not learned anything yet.

    Notes
    -----
    All calls work in the same arrays: those of several threads must not overlap.

    Examples
    --------
    >>> from river import datasets
    >>> from lstmwidgets.online import FrozenRegressor, LSTMRegressor
    >>> model, events = LSTMRegressor(seed=1), list(datasets.TrumpApproval().take(60))
    >>> for x, y in events[:50]:
    ...     model.learn_one(x, y)
    >>> frozen = FrozenRegressor(model, streams=1000)
    >>> xs, ys = zip(*events[50:54])
    >>> predictions = frozen.observe_many([7, 0, 7, 999], xs, ys)  # events 0 and 2 on one stream
    >>> model.reset_stream()
    >>> predictions[[0, 2]].tolist() == [model.observe_one(xs[n], ys[n]) for n in (0, 2)]
    True
    >>> cold = frozen.stream_to_bytes(7)
    >>> len(cold) == frozen.bytes_per_stream
    True
    >>> frozen.stream_from_bytes(8, cold)
    """

    def __init__(self, model: LSTMRegressor, streams: int) -> None:
        if not isinstance(model, LSTMRegressor):
            raise TypeError(f"expected an LSTMRegressor, got {type(model).__name__}")
        check_size("streams", streams)
        if model.parts.learner is None:
            raise ValueError("the model has not learned anything yet; let it learn_one first")
        parts = copy.deepcopy(model.parts._replace(learner=None))
        learner = model.parts.learner.frozen()
        self.streams = int(streams)
        self._encoder = parts.encoder
        self._kernel = kernels.serving(learner.rules[0])
        advice = NO_EXPERTS if parts.experts is None else parts.experts.arrays
        event, target = np.zeros(1 + parts.scaler.columns), parts.target.numbers
        self._learned = (*learner.arrays, parts.scaler.statistics, event, target, *advice)
        layers, width = learner.activations.shape
        read = width // 6 * kernels.blocks(learner.rules[0])
        self._memory = np.zeros((self.streams, layers, read), np.float32)
        self._past = np.zeros((self.streams, parts.past.shape[1]))
        self._learner = learner
        self.parts = parts._replace(learner=learner, past=self._past)

    @property
    def state(self) -> State:
        """State of all streams, each field (L, S, H)."""
        blocks = np.split(self._memory, kernels.blocks(self._learner.rules[0]), axis=-1)
        named = dict(zip("hcifgo", blocks, strict=False))
        kind = CELLS[self._learner.cell].state_type
        fields = (named[name].swapaxes(0, 1).copy() for name in kind._fields)
        return kind(*map(torch.from_numpy, fields))

    @property
    def bytes_per_stream(self) -> int:
        """Bytes of a stream's state."""
        return (self._memory.nbytes + self._past.nbytes) // self.streams

    def observe_many(
        self, slots: ArrayLike, xs: Sequence[Features], ys: Sequence[float | None] | None = None
    ) -> NDArray[np.float64]:
        """Predict events and let them pass, each on the stream of its slot, in order.

        Parameters
        ----------
        slots : array_like of int
            Which stream each event belongs to, (N,), from 0 to S - 1. One that comes again is
            stepped again.
        xs : sequence of dict
            Features of each event, N of them; see `LSTMRegressor.observe_one`.
        ys : sequence of float, optional
            Targets, N of them, None or NaN where unknown. By default none is known.

        Returns
        -------
        ndarray
            The predictions, (N,): of each event before its target is known.

        Raises
        ------
        IndexError, TypeError, ValueError
            If a slot does not exist, something is of another type, or there are not as many of one
            as of the other. No stream has then changed.
        """
        which = check_slots(slots, self.streams)
        if which.shape != (len(xs),):
            raise ValueError(f"expected one slot an event, shape ({len(xs)},), got {which.shape}")
        targets = _targets_in(ys, len(xs))
        values = self._encoder.encode_many(xs)
        predictions = np.empty(len(xs))
        streams = (self._memory, self._past)
        self._kernel(which, values.ravel(), targets, predictions, *streams, *self._learned)
        return predictions

    def remember(self, slot: int, y: float, base: float) -> None:
        """Take in a target that comes late as the last one known of its stream.

        Parameters
        ----------
        slot : int
            The stream.
        y : float
            The target; nothing happens if it is NaN, infinite or beyond 1e30.
        base : float
            What was to be expected of it, such as the prediction.
        """
        (which,) = check_slots([slot], self.streams)
        target = target_in(y)
        if target is not None:
            remember(self._past[which], target, float(base))

    def reset(self, slots: ArrayLike | None = None) -> None:
        """Let streams begin anew: those of the given slots, or all."""
        which = slice(None) if slots is None else check_slots(slots, self.streams)
        self._memory[which] = 0
        self._past[which] = 0

    def stream_to_bytes(self, slot: int) -> bytes:
        """Return what a stream has left behind; any copy of this model can go on from it.

        The memory as little-endian float32, what is remembered of the targets as float64.
        """
        return self.streams_to_bytes([self._place(slot)]).tobytes()

    def streams_to_bytes(self, slots: ArrayLike) -> NDArray[np.uint8]:
        """Return the bytes of `stream_to_bytes` for each of N slots, (N, bytes)."""
        which = check_slots(slots, self.streams)
        memory = self._memory[which].reshape(len(which), -1).astype("<f4")
        return np.hstack([memory.view(np.uint8), self._past[which].astype("<f8").view(np.uint8)])

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Let the stream in a slot go on from what `stream_to_bytes` returned.

        Raises
        ------
        ValueError
            If it has not the length that this model's states have.
        """
        at = self._place(slot)
        self._check_length(len(state))
        split = self._memory[at].nbytes
        self._memory[at] = np.frombuffer(state[:split], "<f4").reshape(self._memory.shape[1:])
        self._past[at] = np.frombuffer(state[split:], "<f8")

    def streams_from_bytes(self, slots: ArrayLike, states: NDArray[np.uint8]) -> None:
        """Let the streams in N slots go on from what `streams_to_bytes` returned.

        Parameters
        ----------
        slots : array_like of int
            Which streams, (N,).
        states : ndarray
            The bytes of each, (N, bytes).

        Raises
        ------
        ValueError
            If they have not the length that this model's states have, or are not N.
        """
        which = check_slots(slots, self.streams)
        self._check_length(states.shape[-1])
        if len(states) != len(which):
            raise ValueError(f"expected a state for each of {len(which)} slots, got {len(states)}")
        split = self._memory[0].nbytes
        memory, past = map(np.ascontiguousarray, (states[:, :split], states[:, split:]))
        self._memory[which] = memory.view("<f4").reshape(len(which), *self._memory.shape[1:])
        self._past[which] = past.view("<f8")

    def _check_length(self, length: int) -> None:
        if length != self.bytes_per_stream:
            raise ValueError(
                f"expected a state of {self.bytes_per_stream} bytes, got {length}; "
                "it must come from the same model"
            )

    def _place(self, slot: int) -> int:
        which = check_slots(slot, self.streams)
        if which.shape != (1,):
            raise ValueError(f"expected a single slot, got an array of shape {which.shape}")
        return int(which[0])


def _targets_in(ys: Sequence[float | None] | None, count: int) -> NDArray[np.float64]:
    """Return targets, (N,), NaN where they are missing or unusable."""
    if ys is None:
        return np.full(count, np.nan)
    if len(ys) != count:
        raise ValueError(f"expected a target for each of {count} events, got {len(ys)}")
    usable = (target_in(y) for y in ys)
    return np.array([np.nan if y is None else y for y in usable], np.float64)
