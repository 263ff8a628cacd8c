"""What regression and forecasting share: a numeric target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import takewhile
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice, check_probability
from ..kernels import LARGEST
from ..kernels import numbers as kernels
from ..kernels.recent import LAGS, remember
from ..values import PLAIN, target_in
from .arrays import need, need_array
from .estimator import Features, LSTMEstimator
from .experts import NO_EXPERTS, Experts
from .features import FeatureEncoder
from .learner import OnlineLearner
from .scaling import OnlineScaler
from .stream_rows import StreamRows
from .target import TargetScaler

LOSSES = ("absolute", "huber", "squared", "quantile")

LAG_INPUTS = ("last target", "last change", "expected change", "last surprise")
"""What a network reads of the past targets."""

PEEK = kernels.PREDICT
LEARN = kernels.UPDATE | kernels.LEARN | kernels.OPTIMIZE | kernels.REWARD
LEARN_LATE = LEARN & ~kernels.UPDATE | kernels.LATE
OBSERVE = kernels.PREDICT | kernels.PASS | kernels.REMEMBER


class RegressorParts(NamedTuple):
    """What a numeric estimator consists of, by reference.

    Attributes
    ----------
    encoder : FeatureEncoder
        Gives features their columns.
    scaler : OnlineScaler
        What was learned of the columns' scales.
    learner : OnlineLearner or None
        The network; None before the first event.
    target : TargetScaler
        What was learned of the target's scale.
    experts : Experts or None
        Cheap experts beside the network, if there are any.
    past : ndarray
        What is remembered of the stream's targets, (1, numbers); see `lstmwidgets.kernels.recent`.
    """

    encoder: FeatureEncoder
    scaler: OnlineScaler
    learner: OnlineLearner | None
    target: TargetScaler
    experts: Experts | None
    past: NDArray[np.float64]


class NumericEstimator(LSTMEstimator):
    """An LSTM that predicts a number: the target's scale, and experts beside it."""

    NOT_KEPT = LSTMEstimator.NOT_KEPT | {*("_event", "_targets", "_arrays", "_one")}

    LOOKS_AHEAD: ClassVar[bool] = False
    """Whether more than one step ahead is forecast, and a season looked for where none is given."""

    predict_one: Callable[[Features], float]
    learn_one: Callable[..., None]
    step_one: Callable[..., float]
    loss: str
    quantile: float
    experts: bool

    def _begin(self, seasonality: int | None) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_probability("quantile", self.quantile)
        self._target = TargetScaler(self.scale)
        mixed = self.experts and self.scale and self.target_lag and self.loss != "quantile"
        self._experts = self._make_experts(0, seasonality) if mixed else None
        self._past = np.zeros((1, LAGS * self.target_lag))

    def _make_experts(self, features: int, seasonality: int | None) -> Experts:
        return Experts(features, seasonality, looks_ahead=self.LOOKS_AHEAD)

    @property
    def parts(self) -> RegressorParts:
        """What the estimator consists of, by reference."""
        past = self._past if self._experts is None else self._experts.past
        return RegressorParts(
            self._encoder, self._scaler, self._learner, self._target, self._experts, past
        )

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the predictions; they add up to 1."""
        return {"lstm": 1.0} if self._experts is None else self._experts.shares

    @property
    def result_width(self) -> int:
        """How many numbers a row of results has that says all; see `run_events`."""
        return self._weights_begin + (0 if self._experts is None else len(self._experts.weights))

    @property
    def result(self) -> NDArray[np.float64]:
        """Such a row of the last event, its prediction left out."""
        result = np.zeros(self.result_width)
        if self._learner is not None:
            result[1 : self._weights_begin] = self._learner.activations.ravel()
        if self._experts is not None:
            result[self._weights_begin :] = self._experts.weights
        return result

    def activations_of(self, result: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what `activations` was at the event of such a row, (L, 6 * H)."""
        activations = result[1 : self._weights_begin]
        return activations.reshape(self.num_layers, -1).astype(np.float32)

    def weights_of(self, result: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights that experts had at the event of such a row, for `shares_of`."""
        return result[self._weights_begin :].copy()

    def shares_of(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return what `shares` was when the experts had such weights."""
        return self.shares if self._experts is None else self._experts.shares_of(weights)

    @property
    def _weights_begin(self) -> int:
        """Where in such a row the weights of experts begin: behind prediction and activations."""
        return 1 + self.num_layers * 6 * self.hidden_size

    @property
    def has_learned(self) -> bool:
        """Whether a target has been learned: before, a prediction stands for nothing."""
        return self._target.has_learned

    def run_events(
        self,
        turns: NDArray[np.int64],
        values: NDArray[np.float64],
        targets: NDArray[np.float64],
        results: NDArray[np.float64],
        rows: StreamRows,
    ) -> None:
        """Go through N events in one compiled call, each on the stream of its slot.

        Parameters
        ----------
        turns, values, targets, results
            See `lstmwidgets.kernels.numbers.events`. The optimizer must be a compiled one to learn.
        rows : StreamRows
            The streams that are not in the estimator.
        """
        streams = (rows.numbers, rows.filled, rows.past)
        self._kernel(turns, values.ravel(), targets, results, *streams, *self._arrays)

    def take_in_known(
        self,
        xs: Sequence[Features],
        ys: Sequence[float | None],
        late: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take in the events before the first that is not to be learned in a call for many.

        That is one with something new, for which the model may have to grow, or with an unusable
        target; with an optimizer of PyTorch's own it is any.

        Parameters
        ----------
        xs : sequence of dict
            Features of each event.
        ys : sequence of float
            Targets, None where there is none.
        late : ndarray of bool, optional
            Which events were taken in before and have now got their targets, (N,).

        Returns
        -------
        values, targets : ndarray
            Of these n events, as `run_events` takes them: (n, columns) and (n,).
        """
        if self._learner is None or not (self._learner.is_compiled and self.is_ready):
            return np.zeros((0, 0)), np.zeros(0)
        usual = sum(1 for _ in takewhile(_is_usual, ys))
        if late is None or not late[:usual].any():
            values = self._encoder.learn_known(xs[:usual])
        else:
            values = self._learn_known_among(xs[:usual], late[:usual])
        if values.shape[1] != self._scaler.columns:
            values = values[:0]
        return values, np.array(ys[: len(values)], np.float64)

    def _learn_known_among(
        self, xs: Sequence[Features], late: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Do what the encoder's `learn_known` does, where late events are not to be learned."""
        new, old = np.flatnonzero(~late).tolist(), np.flatnonzero(late).tolist()
        learned = self._encoder.learn_known([xs[n] for n in new])
        values = np.empty((len(xs), learned.shape[1]))
        values[new[: len(learned)]] = learned
        values[old] = self._encoder.encode_many([xs[n] for n in old])
        return values if len(learned) == len(new) else values[: new[len(learned)]]

    def stream_to_bytes(self) -> bytes:
        """Return what the stream has left behind; empty before the first event.

        `stream_from_bytes` goes on from it; `get_stream` returns the same as arrays.
        """
        if self._learner is None:
            return b""
        rows = self._rows(1)
        self.leave(rows)
        return rows.to_bytes([0]).tobytes()

    def stream_from_bytes(self, data: bytes) -> None:
        """Go on from what `stream_to_bytes` returned, bit for bit.

        Raises
        ------
        ValueError
            If that is no stream of such a model, or the model has not seen an event yet.
        """
        if not data:
            self.reset_stream()
            return
        rows = self._rows(2)
        rows.from_bytes(0, data)
        self.enter(0, rows)

    def leave(self, rows: StreamRows) -> None:
        """Copy the stream in the estimator into its slot."""
        inside = int(rows.filled[-1])
        self._run_one(kernels.LEAVE, inside, rows)
        rows.past[inside] = self.parts.past[0]

    def enter(self, slot: int, rows: StreamRows) -> None:
        """Exchange the stream in the estimator for that in a slot; the slot inside differs."""
        self._run_one(0, slot, rows)
        self.parts.past[0] = rows.past[slot]

    def _run_one(self, what: int, slot: int, rows: StreamRows) -> None:
        """Do something with a stream that needs no event."""
        none = np.zeros(1)
        self.run_events(turns_of(what, [slot]), none[:0], none, none[:, None], rows)

    def learn_late(self, x: Features, y: float, stream: bytes) -> None:
        """Learn a late target, one that comes after later events, from its own event's state.

        The event itself has been seen before, by `step_one`, and the state has gone on; it stays as
        it is, but the target is the last one known from now on.

        Parameters
        ----------
        x : dict
            The event's features.
        y : float
            Its target.
        stream : bytes
            What `stream_to_bytes` returned before the event.
        """
        now = self.stream_to_bytes()
        self.stream_from_bytes(stream)
        try:
            target = target_in(y)
            self.unlearned += target is None
            self._learn_values(LEARN & ~kernels.UPDATE, self._encoder.encode(x), target)
        finally:
            self.stream_from_bytes(now)
        if target is not None:
            remember(self.parts.past[0], target, self._event[kernels.BASE])

    def _rows(self, slots: int) -> StreamRows:
        """Return rows for streams of this model; the last slot counts as the one inside."""
        if self._learner is None:
            raise ValueError("the model has not seen an event yet; it has no room for a stream")
        rows = StreamRows(slots, self.parts.past.shape[1])
        rows.fit(self._learner, np.arange(0))
        rows.filled[-1] = slots - 1
        return rows

    def _recent(self) -> tuple[Any, ...]:
        return tuple(self.parts.past[0].tolist())

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        self.parts.past[0] = recent or 0

    def _verify(self) -> None:
        super()._verify()
        parts = self.parts
        need(isinstance(parts.target, TargetScaler), "target")
        width = LAGS * self.target_lag
        if parts.experts is not None:
            need(isinstance(parts.experts, Experts), "experts")
            seasonality = getattr(self, "seasonality", None)
            whole = self._make_experts(len(parts.encoder.columns), seasonality)
            need(np.array_equal(parts.experts.arrays[0], whole.arrays[0]), "experts")
            width = whole.past.shape[1]
        need_array(parts.past, (1, width), np.float64)
        need(not width or parts.past[0, 0] >= 0, "targets seen")
        need(parts.learner is None or parts.learner.outputs == 1, "outputs")

    def _implicit_inputs(self) -> Sequence[str]:
        return LAG_INPUTS if self.target_lag else ("nothing",)  # one input at least

    def _outputs_of_lstm(self) -> dict[str, Any]:
        return {"outputs": ["beyond what was expected"], "unit": self._target.unit}

    def _features_grew(self) -> None:
        if self._experts is not None:
            self._experts.grow(len(self._encoder.columns))

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        level = self.quantile if self.loss == "quantile" else 1.0
        return OnlineLearner(
            input_names, loss=self.loss, levels=(level,), **self._learner_options()
        )

    def _make_room(self) -> None:
        parts = self.parts
        assert parts.learner is not None
        self._event = np.zeros(1 + len(self._encoder.columns))
        self._targets = np.full(1, np.nan)
        advice = NO_EXPERTS if parts.experts is None else parts.experts.arrays
        learned = (parts.scaler.statistics, self._event, parts.target.numbers, *advice)
        self._arrays = (*parts.learner.arrays, *learned)
        alone = (np.zeros((1, 0), np.float32), np.zeros(2, np.int64), parts.past)
        self._one = (self._targets, np.zeros((1, 1)), *alone, *self._arrays)

    @property
    def _kernel(self) -> Callable[..., float]:
        assert self._learner is not None
        return kernels.events(*self._learner.rules)

    def _peek(self, x: Features) -> float:
        """Return the prediction for an event; change nothing."""
        if not hasattr(self, "_one"):  # no event has come, or none to its end
            return 0.0
        return self._kernel(_alone(PEEK), self._encoder.encode(x), *self._one)

    def _learn(self, x: Features, target: float | None) -> None:
        """Learn an event, or let it pass if there is no target."""
        if target is None:
            self.unlearned += 1
        self._learn_values(LEARN, self._take_in(x), target)

    def _predict_and_learn(self, x: Features, target: float) -> float:
        """Return the prediction for an event and learn it; as `_peek` and `_learn` in one."""
        values = self._encoder.learn_known([x]) if self.is_ready else np.zeros((0, 0))
        if len(values) and values.shape[1] == self._scaler.columns:
            return self._learn_values(PEEK | LEARN, values[0], target)
        prediction = self._peek(x)  # before there is something new
        self._learn(x, target)
        return prediction

    def _learn_values(self, what: int, values: NDArray[np.float64], target: float | None) -> float:
        """Do so with the numbers of an event; return what was predicted, if that is part of it."""
        assert self._learner is not None
        self._targets[0] = math.nan if target is None else target
        if self._learner.is_compiled:
            return self._kernel(_alone(what), values, *self._one)
        learnable = target is not None and self._target.is_known
        first = what & ~(kernels.OPTIMIZE | kernels.REWARD)
        prediction = self._kernel(_alone(first), values, *self._one)
        if learnable:
            self._learner.step_optimizer()
        self._kernel(_alone(kernels.REWARD), values, *self._one)
        return prediction

    def _observe(self, x: Features, y: float | None) -> float:
        """Predict an event and let it pass, its target being y, without learning."""
        target = target_in(y)
        if not hasattr(self, "_one"):
            return 0.0
        self._targets[0] = math.nan if target is None else target
        return self._kernel(_alone(OBSERVE), self._encoder.encode(x), *self._one)

    def _step(self, x: Features, what: int = kernels.UPDATE | kernels.PASS) -> float:
        """Predict an event and let it pass, learning its features' scale only.

        What is predicted stands for the target where `what` has it remembered.
        """
        prediction = self._peek(x)
        values = self._take_in(x)
        self._targets[0] = prediction
        self._kernel(_alone(what), values, *self._one)
        return prediction


def turns_of(what: int, slots: ArrayLike, copies: ArrayLike = 0) -> NDArray[np.int64]:
    """Return turns for `run_events`, all of one kind: (N, 3), for N slots.

    Parameters
    ----------
    what : int
        What is done with each; see `lstmwidgets.kernels.numbers`.
    slots : array_like of int
        Where the stream of each is, (N,).
    copies : array_like of int
        Where a copy of it is kept, (N,), if that is part of it.
    """
    turns = np.empty((np.size(slots), 3), np.int64)
    turns[:, kernels.WHAT], turns[:, kernels.STREAM], turns[:, kernels.COPY] = what, slots, copies
    return turns


@cache
def _alone(what: int) -> NDArray[np.int64]:
    """Return the turn of a single event on an estimator's own stream."""
    return turns_of(what, [0])


def _is_usual(y: Any) -> bool:
    """Say whether a target is a number that can be learned, or none."""
    return y is None or (type(y) in PLAIN and abs(y) <= LARGEST)
