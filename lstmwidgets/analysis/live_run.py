"""What a model's run over events leaves behind for pictures, in bounded memory."""

from __future__ import annotations

import bisect
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift
from river.metrics.base import Metric

from ..conformal import conformal_rank
from ..shown import named
from .look_ahead import LookAhead
from .recording import ORDER, QUANTITIES, Recording
from .rows import Numbering, Row, as_floats
from .tasks import finite
from .thinning import Thinned

ERRORS = 512
"""How many of the last absolute errors intervals are made from."""

ROOM = 32_000_000
"""Most numbers kept of gates and cell states: 128 MB."""

CURVE = 2_000
"""Most points of the curve of the metric over the whole run."""

DRIFTS = 100
"""Most drift marks kept."""

NUMBERS, CLASSES, SCORES = "numbers", "classes", "scores"


class Run:
    """The last events of a run, its metric from the beginning, and the LSTM under it.

    Whoever takes in events calls `_copy` and `_note` for each, and `_settle` in the end.

    Parameters
    ----------
    kind : str
        What is predicted: ``"numbers"``, ``"classes"``, or anomaly ``"scores"``, which have no
        truth to be compared with.
    naive : str
        What the naive forecast does, for people.
    metric : Metric
        Of River; a new one.
    window : int
        How many events are kept to be drawn.
    coverage : float
        Share of targets that the intervals around numbers shall hold.

    Attributes
    ----------
    events : int
        How many events have gone through.
    steps : int
        How many rows were made: as many, or in a source of texts the number of words.
    beginnings : int
        How often the run has begun.
    words : bool
        Whether the rows are the words of texts.
    numbering : Numbering or None
        How steps are numbered, if not from 0 on.
    rows : deque of Row
        The last `window` of them.
    metric, naive_metric : Metric
        Of the model and of the naive forecast.
    curve : Thinned of tuple
        Step, metric and naive metric, over the whole run; of several metrics two each.
    drifts : deque of int
        Steps at which ADWIN saw the model's error change.
    inputs : tuple of str
        Features that are kept with the events.
    hidden_size : int or None
        Units of a layer, if the model shows its LSTM.
    num_layers : int
        Layers of that LSTM.
    cell : str
        Their kind.
    ahead : LookAhead or None
        Forecasts of the next values and how good they were, where there are any.
    late : deque of tuple
        Step and target of rows whose targets came after them, the last `window` of them.
    completed : int
        How many such targets there were.

    References
    ----------
    Bifet & Gavaldà (2007), "Learning from time-changing data with adaptive windowing" (ADWIN).
    Intervals are split conformal ones over the last 512 errors: Vovk et al. (2005), "Algorithmic
    learning in a random world", section 2.2.
    """

    hidden_size: int | None = None
    inputs: tuple[Any, ...] = ()
    numbering: Numbering | None = None
    num_layers = 1
    cell = "standard"
    horizon = 0

    def __init__(
        self, kind: str, naive: str, metric: Metric, *, window: int = 300, coverage: float = 0.9
    ) -> None:
        self.kind = kind
        self.naive = naive
        self.window = window
        self.coverage = coverage
        self.words = False
        self.beginnings = 0
        self._new_metric = metric
        self.clear()

    def clear(self) -> None:
        """Forget all events."""
        self.beginnings += 1
        self.events = self.steps = 0
        self.rows: deque[Row] = deque(maxlen=self.window)
        self.metric, self.naive_metric = self._new_metric.clone(), self._new_metric.clone()
        self.curve: Thinned[tuple[float, ...]] = Thinned(CURVE)
        self.drifts: deque[int] = deque(maxlen=DRIFTS)
        self._given = np.full((self.window if self.inputs else 0, len(self.inputs)), np.nan)
        self.late: deque[tuple[int, float]] = deque(maxlen=self.window)
        self.completed = 0
        self._labels_only = getattr(self.metric, "requires_labels", True)
        self.ahead = LookAhead(self.horizon, self.coverage) if self.horizon else None
        self._has_scores = [False, False]  # of the model, of the naive forecast
        self._adwin = drift.ADWIN()
        self._last: Any = None
        self._errors: deque[float] = deque()
        self._sorted: list[float] | None = []  # None as long as nobody wants to see a margin
        self._layers: NDArray[np.float32] | None = None
        self._noted: list[tuple[Any, Any, Any, bool]] = []

    @property
    def scored(self) -> bool:
        """Whether there is a truth that predictions are compared with."""
        return self.kind != SCORES

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

    def block(self, steps: int, layer: int) -> NDArray[np.float32]:
        """Return a layer over the last so many steps, (T, 6, H), quantities in `ORDER`."""
        assert self._layers is not None
        places = np.arange(self.steps - steps, self.steps) % len(self._layers)
        hidden = self._layers.shape[-1] // 6
        block: NDArray[np.float32] = self._layers[places, layer].reshape(steps, 6, hidden)
        return block

    def given(self, steps: int) -> NDArray[np.float64]:
        """Return the inputs of the last so many steps, (T, inputs); NaN where none is a number."""
        places = np.arange(self.steps - steps, self.steps) % self.window
        values: NDArray[np.float64] = self._given[places]
        return values

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
        columns: dict[str, NDArray[np.float64]] = {}
        categories: dict[str, tuple[str, ...]] = {}
        if self.kind == CLASSES:
            categories = {
                "target": tuple(_class_name(row.target) for row in rows),
                "prediction": tuple(_class_name(likeliest(row.prediction)) for row in rows),
            }
        else:
            columns = {
                "target": as_floats(row.target for row in rows),
                "prediction": as_floats(row.prediction for row in rows),
            }
        return Recording(
            self.layers(self.kept),
            tuple(row.label for row in rows),
            np.array([row.step for row in rows]),
            columns,
            self.cell,
            categories=categories,
        )

    def _margin(self) -> float | None:
        """Return half the width of the next interval; None as long as errors are too few."""
        if self._sorted is None:
            self._sorted = sorted(self._errors)
        count = len(self._sorted)
        place = conformal_rank(self.coverage, count)
        return self._sorted[place] if place < count else None

    def _note(self, mark: Any, y: Any, prediction: Any, scored: bool = True) -> None:
        """Note a step; what follows from it waits for `_settle`, so that the model is not kept.

        A number y is finite or None.
        """
        self._noted.append((mark, y, prediction, scored))
        self.steps += 1

    def _copy(self, activations: NDArray[np.float32]) -> None:
        """Keep what the LSTM did at this step: h, c, i, f, g, o in a row, (L, 6 * H)."""
        if self._layers is None:
            self._layers = self._room(activations.shape)
        self._layers[self.steps % len(self._layers)] = activations

    def _copy_many(self, activations: NDArray[Any]) -> None:
        """Keep the same of the next steps, (n, L, 6 * H)."""
        if self._layers is None:
            self._layers = self._room(activations.shape[1:])
        kept = activations[-len(self._layers) :]
        first = (self.steps + len(activations) - len(kept)) % len(self._layers)
        behind = self._layers[first : first + len(kept)]
        behind[:] = kept[: len(behind)]
        self._layers[: len(kept) - len(behind)] = kept[len(behind) :]

    def _room(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        room = max(1, min(self.window, ROOM // math.prod(shape)))
        return np.full((room, *shape), np.nan, np.float32)

    def _settle(self) -> None:
        """Score the steps noted, and make rows of the last of them."""
        noted, self._noted = self._noted, []
        first = self.steps - len(noted)
        seen = self.steps - self.window
        numbers, classes, scored = self.kind == NUMBERS, self.kind == CLASSES, self.scored
        isfinite = math.isfinite
        score = self._score_number if numbers else self._score_class
        margin, wanted = None, self.curve.wanted
        if first < seen:
            self._sorted = None
        for step, (mark, target, prediction, whole) in enumerate(noted, first):
            if not classes and not (type(prediction) is float and isfinite(prediction)):
                prediction = finite(prediction)
            if numbers and step >= seen:
                margin = self._margin()
            if scored and whole and target is not None:
                score(step, target, prediction)
            if step >= seen:
                self.rows.append(Row(step, mark, target, prediction, margin))
            if step == wanted:
                self.curve.append((step, *self.scores()))
                wanted = self.curve.wanted

    def scores(self) -> list[float]:
        """Return the metric of the model and of the naive forecast; NaN before there is one.

        Of several metrics (``MAE() + RMSE()``) the two of each follow each other.
        """
        pairs = zip(_values(self.metric), _values(self.naive_metric), strict=True)
        known = self._has_scores
        return [
            value if scored else math.nan
            for pair in pairs
            for value, scored in zip(pair, known, strict=True)
        ]

    def _score_number(self, step: int, target: float, prediction: float | None) -> None:
        if self.ahead is not None:
            self.ahead.score(step, target)
        if prediction is not None:
            self.metric.update(target, prediction)
            self._has_scores[0] = True
            self._remember(step, abs(target - prediction))
        if self._last is not None:
            self.naive_metric.update(target, self._last)
            self._has_scores[1] = True
        self._last = target

    def _score_class(self, step: int, target: Any, prediction: Any) -> None:
        if prediction:
            best = likeliest(prediction)
            self.metric.update(target, best if self._labels_only else prediction)
            self._has_scores[0] = True
            self._watch(step, float(best != target))
        if self._last is not None:
            last = self._last if self._labels_only else {self._last: 1.0}
            self.naive_metric.update(target, last)
            self._has_scores[1] = True
        self._last = target

    def _watch(self, step: int, error: float) -> None:
        """Mark where the error changes."""
        self._adwin.update(error)
        if self._adwin.drift_detected:
            self.drifts.append(step)

    def _remember(self, step: int, error: float) -> None:
        """Keep the size of an error, for intervals."""
        self._watch(step, error)
        self._errors.append(error)
        oldest = self._errors.popleft() if len(self._errors) > ERRORS else None
        if self._sorted is not None:
            bisect.insort(self._sorted, error)
            if oldest is not None:
                del self._sorted[bisect.bisect_left(self._sorted, oldest)]


def likeliest(probabilities: Mapping[Any, float] | None) -> Any:
    """Return the class of the largest probability, the first of equals; None if there are none."""
    return max(probabilities, key=probabilities.__getitem__) if probabilities else None


def _class_name(name: Any) -> str:
    return "" if name is None else named(name)


def _values(metric: Metric) -> list[float]:
    """Return what one metric or several say."""
    value: Any = metric.get()
    return value if isinstance(value, list) else [value]
