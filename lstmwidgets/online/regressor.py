"""A recurrent regressor for streams."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import base

from ..cells import CELLS
from ..checks import check_choice, check_positive, check_size
from ..state import Gates
from .features import LARGEST, NUMBER, FeatureEncoder
from .scaling import OnlineScaler
from .target import TargetScaler
from .tbptt import OPTIMIZERS, Carry, OptimizerFactory, TBPTTLearner

Features = Mapping[Hashable, Any]


class StreamState(NamedTuple):
    """What a stream has left behind in a regressor: everything but what was learned.

    Attributes
    ----------
    carry : Carry
        LSTM state and window of inputs.
    last : float or None
        The last learned target.
    change : float
        By how much it differed from the one before.
    """

    carry: Carry
    last: float | None
    change: float


class LSTMRegressor(base.Regressor):
    """Regression on a stream with an LSTM whose state is carried from event to event.

    Every learned event advances the state; prediction peeks and changes nothing. Nothing has to be
    scaled, windowed or declared beforehand: inputs and targets are standardised online, features
    may come and go, strings and datetimes are encoded.

    Parameters
    ----------
    hidden_size : int
        Units per layer.
    num_layers : int
        Layers on top of each other.
    cell : str
        Cell kind, as in `lstmwidgets.LSTM`.
    gradient : str
        ``"tbptt"``: truncated backpropagation through the last `window` events. The exact
        definition stands at `lstmwidgets.online.tbptt.TBPTTLearner`.
    window : int
        How many events the gradient looks back. Memory reaches further, because the state does.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"``, a `torch.optim` class, or a factory called with
        ``(params, lr=lr)``. It must step without a closure (not LBFGS) on dense weights (not
        SparseAdam) of any number of axes (not Muon).
    lr : float
        Learning rate. The default suits standardised numbers and Adam.
    clip : float
        Bound on the gradient's global norm.
    scale : bool
        Standardise inputs and targets online.
    target_lag : bool
        Read the last learned target as a further input and predict the change from it.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    module : torch.nn.Module or None
        The LSTM under it; None before the first event is learned.
    imputed : int
        How many feature values counted as missing: None, NaN, infinities, numbers beyond 1e30,
        types without an encoding.
    unlearned : int
        How many targets were None, not finite or beyond 1e30; their events advanced the state only.

    Notes
    -----
    With River's delayed labels an event advances the state when its label arrives.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from lstmwidgets.online import LSTMRegressor
    >>> model = LSTMRegressor(hidden_size=8, window=4, seed=1)
    >>> stream = datasets.AirlinePassengers().take(40)
    >>> metric = evaluate.progressive_val_score(stream, model, metrics.MAE())
    >>> metric.get() < 30  # passengers, in thousands
    True
    >>> model.gates.forget_gate.shape
    torch.Size([1, 1, 8])
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
        lr: float = 0.002,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
        seed: int | None = None,
    ) -> None:
        for name, size in (
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
            ("window", window),
        ):
            check_size(name, size)
        check_choice("cell", cell, CELLS)
        check_choice("gradient", gradient, ("tbptt",))
        if isinstance(optimizer, str):
            check_choice("optimizer", optimizer, OPTIMIZERS)
        elif not callable(optimizer):
            raise TypeError(f"optimizer must be a name or a callable, got {optimizer!r}")
        check_positive("lr", lr)
        check_positive("clip", clip)
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.gradient = gradient
        self.window = window
        self.optimizer = optimizer
        self.lr = lr
        self.clip = clip
        self.scale = scale
        self.target_lag = target_lag
        self.seed = seed
        self.unlearned = 0
        self._encoder = FeatureEncoder()
        self._inputs = OnlineScaler()
        self._target = TargetScaler(scale, target_lag)
        self._learner: TBPTTLearner | None = None

    def learn_one(self, x: Features, y: float) -> None:
        """Learn one event and advance the state.

        Parameters
        ----------
        x : dict
            Features: numbers, booleans, strings, datetimes.
        y : float
            Target. None, NaN, infinities and numbers beyond 1e30 are counted in `unlearned`; the
            event then advances the state as an unlabelled one.
        """
        _check_target(y)
        self._register(x)
        assert self._learner is not None
        if y is None or not abs(y) <= LARGEST:
            self.unlearned += 1
            self._learner.advance(self._encode(x))
            return
        self._learner.learn(self._encode(x), self._target.scaled(float(y)))
        self._target.learn(float(y))

    def predict_one(self, x: Features) -> float:
        """Predict the target of an event; changes nothing. 0.0 before anything was learned."""
        if self._learner is None:
            return 0.0
        return self._target.unscaled(self._learner.predict(self._encode(x)))

    def step_one(self, x: Features) -> float:
        """Predict and advance the state without learning: for events without a label."""
        prediction = self.predict_one(x)
        self._register(x)
        assert self._learner is not None
        self._learner.advance(self._encode(x))
        return prediction

    def reset_state(self) -> None:
        """Forget the stream so far, as between two sequences; keep what was learned."""
        if self._learner is not None:
            self._learner.reset()
        self._target.reset()

    def get_state(self) -> StreamState | None:
        """Return what the stream has left behind; None before the first event."""
        if self._learner is None:
            return None
        return StreamState(self._learner.carry, self._target.last, self._target.change)

    def set_state(self, state: StreamState | None) -> None:
        """Put back what `get_state` returned: another stream's, or the same one's from before."""
        if state is None:
            self.reset_state()
        elif self._learner is None:
            raise ValueError("the model has not seen an event yet; it has no weights for a state")
        elif not isinstance(state, StreamState):
            raise TypeError(f"expected what get_state returned, got {type(state).__name__}")
        else:
            self._learner.put_back(state.carry)
            self._target.last, self._target.change = state.last, state.change

    @property
    def module(self) -> Any:
        """The `lstmwidgets.LSTM` under it; None before the first event."""
        return None if self._learner is None else self._learner.lstm

    @property
    def gates(self) -> Gates | None:
        """Gates at the last event, each (L, 1, H); None before the first event."""
        return None if self._learner is None else self._learner.gates()

    @property
    def imputed(self) -> int:
        """How many feature values counted as missing."""
        return self._encoder.imputed

    def _register(self, x: Features) -> None:
        """Take in an event's features: new ones, and the running means of all."""
        new = self._encoder.learn(x)
        if self.scale:
            self._inputs.learn(self._encoder.encode(x))
        if self._learner is None:
            self._learner = TBPTTLearner(
                [*self._target.inputs, *new],
                hidden_size=self.hidden_size,
                num_layers=self.num_layers,
                cell=self.cell,
                window=self.window,
                optimizer=self.optimizer,
                lr=self.lr,
                clip=self.clip,
                seed=random.getrandbits(32) if self.seed is None else self.seed,
            )
        elif new:
            self._learner.grow(new)

    def _encode(self, x: Features) -> NDArray[np.float64]:
        features = self._encoder.encode(x)
        if self.scale:
            numeric = np.array(self._encoder.numeric, bool)
            features = np.where(numeric, self._inputs.scale(features), features)
        return np.concatenate([self._target.as_inputs(), np.nan_to_num(features, nan=0.0)])


def _check_target(y: object) -> None:
    if y is not None and not isinstance(y, NUMBER):
        raise TypeError(f"expected a number as target, got {type(y).__name__} {y!r}")
