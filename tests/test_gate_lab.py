"""GateLab from Python: what it draws is what was computed, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bokeh.plotting import figure

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.analysis import Intervention, Scenario, WhatIf, ablation
from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.widgets import GateLab, LiveStream

OPEN = Scenario("open", (Intervention("forget_gate", to=1.0, steps=(5, None)),))
SILENT = Scenario("silent", (ablation(2), ablation(1, layer=0, steps=(3, 8))))


def lab_of(**given: Any) -> GateLab:
    torch.manual_seed(0)
    model = SequenceModel(2, 2, hidden_size=6, num_layers=2, pooling=None)
    return GateLab(model, torch.randn(20, 2), targets=[0.5] * 20, **given)


def columns_of(gates: GateLab) -> list[str]:
    return [line["label"] for line in gates._about["panels"][0]["lines"]]


def test_runs_are_those_of_the_analysis() -> None:
    gates = lab_of(scenarios=[OPEN, SILENT])
    for scenario, run in zip(gates.scenarios, gates.runs, strict=True):
        wanted = gates.what_if.run(scenario.interventions)
        np.testing.assert_array_equal(run.predictions, wanted.predictions)
    assert columns_of(gates) == ["target", "untouched", "open", "silent"]
    frame = gates.to_dataframe()
    np.testing.assert_array_equal(frame["prediction, silent"], gates.runs[1].predictions[:, 0])
    assert [*frame.columns][:3] == ["label", "target", "prediction, untouched"]
    assert isinstance(gates.figure(), figure)
    gates.output = 1
    frame = gates.to_dataframe()
    np.testing.assert_array_equal(frame["prediction, open"], gates.runs[0].predictions[:, 1])


def test_states_drawn_are_those_of_the_scenario_shown() -> None:
    gates = lab_of(scenarios=[OPEN, SILENT])
    untouched = gates.what_if.untouched.recording.layers["cell"]

    def drawn() -> Any:
        _ = gates.runs
        return gates._states.excerpt.recording.layers["cell"]  # type: ignore[union-attr]

    np.testing.assert_array_equal(drawn(), untouched)
    gates.shown = 1
    altered = gates.runs[1].recording.layers["cell"]
    np.testing.assert_array_equal(drawn(), altered)
    gates.difference = True
    np.testing.assert_array_equal(drawn(), altered - untouched)
    assert all(p["signed"] for p in gates._about["panels"] if p["kind"] == "units")
    gates.scenarios = [OPEN]
    assert gates.shown == 0
    np.testing.assert_array_equal(drawn(), gates.runs[0].recording.layers["cell"] - untouched)
    gates.scenarios = []
    np.testing.assert_array_equal(drawn(), untouched)


def test_scenarios_are_kept_in_a_file(tmp_path: Path) -> None:
    gates = lab_of(scenarios=[OPEN, SILENT])
    gates.save(tmp_path / "what-if.json")
    other = lab_of()
    other.load(tmp_path / "what-if.json")
    assert other.scenarios == gates.scenarios
    np.testing.assert_array_equal(other.runs[1].predictions, gates.runs[1].predictions)


def test_the_ranking_is_of_the_layer_shown() -> None:
    gates = lab_of(layer=0)
    seen: list[int] = []
    gates.observe(lambda change: seen.append(int(change["new"].measured.sum())), "ranking")
    ranking = gates.rank()
    assert ranking is not None
    assert ranking.layer == 0
    assert (seen[0], seen[-1]) == (0, 6)
    assert gates._ranked["units"] == ranking.order
    assert gates._progress == 1.0


@pytest.mark.parametrize(
    ("scenarios", "words"),
    [
        ([Scenario("a", (ablation(9),))], "units are numbers from 0 to 5, got 9"),
        ([Scenario("a", (ablation(1, layer=2),))], "layer must be from 0 to 1, got 2"),
        ([{"name": "a", "interventions": [{"part": "door", "to": 1}]}], "part must be one of"),
        ([3], "Expected `object`"),
    ],
)
def test_what_cannot_be_done_is_refused(scenarios: Any, words: str) -> None:
    gates = lab_of(scenarios=[OPEN])
    with pytest.raises(ValueError, match=words):
        gates.scenarios = scenarios
    assert gates.scenarios == (OPEN,)
    with pytest.raises(TypeError, match="scenarios must be a list"):
        gates.scenarios = OPEN
    with pytest.raises(ValueError, match="shown must be from -1 to 0, got 1"):
        gates.shown = 1
    with pytest.raises(ValueError, match="output must be from 0 to 1, got 2"):
        gates.output = 2


def test_whatever_can_be_examined_can_be_interfered_with() -> None:
    events = [({"a": np.sin(n / 3), "b": n % 5}, np.cos(n / 3)) for n in range(40)]
    regressor, classifier = LSTMRegressor(6, seed=1), LSTMClassifier(6, seed=1)
    for x, y in events:
        regressor.learn_one(x, y)
        classifier.learn_one(x, "up" if y > 0 else "down")
    live = LiveStream(LSTMRegressor(6, seed=1), events)
    live.step(30)
    lstm = LSTM(2, 6)
    for source, x in ((regressor, None), (classifier, None), (live, None), (lstm, np.ones((9, 2)))):
        gates = GateLab(source, x)
        gates.add("unit 1 silent", ablation(1))
        assert np.abs(gates.runs[0].predictions - gates.what_if.untouched.predictions).max() > 0
        assert gates.rank() is not None
    assert WhatIf(classifier).subject.task == "classes"
