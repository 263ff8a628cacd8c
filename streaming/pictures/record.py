"""What a run leaves behind for its report, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis import QUANTITIES, Inspectable, Recording, Thinned

from ..events import Outcome
from ..runner import StreamRunner

POINTS = 20_000
"""Most events drawn as points of the lines."""

COLUMNS = 2_000
"""Most events drawn as columns of the heatmaps: about the pixels of a wide screen."""


NAIVE = "repeating the last value"
"""The forecast that the model's error is drawn beside."""


@dataclass(frozen=True, slots=True)
class Point:
    """One event of the lines; errors are running means up to it, shares those after it."""

    event: int
    time: datetime | None
    target: float | None
    prediction: float | None
    model_error: float | None
    naive_error: float | None
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the LSTM did at one event, `Recording` of a single step."""

    event: int
    target: float | None
    prediction: float | None
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
    """

    def __init__(self, runner: StreamRunner) -> None:
        self._runner = runner
        self.events = 0
        self._inspected: Inspectable | None = None
        self.key: str | None = None
        self.points: Thinned[Point] = Thinned(POINTS)
        self.snapshots: Thinned[Snapshot] = Thinned(COLUMNS)

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded; a late one completes a point."""
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
        if self._inspected is not None and self.snapshots.wants(self.events):
            self.snapshots.append(self._snapshot(self._inspected, outcome))
        self.events += 1

    def _inspectable(self) -> Inspectable | None:
        """Return the model if it can be looked into; to ask at every event would take as long."""
        model = self._runner.model
        learns = self._runner.serving is None
        return model if learns and isinstance(model, Inspectable) else None

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
                "target": _floats(snapshot.target for snapshot in snapshots),
                "prediction": _floats(snapshot.prediction for snapshot in snapshots),
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
        naive = self._runner.comparisons[0]
        event = outcome.event
        return Point(
            outcome.number,
            event.time,
            event.y,
            outcome.prediction,
            naive.model,
            naive.baseline,
            getattr(self._runner.model, "shares", {}),
        )


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)
