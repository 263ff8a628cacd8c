"""What is counted against real LSTMs, what autograd keeps against its graph, who takes turns."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.analysis import Workload, count_costs, measure_costs
from lstmwidgets.analysis.contenders import AutogradLearner, missing_for_onnx, onnx_step, torch_step
from lstmwidgets.analysis.cost import ELEMENTWISE, NORMALISATION
from lstmwidgets.analysis.cost_counts import count_polynomials, counts_of
from lstmwidgets.analysis.cost_curves import KINDS, Batch, cost_table
from lstmwidgets.analysis.racing import Contestant, iter_rounds
from lstmwidgets.cells import CELLS

SMALL = Workload(input_size=3, window=4, batch_size=2, steps=5)

sizes = st.integers(1, 40)


@given(sizes, sizes, st.integers(1, 4), st.sampled_from([*CELLS]))
def test_counts_are_those_of_real_lstms(inputs: int, hidden: int, layers: int, cell: str) -> None:
    lstm = LSTM(inputs, hidden, layers, cell=cell)
    parameters = sum(weight.numel() for weight in lstm.parameters())
    state = sum(field.numel() for field in lstm.initial_state(1))
    with FlopCounterMode(display=False) as counter:
        lstm.step(torch.zeros(1, inputs))
    operations = counter.get_total_flops() + layers * ELEMENTWISE[cell] * hidden
    for name, weight in lstm.named_parameters():
        if name.startswith("bias"):
            operations += weight.numel()
        elif name.startswith("weight_norm"):
            operations += (1 + NORMALISATION) * weight.numel()

    found = count_costs(inputs, hidden, layers, cell=cell)

    assert found == (parameters, operations, 4 * parameters, 4 * state)
    for (name, (first, further)), count in zip(
        count_polynomials(inputs, cell).items(), found, strict=True
    ):
        values = [sum(c * hidden**n for n, c in enumerate(each)) for each in (first, further)]
        assert values[0] + (layers - 1) * values[1] == count, name


def test_of_a_model_its_embedding_and_head_are_counted() -> None:
    model = SequenceModel(None, 2, vocabulary_size=9, hidden_size=5, dtype=torch.float64)
    alone, found = counts_of(model.lstm), counts_of(model)
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    assert found.weight_bytes >= 8 * found.parameters
    assert found.state_bytes == alone.state_bytes == 8 * 2 * 5


@given(st.integers(1, 6), st.integers(1, 2), st.sampled_from([*CELLS]))
def test_kept_bytes_are_those_of_the_graph(hidden: int, layers: int, cell: str) -> None:
    lstm = LSTM(3, hidden, layers, cell=cell)
    x = torch.randn(2, 4, 3)
    own = {weight.untyped_storage().data_ptr() for weight in lstm.parameters()}
    output, state = lstm(x)
    kept: dict[int, int] = {}
    seen, left = set(), [output.grad_fn]
    while left:
        node: Any = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        left += [below for below, _ in node.next_functions]
        for name in dir(node):
            if not name.startswith("_saved_"):
                continue
            value = getattr(node, name)
            for tensor in value if isinstance(value, tuple | list) else [value]:
                if isinstance(tensor, Tensor):
                    storage = tensor.untyped_storage()
                    kept[storage.data_ptr()] = storage.nbytes()
    expected = sum(size for place, size in kept.items() if place not in own)
    assert state is not None  # alive, so that no place is used twice
    if cell == "standard":  # the operator of PyTorch shows only a part of what it keeps
        assert Batch(lstm).kept_bytes(x) >= expected
    else:
        assert Batch(lstm).kept_bytes(x) == expected


@pytest.mark.parametrize("layers", [1, 3])
def test_contenders_take_the_same_steps(layers: int) -> None:
    torch.manual_seed(0)
    reference = nn.LSTM(3, 6, layers).eval()
    lstm = LSTM(3, 6, layers)
    lstm.load_state_dict(reference.state_dict())
    ours, by_torch, by_onnx = lstm.stepper(), torch_step(reference), onnx_step(reference)
    for x in np.random.default_rng(0).standard_normal((20, 3), dtype=np.float32):
        expected = ours.step(x)
        with torch.inference_mode():
            np.testing.assert_allclose(
                by_torch(torch.from_numpy(x)[None, None])[0, 0], expected, atol=1e-5
            )
        np.testing.assert_allclose(by_onnx(x[None, None])[0, 0], expected, atol=1e-5)


def test_what_onnx_runtime_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmwidgets.analysis.contenders.ONNX_NEEDS", ("onnx", "no_such_runtime"))
    assert missing_for_onnx() == "no_such_runtime"
    with pytest.raises(ModuleNotFoundError, match="pip install no_such_runtime"):
        onnx_step(nn.LSTM(2, 3))


def test_by_autograd_the_state_is_carried_on() -> None:
    torch.manual_seed(0)
    learner = AutogradLearner(2, 5, 2, window=3)
    learner.optimizer.param_groups[0]["lr"] = 0.0
    xs = torch.randn(9, 2)
    for x in xs:
        learner.learn_one({"a": float(x[0]), "b": float(x[1])}, 1.0)
    expected = learner.lstm(xs)[1]
    for found, want in zip(learner.state, expected, strict=True):
        torch.testing.assert_close(found, want)
    assert len(learner.inputs) == 3


@pytest.mark.parametrize("cell", ["standard", "full_gate_recurrence"])
def test_all_contenders_are_measured_at_every_size(cell: str) -> None:
    points = [*measure_costs([4, 2], 2, cell=cell, workload=SMALL)]
    assert [(point.hidden_size, point.kind) for point in points] == sorted(
        [(point.hidden_size, point.kind) for point in points],
        key=lambda each: (-each[0], KINDS.index(each[1])),
    )
    by_kind = {
        kind: [point.contender for point in points if (point.kind, point.hidden_size) == (kind, 4)]
        for kind in KINDS
    }
    rules = ["eligibility rule"] if cell == "standard" else []
    assert by_kind == {
        "step": ["lstmwidgets", "nn.LSTM", "ONNX Runtime"],
        "event": ["lstmwidgets", *rules, "nn.LSTM"],
        "batch": ["lstmwidgets", "nn.LSTM"],
    }
    assert all(0 < point.seconds < 60 for point in points)
    assert all((point.kept_bytes > 0) == (point.kind == "batch") for point in points)
    table = cost_table(points, SMALL.input_size)
    assert table["contender"][:2] == ["lstmwidgets", "nn.LSTM"]
    assert table["parameters"][0] == count_costs(3, 4, 2, cell=cell).parameters
    assert np.isnan(table["parameters"][1])
    assert table["step_us"][0] == 1e6 * points[0].seconds


def test_measuring_changes_nothing_outside() -> None:
    numbers = torch.random.get_rng_state()
    for _ in measure_costs([2], workload=SMALL):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert torch.equal(torch.random.get_rng_state(), numbers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [0]}, "sizes must be at least 1"),
        ({"sizes": [2], "num_layers": 0}, "num_layers must be at least 1"),
        ({"sizes": [2], "cell": "gru"}, "cell must be"),
        ({"sizes": [2], "kinds": ["day"]}, "kinds must be"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(measure_costs(**options))
    with pytest.raises(ValueError, match="window must be at least 1"):
        Workload(window=0)


def test_contestants_begin_in_turn_and_no_garbage_is_collected_meanwhile() -> None:
    collecting: list[bool] = []
    contestants = [
        Contestant(name, lambda _: collecting.append(gc.isenabled()), [0]) for name in "abc"
    ]
    rounds = iter_rounds(contestants, 1e-5)
    orders = [[*next(rounds)]]
    collecting.clear()  # finding out how many calls make a sample is no part of it
    orders += [[*next(rounds)] for _ in range(3)]
    assert orders == [[*"abc"], [*"bca"], [*"cab"], [*"abc"]]
    assert not any(collecting)
    assert gc.isenabled()
