"""Training in other precisions and compiled; series so long that they are run in parts."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from lstmwidgets.training import fit, predict, prediction

from .trainings import QUIET, model_of, series


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("auto", torch.float32), ("bf16-mixed", torch.float32), ("64-true", torch.float64)],
)
@pytest.mark.parametrize("window", [None, 5])
def test_precisions(precision: str, dtype: torch.dtype, window: int | None) -> None:
    data = series()
    targets = [one[:, 0] for one in data]
    model = model_of(input_size=2, pooling=None)

    result = fit(
        model, data, targets, precision=precision, window=window, epochs=8, lr=0.02, **QUIET
    )

    assert result.epochs[-1].train_loss < 0.8 * result.epochs[0].train_loss
    assert model.head.weight.dtype == dtype


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of PyTorch's compiler about itself
@pytest.mark.parametrize("cell", ["standard", "peephole"])
def test_compiled_training_is_the_same(cell: str) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler here")
    data = np.random.default_rng(0).normal(size=(16, 5, 2))
    losses = []
    for compiled in (False, True):
        model = model_of(input_size=2, cell=cell)
        result = fit(model, data, data.mean((1, 2)), epochs=2, seed=0, compile=compiled, **QUIET)
        losses.append([one.train_loss for one in result.epochs])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert "forward" not in vars(model.lstm)


def test_a_long_series_is_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(input_size=2, pooling=None, cell="full_gate_recurrence", dtype=torch.float64)
    data = series(9)
    whole = predict(model, data, batch_size=3)
    monkeypatch.setattr(prediction, "WINDOW", 4)
    for ours, theirs in zip(predict(model, data, batch_size=3), whole, strict=True):
        assert np.allclose(ours, theirs)
