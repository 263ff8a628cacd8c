"""Prequential evaluation that can be looked at: predict, score, then learn, one event at a time."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.metrics.base import Metric

from ..codec import is_missing
from ..shown import shown, typed
from ..values import DAY, MOMENT, PLAIN, TEXT, is_number, number_in, reading
from .live_run import CLASSES, NUMBERS
from .played_run import PlayedRun
from .tasks import Forecasting, TextClassification, finite, last_step, task_of

PAIR = (tuple, list)

BURST = 16
"""Most events that go through the model at once."""

BRIEF = 0.0008
"""Seconds for which that may take; what takes longer looks like another thread at work."""

WAIT = 0.001
"""Seconds for an event from which on a source makes one wait."""

CALM = 1_000
"""Events without a wait after which some are read ahead again: what was read must not lie unseen
while the source waits. Not never again, as other processes make one wait as well."""

NOTHING = object()
"""That no feature stands for an event."""


class Prequential(PlayedRun):
    """Runs a model over a source and keeps what pictures show, in bounded memory.

    Parameters
    ----------
    model : estimator
        A River regressor, forecaster, classifier or anomaly detector, or a pipeline.
    source : iterable
        Events: pairs of features and target, as River's data sets give them; features alone; for a
        forecaster also plain numbers; for a text classifier pairs of text and class. Of one that
        can be read again and makes nobody wait, an `LSTMRegressor` takes up to 16 events at once
        where `advance` is to go on: all is the same to the bit as one by one, but so many are read
        before the first of them is learned.
    metric : Metric, optional
        Of River. By default the mean absolute error, or the accuracy.
    window, coverage
        As of `Run`.
    horizon : int
        How many steps `look_ahead` of a forecaster goes; 0 for none.
    inputs : sequence of str
        Features that are kept with the events.

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
        inputs: Sequence[str] = (),
    ) -> None:
        self.learning = True
        self.inputs = tuple(inputs)
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
        regressors = sys.modules.get("lstmwidgets.online.regressor")  # loaded if it is one of them
        self._in_bursts = regressors is not None and type(model) is regressors.LSTMRegressor
        if self.lstm is not None:
            self.hidden_size = self.lstm.hidden_size
            self.num_layers = self.lstm.num_layers
            self.cell = getattr(self.lstm, "cell", "standard")

    def begin(self, source: Iterable[Any]) -> None:
        """Start anew with a source; the model keeps what it has learned."""
        self.clear()
        self._source = iter(source)
        self._at_rest = self._source is not source  # what is read once may come as it happens
        self._most, self._since_wait = BURST, CALM
        self._x: Any = None  # of the last event
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
            if self._take_event(event):
                return True

    def _take_event(self, event: Any) -> bool:
        """Take in an event; return False if it is a text, which is to be read."""
        if type(event) is tuple and len(event) == 2 and type(event[0]) is dict:
            x, y = event  # the usual case, and a quick one
        else:
            x, y = self._taken_apart(event)
        self._x = x
        if self.words:
            self._reading = self._read(x, y)
            return False
        self._take_in(x, y)
        return True

    def _take_some(self) -> bool:
        """Take in the next events; return False at the end."""
        at_rest = self._at_rest and self._begun and self.learning and not self.inputs
        if not (at_rest and self._in_bursts):
            return self._take_one()
        xs: list[Any] = []
        ys: list[float | None] = []
        try:
            other = self._read_ahead(xs, ys)
        finally:  # what came before an error is learned and seen
            self._take_in_many(xs, ys)
        return other is not self and (other is None or self._take_event(other))

    def _read_ahead(self, xs: list[Any], ys: list[float | None]) -> Any:
        """Append the next events; return one to be taken by itself, None, or itself at the end."""
        now = monotonic()
        for _ in range(self._most if self._since_wait >= CALM else 1):
            before, event = now, next(self._source, self)
            now = monotonic()
            waited = now - before > WAIT
            self._since_wait = 0 if waited else self._since_wait + 1
            if type(event) is not tuple or len(event) != 2 or type(event[0]) is not dict:
                return event
            x, y = event
            if x is self._x:  # one dict for all events, which a look ahead would overwrite
                return event
            if type(y) is not float or not math.isfinite(y):
                if not (y is None or type(y) in PLAIN):
                    return event
                y = finite(y)
            self._x = x
            xs.append(x)
            ys.append(y)
            if waited:
                break
        return None

    def _take_in_many(self, xs: list[Any], ys: list[float | None]) -> None:
        start, at = monotonic(), 0
        while at < len(xs):
            rows = self.model.predict_learn_known(xs[at:], ys[at:])
            if len(rows):
                self._note_many(xs[at : at + len(rows)], ys[at : at + len(rows)], rows)
            else:  # something new in it
                self._take_in(xs[at], ys[at])
            at += len(rows) or 1
        seconds = monotonic() - start
        if seconds > BRIEF:
            self._most = max(1, self._most // 2)
        elif seconds < BRIEF / 2:
            self._most = min(BURST, self._most * 2)

    def _note_many(self, xs: list[Any], ys: list[float | None], rows: NDArray[np.float64]) -> None:
        """Note events by what `LSTMRegressor.predict_learn_known` returned of them."""
        count = len(rows)
        self._copy_many(rows[:, 1:].reshape(count, self.num_layers, -1))
        self.events += count
        unmarked = self._marked_by is NOTHING
        marks = [None] * count if unmarked else [self._mark(x) for x in xs]
        predictions = rows[:, 0].tolist()
        self._noted += zip(marks, ys, predictions, [True] * count, strict=True)
        self.steps += count

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
        if self.inputs:
            self._given[self.steps % self.window] = self._numbers_of(x)
        self.events += 1
        mark = None if self._marked_by is NOTHING else self._mark(x)
        self._note(mark, y, prediction)

    def _numbers_of(self, x: Any) -> list[float | None]:
        """Return the inputs of an event, None where they are no numbers."""
        given = [x.get(name) if isinstance(x, dict) else None for name in self.inputs]
        if not self.steps and all(value is None for value in given):
            names = list(x) if isinstance(x, dict) else []
            raise ValueError(f"inputs: the first event has none of {self.inputs}; it has {names}")
        return [number_in(value) if is_number(value) else None for value in given]

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
            if self.inputs:
                raise ValueError("inputs: a text has no features")
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
