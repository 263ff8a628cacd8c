"""Gradients of predictions are those that finite differences and autograd find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmwidgets import LSTM
from lstmwidgets.analysis import gradient_flow, prediction_gradients
from lstmwidgets.analysis.adjoints import along_cells
from lstmwidgets.analysis.gradient_flow import QUANTITIES_FELT, Traced, direction, rnn_gradients
from lstmwidgets.analysis.rivals import (
    RIVALS,
    Sizes,
    drawn_lstm,
    drawn_rnn,
    inputs_of,
    rival_gradients,
    take_weights,
)
from lstmwidgets.analysis.subject import Subject, as_subject
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel

Array = NDArray[np.float64]
POOLINGS = (None, "last", "mean", "max", "attention")
STEP = 1e-6


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def normalised(values: Array, weight: Array, bias: Array) -> Array:
    spread = np.sqrt(values.var() + 1e-5)
    return (values - values.mean()) / spread * weight + bias


def cell_step(
    kind: str, w: Mapping[str, Array], x: Array, state: list[Array], push: list[Array]
) -> list[Array]:
    """Take a step of a cell by its equations; `push` is added to c and h before they are read."""
    h, c, i, f, o = state
    if kind == "layer_norm":
        z = normalised(w["weight_ih"] @ x, w["weight_norm_ih"], w["bias_ih"])
        z = z + normalised(w["weight_hh"] @ h, w["weight_norm_hh"], w["bias_hh"])
    else:
        z = w["weight_ih"] @ x + w["weight_hh"] @ h + w["bias_ih"] + w["bias_hh"]
    if kind == "coupled":
        zf, zg, zo = np.split(z, 3)
        zi = -zf  # σ(-z) = 1 - σ(z)
    else:
        zi, zf, zg, zo = np.split(z, 4)
    p_i, p_f, p_o = np.split(w.get("weight_peephole", np.zeros(3 * len(h))), 3)
    from_gates = np.zeros(3 * len(h))
    if "weight_gate" in w:
        from_gates = w["weight_gate"] @ np.concatenate([i, f, o])
    of_i, of_f, of_o = np.split(from_gates, 3)
    i, f = sigmoid(zi + p_i * c + of_i), sigmoid(zf + p_f * c + of_f)
    c = f * c + i * np.tanh(zg) + push[0]
    o = sigmoid(zo + p_o * c + of_o)
    shown = normalised(c, w["weight_norm_c"], w["bias_norm_c"]) if kind == "layer_norm" else c
    return [o * np.tanh(shown) + push[1], c, i, f, o]


def run_pushed(subject: Subject, pushes: dict[str, Array]) -> Array:
    """Run a subject by the equations, with numbers added to cells, hidden outputs and inputs."""
    lstm = subject.lstm
    x = subject.inputs.numpy() + pushes["input"]
    for level in range(lstm.num_layers):
        names = CELLS[lstm.cell].shapes(1, 1)
        w = {name: lstm.get_parameter(f"{name}_l{level}").detach().numpy() for name in names}
        fields = {name: getattr(subject.state, name, None) for name in "hcifo"}
        zeros = np.zeros(lstm.hidden_size)
        state = [zeros if v is None else v[level, 0].numpy() for v in fields.values()]
        outputs = []
        for t, row in enumerate(x):
            push = [pushes["cell"][level, t], pushes["hidden"][level, t]]
            state = cell_step(lstm.cell, w, row, state, push)
            outputs.append(state[0])
        x = np.array(outputs)
    return x


def number_of(subject: Subject, pushes: dict[str, Array], place: int | None) -> float:
    hidden = torch.from_numpy(run_pushed(subject, pushes))
    inputs = subject.inputs + torch.from_numpy(pushes["input"])
    last = subject.readout(hidden, inputs)[-1]
    if subject.task == "units":
        return float(last.numpy() @ direction(len(last)))
    return float((last.log_softmax(-1) if subject.task == "classes" else last)[place or 0])


def differences(subject: Subject, place: int | None) -> dict[str, Array]:
    """Return the norms of gradients by central differences."""
    lstm, steps = subject.lstm, len(subject)
    shape = (lstm.num_layers, steps, lstm.hidden_size)
    zeros = {"cell": np.zeros(shape), "hidden": np.zeros(shape)}
    zeros["input"] = np.zeros(tuple(subject.inputs.shape))
    found = {}
    for name, values in zeros.items():
        gradient = np.empty_like(values)
        for index in np.ndindex(values.shape):
            sides = []
            for sign in (1, -1):
                pushed = values.copy()
                pushed[index] = sign * STEP
                sides.append(number_of(subject, {**zeros, name: pushed}, place))
            gradient[index] = (sides[0] - sides[1]) / (2 * STEP)
        found[name] = np.linalg.norm(gradient, axis=-1)
    return found


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([*CELLS]),
    st.sampled_from(POOLINGS),
    st.sampled_from(["classification", "regression", None]),
    st.integers(1, 2),
    st.integers(0, 99),
)
def test_gradients_are_those_of_finite_differences(
    cell: str, pooling: str | None, task: str | None, layers: int, seed: int
) -> None:
    torch.manual_seed(seed)
    source: Any = LSTM(2, 3, layers, cell=cell)
    if task is not None:
        source = SequenceModel(
            2, 3, task=task, pooling=pooling, hidden_size=3, num_layers=layers, cell=cell
        )
    for weight in source.parameters():
        nn.init.uniform_(weight, -1, 1)
    subject = as_subject(source, torch.randn(4, 2)).to(torch.float64)
    state = type(subject.state)(*(torch.randn_like(part) for part in subject.state))
    subject = replace(subject, state=state)
    felt = prediction_gradients(subject)
    place = int(subject.predict()[-1].argmax()) if task == "classification" else None
    for name, expected in differences(subject, place).items():
        assert_allclose(getattr(felt, name), expected, rtol=1e-5, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_what_comes_along_the_cells_is_the_product_of_forget_gates(
    steps: int, units: int, everywhere: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    gates, read = random.random((steps, units)), random.normal(size=(steps, units))
    if not everywhere:
        read[:-1] = 0
    expected = np.zeros((steps, units))
    for t in range(steps):
        for later in range(t, steps):
            share = read[later].copy()
            for s in range(t + 1, later + 1):
                share *= gates[s]
            expected[t] += share
    assert_allclose(along_cells(gates, read), expected, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_product_of_forget_gates_is_that_of_the_trace(cell: str) -> None:
    lstm, x = LSTM(2, 5, cell=cell, dtype=torch.float64), torch.randn(30, 2).double()
    felt = prediction_gradients(lstm, x)
    gates = lstm.trace(x[None]).forget_gate[0, 0].detach().numpy()
    assert felt.along_cell is not None
    assert felt.cell is not None
    assert felt.along_cell[0, -1] == pytest.approx(felt.cell[0, -1])
    largest = np.cumprod(gates[::-1], 0)[::-1].max(1)
    assert bool((felt.along_cell[0, :-1] <= felt.cell[0, -1] * largest[1:] * (1 + 1e-9)).all())


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(1, 2), st.integers(0, 99))
def test_gradients_of_a_plain_rnn_are_those_of_autograd(steps: int, layers: int, seed: int) -> None:
    rnn = drawn_rnn(2, Sizes(hidden_size=4, num_layers=layers, weight_scale=2, seed=seed))
    x = torch.randn(steps, 2, dtype=torch.float64, requires_grad=True)
    outputs: list[list[Tensor]] = []
    below: list[Tensor] = [*x]
    for level in range(layers):
        w_ih, w_hh, b_ih, b_hh = (
            rnn.get_parameter(f"{name}_l{level}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, kept = x.new_zeros(4), []
        for row in below:
            h = torch.tanh(w_ih @ row + b_ih + w_hh @ h + b_hh)
            kept.append(h)
        outputs.append(kept)
        below = kept
    (below[-1] @ torch.from_numpy(direction(4))).backward(
        inputs=[x, *(h for kept in outputs for h in kept)]
    )
    felt = rnn_gradients(rnn, x.detach())
    for level, kept in enumerate(outputs):
        expected = [0 if h.grad is None else float(h.grad.norm()) for h in kept]
        assert_allclose(felt.hidden[level], expected, rtol=1e-9)
    assert x.grad is not None
    assert_allclose(felt.input, x.grad.norm(dim=-1), rtol=1e-9)
    assert felt.cell is None
    assert_allclose(felt.norms("cell"), felt.hidden[-1])


def test_gradients_of_an_earlier_prediction_end_there() -> None:
    subject = as_subject(SequenceModel(2, 1, pooling=None, hidden_size=4), torch.randn(9, 2))
    felt = Traced(subject).gradients(4)
    again = prediction_gradients(subject.up_to(4))
    assert felt.labels == ("step 0", "step 1", "step 2", "step 3", "step 4")
    for name in QUANTITIES_FELT:
        assert_allclose(getattr(felt, name), getattr(again, name), rtol=1e-12)
    assert_allclose(prediction_gradients(subject, step=-5).input, felt.input)


def test_the_flow_of_before_is_that_of_one_sequence() -> None:
    lstm, x = LSTM(3, 4, dtype=torch.float64), torch.randn(1, 12, 3, dtype=torch.float64)
    flow = gradient_flow(lstm, x)
    pushed = torch.randn(1, 4, generator=torch.Generator().manual_seed(0)).double()
    model = SequenceModel(3, 1, pooling=None, hidden_size=4, dtype=torch.float64)
    model.lstm.load_state_dict(lstm.state_dict())
    with torch.no_grad():
        model.head.weight.copy_(pushed / pushed.norm())
    assert_allclose(prediction_gradients(model, x).input[::-1], flow, rtol=1e-9)


def test_numbers_too_small_for_their_squares_are_measured() -> None:
    torch.manual_seed(0)
    felt = prediction_gradients(LSTM(2, 8), torch.randn(990, 2))
    assert felt.cell is not None
    assert 0 < felt.cell[0, 0] < 1e-160


def test_a_prediction_can_be_chosen() -> None:
    model = SequenceModel(2, 3, task="classification", hidden_size=4)
    model.classes = ["a", "b", "c"]
    x = torch.randn(5, 2)
    assert prediction_gradients(model, x, output="b").prediction == "log-probability of b"
    winner = ["a", "b", "c"][int(model(x[None])[0].argmax())]
    assert prediction_gradients(model, x).prediction == f"log-probability of {winner}"
    with pytest.raises(ValueError, match=r"output must be one of \['a', 'b', 'c'\], got 'd'"):
        prediction_gradients(model, x, output="d")
    with pytest.raises(ValueError, match="step must be from 0 to 4"):
        prediction_gradients(model, x, step=5)


def test_a_table_has_a_row_for_each_step() -> None:
    felt = prediction_gradients(LSTM(2, 4, 2), torch.randn(5, 2), labels="abcde")
    table = felt.to_dataframe()
    assert [*table] == ["label", "steps_before", "input", "hidden", "cell", "along_cell"]
    assert table["steps_before"].tolist() == [4, 3, 2, 1, 0]
    assert table["label"].tolist() == [*"abcde"]
    assert felt.cell is not None
    assert_allclose(felt.to_dataframe(layer=0)["cell"], felt.cell[0])
    assert repr(felt) == "Gradients(of='hidden output', steps=5, layers=2)"


def test_rivals_read_the_same_inputs_as_often_as_needed() -> None:
    x = torch.arange(6.0).reshape(3, 2)
    subject = as_subject(LSTM(2, 4), x)
    assert_allclose(inputs_of(subject, 2), x[1:])
    assert_allclose(inputs_of(subject, 7), x[[2, 0, 1, 2, 0, 1, 2]])


@pytest.mark.parametrize("cell", CELLS)
def test_a_forget_bias_opens_the_forget_gate(cell: str) -> None:
    sizes = Sizes(hidden_size=6, num_layers=2, forget_bias=5.0, weight_scale=0.1)
    lstm = drawn_lstm(cell, 3, sizes)
    trace = lstm.trace(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(1, 4, 3))
    assert float(trace.forget_gate.mean()) > 0.95
    if cell != "coupled":
        assert float(trace.input_gate.mean()) < 0.7


def test_drawing_rivals_draws_nothing_from_elsewhere() -> None:
    subject = as_subject(LSTM(2, 4), torch.randn(3, 2))
    before = torch.random.get_rng_state()
    names = [name for name, _ in rival_gradients(subject, Sizes(length=5))]
    assert names == [*RIVALS]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_own_weights_are_taken_where_they_fit() -> None:
    mine = LSTM(2, 4, cell="peephole", dtype=torch.float64)
    other = drawn_lstm("full_gate_recurrence", 2, Sizes(hidden_size=4))
    gates = other.weight_gate_l0.clone()
    take_weights(other, mine)
    assert torch.equal(other.weight_peephole_l0, mine.weight_peephole_l0)
    assert torch.equal(other.weight_gate_l0, gates)
    subject = as_subject(mine, torch.randn(6, 2))
    flows = dict(rival_gradients(subject, Sizes(6, 4), with_own_weights=True))
    assert_allclose(flows["peephole"].input, prediction_gradients(subject).input, rtol=1e-12)


def test_a_plain_rnn_forgets_what_an_lstm_keeps() -> None:
    subject = as_subject(LSTM(3, 8), torch.randn(100, 3, generator=torch.manual_seed(0)))
    flows = dict(rival_gradients(subject, Sizes(101, 32, forget_bias=3.0)))
    hundred = {name: flow.norms("cell")[0] for name, flow in flows.items()}
    assert hundred["rnn"] < 1e-6 * hundred["standard"]
