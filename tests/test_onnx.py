"""Exported graphs: ONNX Runtime computes what the models do, from steps and sequences alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from lstmwidgets import LSTM, SequenceModel, __version__, export_onnx, onnx_state
from lstmwidgets.cells import CELLS
from lstmwidgets.online import (
    FrozenRegressor,
)
from lstmwidgets.onnx.graph import IR_VERSION, OPSET
from lstmwidgets.pooling import POOLINGS

from .exported import PAGE, Exported, assert_close, learned

POOLED = (*POOLINGS, None)

BY_OPERATOR = {"standard", "peephole", "coupled"}

sizes = st.integers(1, 9)
seeds = st.integers(0, 99)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs") / "model.onnx"


# --- LSTM -------------------------------------------------------------------------------------


def drawn(cell: str, layers: int, inputs: int, hidden: int, seed: int) -> LSTM:
    torch.manual_seed(seed)
    return LSTM(inputs, hidden, layers, cell=cell)


each_cell = pytest.mark.parametrize("cell", CELLS)
each_depth = pytest.mark.parametrize("layers", [1, 2])


@each_cell
@each_depth
@given(inputs=sizes, hidden=sizes, seed=seeds, steps=st.permutations([1, 50, 1]))
def test_onnx_runtime_agrees_with_pytorch(
    cell: str, layers: int, inputs: int, hidden: int, seed: int, steps: list[int], path: Path
) -> None:
    if cell == "layer_norm":
        # As they are drawn, these weights magnify every rounding from step to step: after 50 steps
        # PyTorch's float32 is 1e-4 from its float64. Units that are few do so within a step.
        lstm = drawn(cell, layers, inputs, hidden + 7, seed)
        with torch.no_grad():
            for layer in range(layers):
                getattr(lstm, f"weight_norm_hh_l{layer}").mul_(0.25)
    else:
        lstm = drawn(cell, layers, inputs, hidden, seed)
    exported = Exported(lstm, path)
    for batch in (1, 7):
        state = lstm.initial_state(batch)
        rows = onnx_state(state)
        assert not rows.any()
        for each_time in steps:
            x = torch.randn(batch, each_time, inputs)
            expected, state = lstm(x, state)
            output, rows = exported(x, rows)
            assert_close(output, expected)
            assert_close(rows, onnx_state(state))


@each_cell
@each_depth
@settings(max_examples=5)
@given(inputs=sizes, seed=seeds)
def test_a_step_from_wherever_pytorch_is(
    cell: str, layers: int, inputs: int, seed: int, path: Path
) -> None:
    lstm = drawn(cell, layers, inputs, 8, seed)
    exported, state = Exported(lstm, path), lstm.initial_state(7)
    for _ in range(50):
        x = torch.randn(7, 1, inputs)
        output, rows = exported(x, onnx_state(state))
        expected, state = lstm(x, state)
        assert_close(output, expected)
        assert_close(rows, onnx_state(state))


@each_cell
def test_steps_are_the_sequence(cell: str, make_lstm: Callable[..., LSTM], path: Path) -> None:
    lstm = make_lstm(3, 5, 2, cell=cell, dtype=torch.float32)
    exported, x = Exported(lstm, path), torch.randn(7, 20, 3)
    whole, after = exported(x, exported.zeros(7))
    state = exported.zeros(7)
    for t in range(20):
        output, state = exported(x[:, t : t + 1], state)
        np.testing.assert_allclose(output[:, 0], whole[:, t], atol=1e-5)
    np.testing.assert_allclose(state, after, atol=1e-5)


@each_cell
def test_all_weights_and_a_state_of_a_stepper_matter(
    cell: str, make_lstm: Callable[..., LSTM], path: Path
) -> None:
    lstm = make_lstm(3, 5, 2, cell=cell, dtype=torch.float32)
    exported, stepper = Exported(lstm, path), lstm.stepper(4)
    X = np.random.default_rng(0).standard_normal((2, 4, 3), dtype=np.float32)
    stepper.step_many(range(4), X[0])
    state = onnx_state(stepper.state)
    output, after = exported(X[1][:, None], state)
    assert_close(output[:, 0], stepper.step_many(range(4), X[1]))
    assert_close(after, onnx_state(stepper.state))
    for name, weight in lstm.named_parameters():
        with torch.no_grad():
            before = weight.clone()
            weight += 0.1 * torch.randn_like(weight)
        other, _ = Exported(lstm, path)(X[1][:, None], state)
        assert np.abs(other - output).max() > 1e-4, name
        with torch.no_grad():
            weight.copy_(before)


def test_weights_of_other_types_become_float32(make_lstm: Callable[..., LSTM], path: Path) -> None:
    lstm, x = make_lstm(3, 5), torch.randn(2, 6, 3)
    exported = Exported(lstm, path)
    assert_close(exported(x, exported.zeros(2))[0], lstm(x.double())[0])
    assert onnx_state(lstm.initial_state(2)).dtype == np.float32


@each_cell
def test_a_row_of_state_has_one_layer_after_the_other(
    cell: str, make_lstm: Callable[..., LSTM]
) -> None:
    lstm = make_lstm(3, 5, 2, cell=cell)
    _, state = lstm(torch.randn(4, 6, 3).double())
    rows = onnx_state(state)
    blocks = [part[layer, 3] for layer in range(2) for part in state]
    np.testing.assert_array_equal(rows[3], torch.cat(blocks).detach().float().numpy())


# --- the file ---------------------------------------------------------------------------------


def operators(graph: Any) -> set[str]:
    """Return the operators of a graph and of those in it."""
    found = {node.op_type for node in graph.node}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= operators(attribute.g)
    return found


@cache
def subjects() -> dict[str, Any]:
    """Return a model of every kind that can be exported."""
    found: dict[str, Any] = {cell: LSTM(3, 4, 2, cell=cell) for cell in CELLS}
    for pooling in POOLED:
        found[f"numbers, {pooling}"] = SequenceModel(3, 2, hidden_size=4, pooling=pooling)
        found[f"tokens, {pooling}"] = SequenceModel(
            None, 3, vocabulary_size=9, hidden_size=4, pooling=pooling, attention_heads=2,
            task="classification",
        )  # fmt: skip
    found["regressor"] = learned({})
    found["without targets"] = learned({"target_lag": False})
    found["frozen"] = FrozenRegressor(found["regressor"], 3)
    return found


KINDS = (
    *CELLS,
    *(f"{kind}, {pooling}" for kind in ("numbers", "tokens") for pooling in POOLED),
    *("regressor", "without targets", "frozen"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_says_what_it_is(kind: str, path: Path) -> None:
    model = subjects()[kind]
    export_onnx(model, path)
    file = onnx.load(path)
    onnx.checker.check_model(file, full_check=True)
    assert [(each.domain, each.version) for each in file.opset_import] == [("", OPSET)]
    assert (file.ir_version, file.producer_version) == (IR_VERSION, __version__)
    exported = Exported(model, path)
    assert exported.told["model"]["version"] == __version__
    assert exported.told["model"]["kind"] == type(model).__name__
    types = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}
    for name, value in {
        "input": exported.session.get_inputs()[0],
        "state": exported.session.get_inputs()[1],
        "output": exported.session.get_outputs()[0],
    }.items():
        assert value.name == name
        assert value.shape == exported.told[name]["axes"]
        assert types[value.type] == exported.told[name]["dtype"]
    after = exported.session.get_outputs()[1]
    assert (after.name, after.shape) == ("next_state", exported.told["state"]["axes"])
    names = exported.told["input"].get("names")
    assert names is None or len(names) == exported.told["input"]["axes"][2]


@each_cell
def test_layers_are_the_operator_where_it_fits(cell: str, path: Path) -> None:
    export_onnx(LSTM(3, 4, 2, cell=cell), path)
    used = [node.op_type for node in onnx.load(path).graph.node]
    assert used.count("LSTM") == 2 * (cell in BY_OPERATOR)
    assert used.count("Scan") == 2 * (cell not in BY_OPERATOR)


def test_the_page_names_all_operators_and_their_versions(path: Path) -> None:
    used = set()
    for model in subjects().values():
        export_onnx(model, path)
        used |= operators(onnx.load(path).graph)
    listed = [
        row.strip("| ").split(" | ")
        for row in PAGE.read_text("utf-8")
        .partition("| operator |")[2]
        .partition("\n\n")[0]
        .split("\n")[2:]
    ]
    told = {
        name.strip("` "): int(version) for names, version in listed for name in names.split(",")
    }
    assert told == {name: onnx.defs.get_schema(name, OPSET).since_version for name in used}


@pytest.mark.parametrize("kind", [*CELLS, "numbers, attention", "regressor"])
def test_another_runtime_reads_the_same(kind: str, path: Path) -> None:
    exported = Exported(subjects()[kind], path)
    size, dtype = (exported.told["input"][key] for key in ("axes", "dtype"))
    x = np.random.default_rng(0).standard_normal((3, 5, size[2])).astype(dtype)
    given = {"input": x, "state": exported.zeros(3)}
    reference = ReferenceEvaluator(str(path)).run(["output", "next_state"], given)
    for found, expected in zip(exported(x, exported.zeros(3)), reference, strict=True):
        assert_close(found, expected)


# --- SequenceModel ----------------------------------------------------------------------------

cells = st.sampled_from([*CELLS])
poolings = st.sampled_from(POOLED)
head_counts = st.sampled_from([1, 2])


@given(
    cell=cells,
    layers=st.integers(1, 2),
    pooling=poolings,
    heads=head_counts,
    forecasts=st.booleans(),
)
def test_a_model_of_numbers(
    cell: str, layers: int, pooling: str | None, heads: int, forecasts: bool, path: Path
) -> None:
    torch.manual_seed(layers)
    model = SequenceModel(
        3, 2, hidden_size=6, num_layers=layers, cell=cell, dropout=0.2, attention_heads=heads,
        pooling=None if forecasts else pooling, task="forecasting" if forecasts else "regression",
    )  # fmt: skip
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(torch.rand_like(buffer) + 0.5 if "scale" in name else buffer - 3.0)
    model.features, model.targets = ["a", "b", "c"], ["y", "z"]
    exported = Exported(model, path)  # in training mode, and the graph is not
    assert exported.told["input"]["names"] == ["a", "b", "c"]
    assert exported.told["output"]["names"] == ["y", "z"]
    assert exported.told["input"]["mean"] == model.input_mean.tolist()
    assert exported.told["output"]["scale"] == model.target_scale.tolist()
    model.eval()
    for batch in (1, 7):
        state, rows = model.lstm.initial_state(batch), exported.zeros(batch)
        for steps in (1, 50, 3):
            x = torch.randn(batch, steps, 3)
            expected, state = model(x, state)
            output, rows = exported(x, rows)
            assert_close(output, expected)
            assert_close(rows, onnx_state(state))


@given(cell=cells, pooling=poolings, heads=head_counts, seed=seeds)
def test_a_model_of_tokens(
    cell: str, pooling: str | None, heads: int, seed: int, path: Path
) -> None:
    torch.manual_seed(seed)
    model = SequenceModel(
        None, 3, vocabulary_size=9, embedding_size=4, hidden_size=6, cell=cell, pooling=pooling,
        attention_heads=heads, task="classification",
    ).eval()  # fmt: skip
    model.classes = ["red", 7, (1, 2)]
    exported = Exported(model, path)
    assert exported.told["output"]["classes"] == ["red", 7, {"tuple": [1, 2]}]
    for batch, steps in ((1, 1), (7, 50), (7, 3)):
        x = torch.randint(0, 9, (batch, steps))  # with 0 in their midst, too
        for row, length in zip(x, torch.randint(0, steps + 1, (batch,)), strict=True):
            row[int(length) :] = 0
        before = torch.randn(batch, exported.zeros(1).shape[1]).tanh()
        fields = len(exported.told["state"]["fields"])
        state = tuple(before.reshape(batch, 1, fields, 6).permute(2, 1, 0, 3))
        expected, after = model(x, state)
        output, rows = exported(x, before.numpy())
        assert_close(output, expected)
        assert_close(rows, onnx_state(after))


@given(seed=seeds, names=st.permutations(["b", "a", "c d", "é", "'q'"]))
def test_metadata_suffices_for_an_unknown_model(seed: int, names: list[str], path: Path) -> None:
    torch.manual_seed(seed)
    model = SequenceModel(5, 2, hidden_size=4, pooling=None, task="classification").eval()
    model.features, model.classes = names, ["no", "yes"]
    model.input_mean.normal_()
    export_onnx(model, path)
    rows = [{name: float(torch.randn(())) for name in sorted(names)} for _ in range(6)]

    session = onnxruntime.InferenceSession(str(path))
    metadata = session.get_modelmeta().custom_metadata_map
    told = {name: json.loads(text) for name, text in metadata.items()}
    wanted, kept = told["input"], told["state"]
    assert wanted["axes"][:2] == ["batch", "time"]
    x = np.array([[[row[name] for name in wanted["names"]] for row in rows]], wanted["dtype"])
    state = np.zeros((1, kept["axes"][1]), kept["dtype"])
    output, _ = session.run(None, {"input": x, "state": state})
    labels = [told["output"]["classes"][n] for n in output[0].argmax(-1)]

    expected, _ = model(torch.tensor([[[row[name] for name in names] for row in rows]]))
    assert_close(output, expected)
    assert labels == [["no", "yes"][n] for n in expected[0].argmax(-1).tolist()]
    centred = (x[0, 0] - np.array(wanted["mean"])) / np.array(wanted["scale"])
    assert_close(centred, model.standardised(torch.from_numpy(x))[0, 0])
