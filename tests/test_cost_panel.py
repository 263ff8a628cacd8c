"""CostPanel: what it counts and measures, what is kept, and what traits and methods do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource
from traitlets import TraitError

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.analysis import count_costs
from lstmwidgets.analysis.cost_counts import counts_of
from lstmwidgets.analysis.cost_curves import KINDS
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import CostPanel

WAIT = 300
SMALL: dict[str, Any] = {"input_size": 3, "sizes": [4, 2], "window": 3, "batch_size": 2, "steps": 4}


@pytest.fixture
def panel() -> Iterator[CostPanel]:
    widget = CostPanel(hidden_size=4, **SMALL)
    yield widget
    widget.close()


def measured(panel: CostPanel) -> set[tuple[int, int, str]]:
    return {(each.hidden_size, each.num_layers, each.cell) for each in panel.points}


def test_all_sizes_are_measured_and_told_to_pages(panel: CostPanel) -> None:
    assert panel.wait(WAIT)
    assert panel.error == ""
    assert panel._progress == 1
    assert measured(panel) == {(4, 1, "standard"), (2, 1, "standard")}
    assert {each.kind for each in panel.points} == {*KINDS}
    assert panel._points == [vars(each) for each in panel.points]
    assert panel._about["sizes"] == [2, 4]
    assert panel.counts == count_costs(3, 4)


def test_another_choice_is_measured_and_what_was_is_kept(panel: CostPanel) -> None:
    assert panel.wait(WAIT)
    first = {id(each) for each in panel.points}
    panel.hidden_size = 3
    assert panel.counts == count_costs(3, 3)  # at once
    assert panel.wait(WAIT)
    assert (3, 1, "standard") in measured(panel)
    panel.num_layers, panel.cell = 2, "coupled"
    assert panel.wait(WAIT)
    assert {(size, 2, "coupled") for size in (2, 3, 4)} < measured(panel)
    assert first < {id(each) for each in panel.points}
    told = len(panel.points)
    panel.num_layers, panel.cell = 1, "standard"
    assert panel.wait(WAIT)
    assert len(panel.points) == told


def test_measuring_can_be_stopped_and_taken_up_again() -> None:
    panel = CostPanel(measuring=False, hidden_size=2, **SMALL)
    assert panel.wait(WAIT)
    assert panel.points == []
    assert panel.to_dataframe().empty
    begun = Event()
    panel.observe(lambda _: begun.set(), ["_points"])
    panel.measuring = True
    assert begun.wait(WAIT)
    panel.measuring = False
    assert panel.wait(WAIT)
    some = len(panel.points)
    panel.measuring = True
    assert panel.wait(WAIT)
    assert some < len(panel.points) == 2 * 8
    panel.close()


def test_what_is_measured_again_replaces_what_was_measured(panel: CostPanel) -> None:
    assert panel.wait(WAIT)
    panel.num_layers = 2
    assert panel.wait(WAIT)
    before = panel.points
    panel._receive(None, {"type": "again"}, [])
    assert panel.wait(WAIT)
    kept = [each for each in before if any(each is other for other in panel.points)]
    assert kept == [each for each in before if each.num_layers == 1]
    assert len(panel.points) == len(before)
    assert panel._stale == set()


def test_a_table_has_a_row_for_each_size_and_contender(panel: CostPanel) -> None:
    table = panel.to_dataframe()
    assert table["hidden_size"].tolist() == [2] * 4 + [4] * 4
    ours = table[table["contender"] == "lstmwidgets"]
    assert ours["parameters"].tolist() == [count_costs(3, n).parameters for n in (2, 4)]
    times = {(each.kind, each.contender, each.hidden_size): each.seconds for each in panel.points}
    for _, row in table.iterrows():
        for kind, column, unit in (("step", "step_us", 1e6), ("batch", "batch_ms", 1e3)):
            seconds = times.get((kind, row["contender"], row["hidden_size"]), np.nan)
            np.testing.assert_equal(row[column], seconds * unit)


def test_a_figure_has_the_curves(panel: CostPanel) -> None:
    assert panel.wait(WAIT)
    sources = [each.data for each in panel.figure().select({"type": ColumnDataSource})]
    curves = [list(data["value"]) for data in sources if "value" in data]
    assert [count_costs(3, n).parameters for n in (2, 3, 4)] in curves
    for kind, unit in (("step", 1e6), ("event", 1e6), ("batch", 1e3)):
        ours = [
            each.seconds * unit
            for each in panel.points
            if (each.kind, each.contender) == (kind, "lstmwidgets")
        ]
        assert ours in curves


@pytest.mark.parametrize("kind", ["lstm", "sequence model", "estimator"])
def test_a_model_is_the_first_choice_and_is_marked(kind: str) -> None:
    regressor = LSTMRegressor(5, 2, cell="peephole", seed=1)
    regressor.learn_one({"a": 1.0, "b": 2.0}, 1.0)
    models = {
        "lstm": LSTM(3, 5, 2, cell="peephole"),
        "sequence model": SequenceModel(3, 1, hidden_size=5, num_layers=2, cell="peephole"),
        "estimator": regressor,
    }
    model: Any = models[kind]
    panel = CostPanel(model, measuring=False)
    assert (panel.hidden_size, panel.num_layers, panel.cell) == (5, 2, "peephole")
    given = model.module if kind == "estimator" else model
    assert panel.own == counts_of(given)
    assert panel._own == {**counts_of(given)._asdict(), "hidden_size": 5}
    assert panel.workload.input_size == (given.input_size if kind != "sequence model" else 3)
    assert CostPanel(model, hidden_size=7, measuring=False).hidden_size == 7
    panel.close()


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([], {"hidden_size": 0}, "hidden_size"),
        ([], {"cell": "gru"}, "cell"),
        ([], {"num_layers": 9}, "num_layers"),
        ([], {"theme": "blue"}, "theme"),
        ([], {"sizes": []}, "sizes must have a hidden size"),
        ([], {"sizes": [0]}, "sizes must be at least 1"),
        ([], {"sizes": [4096]}, "sizes must be at most 2048"),
        ([], {"input_size": 0}, "input_size must be at least 1"),
        ([], {"window": 0}, "window must be at least 1"),
        ([LSTM(3, 4)], {"input_size": 2}, "the model has 3, got 2"),
        ([LSTMRegressor(4)], {}, "no LSTM before its first event"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    given: list[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, TraitError), match=message):
        CostPanel(*given, **options)


def test_a_size_is_no_model() -> None:
    with pytest.raises(TypeError, match=r"model must be an LSTM.* got int"):
        CostPanel(64)


def test_what_goes_wrong_beside_is_told(panel: CostPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert panel.wait(WAIT)
    monkeypatch.setattr("lstmwidgets.analysis.contenders.ONNX_NEEDS", ("onnx",))
    monkeypatch.setattr("lstmwidgets.analysis.contenders.BLOCKS", ("weight_of_none",))
    panel.hidden_size = 3
    assert panel.wait(WAIT)
    assert panel.error.startswith("KeyError: 'weight_of_none_l0'")
    with pytest.raises(RuntimeError, match="weight_of_none"):
        panel.to_dataframe()


def test_a_page_is_saved_once_all_is_measured(panel: CostPanel, tmp_path: Path) -> None:
    panel.save_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert panel._progress == 1
    assert text.count('"contender"') == len(panel.points) == 16
    assert "CostPanel of 4 units" in repr(panel.snapshot())
