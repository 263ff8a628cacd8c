"""Truncated backpropagation through time, one event at a time, on a carried state."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..lstm import LSTM
from ..state import Gates, State

OptimizerFactory = Callable[..., torch.optim.Optimizer]

OPTIMIZERS: dict[str, OptimizerFactory] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


class Carry(NamedTuple):
    """What a stream has left behind in a learner: everything but weights and optimizer.

    Attributes
    ----------
    state : LSTMState or FullGateState
        State after the last event, each field (L, 1, H).
    before : LSTMState or FullGateState
        State before the oldest event of the window.
    window : tuple of Tensor
        The inputs since then, each (I,); at most as many as the learner's window.
    """

    state: State
    before: State
    window: tuple[Tensor, ...]


class TBPTTLearner:
    """An LSTM with a linear head that learns from each event by its last few inputs.

    To learn, the inputs of the window are run again with the current weights from the stored state
    before the oldest of them, a constant. The loss is that of the last step, its gradient is exact
    for this computation, and the final state of it is the one carried on (Williams & Peng 1990, "An
    efficient gradient-based algorithm for on-line training of recurrent network trajectories").

    Parameters
    ----------
    input_names : iterable of str
        A name for each input; initial weights depend on it and the seed only.
    hidden_size, num_layers, cell
        As in `lstmwidgets.LSTM`.
    window : int
        How many events the gradient looks back, at least 1.
    optimizer : str or callable
        A name out of `OPTIMIZERS`, or what makes a `torch.optim.Optimizer` from ``(params, lr=)``.
    lr : float
        Learning rate.
    clip : float
        Bound on the gradient's global norm.
    seed : int
        Of the initial weights.

    Attributes
    ----------
    lstm : LSTM
    head : torch.nn.Linear
        From hidden output to the one number predicted. Starts at zero.
    carry : Carry
        What the stream has left behind; `put_back` sets it.
    """

    def __init__(
        self,
        input_names: Iterable[str],
        hidden_size: int,
        num_layers: int,
        cell: str,
        window: int,
        optimizer: str | OptimizerFactory,
        lr: float,
        clip: float,
        seed: int,
    ) -> None:
        names = list(input_names)
        self.window = window
        self.clip = clip
        self.seed = seed
        with torch.random.fork_rng(devices=[]):  # the module's own drawing is overwritten below
            self.lstm = LSTM(len(names), hidden_size, num_layers, cell=cell)
            self.head = nn.Linear(hidden_size, 1)
        self._draw_weights(names)
        factory = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
        self._optimizer = factory([*self.lstm.parameters(), *self.head.parameters()], lr=lr)
        self.reset()

    def reset(self) -> None:
        """Forget the stream; keep what was learned."""
        zeros = self.lstm.initial_state(1)
        self.carry = Carry(zeros, zeros, ())

    def put_back(self, carry: Carry) -> None:
        """Go on from an earlier carry; inputs that have come since were zero then."""
        size = self.lstm.input_size
        padded = [nn.functional.pad(inputs, (0, size - len(inputs))) for inputs in carry.window]
        self.carry = carry._replace(window=tuple(padded))

    @torch.no_grad()
    def predict(self, x: NDArray[np.float64]) -> float:
        """Return the prediction for an input (I,); changes nothing."""
        output, _ = self.lstm.step(_tensor(x)[None], self.carry.state)
        return float(self.head(output))

    @torch.no_grad()
    def advance(self, x: NDArray[np.float64]) -> None:
        """Let an input (I,) pass without learning."""
        inputs = _tensor(x)
        _, state = self.lstm.step(inputs[None], self.carry.state)
        before, window = self.carry.before, (*self.carry.window, inputs)
        if len(window) > self.window:
            _, before = self.lstm.step(window[0][None], before)
        self.carry = Carry(state, before, window[-self.window :])

    def learn(self, x: NDArray[np.float64], target: float) -> float:
        """Learn that an input (I,) comes with a target, and return the squared error before."""
        before = self.carry.before
        window = (*self.carry.window, _tensor(x))
        if len(window) > self.window:
            with torch.no_grad():
                _, before = self.lstm.step(window[0][None], before)
            window = window[1:]
        output, state = self.lstm(torch.stack(window)[None], before)
        loss = (self.head(output[0, -1]) - target).square().sum()
        self._optimizer.zero_grad()
        loss.backward()
        parameters = [*self.lstm.parameters(), *self.head.parameters()]
        norm = nn.utils.clip_grad_norm_(parameters, self.clip)
        if torch.isfinite(norm):
            self._optimizer.step()
        self.carry = Carry(state.detach(), before, window)
        return float(loss.detach())

    @torch.no_grad()
    def gates(self) -> Gates:
        """Return the gates at the last event, each (L, 1, H), as the current weights see it."""
        if not self.carry.window:
            nothing = torch.zeros_like(self.carry.state.h)
            return Gates(nothing, nothing, nothing, nothing)
        *earlier, last = self.carry.window
        state = self.carry.before
        if earlier:
            _, state = self.lstm(torch.stack(earlier)[None], state)
        trace = self.lstm.trace(last[None, None], state)
        return Gates(*(getattr(trace, name)[:, :, 0] for name in Gates._fields))

    @torch.no_grad()
    def grow(self, new_names: Iterable[str]) -> None:
        """Add inputs. Predictions stay as they are until a new input differs from zero."""
        columns = [self._column(name) for name in new_names]
        old = self.lstm.weight_ih_l0
        assert isinstance(old, nn.Parameter)
        grown = nn.Parameter(torch.cat([old, torch.stack(columns, 1)], 1))
        self.lstm.weight_ih_l0 = grown
        self.lstm.input_size = grown.shape[1]
        for group in self._optimizer.param_groups:
            group["params"] = [grown if p is old else p for p in group["params"]]
        if old in self._optimizer.state:
            moments = self._optimizer.state.pop(old)
            self._optimizer.state[grown] = {
                name: nn.functional.pad(value, (0, len(columns)))
                if isinstance(value, Tensor) and value.shape == old.shape
                else value
                for name, value in moments.items()
            }
        self.put_back(self.carry)

    @torch.no_grad()
    def _draw_weights(self, names: list[str]) -> None:
        """Draw orthogonal recurrent and uniform input weights; biases 0, that of f 1; head 0.

        A forget gate that starts open lets the error reach back from the first event on (Gers et
        al. 2000, section 3.1; Jozefowicz et al. 2015, section 4).
        """
        hidden, blocks = self.lstm.hidden_size, len(self.lstm.bias_hh_l0) // self.lstm.hidden_size
        for name, weight in self.lstm.named_parameters():
            kind, _, layer = name.rpartition("_l")
            generator = self._generator(name)
            if kind == "weight_hh":
                for block in weight.chunk(blocks):
                    nn.init.orthogonal_(block, generator=generator)
            elif kind == "weight_ih" and layer == "0":
                weight.copy_(torch.stack([self._column(input_name) for input_name in names], 1))
            elif kind.startswith("weight_norm"):
                nn.init.ones_(weight)
            elif kind.startswith("weight"):
                bound = 1 / math.sqrt(hidden)
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            else:
                nn.init.zeros_(weight)
            if kind == "bias_hh":
                forget = weight.chunk(blocks)[1 if blocks == 4 else 0]
                forget.fill_(1.0)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def _column(self, name: str) -> Tensor:
        """Return the initial weights of one input: they depend on its name and the seed only."""
        rows = len(self.lstm.bias_ih_l0)
        bound = 1 / math.sqrt(self.lstm.hidden_size)
        uniform = torch.rand(rows, generator=self._generator(f"input {name}"))
        return (2 * uniform - 1) * bound

    def _generator(self, name: str) -> torch.Generator:
        digest = hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=7).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


def _tensor(x: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(x.astype(np.float32))
