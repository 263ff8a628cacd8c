"""Interventions: against edited weights, a compiled stepper edited by hand, and one another."""

from __future__ import annotations

import math
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.analysis import QUANTITIES
from lstmwidgets.analysis.interventions import (
    Intervention,
    Scenario,
    ablation,
    load_scenarios,
    save_scenarios,
)
from lstmwidgets.analysis.unit_ranking import rank_units
from lstmwidgets.analysis.what_if import AlteredStepper, WhatIf
from lstmwidgets.cells import CELLS

HIDDEN, STEPS = 5, 9


def model_of(cell: str, layers: int, *, task: str = "regression", seed: int = 0) -> SequenceModel:
    torch.manual_seed(seed)
    return SequenceModel(
        3, 2, hidden_size=HIDDEN, num_layers=layers, cell=cell, task=task, pooling=None,
        dtype=torch.float64,
    ).eval()  # fmt: skip


def inputs_of(seed: int = 0) -> torch.Tensor:
    return torch.randn(STEPS, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def interventions(layers: int) -> st.SearchStrategy[Intervention]:
    def made(part: str, value: float, clamps: bool, units: Any, steps: Any, layer: Any) -> Any:
        given: dict[str, Any] = {"to" if clamps else "by": value}
        return Intervention(part, **given, units=units, steps=steps, layer=layer)

    ends = st.tuples(st.integers(0, STEPS - 1), st.integers(0, STEPS - 1)).map(
        lambda pair: (min(pair), max(pair))
    )
    return st.builds(
        made,
        st.sampled_from(QUANTITIES),
        st.floats(-1.5, 1.5),
        st.booleans(),
        st.none() | st.lists(st.integers(0, HIDDEN - 1), min_size=1, max_size=3),
        ends | st.integers(0, STEPS - 1).map(lambda first: (first, None)),
        st.none() | st.integers(0, layers - 1),
    )


CELL_KINDS = st.sampled_from(sorted(CELLS))


@given(CELL_KINDS, st.integers(1, 2), st.integers(0, 5))
def test_nothing_done_is_the_model_itself(cell: str, layers: int, seed: int) -> None:
    model, x = model_of(cell, layers, seed=seed), inputs_of(seed)
    what_if = WhatIf(model, x)
    wanted = model(x[None])[0][0].detach()
    np.testing.assert_allclose(what_if.untouched.predictions, wanted, atol=1e-12)
    hidden = what_if.run_many([[], []])
    np.testing.assert_allclose(what_if.predictions(hidden)[1], wanted, atol=1e-12)


@given(CELL_KINDS, st.integers(1, 2), st.integers(0, HIDDEN - 1), st.data())
def test_a_silent_unit_is_one_that_no_weight_listens_to(
    cell: str, layers: int, unit: int, data: st.DataObject
) -> None:
    layer = data.draw(st.integers(0, layers - 1))
    model, x = model_of(cell, layers), inputs_of()
    altered = WhatIf(model, x).run([ablation(unit, layer=layer)])
    edited = deepcopy(model)
    with torch.no_grad():
        getattr(edited.lstm, f"weight_hh_l{layer}")[:, unit] = 0
        if layer + 1 < layers:
            getattr(edited.lstm, f"weight_ih_l{layer + 1}")[:, unit] = 0
        else:
            edited.head.weight[:, unit] = 0
    np.testing.assert_allclose(altered.predictions, edited(x[None])[0][0].detach(), atol=1e-10)


@given(
    st.sampled_from(["input_gate", "forget_gate", "output_gate", "candidate"]),
    st.floats(0.02, 0.98),
    st.lists(st.integers(0, HIDDEN - 1), min_size=1, max_size=HIDDEN),
)
def test_a_clamped_gate_is_one_of_bias_alone(part: str, value: float, units: list[int]) -> None:
    model, x = model_of("standard", 1), inputs_of()
    altered = WhatIf(model, x).run([Intervention(part, to=value, units=tuple(units))])
    edited = deepcopy(model)
    block = ["input_gate", "forget_gate", "candidate", "output_gate"].index(part)
    rows = [block * HIDDEN + unit for unit in units]
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_hh_l0"):
            getattr(edited.lstm, name)[rows] = 0
        opened = math.atanh(value) if part == "candidate" else math.log(value / (1 - value))
        edited.lstm.bias_ih_l0[rows] = opened
    np.testing.assert_allclose(altered.predictions, edited(x[None])[0][0].detach(), atol=1e-10)


@given(CELL_KINDS, st.integers(1, 2), st.data())
def test_one_step_after_the_other_is_the_whole_sequence(
    cell: str, layers: int, data: st.DataObject
) -> None:
    made = data.draw(st.lists(interventions(layers), max_size=4))
    model, x = model_of(cell, layers), inputs_of()
    altered = WhatIf(model.lstm, x).run(made)
    stepper = AlteredStepper(model.lstm, made)
    hidden = np.stack([stepper.step(x_t) for x_t in x.numpy()])
    np.testing.assert_allclose(hidden, altered.predictions, atol=1e-10)


@given(st.lists(interventions(1), max_size=4))
def test_a_compiled_stepper_edited_by_hand_does_the_same(made: list[Intervention]) -> None:
    lstm = model_of("standard", 1).lstm
    x = inputs_of()
    altered = WhatIf(lstm, x).run(made)
    stepper = lstm.stepper()
    for t, x_t in enumerate(x.numpy()):
        c_before = stepper.state.c[0, 0].numpy()
        stepper.step(x_t)
        parts = {name: part[0, 0].numpy() for name, part in stepper.gates._asdict().items()}

        def changed(name: str, values: Any, t: int = t) -> Any:
            values = values.copy()
            for each in made:
                first, last = each.steps
                if each.part == name and first <= t <= (STEPS if last is None else last):
                    which = slice(None) if each.units is None else list(each.units)
                    values[which] = each.to if each.by is None else values[which] * each.by
            return values

        i, f, g, o = (changed(name, parts[name]) for name in parts)
        c = changed("cell", f * c_before + i * g)
        h = changed("hidden", o * np.tanh(c))
        state = stepper.state
        stepper.state = state._replace(
            h=torch.from_numpy(h)[None, None], c=torch.from_numpy(c)[None, None]
        )
        recorded = altered.recording.layers
        np.testing.assert_allclose(altered.predictions[t], h, atol=1e-9)
        np.testing.assert_allclose(recorded["cell"][t, 0], c, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(recorded["forget_gate"][t, 0], f, rtol=1e-5, atol=1e-6)


@given(CELL_KINDS, st.integers(1, 2), st.data())
def test_before_the_first_step_nothing_is_different(
    cell: str, layers: int, data: st.DataObject
) -> None:
    made = data.draw(st.lists(interventions(layers), min_size=1, max_size=3))
    what_if = WhatIf(model_of(cell, layers), inputs_of())
    altered, first = what_if.run(made), min(each.steps[0] for each in made)
    np.testing.assert_array_equal(
        altered.predictions[:first], what_if.untouched.predictions[:first]
    )
    for name in QUANTITIES:
        before, now = (run.recording.layers[name][:first] for run in (what_if.untouched, altered))
        np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_the_ranking_is_that_of_one_ablation_after_the_other(
    cell: str, layers: int, task: str
) -> None:
    model, x = model_of(cell, layers, task=task), inputs_of()
    targets: list[Any] = [0.5, None, *[1.0] * (STEPS - 2)]
    if task == "classification":
        model.classes = ["no", "yes"]
        targets = ["no", None, *["yes"] * (STEPS - 2)]
    what_if = WhatIf(model, x, targets=targets)
    first, *_, last = rank_units(what_if, layer=layers - 1)
    assert not first.measured.any()
    assert last.measured.all()
    assert sorted(first.order) == list(range(HIDDEN))
    before = what_if.untouched
    assert before.errors is not None
    head = model.head.weight.detach().numpy()
    for unit in range(HIDDEN):
        altered = what_if.run([ablation(unit)])
        moved = np.abs(altered.predictions - before.predictions)
        per_step = moved.sum(-1) / 2 if task == "classification" else moved.mean(-1)
        assert last.moved[unit] == pytest.approx(per_step.mean(), abs=1e-12)
        assert altered.errors is not None
        damage = np.nanmean(altered.errors) - np.nanmean(before.errors)
        assert last.damage[unit] == pytest.approx(damage, abs=1e-12)
        if task == "regression":
            shown = before.recording.layers["hidden"][:, -1, unit, None] * head[:, unit]
            assert last.adds[unit] == pytest.approx(np.abs(shown).mean(), rel=1e-5)
    assert all(last.damage[a] >= last.damage[b] for a, b in pairwise(last.order))
    assert last.to_dataframe()["unit"].tolist() == last.order


def test_errors_are_those_of_the_targets() -> None:
    model = model_of("standard", 1, task="classification")
    model.classes = ["no", "yes"]
    what_if = WhatIf(model, inputs_of(), targets=["yes"] * STEPS)
    given = what_if.untouched.predictions[:, 1]
    np.testing.assert_allclose(what_if.untouched.errors, -np.log(given))
    assert WhatIf(model, inputs_of()).untouched.errors is None


@given(CELL_KINDS, st.integers(1, 2), st.data())
def test_the_first_ranking_is_that_of_autograd(cell: str, layers: int, data: st.DataObject) -> None:
    layer = data.draw(st.integers(0, layers - 1))
    model, x = model_of(cell, layers), inputs_of()
    what_if = WhatIf(model, x)
    found = next(rank_units(what_if, layer))
    nudges = torch.zeros(STEPS, HIDDEN, dtype=torch.float64, requires_grad=True)
    kind, below, steps = CELLS[cell], [*x], range(STEPS)
    for level, weights in enumerate(what_if.layers):
        now = tuple(part[level] for part in what_if.subject.state)
        above = []
        for t in steps:

            def nudged(name: str, values: Any, t: int = t, level: int = level) -> Any:
                return values + nudges[t] if (name, level) == ("hidden", layer) else values

            now, _ = kind.advance(kind.project(below[t][None], weights), now, weights, nudged)
            above.append(now[0][0])
        below = above
    outputs = what_if.subject.readout(torch.stack(below), x)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, outputs.shape, generator=generator) * 2 - 1
    (felt,) = torch.autograd.grad((outputs * signs).sum(), nudges)
    hidden = what_if.parts["hidden"][:, layer]
    wanted = ((felt * hidden) ** 2).mean(0).sqrt()
    np.testing.assert_allclose(found.moved, wanted, rtol=1e-8, atol=1e-14)


@given(st.lists(st.tuples(st.text(), st.lists(interventions(3), max_size=3)), max_size=3))
def test_scenarios_come_back_from_their_file(made: list[tuple[str, list[Intervention]]]) -> None:
    import tempfile

    scenarios = [Scenario(name, each) for name, each in made]
    with tempfile.TemporaryDirectory() as folder:
        save_scenarios(Path(folder) / "what-if.json", scenarios)
        assert load_scenarios(Path(folder) / "what-if.json") == scenarios


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[1]", '[{"name": "a"}, 2]', '[{"name": 1, "interventions": []}]',
        '[{"name": "a", "interventions": [{"part": "door", "to": 1}]}]',
        '[{"name": "a", "interventions": [{"part": "cell"}]}]',
        '[{"name": "a", "interventions": [{"part": "cell", "to": 1, "by": 2}]}]',
        '[{"name": "a", "interventions": [{"part": "cell", "to": 1, "units": [-1]}]}]',
        '[{"name": "a", "interventions": [{"part": "cell", "to": 1, "steps": [5, 2]}]}]',
        '[{"name": "a", "interventions": [{"part": "cell", "to": 1, "when": 2}]}]',
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(ValueError, match=r"odd\.json holds no scenarios"):
        load_scenarios(tmp_path / "odd.json")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"part": "door", "to": 1.0}, ValueError, "part must be one of"),
        ({"part": "cell"}, ValueError, "give either to"),
        ({"part": "cell", "to": 1.0, "by": 2.0}, ValueError, "give either to"),
        ({"part": "cell", "to": math.nan}, ValueError, "finite"),
        ({"part": "cell", "to": "1"}, TypeError, "expected a number"),
        ({"part": "cell", "to": True}, TypeError, "expected a number"),
        ({"part": "cell", "to": 1.0, "units": []}, ValueError, "at least one"),
        ({"part": "cell", "to": 1.0, "units": [1.5]}, TypeError, "whole numbers"),
        ({"part": "cell", "to": 1.0, "units": [-1]}, ValueError, "negative"),
        ({"part": "cell", "to": 1.0, "steps": (4, 3)}, ValueError, "first and the last"),
        ({"part": "cell", "to": 1.0, "layer": -1}, ValueError, "negative"),
    ],
)
def test_odd_interventions_are_refused(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Intervention(**given)


def test_what_the_lstm_does_not_have_is_refused() -> None:
    what_if = WhatIf(LSTM(3, 4), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="units are numbers from 0 to 3, got 9"):
        what_if.run([ablation(9)])
    with pytest.raises(ValueError, match="layer must be from 0 to 0, got 2"):
        what_if.run([ablation(1, layer=2)])
    with pytest.raises(ValueError, match="layer must be from 0 to 0, got 1"):
        next(rank_units(what_if, 1))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        AlteredStepper(LSTM(3, 4), []).step(np.zeros(2))
