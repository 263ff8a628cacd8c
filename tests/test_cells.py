"""Every cell kind does what its paper says, and the ways to run it agree with each other.

The oracle is written here, from the papers, in NumPy and float64: one sequence, one layer, one step
and one gate at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from lstmwidgets import LSTM, FullGateState, LSTMState
from lstmwidgets.cells import CELLS

Array = NDArray[np.float64]
Vectors = dict[str, Array]
Make = Callable[..., LSTM]

every_cell = pytest.mark.parametrize("cell", CELLS)


# --- the oracle -------------------------------------------------------------------------------


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def normalised(a: Array, alpha: Array, beta: Array) -> Array:
    """Ba et al. 2016, equation 4, with the usual 1e-5 under the root."""
    mean = sum(a) / len(a)
    variance = sum((a - mean) ** 2) / len(a)
    return alpha * (a - mean) / np.sqrt(variance + 1e-5) + beta


def by_gate(stacked: Array, gates: str) -> Vectors:
    """Slice a stack of blocks into one array a gate."""
    rows = len(stacked) // len(gates)
    return {gate: stacked[k * rows : (k + 1) * rows] for k, gate in enumerate(gates)}


def pre_activations(cell: str, w: Vectors, x: Array, h: Array) -> Vectors:
    """Return what each gate gets from the input and the hidden output before."""
    if cell == "layer_norm":
        from_x = normalised(w["weight_ih"] @ x, w["weight_norm_ih"], w["bias_ih"])
        from_h = normalised(w["weight_hh"] @ h, w["weight_norm_hh"], w["bias_hh"])
        return by_gate(from_x + from_h, "ifgo")
    gates = "fgo" if cell == "coupled" else "ifgo"
    W, R = by_gate(w["weight_ih"], gates), by_gate(w["weight_hh"], gates)
    b, b_too = by_gate(w["bias_ih"], gates), by_gate(w["bias_hh"], gates)
    return {gate: W[gate] @ x + b[gate] + R[gate] @ h + b_too[gate] for gate in gates}


def oracle_step(cell: str, w: Vectors, x: Array, before: Vectors) -> Vectors:
    """Return i, f, g, o, c and h after one step of one layer."""
    a = pre_activations(cell, w, x, before["h"])
    if cell == "full_gate_recurrence":
        G = by_gate(w["weight_gate"], "ifo")
        gates_before = np.concatenate([before["i"], before["f"], before["o"]])
        for gate in "ifo":
            a[gate] = a[gate] + G[gate] @ gates_before
    if cell in {"peephole", "full_gate_recurrence"}:
        p = by_gate(w["weight_peephole"], "ifo")
    else:
        p = dict.fromkeys("ifo", np.zeros_like(before["c"]))
    f = sigmoid(a["f"] + p["f"] * before["c"])
    i = 1 - f if cell == "coupled" else sigmoid(a["i"] + p["i"] * before["c"])
    g = np.tanh(a["g"])
    c = f * before["c"] + i * g
    o = sigmoid(a["o"] + p["o"] * c)
    shown = normalised(c, w["weight_norm_c"], w["bias_norm_c"]) if cell == "layer_norm" else c
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * np.tanh(shown)}


def oracle(lstm: LSTM, x: Tensor, state: LSTMState | FullGateState) -> list[list[list[Vectors]]]:
    """Return what happened in each layer, sequence and step."""
    weights = {name: weight.detach().numpy() for name, weight in lstm.named_parameters()}
    history: list[list[list[Vectors]]] = []
    for layer in range(lstm.num_layers):
        suffix = f"_l{layer}"
        w = {n.removesuffix(suffix): v for n, v in weights.items() if n.endswith(suffix)}
        history.append([])
        for row in range(len(x)):
            now = {name: part[layer, row].numpy() for name, part in state._asdict().items()}
            steps = []
            for t in range(x.shape[1]):
                source = x[row, t].numpy() if layer == 0 else history[layer - 1][row][t]["h"]
                now = oracle_step(lstm.cell, w, source, now)
                steps.append(now)
            history[layer].append(steps)
    return history


def gathered(history: list[list[list[Vectors]]], name: str) -> Tensor:
    """Return one quantity of the oracle's history, (L, B, T, H)."""
    return torch.tensor(
        np.array([[[now[name] for now in steps] for steps in rows] for rows in history])
    )


@every_cell
@pytest.mark.parametrize("layers", [1, 3])
def test_forward_computes_the_equations_of_the_papers(
    make_lstm: Make, cell: str, layers: int
) -> None:
    lstm = make_lstm(3, 6, layers, cell=cell, seed=5)
    x, state = draw(lstm, batch=2, steps=7, seed=6)

    output, last = lstm(x, state)
    trace = lstm.trace(x, state)

    history = oracle(lstm, x, state)
    assert_same(output, gathered(history, "h")[-1])
    for name, part in last._asdict().items():
        assert_same(part, gathered(history, name)[:, :, -1])
    names = {
        "i": trace.input_gate,
        "f": trace.forget_gate,
        "g": trace.candidate,
        "o": trace.output_gate,
        "c": trace.cell,
        "h": trace.hidden,
    }
    for name, values in names.items():
        assert_same(values, gathered(history, name))


@every_cell
@pytest.mark.parametrize("layers", [1, 3])
def test_a_sequence_starts_from_zeros(make_lstm: Make, cell: str, layers: int) -> None:
    lstm = make_lstm(3, 4, layers, cell=cell)
    x, state = draw(lstm, batch=2, steps=3, seed=1)
    zeros = type(state)(*map(torch.zeros_like, state))

    for name, part in lstm.initial_state(2)._asdict().items():
        assert_same(part, getattr(zeros, name))
    assert_same(lstm(x)[0], lstm(x, zeros)[0])
    assert_same(lstm.step(x[:, 0])[0], lstm.step(x[:, 0], zeros)[0])
    assert_same(lstm.trace(x).hidden, lstm.trace(x, zeros).hidden)
    assert not torch.allclose(lstm(x)[0], lstm(x, state)[0], atol=1e-3)


# --- the ways to run a cell agree -------------------------------------------------------------


class Sizes(NamedTuple):
    """Sizes of an example, and the seed of its numbers."""

    batch: int
    steps: int
    inputs: int
    hidden: int
    layers: int
    seed: int


sizes = st.builds(
    Sizes,
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 10_000),
)


def draw(
    lstm: LSTM, *, batch: int, steps: int, seed: int
) -> tuple[Tensor, LSTMState | FullGateState]:
    """Return inputs (B, T, I) and a state before them that is far from zeros."""
    generator = torch.Generator().manual_seed(seed)
    dtype = lstm.weight_hh_l0.dtype
    x = torch.randn(batch, steps, lstm.input_size, generator=generator, dtype=dtype)
    zeros = lstm.initial_state(batch)
    parts = {
        name: torch.randn(part.shape, generator=generator, dtype=dtype)
        for name, part in zeros._asdict().items()
    }
    for name, part in parts.items():
        if name in "ifo":
            parts[name] = part.sigmoid()
    return x, type(zeros)(**parts)


def example(
    make_lstm: Make, cell: str, size: Sizes
) -> tuple[LSTM, Tensor, LSTMState | FullGateState]:
    lstm = make_lstm(size.inputs, size.hidden, size.layers, cell=cell, seed=size.seed)
    return lstm, *draw(lstm, batch=size.batch, steps=size.steps, seed=size.seed + 1)


def assert_same(given: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(given, expected, rtol=tolerance, atol=tolerance)


def assert_same_state(given: Any, expected: Any) -> None:
    assert type(given) is type(expected)
    for part, other in zip(given, expected, strict=True):
        assert_same(part, other)


def row_of(state: Any, row: int) -> Any:
    """Return the state of one sequence, each field (L, 1, H)."""
    return type(state)(*(part[:, row : row + 1] for part in state))


@every_cell
@given(size=sizes)
def test_steps_equal_forward(make_lstm: Make, cell: str, size: Sizes) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    output, last = lstm(x, state)

    for t in range(size.steps):
        h, state = lstm.step(x[:, t], state)
        assert_same(h, output[:, t])

    assert_same_state(state, last)


@every_cell
@given(size=sizes, data=st.data())
def test_two_chunks_equal_one(make_lstm: Make, cell: str, size: Sizes, data: st.DataObject) -> None:
    size = size._replace(steps=size.steps + 1)
    lstm, x, state = example(make_lstm, cell, size)
    cut = data.draw(st.integers(1, size.steps - 1), label="cut")

    output, last = lstm(x, state)
    first, between = lstm(x[:, :cut], state)
    second, end = lstm(x[:, cut:], between)

    assert_same(torch.cat([first, second], 1), output)
    assert_same_state(end, last)


@every_cell
@given(size=sizes)
def test_a_trace_is_consistent_with_itself_and_with_forward(
    make_lstm: Make, cell: str, size: Sizes
) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    output, last = lstm(x, state)

    trace = lstm.trace(x, state)

    shape = (size.layers, size.batch, size.steps, size.hidden)
    i, f, g, o = trace.input_gate, trace.forget_gate, trace.candidate, trace.output_gate
    assert all(part.shape == shape for part in (i, f, g, o, trace.cell, trace.hidden))
    before = torch.cat([state.c[:, :, None], trace.cell[:, :, :-1]], 2)
    assert_same(trace.cell, f * before + i * g)
    if cell != "layer_norm":  # it shows its normalised cell; the oracle above holds that
        assert_same(trace.hidden, o * trace.cell.tanh())
    if cell == "coupled":
        assert_same(i + f, torch.ones(shape, dtype=torch.float64))
    assert_same(trace.hidden[-1], output)
    assert_same(trace.hidden[:, :, -1], trace.state.h)
    assert_same(trace.cell[:, :, -1], trace.state.c)
    if isinstance(trace.state, FullGateState):
        gates = FullGateState(trace.state.h, trace.state.c, i[:, :, -1], f[:, :, -1], o[:, :, -1])
        assert_same_state(trace.state, gates)
    assert_same_state(trace.state, last)


def expected_of_reset(
    lstm: LSTM, x: Tensor, state: Any, lengths: list[int], reset: Tensor
) -> tuple[Tensor, list[Any]]:
    """Cut each sequence at its resets and run the pieces one after another, each from zeros."""
    output = torch.zeros(*x.shape[:2], lstm.hidden_size, dtype=x.dtype)
    finals = []
    for row, length in enumerate(lengths):
        now = row_of(state, row)
        starts = [0, *(t for t in range(1, length) if reset[row, t]), length]
        for begin, end in pairwise(starts):
            if reset[row, begin]:
                now = None
            output[row : row + 1, begin:end], now = lstm(x[row : row + 1, begin:end], now)
        finals.append(now)
    return output, finals


def assert_as_expected(given: tuple[Tensor, Any], expected: tuple[Tensor, list[Any]]) -> None:
    assert_same(given[0], expected[0])
    for row, final in enumerate(expected[1]):
        assert_same_state(row_of(given[1], row), final)


def draw_mask(data: st.DataObject, size: Sizes) -> Tensor:
    row = st.lists(st.booleans(), min_size=size.steps, max_size=size.steps)
    rows = st.lists(row, min_size=size.batch, max_size=size.batch)
    return torch.tensor(data.draw(rows, label="reset"))


def draw_lengths(data: st.DataObject, size: Sizes) -> list[int]:
    length = st.integers(1, size.steps)
    lengths = data.draw(st.lists(length, min_size=size.batch, max_size=size.batch), label="lengths")
    return list(lengths)


@every_cell
@given(size=sizes, data=st.data())
def test_a_reset_cuts_a_sequence_and_starts_from_zeros(
    make_lstm: Make, cell: str, size: Sizes, data: st.DataObject
) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    reset = draw_mask(data, size)

    given_back = lstm(x, state, reset=reset)

    full = [size.steps] * size.batch
    assert_as_expected(given_back, expected_of_reset(lstm, x, state, full, reset))


@every_cell
@given(size=sizes, data=st.data())
def test_lengths_equal_each_sequence_alone(
    make_lstm: Make, cell: str, size: Sizes, data: st.DataObject
) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    lengths = draw_lengths(data, size)

    given_back = lstm(x, state, lengths=torch.tensor(lengths))

    never = torch.zeros(size.batch, size.steps, dtype=torch.bool)
    assert_as_expected(given_back, expected_of_reset(lstm, x, state, lengths, never))


@every_cell
@given(size=sizes, data=st.data())
def test_resets_and_lengths_together_equal_the_pieces_alone(
    make_lstm: Make, cell: str, size: Sizes, data: st.DataObject
) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    lengths = draw_lengths(data, size)
    reset = draw_mask(data, size)

    given_back = lstm(x, state, lengths=torch.tensor(lengths), reset=reset)

    assert_as_expected(given_back, expected_of_reset(lstm, x, state, lengths, reset))


@every_cell
def test_a_reset_inside_the_padding_changes_nothing(make_lstm: Make, cell: str) -> None:
    lstm = make_lstm(2, 3, 2, cell=cell)
    x, state = draw(lstm, batch=2, steps=6, seed=3)
    lengths = torch.tensor([2, 6])
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[0, 2:] = True

    output, last = lstm(x, state, lengths=lengths, reset=reset)

    expected, end = lstm(x, state, lengths=lengths)
    assert_same(output, expected)
    assert_same_state(last, end)
    assert last.h[:, 0].any()


@every_cell
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_lengths_may_have_any_whole_dtype(make_lstm: Make, cell: str, dtype: torch.dtype) -> None:
    lstm = make_lstm(2, 3, 2, cell=cell)
    x, state = draw(lstm, batch=2, steps=6, seed=3)
    lengths = [2, 6]
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[1, 4] = True

    given_back = lstm(x, state, lengths=torch.tensor(lengths, dtype=dtype), reset=reset)

    assert_as_expected(given_back, expected_of_reset(lstm, x, state, lengths, reset))


@every_cell
def test_what_lies_in_the_padding_reaches_no_number(make_lstm: Make, cell: str) -> None:
    lstm = make_lstm(2, 3, 2, cell=cell)
    x, state = draw(lstm, batch=2, steps=5, seed=3)
    lengths = torch.tensor([2, 5])
    output, last = lstm(x, state, lengths=lengths)
    x[0, 2:] = torch.nan

    again, same = lstm(x, state, lengths=lengths)

    assert_same(again, output)
    assert_same_state(same, last)


@every_cell
@pytest.mark.parametrize("resets", [False, True])
def test_what_lies_in_the_padding_reaches_no_gradient(
    make_lstm: Make, cell: str, resets: bool
) -> None:
    lstm = make_lstm(2, 3, 2, cell=cell)
    x, state = draw(lstm, batch=2, steps=5, seed=3)
    lengths = torch.tensor([2, 5])
    reset = torch.zeros(2, 5, dtype=torch.bool)
    reset[1, 3] = resets
    spoilt = x.clone()
    spoilt[0, 2:] = torch.nan
    results = []
    for inputs in (x, spoilt):
        output, last = lstm(inputs, state, lengths=lengths, reset=reset)
        loss = output.square().sum() + last.c.sum()
        results.append(torch.autograd.grad(loss, list(lstm.parameters())))

    for clean, same in zip(*results, strict=True):
        assert_same(same, clean)


@every_cell
@given(size=sizes)
def test_nobody_changes_what_the_caller_passed_in(make_lstm: Make, cell: str, size: Sizes) -> None:
    lstm, x, state = example(make_lstm, cell, size)
    kept, kept_x = type(state)(*(part.clone() for part in state)), x.clone()
    lengths = torch.arange(size.batch) % size.steps + 1
    reset = torch.ones(size.batch, size.steps, dtype=torch.bool)
    after = [
        lstm(x, state)[1],
        lstm(x, state, lengths=lengths)[1],
        lstm(x, state, reset=reset)[1],
        lstm.step(x[:, 0], state)[1],
        lstm.trace(x, state).state,
    ]
    with torch.no_grad():
        for part in (part for new in after for part in new):
            part.fill_(99.0)  # what is returned is not the caller's memory either

    assert_same_state(state, kept)
    assert_same(x, kept_x)


@every_cell
def test_a_plain_tuple_will_do_as_a_state(make_lstm: Make, cell: str) -> None:
    lstm = make_lstm(2, 3, 2, cell=cell)
    x, state = draw(lstm, batch=2, steps=3, seed=3)

    assert_same_state(lstm(x, tuple(state))[1], lstm(x, state)[1])
    assert_same_state(lstm.step(x[:, 0], tuple(state))[1], lstm.step(x[:, 0], state)[1])


@every_cell
def test_with_all_dropped_the_top_layer_sees_zeros_in_train_mode_only(
    make_lstm: Make, cell: str
) -> None:
    lstm = make_lstm(3, 3, 2, cell=cell, dropout=1.0)
    alone = LSTM(3, 3, cell=cell, dtype=torch.float64)
    weights = {n: v for n, v in lstm.state_dict().items() if n.endswith("_l1")}
    alone.load_state_dict({n.replace("_l1", "_l0"): v for n, v in weights.items()})
    x, state = draw(lstm, batch=2, steps=4, seed=3)
    top = type(state)(*(part[1:] for part in state))
    unheard, _ = alone(torch.zeros_like(x), top)

    assert_same(lstm(x, state)[0], unheard)
    assert_same(lstm.trace(x, state).hidden[-1], unheard)
    assert_same(lstm.step(x[:, 0], state)[0], unheard[:, 0])
    lstm.eval()
    assert not torch.allclose(lstm(x, state)[0], unheard, atol=1e-3)
    assert not torch.allclose(lstm.step(x[:, 0], state)[0], unheard[:, 0], atol=1e-3)


# --- gradients --------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize(
    ("how", "layers"),
    [("whole", 1), ("whole", 2), ("padded and reset", 2), ("step", 2), ("trace", 1)],
)
def test_gradients_are_those_of_finite_differences(
    make_lstm: Make, cell: str, how: str, layers: int
) -> None:
    hidden = 3 if cell == "layer_norm" else 2  # two normalised numbers are always opposite ones
    lstm = make_lstm(2, hidden, layers, cell=cell, seed=9)
    x, state = draw(lstm, batch=2, steps=3, seed=9)
    names = [name for name, _ in lstm.named_parameters()]
    fields = len(state)
    lengths = torch.tensor([2, 3])
    reset = torch.tensor([[False, True, False], [False, False, True]])

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, values[1 + fields :], strict=True))
        before = type(state)(*values[1 : 1 + fields])
        if how in {"step", "trace"}:
            return functional_call(Called(lstm, how), prefixed(weights), (values[0], before))
        options = {} if how == "whole" else {"lengths": lengths, "reset": reset}
        output, last = functional_call(lstm, weights, (values[0], before), options)
        return output, *last

    values = [x, *state, *(weight.detach().clone() for weight in lstm.parameters())]
    torch.autograd.gradcheck(run, [value.requires_grad_() for value in values])


class Called(torch.nn.Module):
    """Another method of an LSTM as a module's forward, which is what `functional_call` calls."""

    def __init__(self, lstm: LSTM, how: str) -> None:
        super().__init__()
        self.lstm, self.how = lstm, how

    def forward(self, x: Tensor, state: LSTMState | FullGateState) -> tuple[Tensor, ...]:
        if self.how == "step":
            output, last = self.lstm.step(x[:, 0], state)
            return output, *last
        trace = self.lstm.trace(x, state)
        gates = (trace.input_gate, trace.forget_gate, trace.candidate, trace.output_gate)
        return *gates, trace.cell, trace.hidden, *trace.state


def prefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"lstm.{name}": weight for name, weight in weights.items()}
