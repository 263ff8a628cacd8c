"""A recurrent anomaly detector for streams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from ..kernels import novelty, stillness
from ..kernels import parameters as layout
from ..kernels import surprise as kernels
from ..kernels.losses import CROSS_ENTROPY
from ..kernels.tails import BINS
from .arrays import need, need_array
from .columns import is_turn
from .estimator import Features, LSTMEstimator, shared
from .learner import OnlineLearner
from .optimizers import OptimizerFactory

LEARN = kernels.UPDATE | kernels.LEARN
REST = kernels.REWARD | kernels.CARRY


class LSTMAnomalyDetector(LSTMEstimator, base.AnomalyDetector):
    """Scores how odd events are, beside all that has been and beside what an LSTM has predicted.

    An event is odd in one of these ways:

    =================== ============================================================================
    way                 measure
    =================== ============================================================================
    new                 distance of the last event or two to the nearest of the last 4,096 events,
                        fewer with more than four features: 16,384 numbers are kept
    new course          the same for the last sixteen events: a shift, another frequency, a season
                        that does not come
    not predicted       the LSTM reads each event and predicts the next one, feature by feature; the
                        root mean square of its errors, each in the typical size of its feature's
    still               how long the stream has repeated the same event
    =================== ============================================================================

    Each measure becomes a p-value by the past events, and these become one. The score is 1 - p:
    where nothing is odd about one event in a hundred has a score of 0.99 or more (on noise, random
    walks and seasonal series 0.55 to 1.27 were measured, see ``benchmarks/oddities.py``).

    What is odd tells no news while it lasts: for 30 events after an odd one others score 0, unless
    they are odder; `lasting` has the number. Times are read, but not odd in themselves.

    Parameters
    ----------
    hidden_size : int
        Units per layer, H.
    num_layers : int
        Layers on top of each other, L.
    cell : str
        ``"standard"``, ``"peephole"``, ``"full_gate_recurrence"``, ``"coupled"`` or
        ``"layer_norm"``; `lstmwidgets.LSTM` has the equations.
    gradient : str
        ``"tbptt"`` backpropagates through the last `window` events. ``"eligibility"`` keeps a trace
        for each weight instead, several times faster; not for full gate recurrence and layer
        normalisation.
    window : int
        How many events back the gradient of `tbptt` looks, T; memory reaches further.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), a class of `torch.optim`, or a factory
        called with ``(params, lr=lr)``; names and these three classes run compiled.
    lr : float
        Learning rate. May be set anew at any time.
    clip : float
        Bound on the gradient's global norm. May be set anew at any time.
    scale : bool
        Standardise features online. If not, numbers are cut off at ±1e6.
    lasting : int
        Events that an anomaly lasts: so many after an odd one score 0 unless they are odder. 0
        where events have nothing to do with each other, as payments of many people.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    module : LSTM or None
        A copy of the weights as they are now, as a PyTorch module; None before the first event.
    head : torch.nn.Linear or None
        The same of the head, which reads the top layer's hidden output and the inputs beside it.
    state : LSTMState or FullGateState or None
        State after the last event, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last event, each (L, 1, H).
    imputed : int
        How many feature values counted as missing.
    unlearned : int
        How many events had no usable feature.

    Examples
    --------
    >>> import math
    >>> from lstmwidgets.online import LSTMAnomalyDetector
    >>> model = LSTMAnomalyDetector(hidden_size=8, seed=1)
    >>> for n in range(500):
    ...     model.learn_one({"level": math.sin(n / 4)})
    >>> model.score_one({"level": math.sin(500 / 4)}) < 0.9
    True
    >>> model.score_one({"level": 3.0}) > 0.999
    True

    An alarm with one false one in a thousand events:

    >>> from river import anomaly
    >>> alarms = anomaly.ThresholdFilter(model, threshold=0.999)
    >>> alarms.classify(model.score_one({"level": 3.0}))
    True
    """

    NOT_KEPT = LSTMEstimator.NOT_KEPT | {"_inputs", "_scaled", "_arguments"}

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
        lasting: int = 30,
        seed: int | None = None,
    ) -> None:
        super().__init__(**shared(locals()), target_lag=False)
        if not isinstance(lasting, int) or lasting < 0:
            raise ValueError(f"lasting must be a whole number from 0 on, got {lasting!r}")
        self.lasting = lasting
        self._last: NDArray[np.float32] | None = None
        self._errors = np.zeros((2, 0))
        self._watched = np.zeros(0, np.int64)  # columns that can be odd
        self._distances = np.zeros((2, 2))
        # One event spread over all bins keeps the score rising beyond what has been seen.
        self._histograms = np.full((3, BINS), 1.0 / BINS)
        self._past = np.zeros(novelty.length(0))
        self._runs, self._news = np.zeros(stillness.LENGTH), np.zeros(3)

    def learn_one(self, x: Features) -> None:
        """Learn one event: that it followed the last one, and how surprising that was."""
        values = self._take_in(x)
        assert self._learner is not None
        if self._learner.is_compiled:
            found = self._run(LEARN | kernels.OPTIMIZE | REST, values)
        else:
            found = self._run(LEARN, values)
            if found == 0.0 and self._last is not None:
                self._learner.step_optimizer()
            self._run(REST, values)
        self.unlearned += found < 0
        self._last = self._inputs

    def score_one(self, x: Features) -> float:
        """Return how odd an event is, 1 - p, from 0 to 1; changes nothing.

        The first ten events or so score 0.0, and up to the fiftieth the LSTM's surprise alone
        counts. Features never seen before do not count; a value of a known feature that has no
        column is as odd as can be, 1.0: a category never learned, or one of those beyond the 256
        that get a column.
        """
        if self._learner is None or self._last is None:
            return 0.0
        values, has_unknown = self._encoder.encode_and_ask(x)
        return 1.0 if has_unknown else self._run(kernels.SCORE, values)

    def step_one(self, x: Features) -> float:
        """Score an event and let it pass without learning from it."""
        score = self.score_one(x)
        self._run(kernels.UPDATE | kernels.PASS | kernels.CARRY, self._take_in(x))
        self._last = self._inputs
        return score

    def _run(self, parts: int, values: NDArray[np.float64]) -> float:
        assert self._learner is not None
        known = 0 if self._last is None else kernels.KNOWN
        kernel = kernels.surprising(*self._learner.rules)
        return kernel(parts | known | self._scaled, values, *self._arguments)

    def _implicit_inputs(self) -> Sequence[str]:
        return ("nothing",)  # one that is always there, for events without any feature

    def _outputs_of_lstm(self) -> dict[str, Any]:
        return {"outputs": [f"next {column}" for column in self._encoder.columns]}

    def _features_grew(self) -> None:
        columns, known = len(self._encoder.columns), self._watched
        self._errors = np.pad(self._errors, ((0, 0), (0, columns - self._errors.shape[1])))
        numbers = zip(self._encoder.columns, self._encoder.numeric, strict=True)
        watched = [n for n, column in enumerate(numbers) if not is_turn(*column)]
        self._watched = np.array(watched, np.int64)
        self._past = novelty.grown(self._past, len(known), len(watched))
        assert self._learner is not None
        missing = columns - self._learner.outputs
        if missing > 0:
            self._learner.grow_outputs([0.0] * missing)

    def _make_room(self) -> None:
        learner = self._learner
        assert learner is not None
        inputs = np.zeros(learner.capacity, np.float32)
        if self._last is not None:  # features that are new since then were zero
            inputs[: len(self._last)] = self._last
            self._last = inputs
        self._inputs = inputs
        self._scaled = kernels.SCALED if self.scale else 0
        features = np.zeros((2, self._scaler.columns))
        learned = (inputs, self._errors, self._distances, self._histograms)
        looked = np.zeros(5 + novelty.reach(len(self._watched)))
        self._news[kernels.LASTING] = self.lasting
        stream = (self._watched, self._past, self._runs, self._news, looked)
        self._arguments = (*learner.arrays, self._scaler.statistics, features, *learned, *stream)

    def _verify(self) -> None:
        super()._verify()
        columns, learner = self._scaler.columns, self._learner
        need_array(self._errors, (2, columns), np.float64)
        need_array(self._distances, (2, 2), np.float64)
        need_array(self._histograms, (3, BINS), np.float64)
        watched = len(self._watched)
        need_array(self._watched, (watched,), np.int64)
        need(bool(((self._watched >= 0) & (self._watched < columns)).all()), "columns")
        need_array(self._past, (novelty.length(watched),), np.float64)
        need_array(self._runs, (stillness.LENGTH,), np.float64)
        need_array(self._news, (3,), np.float64)
        need(bool((self._histograms >= 0).all()), "histograms")
        need(isinstance(self.lasting, int) and self.lasting >= 0, "lasting")
        for counts in (self._past[: 1 + novelty.SEEN], self._runs):
            need(bool(((counts >= 0) & (counts < 2**53)).all()), "counts")
        if learner is not None:
            need(learner.outputs >= columns, "outputs")
            need(learner.sizes[layout.LOSS] != CROSS_ENTROPY, "loss")
            if self._last is not None:
                need_array(self._last, (learner.capacity,), np.float32)

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        names = list(input_names)
        columns = max(len(names) - 1, 1)
        options = self._learner_options()
        return OnlineLearner(names, outputs=columns, loss="huber", levels=[1.0], **options)

    def _recent(self) -> tuple[Any, ...]:
        last = None if self._last is None else self._last.copy()
        columns = len(self._watched)
        return (last, columns, self._past.copy(), self._runs.copy(), self._news.copy())

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        begun = (None, 0, np.zeros(novelty.length(0)), np.zeros(stillness.LENGTH), np.zeros(3))
        last, columns, past, runs, news = recent or begun
        watched = len(self._watched)
        if columns > watched:
            raise ValueError(f"the state is of {columns} features, and the model has {watched}")
        self._past = novelty.grown(past, columns, watched)
        self._runs, self._news = runs.copy(), news.copy()
        self._last = None
        if self._learner is not None:
            self._make_room()
        if last is not None:
            self._inputs[: len(last)] = last
            self._last = self._inputs
