"""Networks of the same sizes side by side: what each kind can keep before it has learned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..cells import CELLS
from ..lstm import LSTM
from .drawn_weights import draw_weights
from .gradient_flow import Gradients, Traced, rnn_gradients
from .readout import Module
from .subject import Subject, as_subject

PLAIN = "rnn"
"""Name of the plain recurrent network."""

RIVALS = (PLAIN, *CELLS)
"""What is compared, in the order in which it is computed: the quickest first."""


class Sizes(NamedTuple):
    """How the networks are made that are compared.

    Attributes
    ----------
    length : int
        Steps of the sequence that they read.
    hidden_size, num_layers : int
        Units of a layer, and layers on top of each other.
    forget_bias : float
        Bias of the forget gate; at 0 it begins half open, at 5 almost all the way.
    weight_scale : float
        All weight matrices times this. At 1 they are uniform in ±1/√H, as PyTorch draws them.
    seed : int
        Of the weights.
    """

    length: int = 100
    hidden_size: int = 32
    num_layers: int = 1
    forget_bias: float = 1.0
    weight_scale: float = 1.0
    seed: int = 0


def rival_gradients(
    subject: Subject,
    sizes: Sizes,
    *,
    names: Sequence[str] = RIVALS,
    with_own_weights: bool = False,
) -> Iterator[tuple[str, Gradients]]:
    """Measure what networks feel of a sequence that have not learned anything.

    They read the inputs of the subject, from the beginning again where it has fewer steps. The
    gradients are those of the last hidden output, in a random direction.

    Parameters
    ----------
    subject : Subject
    sizes : Sizes
    names : sequence of str
        Which, out of `RIVALS`, in the order in which they are computed.
    with_own_weights : bool
        Take those weights of the subject's LSTM that have the same name and shape.

    Yields
    ------
    name : str
    gradients : Gradients

    Examples
    --------
    >>> subject = as_subject(LSTM(3, 8), torch.randn(20, 3))
    >>> flows = dict(rival_gradients(subject, Sizes(100, 32, forget_bias=5)))
    >>> bool(flows["rnn"].hidden[-1, 0] < 1e-6 * flows["standard"].cell[-1, 0])
    True
    """
    steps = rival_steps(subject, sizes, names, with_own_weights=with_own_weights)
    yield from (each for each in steps if each is not None)


def rival_steps(
    subject: Subject, sizes: Sizes, names: Sequence[str], *, with_own_weights: bool
) -> Iterator[tuple[str, Gradients] | None]:
    """Do as `rival_gradients`, and yield None in between, where one may stop."""
    x = inputs_of(subject, sizes.length)
    for name in names:
        if name == PLAIN:
            yield name, rnn_gradients(drawn_rnn(x.shape[1], sizes), x)
            continue
        lstm = drawn_lstm(name, x.shape[1], sizes)
        if with_own_weights:
            take_weights(lstm, subject.lstm)
        traced = Traced(as_subject(lstm, x))
        yield from traced.run()
        yield name, traced.gradients(len(x) - 1)


def inputs_of(subject: Subject, length: int) -> Tensor:
    """Return the last inputs of a subject, (T, I) in float64; before them the same again."""
    steps = len(subject)
    return subject.inputs[torch.arange(-length, 0) % steps].double()


def drawn_lstm(cell: str, inputs: int, sizes: Sizes) -> LSTM:
    """Return an LSTM with fresh weights in float64; no other random numbers are drawn by that."""
    hidden = sizes.hidden_size
    place: dict[str, Any] = {"device": "meta", "dtype": torch.float64}
    lstm = _drawn(LSTM(inputs, hidden, sizes.num_layers, cell=cell, **place), sizes)
    first = 0 if cell == "coupled" else hidden  # of the forget gate's block
    with torch.no_grad():
        for layer in range(sizes.num_layers):
            lstm.get_parameter(f"bias_ih_l{layer}")[first : first + hidden] = sizes.forget_bias
            lstm.get_parameter(f"bias_hh_l{layer}")[first : first + hidden] = 0
    return lstm


def drawn_rnn(inputs: int, sizes: Sizes) -> nn.RNN:
    """Return a plain RNN of tanh with fresh weights; see `drawn_lstm`."""
    rnn = nn.RNN(
        inputs,
        sizes.hidden_size,
        sizes.num_layers,
        batch_first=True,
        device="meta",
        dtype=torch.float64,
    )
    return _drawn(rnn, sizes)


def take_weights(lstm: LSTM, other: LSTM) -> None:
    """Copy those weights of another LSTM that have the same name and shape."""
    own = dict(lstm.named_parameters())
    with torch.no_grad():
        for name, weight in other.named_parameters():
            if name in own and own[name].shape == weight.shape:
                own[name].copy_(weight)


def _drawn(module: Module, sizes: Sizes) -> Module:
    """Give a module without numbers its weights."""
    bound = 1 / math.sqrt(sizes.hidden_size)
    module = draw_weights(module, bound, scale=sizes.weight_scale, seed=sizes.seed)
    return module.eval().requires_grad_(requires_grad=False)
