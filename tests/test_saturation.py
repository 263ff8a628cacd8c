"""`analysis.saturation` beside counting step by step, and where units are pinned on purpose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets import LSTM
from lstmwidgets.analysis import saturation

GATES = ("input_gate", "forget_gate", "output_gate")


@given(
    st.integers(1, 2),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.floats(0, 8),
    st.integers(0, 99),
)
def test_it_counts_what_counting_step_by_step_counts(
    layers: int, lengths: list[int], scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    lstm = LSTM(2, 4, layers)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.mul_(scale)
        trace = lstm.trace(torch.randn(len(lengths), 6, 2) * 3)
    found = saturation(trace, lengths=torch.tensor(lengths))

    assert found.steps == sum(lengths)
    for layer in range(layers):
        for unit in range(4):
            hidden = [
                abs(float(trace.hidden[layer, row, step, unit]))
                for row, length in enumerate(lengths)
                for step in range(length)
            ]
            assert found.largest[layer, unit] == max(hidden)
            for gate in GATES:
                values = [
                    float(getattr(trace, gate)[layer, row, step, unit])
                    for row, length in enumerate(lengths)
                    for step in range(length)
                ]
                shut, opened = (
                    np.mean([value < np.float32(0.1) for value in values]),
                    np.mean([value > np.float32(0.9) for value in values]),
                )
                assert found.shut[gate][layer, unit] == pytest.approx(shut)
                assert found.open[gate][layer, unit] == pytest.approx(opened)


def test_units_that_are_pinned_and_dead_on_purpose_are_found() -> None:
    lstm = LSTM(3, 10)
    with torch.no_grad():
        lstm.bias_ih_l0[0:3] = -30.0  # input gates of three units shut: they never hold anything
        lstm.bias_ih_l0[10:15] = 30.0  # forget gates of five open
        lstm.bias_ih_l0[34:35] = -30.0  # output gate of the fifth shut: it never says anything
    found = saturation(lstm.trace(torch.randn(5, 20, 3)))
    assert found.pinned_shut("input_gate") == pytest.approx(0.3)
    assert found.pinned_open("forget_gate") == pytest.approx(0.5)
    assert found.pinned_shut("output_gate") == pytest.approx(0.1)
    assert found.pinned_open("output_gate") == 0
    assert found.dead() == pytest.approx(0.4)
    assert found.dead(silent=1.0) == 1


def test_a_unit_is_pinned_from_the_share_that_is_asked_for() -> None:
    lstm = LSTM(1, 1)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.zero_()
        lstm.weight_ih_l0[1] = 10.0  # the forget gate follows the input
    x = torch.tensor([1.0] * 3 + [0.0])[None, :, None]
    found = saturation(lstm.trace(x))
    assert found.open["forget_gate"].item() == 0.75
    assert found.pinned_open("forget_gate", share=0.75) == 1
    assert found.pinned_open("forget_gate") == 0


def test_what_makes_no_sense_is_refused() -> None:
    trace = LSTM(1, 2).trace(torch.randn(2, 3, 1))
    with pytest.raises(ValueError, match="lengths"):
        saturation(trace, lengths=torch.tensor([1, 4]))
    with pytest.raises(ValueError, match="shut"):
        saturation(trace, shut=-0.1)
