"""What a run leaves behind for its report, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis import QUANTITIES, Inspectable, Recording, Thinned
from lstmwidgets.analysis.tasks import last_step

from ..events import Outcome, Prediction
from ..runner import StreamRunner
from ..state.turns import carries
from ..tasks.base import CLASSES, SCORES
from .confusion import Confusion

POINTS = 20_000
"""Most events drawn as points of the lines."""

ALARMS = 5_000
"""Most alarms drawn."""

COLUMNS = 2_000
"""Most events drawn as columns of the heatmaps: about the pixels of a wide screen."""


@dataclass(frozen=True, slots=True)
class Point:
    """One event of the lines; scores are running ones up to it, shares those after it."""

    event: int
    time: datetime | None
    target: Any
    prediction: Any
    model_error: float | None
    naive_error: float | None
    shares: Mapping[str, float]
    record: Prediction | None
    x: Mapping[Any, Any]


class Alarm(NamedTuple):
    """An event that was called an anomaly."""

    event: int
    score: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the LSTM did at one event, `Recording` of a single step."""

    event: int
    target: Any
    prediction: Any
    step: Recording


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
        self._inspected: Inspectable | None = None
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
            self._inspected = self._inspectable()
        if event.key != self.key:
            return
        if self.points.wants(self.events):
            self.points.append(self._point(outcome))
        if outcome.record is not None and outcome.record.anomaly is True:
            self._alarms.append(Alarm(outcome.number, outcome.prediction))
        if self._inspected is not None and self.snapshots.wants(self.events):
            self.snapshots.append(self._snapshot(self._inspected, outcome))
        self.events += 1

    def _inspectable(self) -> Inspectable | None:
        """Return the model if it can be looked into; to ask at every event would take as long."""
        model = last_step(self._runner.player.model)
        learns = self._runner.serving is None
        return model if learns and carries(model) else None

    def _complete(self, outcome: Outcome) -> None:
        """Put a late target to its point, if that is drawn."""
        items = self.points.items
        place = bisect_left(items, outcome.number, key=lambda point: point.event)
        if place < len(items) and items[place].event == outcome.number:
            self.points.replace(place, replace(items[place], target=outcome.event.y))

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
        steps = [snapshot.step for snapshot in snapshots]
        return Recording(
            {name: np.concatenate([step.layers[name] for step in steps]) for name in QUANTITIES},
            tuple(label for step in steps for label in step.labels),
            np.array([snapshot.event for snapshot in snapshots]),
            {
                "target": as_floats(snapshot.target for snapshot in snapshots),
                "prediction": as_floats(snapshot.prediction for snapshot in snapshots),
            },
            steps[0].cell,
            self.snapshots.stride,
        )

    def _snapshot(self, model: Inspectable, outcome: Outcome) -> Snapshot:
        event = outcome.event
        label = f"event {outcome.number:,}"
        if event.time is not None:
            label = f"{event.time:%a %d %b %Y %H:%M}"
        step = Recording.from_model(model, label)
        return Snapshot(outcome.number, event.y, outcome.prediction, step)

    def _point(self, outcome: Outcome) -> Point:
        event = outcome.event
        return Point(
            outcome.number,
            event.time,
            event.y,
            outcome.prediction,
            *self._runner.scores.curve(),
            getattr(self._runner.player.model, "shares", {}),
            outcome.record,
            event.x if self.task.drawn == SCORES else {},
        )


def as_floats(values: Iterable[Any]) -> NDArray[np.float64]:
    """Return numbers as an array, NaN for what is none."""
    numbers = (value if isinstance(value, int | float) else np.nan for value in values)
    return np.array(list(numbers), np.float64)
