"""What a model that was trained in batches does on a stream: the same weights, event by event."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from river import base
from torch import Tensor, nn

from ..checks import as_numbers, check_positive, check_size
from ..codec import is_missing
from ..lstm import LSTM
from ..models import SequenceModel
from ..state import Gates, State
from ..stepper import Stepper
from ..trace import Trace
from ..values import NUMBER, reading
from .features import FeatureWarning, check_features
from .optimizers import OPTIMIZERS, OptimizerFactory, check_optimizer


class Past(NamedTuple):
    """An event that gradients still reach.

    Attributes
    ----------
    state : State
        The state before it.
    inputs : ndarray
        What the LSTM read, standardised, (I,).
    target : float or None
        Its number, in its own units.
    """

    state: State
    inputs: NDArray[np.float32]
    target: float | None


class TrainedEstimator(base.Estimator):
    """A `SequenceModel` as a River estimator; made by `lstmwidgets.online.from_model`.

    It shares the model's weights: what it learns is in the model at once, and what the model learns
    in batches is in the next prediction. An event is either a **step** of the stream, a dictionary
    of features, whose state is carried on to the next one; or a **whole sequence**, an array
    (T, I), a list of tokens or a text, which starts from zeros and leaves nothing behind.

    Parameters
    ----------
    model : SequenceModel
        Trained or not. It is put into eval mode; while it learns, dropout acts.
    features : sequence of str, optional
        Names of the model's inputs in their order. By default those of the dataframe that the model
        was trained with; of one that was not, the keys of the first event, as they come, if there
        are as many. Other features are not read; missing ones are the mean.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"``, or called with ``(params, lr=lr)``.
    lr : float
        Learning rate; 0.001 by default, since a trained model is to be adapted, not made anew.
    window : int
        How many steps of a stream gradients reach back. A whole sequence is learned as a whole.
    clip : float
        Bound on the gradient's global norm.

    Attributes
    ----------
    state : LSTMState or FullGateState
        State after the last event, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last step, each (L, 1, H).
    module : LSTM
        The model's own.
    imputed : int
        How many feature values counted as missing: None, NaN, infinities, what is no number,
        numbers beyond 1e30.
    unlearned : int
        How many targets were missing or unusable; their events advanced the state only.

    Notes
    -----
    Steps run compiled. Learning goes through PyTorch's autograd, for every cell and pooling: about
    a millisecond an event, where the estimators that begin as online ones take a tenth of that. The
    loss is that of the last step, over the window's inputs from the state before the oldest.
    """

    def __init__(
        self,
        model: SequenceModel,
        features: Sequence[str] | None = None,
        *,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.001,
        window: int = 16,
        clip: float = 1.0,
    ) -> None:
        check_optimizer(optimizer)
        check_positive("lr", lr)
        check_size("window", window)
        check_positive("clip", clip)
        if features is not None and len(features) != model.input_size:
            raise ValueError(
                f"the model has {model.input_size} inputs and features= names {len(features)}"
            )
        known = model.features
        if known is not None and features is not None and set(features) != set(known):
            raise ValueError(
                f"features= names {[*features]} and the model was trained with {known}; leave it "
                "out, or set model.features to other names"
            )
        self.model = model.eval()
        self.features = features
        self.optimizer = optimizer
        self.lr = lr
        self.window = window
        self.clip = clip
        self.imputed = 0
        self.unlearned = 0
        self._names: list[Hashable] | None = known or (None if features is None else list(features))
        self._is_sure = False  # that the events have these names
        self._seen: tuple[State, Gates] | None = None  # of a whole sequence, the last to be read
        self._stepper: Stepper = model.lstm.stepper()
        self._past: deque[Past] = deque(maxlen=self._reach)
        factory = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
        self._optimizer = factory(model.parameters(), lr=lr)

    @property
    def module(self) -> LSTM:
        """The model's `lstmwidgets.LSTM`."""
        return self.model.lstm

    @property
    def hidden_size(self) -> int:
        """Units per layer."""
        return self.model.lstm.hidden_size

    @property
    def num_layers(self) -> int:
        """L: layers on top of each other."""
        return self.model.lstm.num_layers

    @property
    def cell(self) -> str:
        """Name of the cell kind."""
        return self.model.lstm.cell

    @property
    def state(self) -> State:
        """State after the last event, each field (L, 1, H)."""
        return self._seen[0] if self._seen else self._stepper.state

    @property
    def gates(self) -> Gates:
        """Gates and candidate at the last step, each (L, 1, H)."""
        return self._seen[1] if self._seen else self._stepper.gates

    @property
    def activations(self) -> NDArray[np.float32]:
        """The numbers of `state` and `gates` beside each other, (L, 6 * H): h, c, i, f, g, o."""
        state, gates = self.state, self.gates
        i, f, g, o = gates
        parts = [part[:, 0].float().numpy() for part in (state[0], state[1], i, f, g, o)]
        return np.concatenate(parts, axis=-1)

    @property
    def past(self) -> tuple[Past, ...]:
        """The last steps of the stream, which gradients still reach, the oldest first."""
        return tuple(self._past)

    def reset_stream(self) -> None:
        """Forget the stream so far; keep what was learned."""
        self._stepper.reset()
        self._past.clear()
        self._seen = None

    def step_one(self, x: Any) -> Any:
        """Predict and advance without learning: for streams without labels."""
        raise NotImplementedError

    @property
    def _reach(self) -> int:
        return int(self.window)

    def _is_step(self, x: object) -> bool:
        """Say whether an event is a step of the stream."""
        if not isinstance(x, Mapping):
            return False
        if self.model.pooling not in (None, "last"):
            raise TypeError(
                f"pooling={self.model.pooling!r} needs whole sequences, as arrays (T, I) or texts; "
                "the event is a dictionary, one step of a stream"
            )
        if self.model.input_size is None:
            raise TypeError("a model of tokens reads texts or lists of tokens, not dictionaries")
        return True

    def _numbers(self, x: Mapping[Hashable, Any], *, learns: bool = False) -> NDArray[np.float32]:
        """Return an event's standardised inputs, (I,)."""
        check_features(x)
        names = self._names or list(x)
        if len(names) != self.model.input_size:
            raise ValueError(
                f"the model has {self.model.input_size} inputs and the event {len(names)} features "
                f"({', '.join(map(str, names[:5]))}{', …' * (len(names) > 5)}); name those to be "
                "read, in the model's order: from_model(model, features=[…])"
            )
        if not self._is_sure:
            self._check_names(names, x)
        values = np.array([_number(x.get(name)) for name in names], np.float64)
        if learns:
            self._names, self._is_sure = names, True
            self.imputed += int(np.isnan(values).sum())
        mean = self.model.input_mean.cpu().double().numpy()
        scale = self.model.input_scale.cpu().double().numpy()
        scaled: NDArray[np.float32] = np.nan_to_num((values - mean) / scale).astype(np.float32)
        return scaled

    def _check_names(self, names: Sequence[Hashable], x: Mapping[Hashable, Any]) -> None:
        """Raise if the first event has other names: each input would be missing for ever.

        Names that were given for the stream may be missing from its first event, but not all.
        """
        missing = [name for name in names if name not in x]
        unknown = [name for name in x if name not in names]
        stated = self.features is not None and self.model.features is None
        if missing and unknown and (len(missing) == len(names) or not stated):
            raise ValueError(
                f"the first event has the features {[*x]} and the model's inputs are {[*names]}: "
                "rename them, or give None for those that are missing"
            )

    def _peek(self, inputs: NDArray[np.float32]) -> Tensor:
        """Return the outputs (K,) of the next step, in the model's units; change nothing."""
        before = self._stepper.state
        try:
            return self._outputs(self._stepper.step(inputs))
        finally:
            self._stepper.state = before

    def _advance(self, inputs: NDArray[np.float32], target: float | None = None) -> Tensor:
        """Take the step; return its outputs (K,)."""
        before = self._stepper.state
        output = self._outputs(self._stepper.step(inputs))
        self._past.append(Past(before, inputs, target))
        self._seen = None
        return output

    @torch.no_grad()
    def _outputs(self, hidden: NDArray[np.float32]) -> Tensor:
        row = torch.from_numpy(hidden).to(self.model.head.weight)
        return self.model.outputs(row[None, None]).reshape(-1).cpu()

    def _trained_outputs(self, told: Sequence[Past] | Tensor) -> Tensor:
        """Return the outputs (K,) after steps or a whole sequence, as training computes them."""
        self.model.train()
        try:
            if isinstance(told, Tensor):
                hidden, _ = self.model.lstm(self.model.inputs(told))
                output = self.model.outputs(hidden)
                return output.reshape(-1, self.model.output_size)[-1]
            weight = self.model.head.weight
            state = type(told[0].state)(*(part.to(weight) for part in told[0].state))
            x = torch.from_numpy(np.stack([event.inputs for event in told])).to(weight)
            hidden, _ = self.model.lstm(self.model.inputs(x[None]), state)
            return self.model.outputs(hidden[:, -1:]).reshape(-1)
        finally:
            self.model.eval()

    def _learn_values(self, told: Sequence[Past] | Tensor, values: Sequence[float]) -> None:
        """Learn that these values (K,) came after steps or a whole sequence."""
        output = self._trained_outputs(told)
        target = output.new_tensor(values)
        wanted = (target - self.model.target_mean) / self.model.target_scale
        self._learn((output - wanted).square().mean())

    def _in_units(self, output: Tensor) -> list[float]:
        """Return outputs (K,) in the targets' units."""
        values = output * self.model.target_scale.cpu() + self.model.target_mean.cpu()
        numbers: list[float] = values.tolist()
        return numbers

    def _sequence(self, x: Any) -> Tensor:
        """Return a whole sequence as the LSTM's embedding or standardised inputs, with B = 1."""
        if self.model.embedding is not None:
            tokens = torch.from_numpy(as_numbers(x, "the list of tokens"))
            if tokens.ndim != 1 or not len(tokens) or tokens.is_floating_point():
                raise ValueError("expected a list of tokens: whole numbers, at least one")
            if int(tokens.min()) < 0 or int(tokens.max()) >= self.model.embedding.num_embeddings:
                last = self.model.embedding.num_embeddings - 1
                raise ValueError(f"tokens must lie between 0 and {last}")
            return tokens.long()[None].to(self.model.head.weight.device)
        values = as_numbers(x, "the sequence", floating=True, fill=math.nan)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or not len(values) or values.shape[1] != self.model.input_size:
            raise ValueError(
                f"expected a sequence of shape (T, {self.model.input_size}), got {values.shape}"
            )
        row = torch.from_numpy(values).to(self.model.head.weight)[None]
        return self.model.standardised(torch.where(row.isfinite(), row, self.model.input_mean))

    @torch.no_grad()
    def _sequence_outputs(self, x: Tensor) -> Tensor:
        """Return the outputs (K,) at a whole sequence's end, and leave its last step to be seen."""
        trace = self.model.lstm.trace(self.model.inputs(x))
        self._seen = step_of(trace, -1)
        output = self.model.outputs(trace.hidden[-1])
        return output.reshape(-1, self.model.output_size)[-1].cpu()

    def _learn(self, loss: Tensor) -> None:
        """Take an optimizer's step, unless the loss or a gradient is not finite."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        if not bool(norm.isfinite()):
            self.unlearned += 1
            return
        for group in self._optimizer.param_groups:
            group["lr"] = self.lr
        self._optimizer.step()

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"clip", "lr"}


def step_of(trace: Trace, t: int) -> tuple[State, Gates]:
    """Return state and gates of a step of a trace of one sequence, each field (L, 1, H)."""
    i, f, g, o, c, h = (
        part[:, :, t].cpu()
        for part in (
            *(trace.input_gate, trace.forget_gate, trace.candidate, trace.output_gate),
            *(trace.cell, trace.hidden),
        )
    )
    fields = {"h": h, "c": c, "i": i, "f": f, "o": o}
    kind = type(trace.state)
    return kind(*(fields[name] for name in kind._fields)), Gates(i, f, g, o)


def _number(value: Any) -> float:
    """Return a feature's value as a number, NaN for what is none."""
    kind, number = reading(value) or ("", math.nan)
    if kind == NUMBER:
        return float(number)
    if not is_missing(value):
        warnings.warn(
            f"a feature is a {type(value).__name__} and the model reads numbers: it counts as "
            "missing; convert it, as float() does, or leave it out",
            FeatureWarning,
            stacklevel=2,
        )
    return math.nan
