"""Streams that take turns in one regressor, such as one for each of many sensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_size, check_slots
from ..kernels import parameters as layout
from ..kernels import streams as kernels
from ..kernels.learn import FILLED
from ..kernels.scaling import LARGEST
from ..kernels.serving import LAGS
from ..kernels.step import FULL_GATE_RECURRENCE
from .estimator import Features
from .experts import NO_EXPERTS
from .features import PLAIN
from .learner import OnlineLearner
from .target import Recent
from .weights import transplant

if TYPE_CHECKING:
    from .numeric import NumericEstimator

Array = NDArray[Any]

SIZES = len((layout.KIND, layout.INPUTS, layout.HIDDEN, layout.LAYERS, layout.OUTPUTS, layout.READ))

NOWHERE = -1
"""Stands for the slot of the model's own stream, before any was entered."""

NOTHING = np.zeros((0, 0))

AT_ONCE = 1000
"""Events that one compiled call learns at most."""

FIXED = [layout.KIND, layout.HIDDEN, layout.LAYERS, layout.OUTPUTS]
"""Sizes that a learner has for good; the others grow with new features."""


class StreamSlots:
    """Streams that take turns in one regressor, each kept in a slot.

    The weights are the regressor's, and every stream teaches them; state, window and last targets
    are the stream's own. What is in the regressor when this is made is left aside.

    Parameters
    ----------
    model : NumericEstimator
        Such as `lstmwidgets.online.LSTMRegressor`; `learn_many` takes no other.
    slots : int
        How many there are, S. Each is a stream at its beginning, as after `reset_state`. Memory is
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
    >>> predictions = list(streams.learn_many(slots, xs, ys))
    >>> streams.enter(1)  # from here on the model goes on with that stream
    >>> abs(model.predict_one({"n": 20}) - 20) < 2
    True
    """

    def __init__(self, model: NumericEstimator, slots: int) -> None:
        check_size("slots", slots)
        if not hasattr(model, "put_stream"):
            raise TypeError(f"expected an LSTM that predicts numbers, got {type(model).__name__}")
        self._model: Any = model
        self._slots = int(slots)
        self._inside = NOWHERE
        self._used = 0
        self._sizes: Array | None = None
        self._numbers = np.zeros((0, 0), np.float32)

    def enter(self, slot: int) -> None:
        """Let the model go on with the stream in a slot."""
        if slot != self._inside:
            check_slots(slot, self._slots)
            self._take_out()
            self._note(slot)
            self._put_in()

    def adopt(self, slot: int) -> None:
        """Let a slot have the stream that is in the model."""
        check_slots(slot, self._slots)
        self._take_out()
        self._note(slot)

    def learn_many(
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
            end = at + sum(1 for _ in takewhile(_is_usual, ys[at : at + AT_ONCE]))
            values = self._known(xs[at:end]) if self._is_ready() else NOTHING
            end = at + len(values)
            if end == at:  # something new, for which the model may have to grow, or unusable
                yield self._learn_one(int(which[at]), xs[at], ys[at])
                at += 1
            else:
                yield from self._learn_known(which[at:end], values, ys[at:end])
                at = end

    def state(self, slot: int) -> bytes:
        """Return what a stream has left behind, for `put_state`; empty before the first event.

        The learner's sizes and the events in its window, what is remembered of the targets and the
        numbers of its window, in the machine's order.
        """
        return self.states([slot]).tobytes()

    def states(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return the bytes of `state` for N slots, (N, bytes)."""
        if not self._is_ready():
            return np.zeros((len(slots), 0), np.uint8)
        self._take_out()
        heads = np.empty((len(slots), SIZES + 1), np.int64)
        heads[:, :SIZES] = self._learner.sizes
        heads[:, SIZES] = self._filled[slots]
        parts = (heads, self._past[slots], self._numbers[slots])
        return np.hstack([part.view(np.uint8) for part in parts])

    def put_state(self, slot: int, state: bytes) -> None:
        """Let the stream in a slot go on from what `state` returned, bit for bit.

        Raises
        ------
        ValueError
            If that is no stream of such a model, or the model has not seen an event yet.
        """
        self.reset(slot)
        if not state:
            return
        if not self._is_ready():
            raise ValueError("the model has not seen an event yet; it has no room for a stream")
        sizes, self._filled[slot], self._past[slot], numbers = self._read(state)
        self._numbers[slot] = self._fitted(numbers[None], sizes)[0]

    def reset(self, slot: int) -> None:
        """Let the stream in a slot begin anew."""
        check_slots(slot, self._slots)
        if slot == self._inside:
            self._inside = NOWHERE
        if self._is_ready():
            self._numbers[slot] = self._filled[slot] = self._past[slot] = 0
        self._used = max(self._used, slot + 1)

    def _learn_one(self, slot: int, x: Features, y: float | None) -> float:
        """Do with one event what `learn_many` does, in the model's own methods."""
        self.enter(slot)
        prediction: float = self._model.predict_one(x)
        if y is None:
            self._model.step_one(x)
        else:
            self._model.learn_one(x, y)
        return prediction

    def _known(self, xs: Sequence[Features]) -> Array:
        """Return the rows of events up to the first one that the kernel cannot deal with."""
        parts = vars(self._model)
        if not parts["_learner"].is_compiled:
            return NOTHING
        rows: Array = parts["_encoder"].learn_known(xs)
        return rows if rows.shape[1] == parts["_scaler"].columns else NOTHING

    def _learn_known(self, slots: Array, values: Array, ys: Sequence[float | None]) -> list[float]:
        if self._inside == NOWHERE:
            self.enter(int(slots[0]))
        self._take_out()
        self._used = max(self._used, int(slots.max()) + 1)
        inside = np.array([self._inside])
        parts = vars(self._model)
        scaler, target, experts = parts["_scaler"], parts["_target"], parts["_experts"]
        learned = target.learned()
        advice = NO_EXPERTS if experts is None else experts.arrays
        predictions = np.empty(len(values))
        try:
            kernels.learn_many(  # type: ignore[call-arg]  # which takes the stars for one each
                slots,
                values,
                np.array(ys, np.float64),
                inside,
                *self._rows,
                *self._learner.arrays(float(self._model.lr), float(self._model.clip)),
                *scaler.arrays,
                parts["_features"],
                parts["_inputs"],
                target.scale,
                learned,
                target.packed(),
                parts["_goal"],
                *advice,
                predictions,
            )
        finally:  # Ctrl-C comes before the kernel or behind it, and finds nothing half done
            target.put_learned(learned)
            self._inside = int(inside[0])
            self._recall()
        result: list[float] = predictions.tolist()
        return result

    def _note(self, slot: int) -> None:
        self._inside = slot
        self._used = max(self._used, slot + 1)

    def _take_out(self) -> None:
        """Copy the stream that is in the model into its slot."""
        slot = self._inside
        if slot == NOWHERE or not self._is_ready():  # nothing has come: all are at their beginning
            return
        clock, *arrays = self._learner.stream
        kernels.take_out(self._numbers[slot], self._block, clock, *arrays)
        self._filled[slot] = clock[FILLED]
        if self._past.shape[1]:
            parts = vars(self._model)
            last, change, surprise = parts["_target"].recent
            experts = parts["_experts"]
            seen = float(last is not None) if experts is None else experts.seen
            self._past[slot, :LAGS] = seen, 0.0 if last is None else last, change, surprise
            if experts is not None:
                self._past[slot, LAGS:] = experts.lags

    def _put_in(self) -> None:
        """Copy the stream in the slot that the model is in now into the model."""
        if not self._is_ready():
            return
        slot = self._inside
        clock, *arrays = self._learner.stream
        kernels.put_in(self._numbers[slot], self._filled[slot], self._block, clock, *arrays)
        self._recall()

    def _recall(self) -> None:
        """Let the model know what is remembered of the targets of the stream that is in it."""
        parts = vars(self._model)
        if not self._past.shape[1]:
            return
        seen, last, change, surprise = self._past[self._inside, :LAGS].tolist()
        parts["_target"].recent = Recent(last if seen else None, change, surprise)
        if parts["_experts"] is not None:
            parts["_experts"].recall(seen, self._past[self._inside, LAGS:])

    def _is_ready(self) -> bool:
        """Say whether the model has room for streams, and make as much here."""
        learner = vars(self._model)["_learner"]
        if learner is None:
            return False
        if self._sizes is not learner.sizes:
            self._make_room(learner)
        return True

    def _make_room(self, learner: OnlineLearner) -> None:
        """Take on the sizes of the learner, which may have grown."""
        kind, _, hidden, *_ = learner.sizes.tolist()
        _, _, inputs, _ = learner.stream
        self._block = (6 if kind == FULL_GATE_RECURRENCE else 2) * hidden
        self._steps = len(inputs)
        before, self._learner, self._sizes = self._sizes, learner, learner.sizes
        rows: Array = np.zeros((self._slots, self._widths(learner.sizes)[2]), np.float32)
        if before is None:
            experts = vars(self._model)["_experts"]
            recent = LAGS if self._model.target_lag else 0
            lags = 0 if experts is None else experts.memory
            self._past = np.zeros((self._slots, recent + lags))
            self._filled = np.zeros(self._slots, np.int64)
        else:
            rows[: self._used] = self._fitted(self._numbers[: self._used], before)
        self._numbers = rows
        self._rows = (self._block, self._numbers, self._filled, self._past)

    def _widths(self, sizes: Array) -> tuple[int, int, int]:
        """Return how many numbers there are up to the inputs, the traces, and the end."""
        _, inputs, hidden, layers, _, _ = sizes.tolist()
        memory = layers * (self._steps * self._block + 6 * hidden)
        window = memory + self._steps * inputs
        traced = self._model.gradient == "eligibility"
        return memory, window, window + (layout.count(sizes) if traced else 0)

    def _fitted(self, numbers: Array, sizes: Array) -> Array:
        """Return rows in the learner's sizes; inputs that have come since were zero before."""
        assert self._sizes is not None
        if np.array_equal(sizes, self._sizes):
            return numbers
        memory, window, _ = self._widths(sizes)
        first, second, end = self._widths(self._sizes)
        shape = (len(numbers), self._steps)
        rows = np.zeros((len(numbers), end), np.float32)
        rows[:, :memory] = numbers[:, :memory]
        inputs = rows[:, first:second].reshape(*shape, self._sizes[layout.INPUTS])  # a view
        room = sizes[layout.INPUTS]
        inputs[:, :, :room] = numbers[:, memory:window].reshape(*shape, room)
        if end > second:
            for row, before in zip(rows, numbers, strict=True):
                transplant(sizes, before[window:], self._sizes, row[second:])
        return rows

    def _read(self, state: bytes) -> tuple[Array, int, Array, Array]:
        """Return sizes, events in the window, past and numbers, if they are such a model's."""
        assert self._sizes is not None
        header, middle = (SIZES + 1) * 8, (SIZES + 1) * 8 + self._past[0].nbytes
        if len(state) < middle:
            raise ValueError("these are not the numbers of a stream: they end too early")
        *sizes, filled = np.frombuffer(state[:header], np.int64)
        before = np.array(sizes)
        more = self._sizes - before
        if more[FIXED].any() or (more < 0).any():
            raise ValueError("these are the numbers of a stream of a model of another kind or size")
        if len(state) != middle + 4 * self._widths(before)[2]:
            raise ValueError("these are not the numbers of a stream: there are too few or too many")
        if not 0 <= filled <= self._steps:
            raise ValueError(f"there are {filled} events in a window of {self._steps}")
        past = np.frombuffer(state[header:middle])
        return before, int(filled), past, np.frombuffer(state[middle:], np.float32)


def _is_usual(y: Any) -> bool:
    """Say whether a target is a number that can be learned, or none."""
    return y is None or (type(y) in PLAIN and abs(y) <= LARGEST)
