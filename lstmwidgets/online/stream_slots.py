"""Streams that take turns in one regressor, such as one for each of many sensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_size, check_slots
from ..kernels import numbers as kernels
from .estimator import Features
from .numeric import LEARN, LEARN_LATE, PEEK, NumericEstimator, turns_of
from .stream_rows import StreamRows

Array = NDArray[Any]

NOWHERE = -1
"""Stands for the slot of the model's own stream, before any was entered."""

AT_ONCE = 1000
"""Events that one compiled call learns at most."""

FEWEST_COPIES = 64
"""For so many copies of streams there is room as soon as there is one."""


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

    Attributes
    ----------
    before_growth : callable, optional
        Is called when the model has taken on features that it did not know, and the streams have
        not yet: `streams_to_bytes` then still returns what fits the model of before, but for the
        stream that is in it.

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
        self._outgrown = False
        self.before_growth: Callable[[], None] | None = None
        self._free: list[int] = []  # places of copies, which are behind the slots
        self._freed: list[int] = []
        self._copies = 0

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
        """Predict events and learn them; yield the prediction of each, as `iter_results`."""
        return (float(result[0]) for result in self.iter_results(slots, xs, ys))

    def iter_results(
        self,
        slots: Sequence[int],
        xs: Sequence[Features],
        ys: Sequence[float | None],
        *,
        kept: Sequence[int] | None = None,
        late: Sequence[bool] | None = None,
        whole: bool = False,
    ) -> Iterator[Array]:
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
        kept : sequence of int, optional
            Where a copy is kept of each event's stream before it: places that `keep` returned, or
            `NOWHERE`.
        late : sequence of bool, optional
            Which events went through before, and have now got their targets. They are learned from
            the copies that were kept; their streams are told the targets only. See
            `LSTMRegressor.learn_late`.
        whole : bool
            Whether what the LSTM and its experts did is yielded as well.

        Yields
        ------
        ndarray
            A row for each event: the prediction, unless it is late; with `whole` all of what
            `NumericEstimator.result` has. What comes before an event that cannot be learned, such
            as one with a text as target, is yielded before the error is raised.
        """
        which = check_slots(slots, self._slots)
        if not len(which) == len(xs) == len(ys):
            raise ValueError(
                f"expected a slot and a target for each of {len(xs)} events, got {len(which)} and "
                f"{len(ys)}"
            )
        turns = turns_of(PEEK | LEARN, which, NOWHERE if kept is None else kept)
        if late is not None:
            turns[np.array(late, bool), kernels.WHAT] = LEARN_LATE
        is_late = turns[:, kernels.WHAT] == LEARN_LATE
        turns[(turns[:, kernels.COPY] != NOWHERE) & ~is_late, kernels.WHAT] |= kernels.KEEP
        at = 0
        while at < len(xs):
            end = at + AT_ONCE
            values, targets = self._model.take_in_known(xs[at:end], ys[at:end], is_late[at:end])
            end = at + len(values)
            if end == at:
                result = self._learn_one(turns[at], xs[at], ys[at])
                yield result if whole else result[:1]
                at += 1
            else:
                yield from self._learn_known(turns[at:end], values, targets, whole=whole)
                at = end

    def keep(self) -> int:
        """Return a free place for a copy of a stream."""
        if not self._free:
            more = max(FEWEST_COPIES, self._copies)
            self._rows.extend(more, self._in_use)
            first = self._slots + self._copies
            self._free = list(range(first + more - 1, first - 1, -1))
            self._copies += more
        return self._free.pop()

    def free(self, place: int) -> None:
        """Give a place back: nobody needs its copy any more once `reclaim` is called."""
        self._freed.append(place)

    def reclaim(self) -> None:
        """Let places that were given back be used again: what was planned with them is done."""
        self._free += self._freed
        self._freed.clear()

    def copies_to_bytes(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return copies of streams in the form of `stream_to_bytes`, (N, bytes)."""
        if not self._is_ready():
            return np.zeros((len(places), 0), np.uint8)
        return self._rows.to_bytes(places)

    def copy_from_bytes(self, place: int, stream: bytes) -> None:
        """Put a copy of a stream back into a place; ValueError if it is none of such a model."""
        self._rows.clear(place)
        if stream:
            self._fill(place, stream)

    def stream_to_bytes(self, slot: int) -> bytes:
        """Return what a stream has left behind; empty before the first event."""
        return self.streams_to_bytes([slot]).tobytes()

    def streams_to_bytes(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return the bytes of `stream_to_bytes` for N slots, (N, bytes)."""
        if self._outgrown:
            return self._rows.to_bytes(slots)
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
            self._fill(slot, state)

    def reset(self, slot: int) -> None:
        """Let the stream in a slot begin anew."""
        check_slots(slot, self._slots)
        if slot == self._rows.filled[-1]:
            self._rows.filled[-1] = NOWHERE
        self._rows.clear(slot)
        self._used = max(self._used, slot + 1)

    def _learn_one(self, turn: Array, x: Features, y: float | None) -> Array:
        """Do with one event what `iter_results` does, in the model's own methods."""
        what, slot, place = turn.tolist()
        self.enter(slot)
        prediction = 0.0
        if what & kernels.LATE:
            assert y is not None
            (stream,) = self.copies_to_bytes([place])
            self._model.learn_late(x, y, stream.tobytes())
        else:
            if what & kernels.KEEP:
                self._take_out()
                self._rows.copy(slot, place)
            prediction = self._model.predict_one(x)
            if y is None:
                self._model.step_one(x)
            else:
                self._model.learn_one(x, y)
        result = self._model.result
        result[0] = prediction
        return result

    def _learn_known(self, turns: Array, values: Array, targets: Array, *, whole: bool) -> Array:
        slots = turns[:, kernels.STREAM]
        if not self._is_ready() or self._rows.filled[-1] == NOWHERE:
            self.enter(int(slots[0]))
        rows, past = self._rows, self._model.parts.past
        rows.past[rows.filled[-1]] = past[0]
        self._used = max(self._used, int(slots.max()) + 1)
        results = np.zeros((len(values), self._model.result_width if whole else 1))
        try:
            self._model.run_events(turns, values, targets, results, rows)
        finally:  # Ctrl-C comes before the kernel or behind it, and finds nothing half done
            past[0] = rows.past[rows.filled[-1]]
        return results

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
        if not self._rows.fits(learner):
            if self.before_growth is not None:
                self._outgrown = True
                try:
                    self.before_growth()
                finally:
                    self._outgrown = False
            self._rows.fit(learner, self._in_use)
        return True

    def _fill(self, place: int, stream: bytes) -> None:
        if not self._is_ready():
            raise ValueError("the model has not seen an event yet; it has no room for a stream")
        self._rows.from_bytes(place, stream)

    @property
    def _in_use(self) -> Array:
        """The rows that have been used: slots, and copies."""
        copies = np.arange(self._slots, self._slots + self._copies)
        return np.concatenate([np.arange(self._used), copies])
