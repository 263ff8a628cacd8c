"""What a run leaves behind for its report, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis import Thinned
from lstmwidgets.state import Gates, State

from .events import Outcome
from .runner import StreamRunner

POINTS = 20_000
"""Most events drawn as points of the lines."""

COLUMNS = 2_000
"""Most events drawn as columns of the heatmaps: about the pixels of a wide screen."""


@runtime_checkable
class Inspectable(Protocol):
    """A model whose LSTM can be looked at, as `lstmwidgets.online.LSTMRegressor`."""

    state: State | None
    gates: Gates | None


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
    """The top layer after one event, each (H,)."""

    event: int
    cell: NDArray[Any]
    input_gate: NDArray[Any]
    forget_gate: NDArray[Any]
    output_gate: NDArray[Any]


class RunRecord:
    """Follows a runner, event by event.

    Attributes
    ----------
    points : Thinned of Point
    snapshots : Thinned of Snapshot
        Empty if the model cannot be looked into.
    """

    def __init__(self, runner: StreamRunner) -> None:
        self._runner = runner
        self.points: Thinned[Point] = Thinned(POINTS)
        self.snapshots: Thinned[Snapshot] = Thinned(COLUMNS)

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded."""
        position = self._runner.events - 1
        if self.points.wants(position):
            self.points.append(self._point(outcome))
        if isinstance(self._runner.model, Inspectable) and self.snapshots.wants(position):
            self.snapshots.append(_snapshot(self._runner.model, outcome.event.id))

    def _point(self, outcome: Outcome) -> Point:
        naive = self._runner.comparisons[0]
        event = outcome.event
        return Point(
            event.id,
            event.time,
            event.y,
            outcome.prediction,
            naive.model,
            naive.baseline,
            getattr(self._runner.model, "shares", {}),
        )


def _snapshot(model: Inspectable, event: int) -> Snapshot:
    gates, state = model.gates, model.state
    assert gates is not None  # the model has just seen an event
    assert state is not None
    parts = (state.c, gates.input_gate, gates.forget_gate)
    top = [part[-1, 0].numpy().astype(np.float32) for part in (*parts, gates.output_gate)]
    return Snapshot(event, *top)
