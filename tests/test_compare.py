"""Compare: two runs side by side, what goes together in them, and how far they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from river import datasets

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.analysis import (
    QUANTITIES,
    Comparison,
    Intervention,
    Recording,
    WhatIf,
    recording_of_run,
)
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.plots import Brush
from lstmwidgets.widgets import (
    CellInspector,
    Compare,
    GateLab,
    LiveStream,
    MemoryTimeline,
    PatternMatch,
    StateHeatmap,
)
from lstmwidgets.widgets.compare import said_of

X = torch.randn(1, 12, 3, generator=torch.Generator().manual_seed(0))


def trace(hidden: int = 6, layers: int = 1, seed: int = 0, steps: int = 12) -> Any:
    torch.manual_seed(seed)
    return LSTM(3, hidden, layers).trace(X[:, :steps])


@given(st.integers(0, 8), st.integers(1, 8), st.integers(0, 8), st.integers(1, 8))
def test_steps_are_compared_by_their_numbers(a: int, n: int, b: int, m: int) -> None:
    rng = np.random.default_rng(0)

    def played(first: int, count: int) -> Recording:
        layers = {name: rng.random((count, 2, 3), dtype=np.float32) for name in QUANTITIES}
        steps = np.arange(first, first + count)
        columns = {"prediction": rng.random(count), str(first): np.zeros(count)}
        return Recording(layers, tuple(map(str, steps)), steps, columns)

    one, other = played(a, n), played(b, m)
    found = Comparison.of(one, other)
    shared = [step for step in range(20) if a <= step < a + n and b <= step < b + m]
    assert found.steps.tolist() == shared
    assert {*found.columns} == {"prediction"} | ({str(a)} if a == b else set())
    for k, step in enumerate(shared):
        for name in QUANTITIES:
            expected = other.layers[name][step - b] - one.layers[name][step - a]
            assert_array_equal(found.quantities[name][k], expected)
        expected = other.columns["prediction"][step - b] - one.columns["prediction"][step - a]
        assert found.columns["prediction"][k] == expected
    if shared:
        distances = np.abs(found.columns["prediction"])
        assert found.mean("prediction") == pytest.approx(distances.mean())
        assert found.farthest("prediction") == (shared[distances.argmax()], distances.max())
        assert_array_equal(found.difference(one, other).steps, shared)
    else:
        assert np.isnan(found.mean("prediction"))
        assert found.farthest("prediction") is None
        with pytest.raises(ValueError, match="no step in common"):
            found.difference(one, other)


def test_a_run_is_a_recording_with_its_predictions() -> None:
    what_if = WhatIf(SequenceModel(3, 1, hidden_size=4, pooling=None), X[0], targets=[0.5] * 12)
    recording = recording_of_run(what_if.untouched)
    assert_array_equal(recording.columns["prediction"], what_if.untouched.predictions[:, 0])
    assert_array_equal(recording.columns["error"], what_if.untouched.errors)
    several = recording_of_run(WhatIf(LSTM(3, 4), X[0]).untouched)
    assert [*several.columns] == [f"prediction {n}" for n in range(4)]


def test_pictures_of_one_size_go_together() -> None:
    compare = Compare(trace(), trace(seed=1), ("seed 0", "seed 1"), order="similarity")
    left, right = compare.left, compare.right
    assert isinstance(left, StateHeatmap)
    assert_array_equal(left.units, right.units)
    right.order = "peak"
    assert left.order == "peak"
    assert_array_equal(left.units, right.units)
    assert_array_equal(left.units, StateHeatmap(trace(), order="peak").units)
    left.pinned = [3]
    assert right.pinned == [3]
    right.brush = Brush(tuple(int(u) for u in right.units[:2]), (2, 5))
    assert left.brush == right.brush
    left.quantities = ("cell",)
    assert right.quantities == ("cell",)
    compare.link_units = False
    left.pinned = [1, 2]
    assert right.pinned == [3]
    left.order = "number"
    assert right.order == "number"
    compare.theme = "dark"
    assert (left.theme, right.theme) == ("dark", "dark")
    compare.close()
    left.order = "peak"
    assert right.order == "number"


def test_of_other_sizes_only_what_both_have_goes_together() -> None:
    compare = Compare(trace(6), trace(9, layers=2, steps=8))
    compare.left.pinned = [2]
    assert compare.right.pinned == []
    compare.right.layer = 0
    compare.left.order = "number"
    assert compare.right.order == "number"
    assert compare._linked["units"] == []
    assert "only steps are linked" in compare._said
    assert "Over 8 steps" in compare._said
    assert compare.comparison().quantities == {}
    with pytest.raises(ValueError, match="as many in both, got 1 x 6 and 2 x 9"):
        compare.difference()


def test_before_and_after_an_intervention() -> None:
    lab = GateLab(SequenceModel(3, 1, hidden_size=4, pooling=None), X[0])
    lab.add("shut", Intervention("input_gate", to=0.0, steps=(5, None)))
    after = lab.runs[0]
    compare = Compare(lab.what_if.untouched, after, ("untouched", "shut"))
    found = compare.comparison()
    moved = after.predictions[:, 0] - lab.what_if.untouched.predictions[:, 0]
    assert_array_equal(found.columns["prediction"], moved)
    assert (found.quantities["cell"][:5] == 0).all()
    step, most = found.farthest("prediction") or (-1, 0.0)
    assert f"predictions differ by {np.abs(moved).mean():.3g} on average" in compare._said
    assert f"by {most:.3g} at step {step}" in compare._said
    table = compare.to_dataframe()
    assert table.loc["prediction", "largest"] == np.abs(moved).max()
    assert table.loc["cell", "mean"] == pytest.approx(np.abs(found.quantities["cell"]).mean())
    images = compare.figure().select({"name": "image cell"})
    assert len({image.id for image in images}) == 2
    picture = compare.difference(order="number")
    assert_array_equal(picture.recording.layers["cell"], found.quantities["cell"])


def test_models_are_run_on_a_sequence() -> None:
    models = [SequenceModel(3, 1, hidden_size=n, pooling=None) for n in (4, 7)]
    compare = Compare(*models, x=X[0])
    for model, side in zip(models, (compare.left, compare.right), strict=True):
        expected = WhatIf(model, X[0]).untouched.predictions[:, 0]
        assert_array_equal(side.recording.columns["prediction"], expected)
    labs = Compare(*models, x=X[0], widget=GateLab)
    labs.left.add("shut", Intervention("input_gate", to=0.0))
    assert len(labs.left.runs) == 1
    assert labs.right.runs == ()
    assert labs._said == said_of(labs.comparison())
    assert np.isfinite(labs.comparison().mean("prediction"))


@pytest.mark.parametrize("kind", [MemoryTimeline, CellInspector, PatternMatch])
def test_other_widgets_go_together_as_well(kind: Any) -> None:
    compare = Compare(trace(layers=2), trace(layers=2, seed=1), widget=kind)
    compare.left.layer = 0
    assert compare.right.layer == 0
    if kind is MemoryTimeline:
        compare.right.write = 0.25
        assert compare.left.write == 0.25
    if kind is CellInspector:
        compare.right.position = 3
        assert compare.left.position == 3
    assert len(compare.comparison().steps) == 12
    compare.close()


def test_widgets_that_are_made_are_shown_as_they_are() -> None:
    one, other = StateHeatmap(trace(), order="number"), StateHeatmap(trace(seed=1))
    compare = Compare(one, other)
    assert (compare.left, compare.right) == (one, other)
    assert other.order == "number"
    compare.close()
    assert one.comm is not None


def test_live_streams_are_followed() -> None:
    lives = [
        LiveStream(LSTMRegressor(4, cell=cell, seed=1), datasets.AirlinePassengers())
        for cell in ("standard", "peephole")
    ]
    compare = Compare(*lives)
    for live in lives:
        live.step(10)
        assert live.player.wait(60)
    compare.left.pinned = [2]
    assert compare.right.pinned == [2]
    assert len(compare.comparison().steps) == 10
    assert np.isfinite(compare.comparison().mean("prediction"))
    compare.close()
    for live in lives:
        live.stop()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Compare(trace(), trace(), widget=LiveStream), TypeError, "widget must be one of"),
        (lambda: Compare(LSTM(3, 4), LSTM(3, 4)), ValueError, r"Compare\(left, right, x=x\)"),
        (lambda: Compare(trace(), 3), TypeError, "expected a Recording.*got int"),
        (
            lambda: Compare(StateHeatmap(trace()), MemoryTimeline(trace())),
            TypeError,
            "of one kind, got StateHeatmap and MemoryTimeline",
        ),
        (
            lambda: Compare(StateHeatmap(trace()), StateHeatmap(trace()), order="peak"),
            TypeError,
            "set their traits",
        ),
        (lambda: Compare(*[StateHeatmap(trace())] * 2), ValueError, "the same widget"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    make: Callable[[], Compare], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()
