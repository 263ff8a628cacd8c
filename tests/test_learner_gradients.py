"""The kernels' gradients and optimizers agree with autograd and `torch.optim`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear

from lstmwidgets.cells import CELLS, Weights, advance_layers
from lstmwidgets.kernels import parameters as layout
from lstmwidgets.kernels.losses import LOSSES
from lstmwidgets.kernels.parameters import GRADIENT, PARAMETERS
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.learner_arrays import TRACED_CELLS, in_fours
from lstmwidgets.state import State

INPUTS, OUTPUTS = 3, 2
LEVELS = {"huber": (0.3, 2.0), "quantile": (0.1, 0.8)}


def made(cell: str, layers: int, loss: str, seed: int, **options: Any) -> OnlineLearner:
    """Return a learner whose weights all matter; fresh ones have a head of zeros."""
    learner = OnlineLearner(
        [f"x{k}" for k in range(INPUTS)],
        5,
        layers,
        cell,
        outputs=OUTPUTS,
        loss=loss,
        levels=LEVELS.get(loss, ()),
        clip=1e9,
        seed=seed,
        input_gradient=True,
        **options,
    )
    weights = learner.row(PARAMETERS)
    drawn = np.random.default_rng(seed).normal(0, 0.3, len(weights))
    weights += np.where(weights != 0, drawn, 0).astype(np.float32)
    _, vectors, head, bias = layout.views(learner.sizes, weights)
    for part in (vectors, head, bias):
        part += np.random.default_rng(seed + 1).normal(0, 0.3, part.shape).astype(np.float32)
    return learner


def draw(seed: int, events: int, loss: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(seed + 2)
    xs = random.normal(size=(events, INPUTS)).astype(np.float32)
    if loss == "cross_entropy":
        return xs, random.integers(OUTPUTS, size=(events, 1)).astype(np.float32)
    return xs, random.normal(size=(events, OUTPUTS)).astype(np.float32)


class Reference:
    """The learner's definition in tensors, differentiated by autograd."""

    def __init__(self, learner: OnlineLearner, dtype: torch.dtype = torch.float64) -> None:
        self.cell = CELLS[learner.cell]
        self.weights = {
            name: torch.from_numpy(array).to(dtype).requires_grad_()
            for name, array in learner.parameters().items()
        }
        self.layers: list[Weights] = []
        for k in range(int(learner.sizes[layout.LAYERS])):
            shapes = self.cell.shapes(1, 1)
            self.layers.append({name: self.weights[f"{name}_l{k}"] for name in shapes})

    def step(self, x: Tensor, state: State) -> State:
        return advance_layers(self.cell, self.layers, x[None], state)[1]

    def output(self, state: State, x: Tensor) -> Tensor:
        read = torch.cat([state.h[-1, 0], x])
        return linear(read, self.weights["head.weight"], self.weights["head.bias"])


def loss_of(loss: str, output: Tensor, target: NDArray[np.float32]) -> Tensor:
    """Return PyTorch's value of a loss."""
    goal = torch.from_numpy(target).to(output.dtype)
    if loss == "cross_entropy":
        return nn.functional.cross_entropy(output, goal[0].long())
    if loss == "squared":
        return nn.functional.mse_loss(output, goal, reduction="sum")
    if loss == "absolute":
        return nn.functional.l1_loss(output, goal, reduction="sum")
    levels = torch.tensor(LEVELS[loss], dtype=output.dtype)
    if loss == "huber":
        parts = zip(output, goal, levels.tolist(), strict=True)
        return sum(nn.functional.huber_loss(o, t, delta=d) for o, t, d in parts)
    apart = goal - output
    return torch.maximum(levels * apart, (levels - 1) * apart).sum()


def assert_close(mine: NDArray[Any], reference: Tensor | None, name: str, slack: float = 0) -> None:
    """Within 1e-5 of the largest entry, or of 1: kernels compute in float32."""
    expected = np.zeros_like(mine) if reference is None else reference.numpy()
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-5 * scale + slack, err_msg=name)


def assert_gradients(
    learner: OnlineLearner, reference: Reference, rounded: Reference | None = None
) -> None:
    """A rounded reference is the same in float32; what it is off by is forgiven five times."""
    rows, _, _, _ = layout.views(learner.sizes, learner.row(GRADIENT))
    assert np.isfinite(rows).all()
    if CELLS[learner.cell].name == "full_gate_recurrence":  # the candidate reads no gates
        assert not rows[in_fours(INPUTS) + 5 : in_fours(INPUTS) + 20, 10:15].any()
    for name, gradient in learner.gradients().items():
        if name.startswith("bias_hh"):  # a learner has one bias a layer
            continue
        exact, slack = reference.weights[name].grad, 0.0
        if rounded is not None and exact is not None:
            near = rounded.weights[name].grad
            assert near is not None
            slack = 5 * float((near - exact).abs().max())
        assert_close(gradient, exact, name, slack)


def backpropagated(
    learner: OnlineLearner,
    loss: str,
    xs: NDArray[np.float32],
    target: NDArray[np.float32],
    window: int,
    dtype: torch.dtype = torch.float64,
) -> tuple[Reference, float, list[Tensor]]:
    """Return weights with gradients, the loss, and the window's inputs with gradients."""
    reference = Reference(learner, dtype)
    zeros = torch.zeros(len(reference.layers), 1, 5, dtype=dtype)
    state = CELLS[learner.cell].state_type(*(zeros for _ in CELLS[learner.cell].state_type._fields))
    inputs = [*torch.from_numpy(xs).to(dtype).unbind()]
    with torch.no_grad():
        for x in inputs[:-window]:
            state = reference.step(x, state)
    seen = [x.clone().requires_grad_() for x in inputs[-window:]]
    for x in seen:
        state = reference.step(x, state)
    value = loss_of(loss, reference.output(state, seen[-1]), target)
    value.backward()
    return reference, value.item(), seen


@settings(max_examples=60)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    layers=st.integers(1, 3),
    loss=st.sampled_from(sorted(LOSSES)),
    window=st.integers(1, 9),
    seed=st.integers(0, 10**6),
)
def test_truncated_backpropagation_is_exact(
    cell: str, layers: int, loss: str, window: int, seed: int
) -> None:
    learner = made(cell, layers, loss, seed, window=window)
    xs, targets = draw(seed, window + 3, loss)
    for x in xs[:-1]:
        learner.advance(x)
    value = learner.differentiate(xs[-1], targets[-1])
    reference, expected, seen = backpropagated(learner, loss, xs, targets[-1], window)
    assert value == pytest.approx(expected, rel=1e-4, abs=1e-5)
    rounded = None
    if cell == "layer_norm":  # a variance over 5 units can be small, and magnifies roundings
        rounded, _, _ = backpropagated(learner, loss, xs, targets[-1], window, torch.float32)
    assert_gradients(learner, reference, rounded)
    if rounded is None:
        for mine, x in zip(learner.input_errors, seen, strict=True):
            assert_close(mine[:INPUTS], x.grad, "inputs")


@settings(max_examples=60)
@given(
    cell=st.sampled_from(TRACED_CELLS),
    loss=st.sampled_from(sorted(LOSSES)),
    events=st.integers(1, 12),
    seed=st.integers(0, 10**6),
)
def test_the_eligibility_rule_is_backpropagation_cut_at_recurrent_weights(
    cell: str, loss: str, events: int, seed: int
) -> None:
    """In autograd: whatever a step reads of the one before is a constant, but for c in c = f c'."""
    learner = made(cell, 1, loss, seed, gradient="eligibility")
    reference = Reference(learner)
    xs, targets = draw(seed, events, loss)
    for x in xs[:-1]:
        learner.advance(x)
    learner.differentiate(xs[-1], targets[-1])
    w = reference.weights
    h = c = torch.zeros(5, dtype=torch.float64)
    for x in torch.from_numpy(xs).double():
        seen, before = h.detach(), c.detach()
        z = w["weight_ih_l0"] @ x + w["weight_hh_l0"] @ seen + w["bias_ih_l0"]
        if cell == "coupled":
            f, g, o = z.chunk(3)
            f = f.sigmoid()
            i = 1 - f
        else:
            i, f, g, o = z.chunk(4)
            if cell == "peephole":
                p_i, p_f, p_o = w["weight_peephole_l0"].chunk(3)
                i, f = i + p_i * before, f + p_f * before
            i, f = i.sigmoid(), f.sigmoid()
        c = f * c + i * g.tanh()
        if cell == "peephole":
            o = o + p_o * c
        h = o.sigmoid() * c.tanh()
    read = torch.cat([h, torch.from_numpy(xs[-1]).double()])
    loss_of(loss, linear(read, w["head.weight"], w["head.bias"]), targets[-1]).backward()
    assert_gradients(learner, reference)


@settings(max_examples=30)
@given(cell=st.sampled_from(TRACED_CELLS), layers=st.integers(2, 3), seed=st.integers(0, 10**6))
def test_in_a_stack_the_eligibility_rule_is_exact_at_once(
    cell: str, layers: int, seed: int
) -> None:
    """The first event has no past that could be truncated."""
    learner = made(cell, layers, "squared", seed, gradient="eligibility")
    xs, targets = draw(seed, 1, "squared")
    learner.differentiate(xs[0], targets[0])
    reference, _, seen = backpropagated(learner, "squared", xs, targets[0], 1)
    assert_gradients(learner, reference)
    assert_close(learner.input_errors[0, :INPUTS], seen[0].grad, "input")


@pytest.mark.parametrize(
    "factory",
    [
        partial(torch.optim.SGD),
        partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01),
        partial(torch.optim.Adam),
        partial(torch.optim.Adam, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01),
        partial(torch.optim.AdamW),
        partial(torch.optim.AdamW, weight_decay=0.1),
    ],
    ids=lambda made: f"{made.func.__name__} {made.keywords}",
)
def test_compiled_optimizers_are_those_of_torch(factory: Callable[..., Any]) -> None:
    """A thousand steps with the same gradients, clipped now and then."""
    learner = made("standard", 1, "squared", 0, optimizer=factory, lr=0.01)
    learner.set_rates(0.01, 2.0)
    arrays = learner.weights()
    parameters = [nn.Parameter(torch.from_numpy(array.copy())) for array in arrays]
    optimizer = factory(parameters, lr=0.01)
    xs, targets = draw(1, 1000, "squared")
    for x, target in zip(xs, targets, strict=True):
        learner.learn(x, target)
        gradients = layout.views(learner.sizes, learner.row(GRADIENT))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.from_numpy(gradient.copy())
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
    for mine, parameter in zip(arrays, parameters, strict=True):
        scale = max(1.0, float(parameter.detach().abs().max()))
        np.testing.assert_allclose(mine, parameter.detach().numpy(), rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
    "factory",
    [torch.optim.RMSprop, torch.optim.Adagrad, partial(torch.optim.Adam, amsgrad=True)],
)
def test_other_optimizers_run_through_grad(factory: Callable[..., Any]) -> None:
    learner = made("standard", 2, "squared", 0, optimizer=factory, lr=0.01)
    twin = made("standard", 2, "squared", 0, lr=0.01)
    xs, targets = draw(1, 50, "squared")
    arrays = learner.weights()
    parameters = [nn.Parameter(torch.from_numpy(array.copy())) for array in arrays]
    optimizer = factory(parameters, lr=0.01)
    for x, target in zip(xs, targets, strict=True):
        learner.learn(x, target)
        gradients: Sequence[Any] = layout.views(learner.sizes, learner.row(GRADIENT))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    for mine, parameter in zip(arrays, parameters, strict=True):
        np.testing.assert_allclose(mine, parameter.detach().numpy(), atol=1e-6)
    twin.learn(xs[0], targets[0])
    assert not np.allclose(twin.row(PARAMETERS), learner.row(PARAMETERS), atol=1e-3)
