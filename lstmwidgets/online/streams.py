"""Streams that take turns in one regressor, such as one for each of many sensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import parameters as layout
from ..kernels import streams as kernels
from ..kernels.step import FULL_GATE_RECURRENCE
from .target import Recent
from .weights import transplant

if TYPE_CHECKING:
    from .numeric import NumericEstimator

Array = NDArray[Any]

SIZES = len((layout.KIND, layout.INPUTS, layout.HIDDEN, layout.LAYERS, layout.OUTPUTS, layout.READ))

FIXED = [layout.KIND, layout.HIDDEN, layout.LAYERS, layout.OUTPUTS]
"""Sizes that a learner has for good; the others grow with new features."""


class StreamSlots:
    """Streams that take turns in one regressor, each kept in a slot.

    The weights are the regressor's, and every stream teaches them; state, window and last targets
    are the stream's own. What is in the regressor when this is made is left aside.

    Parameters
    ----------
    model : NumericEstimator
        Such as `lstmwidgets.online.LSTMRegressor`.
    slots : int
        How many there are, S. Each is a stream at its beginning, as after `reset_state`. Memory is
        taken as slots are used.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMRegressor
    >>> model = LSTMRegressor(4, seed=1)
    >>> streams = StreamSlots(model, 2)
    >>> for n in range(20):
    ...     for slot, sign in enumerate([1, -1]):
    ...         streams.enter(slot)
    ...         model.learn_one({"n": n}, sign * n)
    >>> streams.enter(1)
    >>> model.predict_one({"n": 20}) < -18
    True
    """

    def __init__(self, model: NumericEstimator, slots: int) -> None:
        self._model = model
        self._slots = slots
        self._inside = -1
        self._used = 0
        self._sizes: Array | None = None
        self._numbers = np.zeros((0, 0), np.float32)
        self._past = np.zeros((0, 0))

    def enter(self, slot: int) -> None:
        """Let the model go on with the stream in a slot."""
        if slot != self._inside:
            self._exchange(self._inside, slot)
            self._used = max(self._used, slot + 1)
            self._inside = slot

    def adopt(self, slot: int) -> None:
        """Let a slot have the stream that is in the model."""
        self._exchange(self._inside, -1)
        self._used = max(self._used, slot + 1)
        self._inside = slot

    def state(self, slot: int) -> bytes:
        """Return what a stream has left behind, for `put_state`; empty before the first event.

        The learner's sizes, what is remembered of the targets and the numbers of its window, in the
        machine's order.
        """
        return self.states([slot]).tobytes()

    def states(self, slots: Sequence[int]) -> NDArray[np.uint8]:
        """Return the bytes of `state` for N slots, (N, bytes)."""
        if not self._is_ready():
            return np.zeros((len(slots), 0), np.uint8)
        assert self._sizes is not None
        self._exchange(self._inside, -1)
        parts = (np.tile(self._sizes, (len(slots), 1)), self._past[slots], self._numbers[slots])
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
        sizes, past, numbers = self._read(state)
        self._past[slot] = past
        self._numbers[slot] = self._fitted(numbers[None], sizes)[0]

    def reset(self, slot: int) -> None:
        """Let the stream in a slot begin anew."""
        if slot == self._inside:
            self._inside = -1
        if self._is_ready():
            self._numbers[slot] = 0
            self._past[slot] = 0
            self._past[slot, kernels.LAST] = np.nan
        self._used = max(self._used, slot + 1)

    def _exchange(self, before: int, after: int) -> None:
        if not self._is_ready():  # nothing has come: all streams are at their beginning
            return
        target = self._target
        last, change, surprise = target.recent
        last, change, surprise = kernels.exchange(
            before, after, np.nan if last is None else last, change, surprise, *self._bundle
        )
        target.recent = Recent(None if last != last else last, change, surprise)

    def _is_ready(self) -> bool:
        """Say whether the model has room for streams, and make as much here."""
        learner = vars(self._model)["_learner"]
        if learner is None:
            return False
        if self._sizes is not learner.sizes:
            self._make_room(learner)
        return True

    def _make_room(self, learner: Any) -> None:
        """Take on the sizes of the learner, which may have grown."""
        parts = vars(self._model)
        self._target = parts["_target"]
        experts = parts["_experts"]
        lags, scalars = (np.zeros(0), np.zeros(1)) if experts is None else experts.recent
        clock, tape, inputs, traces = learner.stream
        kind, _, hidden, *_ = learner.sizes.tolist()
        block = (6 if kind == FULL_GATE_RECURRENCE else 2) * hidden
        self._block, self._steps = block, len(inputs)
        numbers, sizes, used = self._numbers, self._sizes, self._used
        self._sizes = learner.sizes
        self._numbers = np.zeros((self._slots, self._widths(learner.sizes)[2]), np.float32)
        if sizes is None:
            self._past = np.zeros((self._slots, kernels.LAGS + len(lags)))
            self._past[:, kernels.LAST] = np.nan
        else:
            self._numbers[:used] = self._fitted(numbers[:used], sizes)
        arrays = (self._numbers, self._past, clock, tape, inputs, traces, lags, scalars)
        self._bundle = (block, *arrays)

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

    def _read(self, state: bytes) -> tuple[Array, Array, Array]:
        """Return sizes, past and numbers, if they are those of such a model."""
        assert self._sizes is not None
        header, middle = SIZES * 8, SIZES * 8 + self._past[0].nbytes
        if len(state) < middle:
            raise ValueError("these are not the numbers of a stream: they end too early")
        sizes = np.frombuffer(state[:header], np.int64)
        past = np.frombuffer(state[header:middle])
        more = self._sizes - sizes
        if more[FIXED].any() or (more < 0).any():
            raise ValueError("these are the numbers of a stream of a model of another kind or size")
        if len(state) != middle + 4 * self._widths(sizes)[2]:
            raise ValueError("these are not the numbers of a stream: there are too few or too many")
        if past[kernels.EVENTS] not in range(self._steps + 1):
            raise ValueError(f"there are {past[kernels.EVENTS]} events in a window")
        return sizes, past, np.frombuffer(state[middle:], np.float32)
