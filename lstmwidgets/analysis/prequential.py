"""Prequential evaluation that can be looked at: predict, score, then learn, one event at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ..codec import is_missing
from ..shown import shown, typed
from ..values import DAY, MOMENT, TEXT, is_number, reading
from .live_run import CLASSES, NUMBERS, Run
from .tasks import Forecasting, Metric, TextClassification, last_step, task_of

PAIR = (tuple, list)

NOTHING = object()
"""That no feature stands for an event."""


class Prequential(Run):
    """Runs a model over a source and keeps what pictures show, in bounded memory.

    Parameters
    ----------
    model : estimator
        A River regressor, forecaster, classifier or anomaly detector, or a pipeline.
    source : iterable
        Events: pairs of features and target, as River's data sets give them; features alone; for a
        forecaster also plain numbers; for a text classifier pairs of text and class.
    metric : Metric, optional
        Of River. By default the mean absolute error, or the accuracy.
    window, coverage
        As of `Run`.
    horizon : int
        How many steps `look_ahead` of a forecaster goes; 0 for none.

    Attributes
    ----------
    lstm : estimator or None
        The one of `lstmwidgets.online` that is looked into: the model, or the pipeline's last step.
    learning : bool
        Whether the model learns. If not, its state goes on all the same where it has `step_one`.

    References
    ----------
    Dawid (1984), "Statistical theory: the prequential approach", Journal of the Royal Statistical
    Society A 147(2).

    Examples
    --------
    >>> from river import datasets
    >>> from lstmwidgets.online import LSTMRegressor
    >>> run = Prequential(LSTMRegressor(8, seed=1), datasets.WaterFlow())
    >>> while run.advance() and run.events < 100:
    ...     pass
    >>> len(run.rows), run.recording().layers["cell"].shape
    (100, (100, 1, 8))
    """

    def __init__(
        self,
        model: Any,
        source: Iterable[Any],
        *,
        metric: Metric | None = None,
        window: int = 300,
        coverage: float = 0.9,
        horizon: int = 0,
    ) -> None:
        self.learning = True
        self.use(model)
        self.horizon = horizon if self.task.looks_ahead else 0
        usual = self.task.metric()
        if metric is not None and self.task.naive and not metric.works_with(model):
            raise ValueError(f"{type(metric).__name__} does not go with this model")
        super().__init__(
            self.task.kind, self.task.naive, metric or usual, window=window, coverage=coverage
        )
        self.begin(source)

    def use(self, model: Any) -> None:
        """Take a model, or another one of the same task before `begin`."""
        self.task = task_of(model)
        self.model = model
        self.words = False
        self.lstm = _lstm_of(model)
        if self.lstm is not None:
            self.hidden_size = self.lstm.hidden_size
            self.num_layers = self.lstm.num_layers
            self.cell = getattr(self.lstm, "cell", "standard")

    def begin(self, source: Iterable[Any]) -> None:
        """Start anew with a source; the model keeps what it has learned."""
        self.clear()
        self._source = iter(source)
        self._reading: Iterator[bool] | None = None
        # Before the first target there is nothing to predict from, and a naive forecast has none.
        self._begun = self.kind != NUMBERS
        self._marked_by: Any = None

    def look_ahead(self) -> None:
        """Let a forecaster say what comes next, to be scored as it comes."""
        if self.ahead is None or not self.steps:
            return
        if self.ahead.fan is not None and self.ahead.fan.step == self.steps:
            return
        values = self.task.forecast(self.horizon)
        if values is not None:
            self.ahead.issue(self.steps, values, self._last)

    def _take_one(self) -> bool:
        while True:
            if self._reading is not None:
                if next(self._reading, False):
                    return True
                self._reading = None
            event = next(self._source, self)  # itself is what no source gives
            if event is self:
                return False
            if type(event) is tuple and len(event) == 2 and type(event[0]) is dict:
                x, y = event  # the usual case, and a quick one
            else:
                x, y = self._taken_apart(event)
            if not self.words:
                self._take_in(x, y)
                return True
            self._reading = self._read(x, y)

    def _take_in(self, x: Any, y: Any) -> None:
        prediction = self.task.predict(x) if self._begun else None
        if type(y) is not float or not math.isfinite(y):
            y = self.task.target(y)
        self._begun = self._begun or y is not None
        if self.learning and (y is not None or not self.scored):
            self.task.learn(x, y)
        else:
            self.task.skip(x, y)
        self._copy_step()
        self.events += 1
        mark = None if self._marked_by is NOTHING else self._mark(x)
        self._note(mark, y, prediction)

    def _copy_step(self) -> None:
        """Keep what the LSTM has just done, if it can be looked into and has seen an event."""
        if self.lstm is not None:
            activations = self.lstm.activations
            if activations is not None:
                self._copy(activations)

    def _read(self, text: str, y: Any) -> Iterator[bool]:
        """Note every word, then learn the text."""
        target = self.task.target(y)
        last = None
        for word, prediction in self.task.readings(text):
            if last is not None:
                self._note(*last, scored=False)
                yield True
            self._copy_step()
            last = (word, target, prediction)
        if self.learning and target is not None:
            self.task.learn(text, target)
        self.events += 1
        if last is not None:
            self._note(*last)
            yield True

    def _taken_apart(self, event: Any) -> tuple[Any, Any]:
        if isinstance(event, PAIR) and len(event) >= 2:
            x, y = event[0], event[1]
        elif is_number(event) or (isinstance(self.task, Forecasting) and is_missing(event)):
            x, y = {}, event
        elif isinstance(event, dict | str):
            x, y = event, None
        elif hasattr(event, "x") and hasattr(event, "y"):
            x, y = event.x, event.y
        else:
            raise TypeError(
                "expected a pair of features and target, as River's data sets give them, got "
                f"{typed(event)} as event {self.events}; give each as ({{'temp': 21.5}}, 3.0)"
            )
        if isinstance(x, str) and not self.words:
            if self.kind != CLASSES:
                raise TypeError(
                    f"expected a dict of features, got the text {shown(x)} as event {self.events}; "
                    "it needs a classifier, and the rows of a dataframe are "
                    "river.stream.iter_pandas(X, y)"
                )
            self.task = TextClassification(self.model)
            self.words = True
        return x, y

    def _mark(self, x: Any) -> Any:
        """Return what stands for an event on the axis, if it has such a feature."""
        if self._marked_by is None:
            self._marked_by = _marking(x)
        if self._marked_by is NOTHING:
            return None
        mark = x.get(self._marked_by) if isinstance(x, dict) else None
        if type(mark) is datetime:  # the usual case, and a quick one
            return mark
        match reading(mark):
            case (kind, day) if kind == DAY:
                return datetime(day.year, day.month, day.day)
            case (kind, told) if kind in (MOMENT, TEXT):
                return told
        return None


def _lstm_of(model: Any) -> Any:
    """Return the estimator whose LSTM can be looked into, if there is one."""
    last = last_step(model)
    shows = hasattr(last, "activations") and isinstance(getattr(last, "hidden_size", None), int)
    return last if shows else None


def _marking(x: Any) -> Any:
    """Return the key of a time among the features, or of the text that is the only one."""
    if isinstance(x, dict):
        for key, value in x.items():
            kind, _ = reading(value) or ("", None)
            if kind in (MOMENT, DAY) or (kind == TEXT and len(x) == 1):
                return key
    return NOTHING
