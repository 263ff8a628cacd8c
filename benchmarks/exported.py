"""A graph of `export_onnx` in ONNX Runtime, beside the model itself: one step and 100.

One stream, batch 1, 10 inputs, 32 hidden units, float32, the state fed back from call to call.
"ours" is `LSTM.stepper()`, 100 steps being one call of `step_many`; "PyTorch" is `forward` in
inference mode. Of the regressor, "ours" is `FrozenRegressor`: 10 features and the target before go
in and a prediction comes out, experts too. All figures are for a step; all agree before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmwidgets import LSTM, export_onnx
from lstmwidgets.cells import CELLS
from lstmwidgets.online import FrozenRegressor, LSTMRegressor
from lstmwidgets.state import State

from .agreement import check_agreement
from .timing import Contestant, Figure, Targets, race

Array = NDArray[Any]

INPUTS, HIDDEN, STEPS = 10, 32, 100
OURS, PYTORCH, ONNX_RUNTIME = "ours", "PyTorch", "ONNX Runtime"

TARGETS: Targets = {}


@torch.inference_mode()
def figures() -> Iterator[Figure]:
    """Yield the figures, one cell after another, then the regressor's."""
    xs = np.random.default_rng(0).standard_normal((STEPS, INPUTS), dtype=np.float32)
    for cell in CELLS:
        with torch.inference_mode(mode=False):
            lstm = _lstm(cell)
        for steps in (1, STEPS):
            yield from _figures(cell, steps, [
                _stepper(lstm, xs, steps),
                _forward(lstm, xs, steps),
                _graph(lstm, xs, steps),
            ])  # fmt: skip
    with torch.inference_mode(mode=False):
        frozen = _regressor(xs)
    # Behind the features comes the target of the event before.
    rows = np.column_stack([xs, np.roll(_targets(xs), 1)])
    rows[0, -1] = np.nan
    for steps in (1, STEPS):
        yield from _figures("regressor", steps, [
            _served(frozen, xs, steps),
            _graph(frozen, rows, steps),
        ])  # fmt: skip


def _figures(case: str, steps: int, contestants: list[Contestant]) -> Iterator[Figure]:
    check_agreement(contestants)
    for name, samples in race(contestants).items():
        yield Figure(case, f"{name}, {steps} step{'s' * (steps > 1)}", "µs", samples)


def _lstm(cell: str) -> LSTM:
    lstm = LSTM(INPUTS, HIDDEN, cell=cell).eval()
    if cell == "layer_norm":  # as they are drawn, its weights magnify roundings beyond agreement
        lstm.weight_norm_hh_l0.data.mul_(0.25)
    return lstm


def _stepper(lstm: LSTM, xs: Array, steps: int) -> Contestant:
    stepper, slots = lstm.stepper(), np.zeros(steps, np.int64)
    if steps == 1:
        return Contestant(OURS, stepper.step, list(xs))
    return Contestant(OURS, lambda X: stepper.step_many(slots, X), [xs], steps)


def _forward(lstm: LSTM, xs: Array, steps: int) -> Contestant:
    state: State | None = None

    def forward(x: Tensor) -> Tensor:
        nonlocal state
        output, state = lstm(x, state)
        return output

    return Contestant(PYTORCH, forward, torch.from_numpy(xs).reshape(-1, 1, steps, INPUTS), steps)


def _graph(model: LSTM | FrozenRegressor, xs: Array, steps: int) -> Contestant:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        export_onnx(model, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options)
    given, state = session.get_inputs()
    dtype = np.float32 if state.type == "tensor(float)" else np.float64
    after = np.zeros((1, state.shape[1]), dtype)
    names = ["output", "next_state"]

    def run(x: Array) -> Array:
        nonlocal after
        output: Array
        output, after = session.run(names, {"input": x, "state": after})
        return output

    inputs = xs.astype(dtype).reshape(-1, 1, steps, given.shape[2])
    return Contestant(ONNX_RUNTIME, run, list(inputs), steps)


def _targets(xs: Array) -> Array:
    return np.tanh(xs.sum(1)).astype(np.float64)


def _events(xs: Array) -> list[dict[str, float]]:
    return [{f"x{n}": value for n, value in enumerate(x)} for x in xs.tolist()]


def _regressor(xs: Array) -> FrozenRegressor:
    model = LSTMRegressor(HIDDEN, seed=0)
    for _ in range(3):
        for x, y in zip(_events(xs), _targets(xs).tolist(), strict=True):
            model.learn_one(x, y)
    return FrozenRegressor(model, 1)


def _served(frozen: FrozenRegressor, xs: Array, steps: int) -> Contestant:
    frozen.reset()
    slots = [0] * steps
    events, targets = _events(xs), _targets(xs).tolist()
    calls = [(slots, events[n : n + steps], targets[n : n + steps]) for n in range(0, STEPS, steps)]
    return Contestant(OURS, lambda call: frozen.observe_many(*call), calls, steps)
