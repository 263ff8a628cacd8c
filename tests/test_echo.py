"""Echo units: what they begin as, how they learn, and what a classifier remembers by them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from benchmarks.recall import learn, parity, recalled
from lstmwidgets.cells import CELLS
from lstmwidgets.kernels import parameters as layout
from lstmwidgets.kernels.parameters import GRADIENT, PACE, PARAMETERS
from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.weights import ECHO_PACE

Array = NDArray[Any]

FORGET = 1 / (1 + np.exp(3.0))
"""Where an echo unit's forget gate begins."""


def made(
    cell: str, hidden: int, layers: int, echo: int, seed: int, **options: Any
) -> OnlineLearner:
    names = ["a", "b", "c"]
    return OnlineLearner(names, hidden, layers, cell, outputs=2, echo=echo, seed=seed, **options)


def of_echo_units(learner: OnlineLearner) -> Array:
    """Say of each weight, (P,), whether it belongs to an echo unit."""
    hidden, echo = learner.sizes[[layout.HIDDEN, layout.ECHO]].tolist()
    flags = np.zeros(layout.count(learner.sizes), np.float32)
    rows, vectors, _, _ = layout.views(learner.sizes, flags)
    for part in (rows, vectors):
        for column in range(part.shape[1]):
            part[:, column] = column % hidden < echo
    return flags > 0


units = st.integers(1, 9).flatmap(lambda h: st.tuples(st.just(h), st.integers(0, h)))


@given(st.sampled_from(sorted(CELLS)), units, st.integers(1, 3), st.integers(0, 10**6))
def test_only_weights_of_echo_units_begin_otherwise(
    cell: str, units: tuple[int, int], layers: int, seed: int
) -> None:
    hidden, echo = units
    learner, plain = (made(cell, hidden, layers, each, seed) for each in (echo, 0))
    for each in (learner, plain):
        each.grow_inputs(["d", "e", "f"])
    apart = learner.row(PARAMETERS) != plain.row(PARAMETERS)
    assert not apart[~of_echo_units(learner)].any()
    assert apart.any() == (echo > 0)
    pace = np.where(of_echo_units(learner), np.float32(ECHO_PACE), 1)
    assert np.array_equal(learner.row(PACE), pace)


@given(st.integers(2, 12), st.integers(0, 10**6))
def test_an_echo_neither_dies_nor_grows(hidden: int, seed: int) -> None:
    """What is small is turned round by Q and added to f of itself: singular values are 1 ± f."""
    learner = made("standard", hidden, 1, hidden, seed)
    learner.advance(np.array([1e-3, 0, 0], np.float32))
    sizes = []
    for _ in range(12):
        sizes.append(np.linalg.norm(learner.activations[0, hidden : 2 * hidden]))
        learner.advance(np.zeros(3, np.float32))
    factors = np.array(sizes[1:]) / sizes[:-1]
    assert (factors > 1 - FORGET - 1e-3).all()
    assert (factors < 1 + FORGET + 1e-3).all()


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize(
    "factory",
    [
        partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01),
        partial(torch.optim.Adam, weight_decay=0.01),
        partial(torch.optim.AdamW, weight_decay=0.1),
        torch.optim.RMSprop,
    ],
    ids=["SGD", "Adam", "AdamW", "RMSprop, in PyTorch"],
)
def test_echo_units_take_a_part_of_the_optimizers_step(cell: str, factory: Any) -> None:
    """The optimizer of PyTorch takes whole steps, of which the reference gives back nine tenths."""
    learner = made(cell, 5, 2, 2, 1, loss="squared", optimizer=factory, lr=0.01, clip=1e9)
    slow = torch.from_numpy(of_echo_units(learner))
    reference = nn.Parameter(torch.from_numpy(learner.row(PARAMETERS).copy()))
    optimizer, random = factory([reference], lr=0.01), np.random.default_rng(0)
    for _ in range(200):
        x, target = random.normal(size=(2, 3)).astype(np.float32)
        learner.learn(x, target[:2])
        reference.grad = torch.from_numpy(learner.row(GRADIENT).copy())
        before = reference.detach().clone()
        optimizer.step()
        with torch.no_grad():
            whole = reference - before
            reference.copy_(torch.where(slow, before + ECHO_PACE * whole, reference))
    scale = max(1.0, float(reference.detach().abs().max()))
    np.testing.assert_allclose(
        learner.row(PARAMETERS), reference.detach().numpy(), rtol=0, atol=1e-5 * scale
    )


def test_the_class_of_five_events_ago_is_learned_soon() -> None:
    """By chance it is a quarter; 0.79 to 0.84 with an echo, at most 0.4 without, by the seed."""
    with_echo = learn(recalled(4, 5, 5_000, 1), 1)
    without = learn(recalled(4, 5, 5_000, 1), 1, echo=0.0)
    assert with_echo.first > 0.6
    assert without.first < 0.5


def test_streams_to_recall_are_labelled_by_what_came_before() -> None:
    events = list(recalled(4, 5, 300, 7))
    assert len(events) == 300
    assert all(y == x["symbol"] for (x, _), (_, y) in zip(events, events[5:], strict=False))
    bits = list(parity(5, 300, 7))
    for last in range(4, 300):
        ones = sum(x["bit"] for x, _ in bits[last - 4 : last + 1])
        assert bits[last][1] == ("odd" if ones % 2 else "even")


@pytest.mark.parametrize("kind", [LSTMClassifier, LSTMRegressor])
def test_a_share_becomes_a_number_of_units(kind: Any) -> None:
    for echo, hidden, units in ((0, 8, 0), (0.25, 8, 2), (0.25, 3, 0), (0.5, 9, 4), (1, 6, 6)):
        model = kind(hidden_size=hidden, echo=echo, seed=1)
        model.learn_one({"a": 1.0}, 1)
        assert model._learner.sizes[layout.ECHO] == units
    traced = kind(hidden_size=8, echo=0.5, gradient="eligibility", seed=1)
    traced.learn_one({"a": 1.0}, 1)
    assert traced._learner.sizes[layout.ECHO] == 0
    with pytest.raises(ValueError, match="echo must be a probability from 0 to 1, got 2"):
        kind(echo=2)
