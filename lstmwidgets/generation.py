"""Sequences from a model of the next token, one token at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .checks import check_size
from .models import PADDING, SequenceModel
from .state import Gates, State
from .stepper import Stepper
from .training.series import as_tokens


class Generated(NamedTuple):
    """A token, and the step that led to it.

    Attributes
    ----------
    token : int
        What was drawn.
    probabilities : ndarray
        (V,), of every token; they sum to 1, that of the padding is 0.
    gates : Gates
        Of the step that read the token before, each (L, 1, H).
    state : LSTMState or FullGateState
        After that step, each field (L, 1, H).
    """

    token: int
    probabilities: NDArray[np.float64]
    gates: Gates
    state: State


def generate(
    model: SequenceModel,
    prompt: Sequence[int] | NDArray[np.integer[Any]],
    *,
    steps: int | None = None,
    temperature: float = 1.0,
    seed: int | None = None,
) -> Iterator[Generated]:
    """Yield tokens that go on from a prompt.

    Parameters
    ----------
    model : SequenceModel
        With ``task="next_token"``. It is run as in eval mode, by a compiled stepper, with the
        weights that it has at each step: those of a training that goes on meanwhile.
    prompt : sequence of int
        Tokens before the first generated one, at least 1.
    steps : int, optional
        How many to yield; without end by default.
    temperature : float
        Divides the logits: below 1 the likely becomes likelier; 0 always takes the likeliest.
    seed : int, optional
        Decides what is drawn.

    Yields
    ------
    Generated
        Token, probabilities, gates and state.

    Raises
    ------
    TypeError, ValueError
        If the model has another task, or an argument does not fit.

    Examples
    --------
    >>> from lstmwidgets.models import SequenceModel
    >>> model = SequenceModel(vocabulary_size=10, task="next_token", pooling=None, hidden_size=8)
    >>> tokens = [one.token for one in generate(model, [3, 1], steps=5, seed=0)]
    >>> len(tokens), all(0 < token < 10 for token in tokens)
    (5, True)
    """
    if model.task != "next_token" or model.vocabulary_size is None:
        raise ValueError(f"generate needs a model with task='next_token', got {model.task!r}")
    if steps is not None:
        check_size("steps", steps)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be a number from 0, got {temperature!r}")
    tokens = as_tokens([prompt], model.vocabulary_size)[0]
    return _tokens(model, tokens.tolist(), steps, temperature, np.random.default_rng(seed))


def _tokens(
    model: SequenceModel,
    prompt: list[int],
    steps: int | None,
    temperature: float,
    rng: np.random.Generator,
) -> Iterator[Generated]:
    stepper = model.lstm.stepper()
    for token in prompt[:-1]:
        _read(model, stepper, token)
    token = prompt[-1]
    for _ in count() if steps is None else range(steps):
        hidden = _read(model, stepper, token)
        probabilities = _probabilities(model, hidden, temperature)
        token = int(rng.choice(len(probabilities), p=probabilities))
        yield Generated(token, probabilities, stepper.gates, stepper.state)


def _read(model: SequenceModel, stepper: Stepper, token: int) -> NDArray[Any]:
    """Advance by one token; return the hidden output (H,)."""
    assert model.embedding is not None
    embedded = model.embedding.weight[token].detach().cpu()
    return stepper.step(embedded.to(torch.promote_types(embedded.dtype, torch.float32)).numpy())


def _probabilities(
    model: SequenceModel, hidden: NDArray[Any], temperature: float
) -> NDArray[np.float64]:
    weight, bias = (
        part.detach().cpu().double().numpy()[: model.vocabulary_size]
        for part in (model.head.weight, model.head.bias)
    )
    logits = weight @ hidden.astype(np.float64) + bias
    logits[PADDING] = -np.inf
    if temperature == 0:
        certain = np.zeros(len(logits))
        certain[logits.argmax()] = 1
        return certain
    powers = np.exp((logits - logits.max()) / temperature)
    probabilities: NDArray[np.float64] = powers / powers.sum()
    return probabilities
