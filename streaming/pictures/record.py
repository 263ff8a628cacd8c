"""What a run leaves behind for its report, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis import QUANTITIES, Recording, Thinned
from lstmwidgets.analysis.recording import ORDER
from lstmwidgets.analysis.tasks import last_step

from ..events import Outcome, Prediction
from ..runner import StreamRunner, Weights
from ..state.turns import carries
from ..tasks.base import CLASSES, SCORES
from .confusion import Confusion

POINTS = 20_000
"""Most events drawn as points of the lines."""

ALARMS = 5_000
"""Most alarms drawn."""

COLUMNS = 2_000
"""Most events drawn as columns of the heatmaps: about the pixels of a wide screen."""


class Point(NamedTuple):
    """One event of the lines; scores are running ones up to it, weights those after it."""

    event: int
    time: datetime | None
    target: Any
    prediction: Any
    model_error: float | None
    naive_error: float | None
    weights: Weights
    record: Prediction | None
    x: Mapping[Any, Any]


class Alarm(NamedTuple):
    """An event that was called an anomaly."""

    event: int
    score: float


class Snapshot(NamedTuple):
    """What the LSTM did at one event: `activations`, in `ORDER`."""

    event: int
    time: datetime | None
    target: Any
    prediction: Any
    activations: NDArray[np.float32]

    @property
    def label(self) -> str:
        """The event's time, or its number, for people."""
        return f"event {self.event:,}" if self.time is None else f"{self.time:%a %d %b %Y %H:%M}"


class Follower(Protocol):
    """Takes in what a runner does, for pictures.

    Attributes
    ----------
    key : str or None
        The key that it follows: the first one that has come.
    events : int
        How many events it has taken in.
    """

    key: str | None
    events: int

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded; a late one completes an event."""


class RunRecord:
    """Follows a runner, event by event, from where it is on.

    Where there are keys, it follows the first one that comes.

    Attributes
    ----------
    key : str or None
        The key that it follows.
    events : int
        How many events it has taken in.
    points : Thinned of Point
    snapshots : Thinned of Snapshot
        Empty if the model cannot be looked into.
    confusion : Confusion
        Which class was taken for which.
    alarms : list of Alarm
        The last ones, whether their events are points or not.
    task : Task
        The runner's.
    scores : Scores
        The runner's.
    """

    def __init__(self, runner: StreamRunner) -> None:
        self._runner = runner
        self.events = 0
        self._cell: str | None = None  # of a model that can be looked into
        self.key: str | None = None
        self.points: Thinned[Point] = Thinned(POINTS)
        self.snapshots: Thinned[Snapshot] = Thinned(COLUMNS)
        self.confusion = Confusion()
        self._alarms: deque[Alarm] = deque(maxlen=ALARMS)
        self.task, self.scores = runner.task, runner.scores

    @property
    def alarms(self) -> list[Alarm]:
        """The last alarms."""
        return list(self._alarms)

    def shares(self, point: Point) -> Mapping[str, float]:
        """Return how far each expert was trusted after an event."""
        return self._runner.shares_of(point.weights)

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded; a late one completes a point."""
        if self.task.drawn == CLASSES:
            self.confusion.add(outcome)
        if outcome.late:
            self._complete(outcome)
            return
        event = outcome.event
        if not self.events:
            self.key = event.key
            self._cell = self._looked_into()
        if event.key != self.key:
            return
        if self.points.wants(self.events):
            self.points.append(self._point(outcome))
        if outcome.record is not None and outcome.record.anomaly is True:
            self._alarms.append(Alarm(outcome.number, outcome.prediction))
        if self._cell is not None and self.snapshots.wants(self.events):
            self.snapshots.append(self._snapshot(outcome))
        self.events += 1

    def _looked_into(self) -> str | None:
        """Return the kind of cell of a model that can be looked into."""
        model = last_step(self._runner.player.model)
        learns = self._runner.serving is None
        return model.cell if learns and carries(model) else None

    def _complete(self, outcome: Outcome) -> None:
        """Put a late target to its point, if that is drawn."""
        items = self.points.items
        place = bisect_left(items, outcome.number, key=lambda point: point.event)
        if place < len(items) and items[place].event == outcome.number:
            self.points.replace(place, items[place]._replace(target=outcome.event.y))

    def recording(self) -> Recording:
        """Return the snapshots as a recording, with target and prediction.

        Raises
        ------
        ValueError
            If there are none.
        """
        snapshots = self.snapshots.items
        if not snapshots:
            raise ValueError("there is nothing to record: no event, or a model without gates")
        assert self._cell is not None
        return Recording(
            layers_of(snapshots),
            tuple(snapshot.label for snapshot in snapshots),
            np.array([snapshot.event for snapshot in snapshots]),
            {
                "target": as_floats(snapshot.target for snapshot in snapshots),
                "prediction": as_floats(snapshot.prediction for snapshot in snapshots),
            },
            self._cell,
            self.snapshots.stride,
        )

    def _snapshot(self, outcome: Outcome) -> Snapshot:
        event, activations = outcome.event, self._runner.activations
        assert activations is not None  # of a model that has just seen the event
        copied = activations.copy()
        return Snapshot(outcome.number, event.time, event.y, outcome.prediction, copied)

    def _point(self, outcome: Outcome) -> Point:
        event = outcome.event
        return Point(
            outcome.number,
            event.time,
            event.y,
            outcome.prediction,
            *self._runner.scores.curve(),
            self._runner.weights,
            outcome.record,
            event.x if self.task.drawn == SCORES else {},
        )


def layers_of(snapshots: Sequence[Snapshot]) -> dict[str, NDArray[np.float32]]:
    """Return each of `QUANTITIES` at T events, (T, L, H)."""
    numbers = np.stack([snapshot.activations for snapshot in snapshots])
    parts = dict(zip(ORDER, np.split(numbers, len(ORDER), axis=-1), strict=True))
    return {name: np.ascontiguousarray(parts[name]) for name in QUANTITIES}


def as_floats(values: Iterable[Any]) -> NDArray[np.float64]:
    """Return numbers as an array, NaN for what is none."""
    numbers = (value if isinstance(value, int | float) else np.nan for value in values)
    return np.array(list(numbers), np.float64)
