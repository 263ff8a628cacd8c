"""What all recurrent estimators for streams have in common."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import base
from torch import nn

from ..cells import CELLS
from ..checks import check_choice, check_positive, check_probability, check_size
from ..kernels import parameters as layout
from ..kernels.scaling import INDEX
from ..lstm import LSTM
from ..state import Gates, State
from .arrays import check_memory, need
from .features import FeatureEncoder
from .learner import OnlineLearner
from .learner_arrays import GRADIENTS, TRACED_CELLS, Carry
from .lstm_part import LSTMPart, window_part
from .optimizers import OptimizerFactory, check_optimizer
from .scaling import OnlineScaler

Features = Mapping[Hashable, Any]


class StreamState(NamedTuple):
    """What a stream has left behind in an estimator: everything but what was learned.

    Attributes
    ----------
    carry : Carry
        The LSTM's state and window.
    recent : tuple
        What is remembered of the last targets.
    """

    carry: Carry
    recent: tuple[Any, ...]


class LSTMEstimator(base.Estimator):
    """An LSTM that learns from one event at a time, its state carried from event to event.

    The estimators in `lstmwidgets.online` share these options, methods and attributes.

    Parameters
    ----------
    hidden_size : int
        Units per layer.
    num_layers : int
        Layers on top of each other.
    cell : str
        Cell kind, as in `lstmwidgets.LSTM`.
    gradient : str
        ``"tbptt"``: truncated backpropagation through the last `window` events.
        ``"eligibility"``: a trace for each weight instead of a window, several times faster, for
        the standard, peephole and coupled cell. `lstmwidgets.online.learner.OnlineLearner` defines
        both.
    window : int
        How many events truncated backpropagation looks back. Memory reaches further, because the
        state does.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), a `torch.optim` class, or a factory
        called with ``(params, lr=lr)``. The names, and these classes with
        `functools.partial` for other options, run compiled; others cost PyTorch's own time, must
        step without a closure (not LBFGS), on dense weights (not SparseAdam) of any number of axes
        (not Muon).
    lr : float
        Learning rate. May be set anew at any time.
    clip : float
        Bound on the gradient's global norm. May be set anew at any time.
    scale : bool
        Standardise inputs and targets online. If not, numbers are cut off at ±1e6.
    target_lag : bool
        Read the last learned target as a further input.
    echo : float
        Share of each layer's units, the first ones, that begin as an echo of the last inputs and
        learn at a tenth of `lr`: what came some events ago is at hand from the first event on. With
        `tbptt` only: eligibility traces do not see the recurrent weights that an echo is made of.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    module : LSTM or None
        The weights as they are now, as a PyTorch module: a copy, brought up to date whenever it is
        looked at here. What is written into it is not read back.
    head : torch.nn.Linear or None
        The same of the head, which reads the top layer's hidden output and the inputs beside it.
    state : LSTMState or FullGateState or None
        State after the last event, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last event, each (L, 1, H).
    imputed : int
        How many feature values counted as missing: None, NaN, infinities, numbers beyond 1e30,
        types without an encoding.
    unlearned : int
        How many targets were missing or unusable; their events advanced the state only.
    is_ready : bool
        Whether nothing new is half taken in, as after an interruption; the next event makes up for
        that.
    """

    NOT_KEPT: ClassVar[frozenset[str]] = frozenset({"is_ready"})
    """Attributes that are made anew and not kept."""

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
        target_lag: bool = True,
        echo: float = 0.0,
        seed: int | None = None,
    ) -> None:
        check_size("hidden_size", hidden_size)
        check_size("num_layers", num_layers)
        check_size("window", window)
        check_choice("cell", cell, CELLS)
        check_choice("gradient", gradient, GRADIENTS)
        if gradient == "eligibility" and cell not in TRACED_CELLS:
            names = ", ".join(map(repr, TRACED_CELLS))
            raise ValueError(f"the eligibility rule is defined for the cells {names}, got {cell!r}")
        check_optimizer(optimizer)
        check_probability("echo", echo)
        steps = window if gradient == "tbptt" else 1
        check_memory(
            f"an LSTM of hidden_size={hidden_size}, num_layers={num_layers} and window={window}",
            2 * int(num_layers) * int(hidden_size) * (8 * int(hidden_size) + 3 * int(steps)),
        )
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.gradient = gradient
        self.window = window
        self.optimizer = optimizer
        self._learner: OnlineLearner | None = None
        self.lr = lr
        self.clip = clip
        self.scale = scale
        self.target_lag = target_lag
        self.echo = echo
        self.seed = seed
        self.unlearned = 0
        self._encoder = FeatureEncoder()
        self._scaler = OnlineScaler()
        self.is_ready = False

    @property
    def lr(self) -> float:
        """Learning rate."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        check_positive("lr", lr)
        self._lr = lr
        self._set_rates()

    @property
    def clip(self) -> float:
        """Bound on the gradient's global norm."""
        return self._clip

    @clip.setter
    def clip(self, clip: float) -> None:
        check_positive("clip", clip)
        self._clip = clip
        self._set_rates()

    def _set_rates(self) -> None:
        if self._learner is not None:
            self._learner.set_rates(float(self._lr), float(self._clip))

    @property
    def imputed(self) -> int:
        """How many feature values counted as missing."""
        return self._encoder.imputed

    @property
    def module(self) -> LSTM | None:
        """The `lstmwidgets.LSTM` under it; None before the first event."""
        return None if self._learner is None else self._learner.lstm

    @property
    def head(self) -> nn.Linear | None:
        """The linear layer on top of it; None before the first event."""
        return None if self._learner is None else self._learner.head

    @property
    def state(self) -> State | None:
        """State after the last event, each field (L, 1, H); None before the first."""
        return None if self._learner is None else self._learner.state

    @property
    def gates(self) -> Gates | None:
        """Gates at the last event, each (L, 1, H); None before the first event."""
        return None if self._learner is None else self._learner.gates

    @property
    def activations(self) -> NDArray[np.float32] | None:
        """The numbers of `state` and `gates` without a copy, for who looks after every event.

        h, c, i, f, g and o beside each other, (L, 6 * H), to be copied before the next event; None
        before the first.
        """
        return None if self._learner is None else self._learner.activations

    def lstm_part(self, x: Any = None) -> LSTMPart:
        """Return what the LSTM reads and puts out by itself, over the inputs in its window.

        Learning runs these again with the current weights; experts are left out. A classifier of
        texts takes the text x instead.
        """
        if x is not None:
            raise TypeError(f"{type(self).__name__} is looked at over its last events: leave x out")
        if self._learner is None:
            raise ValueError(f"this {type(self).__name__} has not seen an event yet")
        return window_part(self._learner, self._input_names(), **self._outputs_of_lstm())

    def _outputs_of_lstm(self) -> dict[str, Any]:
        """Return what the head's outputs are; see `window_part`."""
        raise NotImplementedError

    def _input_names(self) -> list[str]:
        """Return the names of the LSTM's inputs."""
        assert self._learner is not None
        names = [*self._implicit_inputs(), *[""] * self._learner.input_size]
        for column, place in zip(
            self._encoder.columns, self._scaler.statistics[INDEX], strict=True
        ):
            names[int(place)] = str(column)
        return names[: self._learner.input_size]

    def reset_stream(self) -> None:
        """Forget the stream so far, as between two sequences; keep what was learned."""
        if self._learner is not None:
            self._learner.reset()
        self._put_recent(())

    def get_stream(self) -> StreamState | None:
        """Return what the stream has left behind; None before the first event."""
        if self._learner is None:
            return None
        return StreamState(self._learner.get_carry(), self._recent())

    def set_stream(self, state: StreamState | None) -> None:
        """Put back what `get_stream` returned: another stream's, or the same one's from before."""
        if state is None:
            self.reset_stream()
        elif self._learner is None:
            raise ValueError("the model has not seen an event yet; it has no weights for a state")
        elif not isinstance(state, StreamState):
            raise TypeError(f"expected what get_stream returned, got {type(state).__name__}")
        else:
            before = self._recent()
            try:
                self._put_recent(state.recent)
                self._learner.put_back(state.carry)  # refuses another model's, changing nothing
            except (TypeError, ValueError):
                self._put_recent(before)
                raise

    def expect_known_features(self, due: bool = True) -> None:
        """Refuse the next event if it has none of the features that were learned.

        `lstmwidgets.load` asks for that: a feature by another name would be a new one. If the event
        has some of them, a warning names those that it lacks.

        Parameters
        ----------
        due : bool
            False takes it back.
        """
        self._encoder.expects = due

    def add_features(self, x: Features) -> None:
        """Give features that are new their columns; learn nothing of the values, and count nothing.

        Parameters
        ----------
        x : dict
            Features, each with a value of its kind: a text is one of its texts.
        """
        encoder = self._encoder
        before = encoder.events, encoder.imputed, encoder.expects
        encoder.events, encoder.expects = 0, False  # that all of it is new is meant
        self._take_in(x)
        encoder.events, encoder.imputed, encoder.expects = before

    def _recent(self) -> tuple[Any, ...]:
        """Return what is remembered of the stream besides the LSTM's state."""
        return ()

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        """Put it back; an empty tuple is a stream's beginning."""

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"clip", "lr"}

    def _take_in(self, x: Features) -> NDArray[np.float64]:
        """Give an event's new features their place; return its numbers, (columns,)."""
        values = self._encoder.learn(x)
        known = self._scaler.columns  # the last to grow, whatever an interruption has left undone
        if len(values) != known or not self.is_ready:
            self._grow(known)
        return values

    def _grow(self, known: int) -> None:
        """Take on columns beyond those that are known; make the learner with the first event."""
        self.is_ready = False  # until all of it is done
        new = list(self._encoder.columns)[known:]
        if self._learner is None:
            self._learner = self._make_learner([*self._implicit_inputs(), *new])
            first = self._learner.input_size - len(new)
        elif new:
            first = self._learner.input_size
            self._learner.grow_inputs(new)
        if new:
            self._features_grew()
            numeric = self._encoder.numeric[known:] if self.scale else [False] * len(new)
            self._scaler.grow(range(first, first + len(new)), numeric)
        self._make_room()
        self.is_ready = True

    def _implicit_inputs(self) -> Sequence[str]:
        """Return the names of the inputs that no feature feeds."""
        return ()

    def _features_grew(self) -> None:
        """Note that there are more columns than before."""

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        """Make the learner, now that the first event shows its inputs."""
        raise NotImplementedError

    def _learner_options(self) -> dict[str, Any]:
        return {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "cell": self.cell,
            "gradient": self.gradient,
            "window": self.window,
            "optimizer": self.optimizer,
            "lr": float(self.lr),
            "clip": float(self.clip),
            "echo": self._echo_units,
            "seed": random.getrandbits(32) if self.seed is None else self.seed,
        }

    @property
    def _echo_units(self) -> int:
        return int(self.echo * self.hidden_size) if self.gradient == "tbptt" else 0

    def _make_room(self) -> None:
        """Lay out what kernels are handed, once something has grown."""
        raise NotImplementedError

    def _verify(self) -> None:
        """Raise ValueError unless all parts of an estimator from a file fit together."""
        encoder, scaler, learner = self._encoder, self._scaler, self._learner
        need(isinstance(encoder, FeatureEncoder) and isinstance(scaler, OnlineScaler), "its parts")
        columns = len(encoder.columns)
        need(scaler.columns == columns == len(encoder.numeric), "columns")
        if learner is None:
            need(columns == 0, "columns without a learner")
            return
        need(isinstance(learner, OnlineLearner), "learner")
        sizes, traced = learner.sizes, self.gradient == "eligibility"
        shape = sizes[[layout.HIDDEN, layout.LAYERS]].tolist()
        need(shape == [self.hidden_size, self.num_layers], "hidden_size and num_layers")
        need(learner.cell == self.cell, "cell")
        need(learner.rules[1] == GRADIENTS[self.gradient], "gradient")
        need(sizes[layout.ECHO] == self._echo_units, "echo")
        need(sizes[layout.WINDOW] == (1 if traced else self.window), "window")
        indices = scaler.statistics[INDEX]
        need(bool(((indices >= 0) & (indices < learner.input_size)).all()), "indices")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self.NOT_KEPT}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self.is_ready = False
        self._verify()
        if self._learner is not None:
            self._make_room()
            self.is_ready = True


def shared(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments of an estimator's constructor that `LSTMEstimator` takes."""
    return {name: arguments[name] for name in _SHARED if name in arguments}


_SHARED = [name for name in signature(LSTMEstimator).parameters if name != "self"]
