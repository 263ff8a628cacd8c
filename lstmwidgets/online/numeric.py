"""What regression and forecasting share: a numeric target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..checks import check_choice, check_probability
from .estimator import Features, LSTMEstimator
from .experts import Experts
from .features import NUMBER, is_missing, number_in
from .learner import OnlineLearner
from .streams import StreamSlots
from .target import Recent, TargetScaler

LOSSES = ("absolute", "huber", "squared", "quantile")


class NumericEstimator(LSTMEstimator):
    """An LSTM that predicts a number: the target's scale, and experts beside it."""

    loss: str
    quantile: float
    experts: bool

    def _begin(self, seasonality: int | None) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_probability("quantile", self.quantile)
        self._target = TargetScaler(self.scale, self.target_lag)
        mixed = self.experts and self.scale and self.target_lag and self.loss != "quantile"
        self._experts = Experts(0, seasonality) if mixed else None
        self._goal = np.zeros(1, np.float32)

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the predictions; they add up to 1."""
        return {"lstm": 1.0} if self._experts is None else self._experts.shares

    def _recent(self) -> tuple[Any, ...]:
        experts = () if self._experts is None else self._experts.get_state()
        return (self._target.recent, experts)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        targets, experts = recent if recent else (Recent(), ())
        self._target.recent = targets
        if self._experts is not None:
            self._experts.set_state(experts)

    def _implicit_inputs(self) -> Sequence[str]:
        return self._target.inputs

    def _features_grew(self) -> None:
        if self._experts is not None:
            self._experts.grow(len(self._encoder.columns))

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        level = self.quantile if self.loss == "quantile" else 1.0
        return OnlineLearner(
            input_names, loss=self.loss, levels=(level,), **self._learner_options()
        )

    def _base(self) -> float:
        """Write the past targets into the inputs, and return what is to be expected from them."""
        experts = self._experts
        base = self._target.base if experts is None else experts.base(self._features)
        recent = self._target.as_inputs(base)
        self._inputs[: len(recent)] = recent
        return base

    def _own(self, base: float) -> float:
        """Return the LSTM's own prediction."""
        assert self._learner is not None
        return self._target.unscaled(float(self._learner.predict(self._inputs)[0]), base)

    def _mixed(self, own: float, base: float) -> float:
        return own if self._experts is None else self._experts.mix(base, own)

    def _predict(self, x: Features) -> float:
        if self._learner is None:
            return 0.0
        self._read(self._encoder.encode(x))
        base = self._base()
        return self._mixed(self._own(base), base)

    @property
    def has_learned(self) -> bool:
        """Whether a target has been learned: before, a prediction stands for nothing."""
        return self._target.has_learned

    def stream_to_bytes(self) -> bytes:
        """Return what the stream has left behind, for `put_stream`; empty before the first event.

        For keeping it somewhere; `get_state` returns the same as arrays.
        """
        streams = StreamSlots(self, 1)
        streams.adopt(0)
        return streams.state(0)

    def put_stream(self, data: bytes) -> None:
        """Go on from what `stream_to_bytes` returned, bit for bit.

        Raises
        ------
        ValueError
            If that is no stream of such a model, or the model has not seen an event yet.
        """
        streams = StreamSlots(self, 1)
        streams.put_state(0, data)
        streams.enter(0)

    def learn_late(self, x: Features, y: float, stream: bytes) -> None:
        """Learn a target that comes after later events, from the state that its own started with.

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
        if self._learner is None:
            raise ValueError("the model has not seen an event yet; step_one comes first")
        now = self.stream_to_bytes()
        self.put_stream(stream)
        try:
            self._read(self._encoder.encode(x))
            target = target_in(y)
            base = self._learn_read(target)
        finally:
            self.put_stream(now)
        if target is not None:
            self._remember(target, base)

    def _learn_target(self, x: Features, y: float | None) -> None:
        target = target_in(y)
        self._read(self._take_in(x))
        self._learn_read(target)

    def _learn_read(self, target: float | None) -> float:
        """Learn the target of the event that was read; return what was to be expected."""
        assert self._learner is not None
        base = self._base()
        if target is None:
            self.unlearned += 1
            self._learner.advance(self._inputs)
            return base
        if self._target.is_known:
            self._goal[0] = self._target.scaled(target, base)
            self._learn(self._goal)
        else:
            self._learner.predict(self._inputs)
            self._learner.advance(self._inputs)
        if self._experts is not None:
            own = self._target.unscaled(float(self._learner.output[0]), base)
            self._experts.learn(self._features, target, own)
        self._target.learn(target, base)
        return base

    def _observe(self, x: Features, y: float | None) -> float:
        target = target_in(y)
        if self._learner is None:
            return 0.0
        self._read(self._encoder.encode(x))
        base = self._base()
        prediction = self._mixed(self._own(base), base)
        self._learner.advance(self._inputs)
        if target is not None:
            self._remember(target, base)
        return prediction

    def _remember(self, target: float, base: float) -> None:
        """Take in a target and what was to be expected; learn nothing."""
        self._target.observe(target, base)
        if self._experts is not None:
            self._experts.observe(self._features, target)

    def _step(self, x: Features) -> float:
        prediction = self._predict(x)
        self._read(self._take_in(x))
        assert self._learner is not None
        self._base()
        self._learner.advance(self._inputs)
        return prediction


def target_in(y: Any) -> float | None:
    """Return a target as a float; None if it is missing or unusable. Raise if it is no number."""
    if is_missing(y):
        return None
    if not isinstance(y, NUMBER):
        raise TypeError(f"expected a number as target, got {type(y).__name__} {y!r}")
    return number_in(y)
