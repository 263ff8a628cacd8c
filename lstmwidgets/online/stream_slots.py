"""Streams that take turns in one regressor, such as one for each of many sensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_size, check_slots
from .estimator import Features
from .numeric import LEARN, PEEK, NumericEstimator
from .stream_rows import StreamRows

Array = NDArray[Any]

NOWHERE = -1
"""Stands for the slot of the model's own stream, before any was entered."""

AT_ONCE = 1000
"""Events that one compiled call learns at most."""


class StreamSlots:
    """Streams that take turns in one regressor, each kept in a slot.

    The weights are the regressor's, and every stream teaches them; state, window and last targets
    are the stream's own. What is in the regressor when this is made is left aside.

    Parameters
    ----------
    model : LSTMRegressor
        Whose weights they share.
    slots : int
        How many there are, S. Each is a stream at its beginning, as after `reset_stream`. Memory is
        taken as slots are used.

    Raises
    ------
    TypeError
        If the model is another estimator.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMRegressor, StreamSlots
    >>> model = LSTMRegressor(4, seed=1)
    >>> streams = StreamSlots(model, 2)
    >>> slots, xs = [0, 1] * 20, [{"n": n // 2} for n in range(40)]
    >>> ys = [n // 2 if n % 2 else -(n // 2) for n in range(40)]
    >>> predictions = streams.predict_learn_many(slots, xs, ys)
    >>> streams.enter(1)  # from here on the model goes on with that stream
    >>> abs(model.predict_one({"n": 20}) - 20) < 2
    True
    """

    def __init__(self, model: NumericEstimator, slots: int) -> None:
        check_size("slots", slots)
        if not isinstance(model, NumericEstimator) or model.LOOKS_AHEAD:
            raise TypeError(f"expected an LSTMRegressor, got {type(model).__name__}")
        self._model = model
        self._rows = StreamRows(int(slots), model.parts.past.shape[1])
        self._rows.filled[-1] = NOWHERE
        self._slots = int(slots)
        self._used = 0

    def enter(self, slot: int) -> None:
        """Let the model go on with the stream in a slot."""
        inside = self._rows.filled[-1]
        if slot != inside:
            check_slots(slot, self._slots)
            if self._is_ready():
                if inside == NOWHERE:
                    self._begin(slot)
                else:
                    self._rows.past[inside] = self._model.parts.past[0]
                    self._model.enter(slot, self._rows)
            self._note(slot)

    def adopt(self, slot: int) -> None:
        """Let a slot have the stream that is in the model."""
        check_slots(slot, self._slots)
        self._take_out()
        self._note(slot)

    def predict_learn_many(
        self, slots: Sequence[int], xs: Sequence[Features], ys: Sequence[float | None]
    ) -> NDArray[np.float64]:
        """Predict events and learn them; return the predictions, (N,).

        As `iter_predict_learn_many`, which see, to the end. Where an event cannot be learned, those
        before it are, and their predictions are lost with the error that is raised.
        """
        return np.fromiter(self.iter_predict_learn_many(slots, xs, ys), np.float64, len(xs))

    def iter_predict_learn_many(
        self, slots: Sequence[int], xs: Sequence[Features], ys: Sequence[float | None]
    ) -> Iterator[float]:
        """Predict events and learn them, one after the other, each on the stream of its slot.

        Every event goes through the model's `predict_one` and then through its `learn_one` or,
        without a target, its `step_one`; most go through all of it in one compiled call for many.
        The numbers do not depend on which events are handed over together.

        Parameters
        ----------
        slots : sequence of int
            Which stream each event belongs to, N of them.
        xs : sequence of dict
            Features of each event.
        ys : sequence of float
            Targets, None where there is none.

        Yields
        ------
        float
            The prediction of each event. What comes before an event that cannot be learned, such
            as one with a text as target, is yielded before the error is raised.
        """
        which = check_slots(slots, self._slots)
        if not len(which) == len(xs) == len(ys):
            raise ValueError(
                f"expected a slot and a target for each of {len(xs)} events, got {len(which)} and "
                f"{len(ys)}"
            )
        at = 0
        while at < len(xs):
            end = at + AT_ONCE
            values, targets = self._model.take_in_known(xs[at:end], ys[at:end])
            end = at + len(values)
            if end == at:
                yield self._learn_one(int(which[at]), xs[at], ys[at])
                at += 1
            else:
                yield from self._learn_known(which[at:end], values, targets)
                at = end

    def stream_to_bytes(self, slot: int) -> bytes:
        """Return what a stream has left behind; empty before the first event."""
        return self.streams_to_bytes([slot]).tobytes()

    def streams_to_bytes(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return the bytes of `stream_to_bytes` for N slots, (N, bytes)."""
        if not self._is_ready():
            return np.zeros((len(slots), 0), np.uint8)
        self._take_out()
        return self._rows.to_bytes(slots)

    def stream_from_bytes(self, slot: int, state: bytes) -> None:
        """Let the stream in a slot go on from what `stream_to_bytes` returned, bit for bit.

        Raises
        ------
        ValueError
            If that is no stream of such a model, or the model has not seen an event yet.
        """
        self.reset(slot)
        if state:
            if not self._is_ready():
                raise ValueError("the model has not seen an event yet; it has no room for a stream")
            self._rows.from_bytes(slot, state)

    def reset(self, slot: int) -> None:
        """Let the stream in a slot begin anew."""
        check_slots(slot, self._slots)
        if slot == self._rows.filled[-1]:
            self._rows.filled[-1] = NOWHERE
        self._rows.clear(slot)
        self._used = max(self._used, slot + 1)

    def _learn_one(self, slot: int, x: Features, y: float | None) -> float:
        """Do with one event what `iter_predict_learn_many` does, in the model's own methods."""
        self.enter(slot)
        prediction: float = self._model.predict_one(x)
        if y is None:
            self._model.step_one(x)
        else:
            self._model.learn_one(x, y)
        return prediction

    def _learn_known(self, slots: Array, values: Array, targets: Array) -> list[float]:
        if not self._is_ready() or self._rows.filled[-1] == NOWHERE:
            self.enter(int(slots[0]))
        rows, past = self._rows, self._model.parts.past
        rows.past[rows.filled[-1]] = past[0]
        self._used = max(self._used, int(slots.max()) + 1)
        results = np.empty((len(values), 1))
        try:
            self._model.run_events(PEEK | LEARN, slots, values, targets, results, rows)
        finally:  # Ctrl-C comes before the kernel or behind it, and finds nothing half done
            past[0] = rows.past[rows.filled[-1]]
        predictions: list[float] = results[:, 0].tolist()
        return predictions

    def _note(self, slot: int) -> None:
        self._rows.filled[-1] = slot
        self._used = max(self._used, slot + 1)

    def _begin(self, slot: int) -> None:
        """Let the model, whose own stream is left aside, go on with that in a slot."""
        self._model.stream_from_bytes(self._rows.to_bytes([slot]).tobytes())

    def _take_out(self) -> None:
        """Copy the stream that is in the model into its slot."""
        inside = self._rows.filled[-1]
        if inside != NOWHERE and self._is_ready():
            self._model.leave(self._rows)

    def _is_ready(self) -> bool:
        """Say whether the model has room for streams, and make as much here."""
        learner = self._model.parts.learner
        if learner is None:
            return False
        self._rows.fit(learner, self._used)
        return True
