"""The last events of a job, as its live page shows them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from threading import Lock

from river.metrics import MAE

from lstmwidgets.analysis.live_run import NUMBERS, Run
from lstmwidgets.analysis.rows import Numbering
from lstmwidgets.online.numeric import NumericEstimator

from ..baselines import Comparison
from ..events import Outcome
from ..runner import StreamRunner
from .record import NAIVE

WINDOW = 600
"""Events in view; a page keeps four times as many, so that one can look back."""


class JobRun(Run):
    """Follows a runner, event by event, from where it is on, for whoever looks on meanwhile.

    Where there are keys, it follows the first one that comes. Its errors are the runner's, which
    are those of all keys.

    Parameters
    ----------
    runner : StreamRunner
        What it follows.

    Attributes
    ----------
    lock : Lock
        Held while an outcome is taken in, and by whoever looks at the run in another thread.
    key : str or None
        The key that it follows.
    shares : list of str
        Names of the experts, the LSTM first; empty of models without any.
    predicted : int
        How many events the runner has predicted, of all keys.
    """

    def __init__(self, runner: StreamRunner) -> None:
        self._runner = runner
        self.lock = Lock()
        self.predicted = runner.events
        self._compared = self._states()
        model = runner.model
        self._lstm = model if isinstance(model, NumericEstimator) else None
        if self._lstm is not None and runner.serving is None:
            self.hidden_size = self._lstm.hidden_size
            self.num_layers = self._lstm.num_layers
            self.cell = self._lstm.cell
        self.shares = list(self._shares())
        self.key: str | None = None
        if runner.keys is None:
            self.numbering = Numbering(runner.events)
        self._numbers: deque[int] = deque(maxlen=WINDOW)
        super().__init__(NUMBERS, NAIVE, MAE(), window=WINDOW)

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded; a late one completes a row."""
        with self.lock:
            self.predicted = self._runner.events
            self._compared = self._states()
            if not self.events and not outcome.late:
                self.key = outcome.event.key
            if outcome.event.key != self.key:
                return
            if outcome.late:
                self._complete(outcome)
            else:
                self._take(outcome)

    def comparisons(self) -> list[Comparison]:
        """Return the runner's errors after the last outcome; for those who hold the lock."""
        copies = []
        for name, state in self._compared:
            copies.append(Comparison(name))
            copies[-1].state = state
        return copies

    def scores(self) -> list[float]:
        """Return the running errors of model and naive forecast, and each expert's share."""
        naive = self._runner.comparisons[0]
        errors = [math.nan if e is None else e for e in (naive.model, naive.baseline)]
        return [*errors, *self._shares().values()]

    def _states(self) -> list[tuple[str, tuple[int, float, float]]]:
        return [(comparison.name, comparison.state) for comparison in self._runner.comparisons]

    def _take(self, outcome: Outcome) -> None:
        if self.hidden_size is not None and self._lstm is not None:
            activations = self._lstm.activations
            if activations is not None:
                self._copy(activations)
        self._numbers.append(outcome.number)
        self.events += 1
        self._note(outcome.event.time, outcome.event.y, outcome.prediction)
        self._settle()

    def _complete(self, outcome: Outcome) -> None:
        """Put a late target to its row, if that is still there."""
        target = outcome.event.y
        assert target is not None
        place = bisect_left(self._numbers, outcome.number)
        if place < len(self._numbers) and self._numbers[place] == outcome.number:
            row = self.rows[place]
            self.rows[place] = row._replace(target=target)
            self.late.append((row.step, target))
            self.completed += 1
            self._score_number(row.step, target, outcome.prediction)

    def _score_number(self, step: int, target: float, prediction: float | None) -> None:
        if prediction is not None:
            self._remember(step, abs(target - prediction))

    def _shares(self) -> Mapping[str, float]:
        """Return how far each expert is trusted, the LSTM first."""
        if self._lstm is None:
            return {}
        shares = self._lstm.shares
        return {"lstm": shares.pop("lstm")} | shares
