"""Predicting without learning, many events at a time, with a state for each key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any

from lstmwidgets.online import FrozenRegressor, LSTMRegressor

from ..errors import StreamError
from ..events import Event
from .cold import ColdStore
from .keyed import HOT, Hot, KeyedSlots, check_room, portions

BATCH = 1000
"""Events that are predicted together at most."""

ALONE = ""
"""Stands for the key where there are none."""


class Serving:
    """Predicts events with what a model has learned before, and learns nothing.

    The numbers do not depend on which events are predicted together: every event is computed as if
    it were alone. The streams that were used last are in memory, the others go to a store and come
    back bit for bit. Every stream begins anew; what the model has carried is left aside.

    Parameters
    ----------
    model : LSTMRegressor or other regressor of River
        Has learned already. Others than `LSTMRegressor` predict one event at a time and have no
        state.
    cold : ColdStore, optional
        Where states are kept that are not in memory, and for checkpoints; by default a database
        that goes with the process.
    hot : int
        How many streams are in memory.
    batch : int
        How many events are predicted together at most.

    Attributes
    ----------
    keys : KeyedSlots
        The streams; one where events have no keys.

    Raises
    ------
    StreamError
        If the model has learned nothing, or a number is below 1.
    """

    def __init__(
        self, model: Any, cold: ColdStore | None = None, hot: int = HOT, batch: int = BATCH
    ) -> None:
        check_room(hot)
        if batch < 1:
            raise StreamError(f"expected at least one event a batch, got {batch}")
        self.batch = batch
        self._room = hot
        self._model = model
        self._frozen: FrozenRegressor | None = None
        if isinstance(model, LSTMRegressor):
            try:
                self._frozen = FrozenRegressor(model, hot)
            except ValueError as error:
                raise StreamError(f"there is nothing to predict with: {error}") from error
        self.keys = KeyedSlots(self._frozen, cold, hot)

    def predict(self, events: Sequence[Event]) -> list[float]:
        """Return a prediction for each event, and let it pass, target included."""
        if self._frozen is None:
            return [self._model.predict_one(event.x) for event in events]
        predictions: list[float] = []
        for part in portions(events, self._room):
            self.keys.expect(ALONE if event.key is None else event.key for event in part)
            slots = [self.enter(event.key).slot for event in part]
            xs, ys = [event.x for event in part], [event.y for event in part]
            predictions += self._frozen.observe_many(slots, xs, ys).tolist()
        return predictions

    def remember(self, key: str | None, target: float, prediction: float | None) -> None:
        """Take in a target that came late as the last one known of its stream."""
        if self._frozen is not None:
            base = target if prediction is None else prediction
            self._frozen.remember(self.enter(key).slot, target, base)

    def enter(self, key: str | None) -> Hot:
        """Bring a key's stream into memory, and return what is known of it."""
        return self.keys.bring(ALONE if key is None else key)

    def saving(self) -> Iterator[None]:
        """Bring all that has changed to the store, in portions; see `KeyedSlots`."""
        return self.keys.saving()


def batches(source: Iterable[Event | None], size: int) -> Iterator[list[tuple[Event, float]]]:
    """Yield what is at hand of a source, at most `size` events at a time, and when each came.

    The first is of one event, the next of two and so on: few wait while kernels are loaded. An
    empty list says that nothing has come for a moment.

    Examples
    --------
    >>> source = [Event(n, {}, None) if n % 5 else None for n in range(1, 10)]
    >>> [[event.id for event, _ in batch] for batch in batches(source, 2)]
    [[1], [2, 3], [4], [6, 7], [8, 9]]
    """
    batch: list[tuple[Event, float]] = []
    most = 1
    try:
        for event in source:
            if event is not None:
                batch.append((event, perf_counter()))
            if event is None or len(batch) == most:
                done, batch = batch, []
                yield done
                most = min(2 * most, size)
    except Exception:  # it comes after what was before it
        if batch:
            yield batch
        raise
    if batch:
        yield batch
