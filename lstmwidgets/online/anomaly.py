"""A recurrent anomaly detector for streams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from ..kernels.scaling import LARGEST
from .estimator import Features, LSTMEstimator
from .learner import OnlineLearner
from .optimizers import OptimizerFactory

BINS = 400
"""Bins of the histogram of surprises, over ten powers of ten."""

LOWEST, HIGHEST = -5.0, 5.0
"""Its range, as powers of ten."""

MEMORY = 0.9999
"""How fast it forgets: it looks back on some 10,000 events."""

RATE = 0.002
"""The typical error of a column follows at least this fast."""

WILD = 10.0
"""An error enters the typical one as if it were at most so many times as large."""


FAR = 1e5
"""Deviations beyond which errors are not told apart."""


class Calibration:
    """Turns surprises into the share of past events that were less surprising."""

    def __init__(self) -> None:
        # One event spread over all bins keeps the score rising beyond what has been seen.
        self._counts = np.full(BINS, 1.0 / BINS)

    def score(self, surprise: float) -> float:
        """Return the share of events that were less surprising, from 0 to 1."""
        place = self._place(surprise)
        below, inside = int(place), place - int(place)
        less = self._counts[:below].sum() + inside * self._counts[min(below, BINS - 1)]
        return float(less / self._counts.sum())

    def learn(self, surprise: float) -> None:
        """Take in a surprise."""
        self._counts *= MEMORY
        self._counts[min(int(self._place(surprise)), BINS - 1)] += 1

    def _place(self, surprise: float) -> float:
        power = math.log10(surprise) if surprise > 0 else LOWEST
        return min(max((power - LOWEST) / (HIGHEST - LOWEST), 0.0), 1.0) * BINS


class LSTMAnomalyDetector(LSTMEstimator, base.AnomalyDetector):
    """Scores events by how much they surprise an LSTM that has predicted them from the past.

    The LSTM reads each event and predicts the next one, feature by feature. The errors, each in the
    typical size of its feature's errors, make the surprise: their root mean square. The score is
    the share of past events that were less surprising, so that 0.99 means the same on every stream:
    one event in a hundred is that odd.

    Parameters
    ----------
    hidden_size, num_layers, cell, gradient, window, optimizer, lr, clip, scale, seed
        As in `lstmwidgets.online.estimator.LSTMEstimator`. There is no target to lag.

    Attributes
    ----------
    module, head, state, gates, imputed, unlearned
        As in `lstmwidgets.online.estimator.LSTMEstimator`.

    Examples
    --------
    >>> import math
    >>> from lstmwidgets.online import LSTMAnomalyDetector
    >>> model = LSTMAnomalyDetector(hidden_size=8, seed=1)
    >>> for n in range(500):
    ...     model.learn_one({"level": math.sin(n / 4)})
    >>> model.score_one({"level": math.sin(500 / 4)}) < model.score_one({"level": 3.0})
    True
    """

    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        gradient: str = "tbptt",
        window: int = 16,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.005,
        clip: float = 1.0,
        scale: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            hidden_size,
            num_layers,
            cell=cell,
            gradient=gradient,
            window=window,
            optimizer=optimizer,
            lr=lr,
            clip=clip,
            scale=scale,
            target_lag=False,
            seed=seed,
        )
        self._last: NDArray[np.float32] | None = None
        self._typical = np.zeros(0)
        self._seen = np.zeros(0)
        self._calibration = Calibration()

    def learn_one(self, x: Features) -> None:
        """Learn one event: that it followed the last one, and how surprising that was."""
        values = self._take_in(x)
        assert self._learner is not None
        apart = self._apart(values)
        self._read_last()
        if np.isnan(apart).all():
            self.unlearned += 1
            if self._last is not None:
                self._learner.advance(self._inputs)
        elif self._last is not None:
            goal = np.full(self._learner.outputs, np.nan, np.float32)  # one even without columns
            goal[: len(apart)] = np.where(np.isnan(apart), np.nan, self._features)
            self._learn(goal)
            errors = np.abs(apart - self._learner.output)
            self._calibration.learn(self._surprise(errors))
            self._follow(errors)
        self._last = self._came(values)

    def score_one(self, x: Features) -> float:
        """Return the share of past events that were less surprising, 0 to 1; changes nothing.

        0.0 before the second event. Features never seen before do not count.
        """
        if self._learner is None or self._last is None:
            return 0.0
        apart = self._apart(self._encoder.encode(x))
        self._read_last()
        errors = np.abs(apart - self._learner.predict(self._inputs))
        return self._calibration.score(self._surprise(errors))

    def step_one(self, x: Features) -> float:
        """Score an event and let it pass without learning from it."""
        score = self.score_one(x)
        values = self._take_in(x)
        assert self._learner is not None
        self._read_last()
        if self._last is not None:
            self._learner.advance(self._inputs)
        self._last = self._came(values)
        return score

    def _apart(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise an event into `_features`, and return the same without a cut, NaN if missing.

        A column that was constant so far has no deviation; what differs from it counts as far off.
        """
        self._read(values)
        if not self.scale:
            return np.where(np.abs(values) <= LARGEST, values, np.nan)
        numeric = np.array(self._encoder.numeric)
        deviation, distance = self._scaler.deviation, values - self._scaler.mean
        far = np.sign(distance) * FAR
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            apart = np.where(deviation > 0, distance / deviation, far)
        apart = np.where(numeric, np.clip(apart, -FAR, FAR), values)
        return np.where(np.abs(values) <= LARGEST, apart, np.nan)

    def _came(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the inputs that an event makes for the next one."""
        self._inputs[:] = 0
        self._read(values)
        return self._inputs.copy()

    def _read_last(self) -> None:
        """Write the last event into the inputs; features that are new since then were zero."""
        self._inputs[:] = 0
        if self._last is not None:
            self._inputs[: len(self._last)] = self._last

    def _surprise(self, errors: NDArray[np.float64]) -> float:
        """Return the root mean square of errors, (columns,), in their typical sizes."""
        known = ~np.isnan(errors)
        if not known.any():
            return 0.0
        error, typical = errors[known], self._typical[known]
        sizes = np.divide(error, typical, out=np.where(error > 0, FAR, 0.0), where=typical > 0)
        return float(np.sqrt(np.mean(np.minimum(sizes, FAR) ** 2)))

    def _follow(self, errors: NDArray[np.float64]) -> None:
        """Learn how large errors typically are."""
        known = ~np.isnan(errors)
        typical = self._typical[known]
        size = np.where(typical > 0, np.minimum(errors[known], WILD * typical), errors[known])
        self._seen[known] += 1
        self._typical[known] += np.maximum(1 / self._seen[known], RATE) * (size - typical)

    def _implicit_inputs(self) -> Sequence[str]:
        return ("nothing",)  # one that is always there, for events without any feature

    def _features_grew(self) -> None:
        columns = len(self._encoder.columns)
        new = columns - len(self._typical)
        self._typical = np.pad(self._typical, (0, new))
        self._seen = np.pad(self._seen, (0, new))
        assert self._learner is not None
        missing = columns - self._learner.outputs
        if missing > 0:
            self._learner.grow_outputs([0.0] * missing)

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        names = list(input_names)
        columns = max(len(names) - 1, 1)
        options = self._learner_options()
        return OnlineLearner(names, outputs=columns, loss="huber", levels=[1.0], **options)

    def _recent(self) -> tuple[Any, ...]:
        return (None if self._last is None else self._last.copy(),)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        (last,) = recent if recent else (None,)
        self._last = None if last is None else last.copy()
