"""The last events of a job, as its live page shows them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

from lstmwidgets.analysis.live_run import CLASSES, Run
from lstmwidgets.analysis.rows import Numbering
from lstmwidgets.analysis.tasks import last_step

from ..events import Outcome
from ..runner import StreamRunner
from ..sinks.rows import written
from ..state.turns import carries
from ..tasks.scores import Table

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
        self._seen = runner.scores.copy()
        self._lstm = lstm_of(runner)
        if self._lstm is not None and runner.serving is None:
            self.hidden_size = self._lstm.hidden_size
            self.num_layers = self._lstm.num_layers
            self.cell = self._lstm.cell
        self.shares = list(self._shares())
        self.key: str | None = None
        if runner.keys is None:
            self.numbering = Numbering(runner.events)
        self._numbers: deque[int] = deque(maxlen=WINDOW)
        task = runner.task
        super().__init__(task.drawn, task.naive, runner.player.metric(), window=WINDOW)

    def add(self, outcome: Outcome) -> None:
        """Take in the outcome that the runner has just yielded; a late one completes a row."""
        with self.lock:
            self.predicted = self._runner.events
            self._seen = self._runner.scores.copy()
            if not self.events and not outcome.late:
                self.key = outcome.event.key
            if outcome.event.key != self.key:
                return
            if outcome.late:
                self._complete(outcome)
            else:
                self._take(outcome)

    def table(self) -> Table:
        """Return the runner's scores after the last outcome; for those who hold the lock."""
        return self._seen.table()

    def scores(self) -> list[float]:
        """Return the running scores of model and naive forecast, and each expert's share."""
        both = [math.nan if each is None else each for each in self._runner.scores.curve()]
        return [*both, *self._shares().values()]

    def _take(self, outcome: Outcome) -> None:
        activations = None if self.hidden_size is None else self._runner.activations
        if activations is not None:
            self._copy(activations)
        self._numbers.append(outcome.number)
        self.events += 1
        target, prediction = self._drawn(outcome)
        self._note(outcome.event.time, target, prediction)
        self._settle()

    def _drawn(self, outcome: Outcome) -> tuple[Any, Any]:
        """Return target and prediction as they are drawn: classes by their names."""
        if self.kind != CLASSES:
            return outcome.event.y, outcome.prediction
        assert outcome.record is not None
        target = outcome.event.y
        return None if target is None else written(target), outcome.record.probabilities

    def _complete(self, outcome: Outcome) -> None:
        """Put a late target to its row, if that is still there."""
        target = outcome.event.y
        assert target is not None
        if self.kind == CLASSES:
            target = written(target)
        place = bisect_left(self._numbers, outcome.number)
        if place < len(self._numbers) and self._numbers[place] == outcome.number:
            row = self.rows[place]
            self.rows[place] = row._replace(target=target)
            if self.kind != CLASSES:
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
        shares = dict(self._runner.shares)
        return {"lstm": shares.pop("lstm")} | shares if shares else {}


def lstm_of(runner: StreamRunner) -> Any:
    """Return the estimator of ours in a runner whose LSTM can be looked into, if there is one."""
    last = last_step(runner.player.model)
    copies = runner.keys is not None and runner.keys.copies
    return last if carries(last) and not copies else None
