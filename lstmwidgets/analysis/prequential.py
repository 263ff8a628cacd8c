"""Prequential evaluation that can be looked at: predict, score, then learn, one event at a time."""

from __future__ import annotations

import bisect
import math
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import drift

from .recording import QUANTITIES, Recording
from .tasks import Metric, Task, TextClassification, finite, task_of
from .thinning import Thinned

ERRORS = 512
"""How many of the last absolute errors intervals are made from."""

ROOM = 32_000_000
"""Most numbers kept of gates and cell states: 128 MB."""

CURVE = 2_000
"""Most points of the curve of the metric over the whole run."""

DRIFTS = 100
"""Most drift marks kept."""

ORDER = ("hidden", "cell", "input_gate", "forget_gate", "candidate", "output_gate")
"""As in an estimator's `activations`."""


class Row(NamedTuple):
    """One event as it is drawn.

    Attributes
    ----------
    step : int
        Position in the run. In a text source every word has one.
    mark : object
        What stands for it on the axis: a time, a word, or None.
    target : object
        Number, class or None.
    prediction : object
        Number, probabilities by class or None.
    margin : float or None
        Half the width of the interval around a number.
    """

    step: int
    mark: Any
    target: Any
    prediction: Any
    margin: float | None

    @property
    def time(self) -> datetime | None:
        """When it happened, if the features say so."""
        return self.mark if isinstance(self.mark, datetime) else None

    @property
    def label(self) -> str:
        """What stands for it, for people."""
        if self.mark is None:
            return f"event {self.step:,}"
        if isinstance(self.mark, datetime):
            return f"{self.mark:%a %d %b %Y %H:%M}"
        return str(self.mark)


class Prequential:
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
    window : int
        How many events are kept to be drawn.
    coverage : float
        Share of targets that the intervals around numbers shall hold.

    Attributes
    ----------
    events : int
        How many events have gone through.
    steps : int
        How many rows were made: as many, or in a text source the number of words.
    rows : deque of Row
        The last `window` of them.
    learning : bool
        Whether the model learns. If not, its state goes on all the same where it has `step_one`.
    metric, naive : Metric
        Of the model and of the naive forecast.
    curve : Thinned of tuple
        Step, metric and naive metric, over the whole run.
    drifts : deque of int
        Steps at which ADWIN saw the model's error change.

    References
    ----------
    Dawid (1984), "Statistical theory: the prequential approach". Bifet & Gavaldà (2007), "Learning
    from time-changing data with adaptive windowing" (ADWIN). Intervals are split conformal ones
    over the last 512 errors: Vovk et al. (2005), "Algorithmic learning in a random world", 2.2.

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
    ) -> None:
        self.task: Task = task_of(model)
        self.model = model
        self.learning = True
        self.window = window
        self.coverage = coverage
        if metric is not None and self.task.naive and not metric.works_with(model):
            raise ValueError(f"{type(metric).__name__} does not go with this model")
        self._metric = metric
        self.begin(source)

    def begin(self, source: Iterable[Any]) -> None:
        """Start anew with a source; the model keeps what it has learned."""
        self._source = iter(source)
        self.events = self.steps = 0
        self.rows: deque[Row] = deque(maxlen=self.window)
        self.metric = self.task.metric() if self._metric is None else self._metric.clone()
        self.naive = self.metric.clone()
        self.curve: Thinned[tuple[int, float, float]] = Thinned(CURVE)
        self.drifts: deque[int] = deque(maxlen=DRIFTS)
        self._adwin = drift.ADWIN()
        self._last: Any = None
        self._errors: deque[float] = deque()
        self._sorted: list[float] = []
        self._words: Iterator[None] | None = None
        self._layers: NDArray[np.float32] | None = None

    def advance(self) -> bool:
        """Take in the next event, or the next word of a text; return False at the end."""
        if self._words is not None:
            try:
                next(self._words)
            except StopIteration:
                self._words = None
            else:
                return True
        try:
            event = next(self._source)
        except StopIteration:
            return False
        x, y = self._taken_apart(event)
        if isinstance(self.task, TextClassification):
            self._words = self._read(x, y)
            return self.advance()
        # Before the first target there is nothing to predict from, and a naive forecast has none.
        begun = self._last is not None or not (self.task.numeric and self.task.naive)
        prediction = self.task.predict(x) if begun else None
        target = finite(y) if self.task.numeric else _known(y)
        margin = self._margin()
        self._score(target, prediction)
        if target is not None or not self.task.naive:
            self._learn(x, y if self.task.naive else None)
        else:
            self.task.skip(x)
        self._keep(_mark(x), target, prediction, margin)
        self.events += 1
        return True

    @property
    def kept(self) -> int:
        """How many of the last steps `layers` can give."""
        return 0 if self._layers is None else min(len(self.rows), len(self._layers))

    def layers(self, steps: int) -> dict[str, NDArray[np.float32]]:
        """Return each of `QUANTITIES` over the last so many steps, (T, L, H)."""
        assert self._layers is not None
        places = np.arange(self.steps - steps, self.steps) % len(self._layers)
        blocks = np.split(self._layers[places], 6, axis=-1)
        named = dict(zip(ORDER, blocks, strict=True))
        return {name: named[name] for name in QUANTITIES}

    def recording(self) -> Recording:
        """Return the LSTM's last steps.

        Raises
        ------
        ValueError
            If the model is not one of ours, or has not seen an event.
        """
        if not self.kept:
            raise ValueError("there are no gates to show: no event yet, or a model of another kind")
        rows = list(self.rows)[-self.kept :]
        columns = {}
        if self.task.numeric:
            columns = {
                "target": as_floats(row.target for row in rows),
                "prediction": as_floats(row.prediction for row in rows),
            }
        return Recording(
            self.layers(self.kept),
            tuple(row.label for row in rows),
            np.array([row.step for row in rows]),
            columns,
            getattr(self.model, "cell", "standard"),
        )

    def _taken_apart(self, event: Any) -> tuple[Any, Any]:
        if isinstance(event, tuple | list) and len(event) >= 2:
            x, y = event[0], event[1]
        elif isinstance(event, int | float) and not isinstance(event, bool):
            x, y = {}, event
        elif isinstance(event, dict | str):
            x, y = event, None
        elif hasattr(event, "x") and hasattr(event, "y"):
            x, y = event.x, event.y
        else:
            raise TypeError(
                f"event {self.events} is {event!r:.80}; expected a pair of features and target, "
                "as River's data sets give them"
            )
        if isinstance(x, str) and not isinstance(self.task, TextClassification):
            if self.task.numeric:
                raise TypeError(f"event {self.events} is a text, which needs a classifier")
            self.task = TextClassification(self.model)
        return x, y

    def _learn(self, x: Any, y: Any) -> None:
        if self.learning:
            self.task.learn(x, y)
        else:
            self.task.skip(x)

    def _read(self, text: str, y: Any) -> Iterator[None]:
        """Make a row of every word, then learn the text."""
        target = _known(y)
        prediction = None
        for word, prediction in self.task.readings(text):
            self._keep(word, target, prediction, None)
            yield
        self._score(target, prediction)
        if self.learning and target is not None:
            self.task.learn(text, y)
        self.events += 1

    def _margin(self) -> float | None:
        """Return half the width of the next interval; None as long as errors are too few."""
        count = len(self._sorted)
        place = math.ceil(self.coverage * (count + 1)) - 1
        return self._sorted[place] if place < count else None

    def _score(self, target: Any, prediction: Any) -> None:
        if target is None or not self.task.naive:
            return
        if self.task.numeric:
            if prediction is not None:
                self.metric.update(target, prediction)
                error = abs(target - prediction)
                self._remember(error)
            if self._last is not None:
                self.naive.update(target, self._last)
        else:
            if prediction:
                likeliest = max(prediction, key=prediction.__getitem__)
                given = likeliest if getattr(self.metric, "requires_labels", True) else prediction
                self.metric.update(target, given)
                error = float(likeliest != target)
                self._adwin.update(error)
            if self._last is not None:
                given = (
                    self._last
                    if getattr(self.metric, "requires_labels", True)
                    else {self._last: 1.0}
                )
                self.naive.update(target, given)
        if self._adwin.drift_detected:
            self.drifts.append(self.steps)
        self._last = target

    def _remember(self, error: float) -> None:
        self._adwin.update(error)
        self._errors.append(error)
        bisect.insort(self._sorted, error)
        if len(self._errors) > ERRORS:
            del self._sorted[bisect.bisect_left(self._sorted, self._errors.popleft())]

    def _keep(self, mark: Any, target: Any, prediction: Any, margin: float | None) -> None:
        self._keep_layers()
        self.rows.append(Row(self.steps, mark, target, prediction, margin))
        if self.task.naive and self.curve.wants(self.steps):
            self.curve.append((self.steps, self.metric.get(), self.naive.get()))
        self.steps += 1

    def _keep_layers(self) -> None:
        values = getattr(self.model, "activations", None)
        if values is None:
            return
        if self._layers is None:
            kept = max(1, min(self.window, ROOM // values.size))
            self._layers = np.full((kept, *values.shape), np.nan, np.float32)
        self._layers[self.steps % len(self._layers)] = values


def _mark(x: Any) -> Any:
    """Return a time among the features, or the text that is the only one."""
    if not isinstance(x, dict):
        return None
    for value in x.values():
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
    if len(x) == 1:
        (only,) = x.values()
        return only if isinstance(only, str) else None
    return None


def _known(y: Any) -> Any:
    return None if isinstance(y, float) and math.isnan(y) else y


def as_floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Return numbers as an array, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
