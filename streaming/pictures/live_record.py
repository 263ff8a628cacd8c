"""A record that can be looked at while the job goes on."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from lstmwidgets.analysis import Thinned

from ..baselines import Comparison
from ..events import Outcome
from ..runner import StreamRunner
from .record import Point, RunRecord, Snapshot


@dataclass(frozen=True)
class View:
    """What a record holds at one moment; nothing in it changes any more."""

    events: int
    points: Thinned[Point]
    snapshots: Thinned[Snapshot]
    comparisons: tuple[Comparison, ...]


class LiveRecord(RunRecord):
    """A record that another thread may look at meanwhile.

    Parameters
    ----------
    runner : StreamRunner
        What it follows.
    """

    def __init__(self, runner: StreamRunner) -> None:
        super().__init__(runner)
        self._lock = Lock()
        self._events = runner.events
        self._errors = self._states()

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded."""
        with self._lock:
            super().add(outcome)
            self._events = self._runner.events
            self._errors = self._states()

    def view(self) -> View:
        """Return what there is; for any thread."""
        with self._lock:
            points, snapshots = self.points.copy(), self.snapshots.copy()
            events, errors = self._events, self._errors
        comparisons = []
        for name, state in errors:
            comparisons.append(Comparison(name))
            comparisons[-1].state = state
        return View(events, points, snapshots, tuple(comparisons))

    def _states(self) -> list[tuple[str, tuple[int, float, float]]]:
        return [(comparison.name, comparison.state) for comparison in self._runner.comparisons]
