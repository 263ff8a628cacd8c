"""Exported regressors go on as the live ones would; what is no such model is refused."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from river import datasets

from lstmwidgets import LSTM, SequenceModel, export_onnx, onnx_state
from lstmwidgets.online import (
    FrozenRegressor,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    from_model,
)

from .exported import PAGE, Array, Exported, columns, learned
from .test_serving import Event, each, events, roughened


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs") / "model.onnx"


def assert_agrees(found: Array, expected: Any, rtol: float = 0.0) -> None:
    wanted = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-5)


@each
def test_a_regressor_goes_on_in_onnx_runtime(variant: dict[str, Any], path: Path) -> None:
    model = learned(variant)
    exported, state = Exported(model, path), onnx_state(model)
    stream = events(100, 6, variant.get("numbers", False))
    x = columns(model, stream)[None]
    expected = np.array([model.observe_one(*event) for event in stream])
    whole, _ = exported(x, state)
    assert_agrees(whole[0, :, 0], expected)
    for t, prediction in enumerate(expected):
        output, state = exported(x[:, t : t + 1], state)
        assert_agrees(output, np.full((1, 1, 1), prediction))


@each
def test_targets_and_features_may_be_missing_or_odd(variant: dict[str, Any], path: Path) -> None:
    model = learned(variant)
    frozen, exported = FrozenRegressor(model, 1), Exported(model, path)
    stream = roughened(events(120, 7, variant.get("numbers", False)), 8)
    stream = [(x, y if isinstance(y, float) else None) for x, y in stream]
    expected = frozen.observe_many([0] * 120, *zip(*stream, strict=True))
    output, _ = exported(columns(frozen, stream)[None], exported.zeros(1))
    # What is not scaled has wild values, and then predictions of -17,000 in float32.
    rtol = 0.0 if variant.get("scale", True) else 1e-6
    assert_agrees(output[0, :, 0], expected, rtol)


def test_numbers_that_are_none_count_as_missing(path: Path) -> None:
    exported = Exported(learned({"numbers": True}), path)
    random = np.random.default_rng(0)
    x = random.standard_normal((1, 40, exported.told["input"]["axes"][2]))
    where = random.random(x.shape) < 0.2
    odd = (math.nan, math.inf, -math.inf, 1e31)
    predictions = [exported(np.where(where, value, x), exported.zeros(1)) for value in odd]
    for output, state in predictions:
        assert np.isfinite(output).all()
        np.testing.assert_array_equal(output, predictions[0][0])
        np.testing.assert_array_equal(state, predictions[0][1])


def test_a_real_stream_and_its_experts_go_on(path: Path) -> None:
    stream = list(datasets.WaterFlow().take(600))
    model = learned({"hidden_size": 32}, stream[:500])
    assert 0.1 < model.shares["lstm"] < 0.99
    assert model.shares["linear"] + model.shares["linear, recent"] > 0.001
    exported = Exported(model, path)
    output, _ = exported(columns(model, stream[500:])[None], onnx_state(model))
    expected = np.array([model.observe_one(*event) for event in stream[500:]])
    assert_agrees(output[0, :, 0], expected)


def test_streams_of_a_frozen_regressor_are_rows(path: Path) -> None:
    frozen = FrozenRegressor(learned({"num_layers": 2, "cell": "full_gate_recurrence"}), 4)
    stream = events(60, 9)
    for slot, steps in ((1, 1), (2, 3), (3, 30)):
        xs, ys = zip(*stream[:steps], strict=True)
        frozen.observe_many([slot] * steps, xs, ys)
    exported, rest = Exported(frozen, path), stream[30:]
    output, _ = exported(np.stack([columns(frozen, rest)] * 4), onnx_state(frozen))
    xs, ys = zip(*rest, strict=True)
    for slot in range(4):
        assert_agrees(output[slot, :, 0], frozen.observe_many([slot] * 30, xs, ys))


def test_a_frozen_regressor_shows_its_states() -> None:
    model = learned({"num_layers": 2})
    frozen = FrozenRegressor(model, 3)
    model.reset_stream()
    for x, y in events(5, 10):
        frozen.observe_many([1], [x], [y])
        model.observe_one(x, y)
    assert model.state is not None
    for found, expected in zip(frozen.state, model.state, strict=True):
        assert torch.equal(found[:, 1:2], expected)
        assert not found[:, [0, 2]].any()


def test_a_constant_target_and_a_constant_feature(path: Path) -> None:
    model = learned({}, [({"a": 1.0}, 5.0)] * 50)
    exported, stream = Exported(model, path), [({"a": 2.0}, 5.0), ({}, 6.0), ({"a": 1.0}, 6.0)]
    output, _ = exported(columns(model, stream)[None], onnx_state(model))
    assert_agrees(output[0, :, 0], np.array([model.observe_one(*event) for event in stream]))


def test_events_without_features(path: Path) -> None:
    model = learned({}, [({}, float(n % 3)) for n in range(50)])
    exported, stream = Exported(model, path), [({}, float(n % 3)) for n in range(50, 60)]
    output, _ = exported(columns(model, stream)[None], onnx_state(model))
    assert_agrees(output[0, :, 0], np.array([model.observe_one(*event) for event in stream]))


def test_linear_experts_read_no_more_than_64_features(path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((130, 70)).tolist()
    stream: list[Event] = [({f"x{n}": v for n, v in enumerate(row)}, sum(row)) for row in rows]
    model = learned({}, stream[:100])
    exported = Exported(model, path)
    output, _ = exported(columns(model, stream[100:])[None], onnx_state(model))
    expected = np.array([model.observe_one(*event) for event in stream[100:]])
    assert_agrees(output[0, :, 0], expected)


def script() -> str:
    """Return the script that the page shows."""
    return (
        PAGE.read_text("utf-8").partition("<!-- script -->\n\n```python\n")[2].partition("```")[0]
    )


def test_the_script_of_the_page_needs_onnxruntime_and_numpy_alone(tmp_path: Path) -> None:
    stream = events(200, 11)
    model = learned({}, stream[:150])
    export_onnx(model, tmp_path / "model.onnx")
    np.save(tmp_path / "state.npy", onnx_state(model))
    lines = [json.dumps({**x, "target": y}, default=str) for x, y in stream[150:]]
    program = (
        f"{script()}\nassert not {{'torch', 'lstmwidgets', 'onnx', 'river'}} & {{*sys.modules}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, "model.onnx", "state.npy"],
        input="\n".join(lines), capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = np.array([model.observe_one(*event) for event in stream[150:]])
    assert_agrees(np.array(done.stdout.split(), float), expected)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LSTMForecaster(hidden_size=4),
            r"LSTMForecaster.*its LSTM alone: export_onnx\(model\.module, ",
        ),
        (
            lambda: LSTMClassifier(4),
            r"LSTMClassifier.*its LSTM alone: export_onnx\(model\.module, ",
        ),
        (
            lambda: from_model(SequenceModel(2, 1)),
            r"the network in it: export_onnx\(model\.model, ",
        ),
        (lambda: torch.nn.LSTM(2, 3), r"expected an LSTM, SequenceModel, .* got LSTM"),
        (lambda: None, "got NoneType None"),
    ],
)
def test_other_models_are_refused_in_one_line(
    make: Callable[[], Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match=message) as error:
        export_onnx(make(), tmp_path / "model.onnx")
    assert "\n" not in str(error.value)
    assert not any(tmp_path.iterdir())


def test_the_lstm_of_another_estimator_goes_alone(path: Path) -> None:
    model = LSTMForecaster(hidden_size=4, seed=1)
    for n in range(30):
        model.learn_one(float(n % 5))
    assert model.module is not None
    exported = Exported(model.module, path)
    x = torch.randn(1, 3, model.module.input_size)
    expected, _ = model.module(x, model.state)
    assert_agrees(exported(x, onnx_state(model.state))[0], expected)


def test_the_network_of_an_estimator_goes_on_from_its_state(path: Path) -> None:
    torch.manual_seed(0)
    model = from_model(SequenceModel(2, 1, hidden_size=4), features=["a", "b"])
    rows = np.random.default_rng(0).standard_normal((30, 2)).tolist()
    for a, b in rows[:20]:
        model.learn_one({"a": a, "b": b}, a + b)
    exported, state = Exported(model.model, path), onnx_state(model.state)
    for a, b in rows[20:]:
        output, state = exported(np.float32([[[a, b]]]), state)
        assert_agrees(output[0, 0], np.array(model.step_one({"a": a, "b": b})))


def test_a_regressor_that_has_not_learned_is_refused(path: Path) -> None:
    model = LSTMRegressor(4)
    for action in (lambda: export_onnx(model, path), lambda: onnx_state(model)):
        with pytest.raises(ValueError, match="not learned anything yet; let it learn_one first"):
            action()
    model.step_one({"a": 1.0})
    with pytest.raises(ValueError, match="not learned anything yet"):
        export_onnx(model, path)
    model = learned({"target_lag": False}, [({}, 1.0)] * 3)
    with pytest.raises(ValueError, match="the model reads nothing"):
        export_onnx(model, path)


def test_onnx_state_says_what_it_takes() -> None:
    with pytest.raises(TypeError, match=r"expected a state as LSTM returns it.*give its \.state"):
        onnx_state(LSTM(2, 3).stepper())
    with pytest.raises(TypeError, match=r"got int 7$"):
        onnx_state(7)


def test_a_missing_onnx_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lstmwidgets\[onnx\]'"):
        export_onnx(LSTM(2, 3), path)


def test_a_copy_of_a_frozen_regressor_is_exported_alike(path: Path) -> None:
    frozen = FrozenRegressor(learned({}), 2)
    export_onnx(frozen, path)
    before = path.read_bytes()
    export_onnx(copy.deepcopy(frozen), path)
    assert path.read_bytes() == before
