"""What the LSTM of an estimator reads and puts out by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..lstm import LSTM
from ..state import State
from .learner import OnlineLearner


class LSTMPart(NamedTuple):
    """An estimator's LSTM and head, and the inputs that they read again when they learn.

    At every step the outputs are ``unit * (head(h) + offset)``, or with a head that is as wide
    ``unit * (head(h, x) + offset)``. What experts say beside the LSTM is not part of it.

    Attributes
    ----------
    lstm : LSTM
        The weights as they are now; see `LSTMEstimator.module`.
    head : torch.nn.Linear
        (H -> K), or (H + I -> K).
    state : LSTMState or FullGateState
        State before the first of the inputs, each field (L, 1, H).
    inputs : ndarray
        What the LSTM reads, (T, I), float32.
    features : list of str
        Names of the inputs, I of them.
    labels : list of str
        What each step is, T of them.
    outputs : list
        The classes, or names of the numbers, K of them.
    is_classes : bool
        Whether outputs are logits of classes.
    offset : ndarray
        What is added to the outputs, (K,): a constant.
    unit : float
        What an output of 1 is, in the target's units.
    """

    lstm: LSTM
    head: nn.Linear
    state: State
    inputs: NDArray[np.float32]
    features: list[str]
    labels: list[str]
    outputs: list[Any]
    is_classes: bool
    offset: NDArray[np.float32]
    unit: float = 1.0


def window_part(
    learner: OnlineLearner,
    features: Sequence[str],
    outputs: Sequence[Any],
    *,
    is_classes: bool = False,
    unit: float = 1.0,
) -> LSTMPart:
    """Return a learner's part over the inputs in its window, as learning runs them again.

    Parameters
    ----------
    learner : OnlineLearner
    features, outputs, is_classes, unit
        See `LSTMPart`; of the outputs the first ones are taken.

    Raises
    ------
    ValueError
        If there are no inputs in the window.
    """
    carry = learner.get_carry()
    steps = len(carry.inputs)
    if not steps:
        raise ValueError("the stream has just begun: let the model learn an event first")
    blocks = torch.from_numpy(carry.tape[0]).chunk(6, -1)
    named = {name: block[:, None] for name, block in zip("hcifgo", blocks, strict=True)}
    kind = type(learner.state)
    state = kind(*(named[name] for name in kind._fields))
    return LSTMPart(
        learner.lstm,
        first_outputs(learner.head, len(outputs)),
        state,
        carry.inputs,
        [*features],
        events_before(steps),
        [*outputs],
        is_classes,
        np.zeros(len(outputs), np.float32),
        unit,
    )


def first_outputs(head: nn.Linear, outputs: int) -> nn.Linear:
    """Return a head with so many of its outputs, the first ones."""
    if head.out_features == outputs:
        return head
    first = nn.Linear(head.in_features, outputs, device="meta")
    first.weight = nn.Parameter(head.weight.detach()[:outputs])
    first.bias = nn.Parameter(head.bias.detach()[:outputs])
    return first


def events_before(steps: int) -> list[str]:
    """Return names of the last so many events, the oldest first."""
    earlier = [f"{n} event{'s' * (n > 1)} before" for n in range(steps - 1, 0, -1)]
    return [*earlier, "last event"]
