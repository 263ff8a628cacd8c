"""Costs against PyTorch's own counter, parameters counted by hand, and times that are times."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lstmwidgets import LSTM
from lstmwidgets.analysis.cost import ELEMENTWISE, NORMALISATION, cost
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel


@pytest.mark.parametrize("cell", CELLS)
def test_matrix_products_are_those_that_pytorch_counts(cell: str) -> None:
    lstm = LSTM(3, 5, 2, cell=cell)
    with FlopCounterMode(display=False) as counter:
        lstm.step(torch.zeros(1, 3))

    found = cost(lstm, batch_size=2, steps=3)

    others = 2 * ELEMENTWISE[cell] * 5
    for name, weight in lstm.named_parameters():
        if name.startswith("bias"):
            others += weight.numel()
        elif name.startswith("weight_norm"):
            others += (1 + NORMALISATION) * weight.numel()
    assert found.flops_per_step - others == counter.get_total_flops()


def test_parameters_bytes_and_the_head_are_counted() -> None:
    lstm = LSTM(3, 5, dtype=torch.float64)
    assert cost(lstm, 2, 3).bytes == 8 * cost(lstm, 2, 3).parameters
    assert cost(lstm, 2, 3).parameters == 4 * 5 * (3 + 5 + 2)
    pooled = SequenceModel(3, 2, hidden_size=5)
    every_step = SequenceModel(3, 2, hidden_size=5, pooling=None)
    assert cost(pooled, 2, 3).parameters == 4 * 5 * (3 + 5 + 2) + 2 * 6
    assert cost(pooled, 2, 3).bytes == 4 * (cost(pooled, 2, 3).parameters + 2 * 3 + 2 * 2)
    more = cost(every_step, 2, 3).flops_per_step - cost(pooled, 2, 3).flops_per_step
    assert more == 2 * 2 * 5 + 2


@pytest.mark.parametrize("inputs", [{"input_size": 3}, {"vocabulary_size": 9}])
def test_measuring_changes_nothing_and_takes_longer_for_more(inputs: dict[str, int]) -> None:
    model = SequenceModel(**inputs, hidden_size=64, dropout=0.2, pooling="attention").eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    numbers = torch.random.get_rng_state()

    small, large = cost(model, 2, 5), cost(model, 16, 50)

    assert 0 < small.step_seconds < large.batch_seconds  # which has 800 steps, and backward
    assert 0 < small.batch_seconds < large.batch_seconds
    assert all(torch.equal(each, model.state_dict()[name]) for name, each in before.items())
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), numbers)
    assert not model.training


def test_it_prints_as_a_small_table() -> None:
    lines = str(cost(LSTM(10, 32), 4, 7)).splitlines()
    assert len(lines) == 5
    assert lines[0].split() == ["parameters", "5,632"]
    assert "batch of 4 x 7 steps" in lines[-1]
    assert len({len(line) for line in lines}) == 1


def test_other_things_have_no_cost() -> None:
    with pytest.raises(TypeError, match="an LSTM or a SequenceModel, got Linear"):
        cost(torch.nn.Linear(2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        cost(LSTM(2, 3), 0)
