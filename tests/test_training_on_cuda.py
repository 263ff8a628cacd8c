"""Training on a GPU: the library's own calls with the device passed through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets.analysis.cost import cost
from lstmwidgets.cells import CELLS
from lstmwidgets.generation import generate
from lstmwidgets.models import SequenceModel
from lstmwidgets.training import fit, iter_fit, predict, predict_proba

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


def series(count: int = 200) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    data = [rng.normal(20, 5, (rng.integers(3, 30), 2)) for _ in range(count)]
    return data, np.array([one[:, 0].mean() for one in data])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_every_cell_trains_with_mixed_precision_by_default(cell: str, pooling: str) -> None:
    data, targets = series()
    model = SequenceModel(2, hidden_size=16, cell=cell, pooling=pooling, dropout=0.1)

    result = fit(model, data, targets, validation=0.2, epochs=10, lr=0.02, seed=0, progress=False)

    assert model.head.weight.is_cuda
    assert model.head.weight.dtype == torch.float32
    assert result.epochs[-1].train_loss < 0.9 * result.epochs[0].train_loss
    assert predict(model, data).shape == targets.shape


def test_the_gpu_computes_what_the_cpu_does() -> None:
    data, targets = series()
    losses = []
    for device in ("cpu", "cuda"):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = SequenceModel(2, hidden_size=16, dtype=torch.float64)
        epochs = iter_fit(
            model, data, targets, epochs=4, seed=0, device=device, precision="32-true"
        )
        losses.append([epoch.train_loss for epoch in epochs])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_the_optimizer_is_fused_and_windows_carry_their_state() -> None:
    from lstmwidgets.training.options import OPTIMIZERS

    made = []

    class Seen(torch.optim.AdamW):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            made.append(more)
            super().__init__(*arguments, **more)

    data, _ = series()
    model = SequenceModel(2, hidden_size=16, pooling=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPTIMIZERS, "adamw", Seen)
        result = fit(
            model, data, [one[:, 0] for one in data], window=5, epochs=8, lr=0.02, progress=False
        )
    assert made[0]["fused"]
    assert result.epochs[-1].train_loss < 0.7 * result.epochs[0].train_loss


def test_predicting_generating_and_measuring_there() -> None:
    data = [[1, 2, 3, 4] * 5] * 16
    model = SequenceModel(vocabulary_size=5, task="next_token", pooling=None, hidden_size=16)
    fit(model, data, epochs=40, lr=0.03, seed=0, progress=False)
    assert predict(model, [[1, 2, 3]])[0].tolist() == [2, 3, 4]
    assert np.allclose(predict_proba(model, [[1, 2]])[0].sum(1), 1)
    assert [one.token for one in generate(model, [1], steps=3, temperature=0)] == [2, 3, 4]
    assert cost(model, 4, 10).batch_seconds > 0


def test_a_resumed_training_goes_on_there(tmp_path: Any) -> None:
    data, targets = series()
    options: dict[str, Any] = {"seed": 0, "checkpoint": tmp_path / "c", "progress": False}
    first = fit(SequenceModel(2, hidden_size=16), data, targets, epochs=2, **options)
    longer = fit(SequenceModel(2, hidden_size=16), data, targets, epochs=4, **options)
    assert longer.epochs[:2] == first.epochs
    assert len(longer.epochs) == 4
