"""GradientFlow: what pages are sent, and what traits and methods do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import torch
from bokeh.models import ColumnDataSource
from numpy.testing import assert_allclose
from river import datasets
from traitlets import TraitError

from lstmwidgets import LSTM
from lstmwidgets.analysis import Sizes, prediction_gradients, rival_gradients
from lstmwidgets.analysis.rivals import RIVALS
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.plots import gradients_figure
from lstmwidgets.widgets import GradientFlow, LiveStream
from lstmwidgets.widgets.flow_curves import CURVES

WAIT = 60


def model() -> SequenceModel:
    torch.manual_seed(1)
    return SequenceModel(2, 3, task="classification", pooling=None, hidden_size=5, num_layers=2)


X = torch.randn(8, 2, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def flow() -> Iterator[GradientFlow]:
    widget = GradientFlow(model(), X, length=12, forget_bias=2.0)
    assert widget.wait(WAIT)
    yield widget
    widget.close()


def sent(widget: GradientFlow) -> dict[str, dict[str, Any]]:
    """Return the curves that a page knows that opens the widget now."""
    data = bytes(widget._whole)
    size = int(np.frombuffer(data[:8], "<f8")[0])
    header, data = json.loads(data[8 : 8 + size]), data[8 + size :]
    curves = {}
    for told, length in zip(header["curves"], header["sizes"], strict=True):
        values = np.frombuffer(data[:length], "<f4").reshape(-1, told["steps"])
        curves[told["name"]] = dict(zip(told["kinds"], values, strict=True))
        data = data[length:]
    return curves


def test_a_page_is_sent_what_the_analysis_computes(flow: GradientFlow) -> None:
    curves = sent(flow)
    assert [*curves] == [*CURVES]
    felt = {"model": prediction_gradients(model(), X)}
    felt |= dict(rival_gradients(flow.subject, Sizes(13, 5, 2, 2.0)))
    for name, rows in curves.items():
        for kind, row in rows.items():
            own = felt[name]
            expected = own.along_cell[1] if kind == "along" else own.norms(kind)  # type: ignore[index]
            assert_allclose(row, np.log10(expected), rtol=1e-5, atol=1e-5)
    assert "along" not in curves["rnn"]
    assert len(curves["rnn"]["cell"]) == 13


def test_sliders_change_the_fresh_networks_only(flow: GradientFlow) -> None:
    before = dict(flow.curves)
    flow.forget_bias = 4.0
    assert flow.wait(WAIT)
    assert flow.curves["model"] is before["model"]
    assert all(flow.curves[name] is not before[name] for name in RIVALS)
    assert_allclose(flow.curves["rnn"].input, before["rnn"].input)
    product, less = flow.curves["standard"].along_cell, before["standard"].along_cell
    assert product is not None
    assert less is not None
    assert product[1, 0] / product[1, -1] > 2 * less[1, 0] / less[1, -1]


def test_another_prediction_changes_the_model_only(flow: GradientFlow) -> None:
    before = dict(flow.curves)
    flow.step = 3
    flow.output = 2
    assert flow.wait(WAIT)
    expected = prediction_gradients(model(), X, step=3, output="class 2")
    assert_allclose(flow.curves["model"].input, expected.input)
    assert flow.curves["model"].prediction == "log-probability of class 2"
    assert all(flow.curves[name] is before[name] for name in RIVALS)


def test_the_layer_is_that_of_the_curves_that_are_sent(flow: GradientFlow) -> None:
    assert flow.layer == 1
    flow.layer = 0
    cell = flow.curves["peephole"].cell
    assert cell is not None
    assert_allclose(sent(flow)["peephole"]["cell"], np.log10(cell[0]), rtol=1e-5, atol=1e-5)


def test_work_that_is_overtaken_leaves_nothing_behind() -> None:
    flow = GradientFlow(model(), X, length=400)
    for bias in np.linspace(0, 5, 21):
        flow.forget_bias = float(bias)
    assert flow.wait(WAIT)
    expected = dict(rival_gradients(flow.subject, Sizes(401, 5, 2, 5.0)))
    for name in RIVALS:
        assert_allclose(flow.curves[name].input, expected[name].input)
    assert flow._due == []


def test_curves_are_compared_as_they_are_drawn(flow: GradientFlow) -> None:
    flow.of = "hidden"
    rnn, lstm = (flow.curves[name].hidden[1] for name in ("rnn", "standard"))
    expected = (rnn[-11] / rnn[-1]) / (lstm[-11] / lstm[-1])
    assert flow.ratio("rnn", "standard", 10) == pytest.approx(expected)
    flow.relative = False
    assert flow.ratio("rnn", "standard", 10) == pytest.approx(rnn[-11] / lstm[-11])
    with pytest.raises(ValueError, match="'model' has 8 steps, none 9 before"):
        flow.ratio("model", "rnn", 9)


def test_a_table_has_all_networks(flow: GradientFlow) -> None:
    table = flow.to_dataframe()
    assert table["network"].unique().tolist() == [*CURVES]
    assert len(table) == 8 + 6 * 13
    rnn = table[table["network"] == "rnn"]
    assert rnn["cell"].isna().all()
    assert_allclose(rnn["hidden"], flow.curves["rnn"].hidden[1])


def test_a_figure_draws_the_curves_that_are_shown(flow: GradientFlow) -> None:
    flow.shown = ["model", "rnn"]
    sources = [*flow.figure().select({"type": ColumnDataSource})]
    assert len(sources) == 3  # of the model the product of its forget gates as well
    values = [np.asarray(source.data["value"]) for source in sources]
    rnn = flow.curves["rnn"].norms("cell")
    assert any(len(v) == 13 and np.allclose(v, rnn / rnn[-1]) for v in values)
    assert gradients_figure({}).renderers == []


def test_fresh_networks_begin_with_the_sizes_of_the_model() -> None:
    flow = GradientFlow(LSTM(2, 7), torch.randn(150, 2), with_own_weights=True)
    assert (flow.length, flow.hidden_size, flow.step, flow.layer) == (149, 7, 149, 0)
    assert flow.wait(WAIT)
    assert_allclose(flow.curves["standard"].input, flow.curves["model"].input, rtol=1e-6)
    flow.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("step", 8, "step must be from 0 to 7, got 8"),
        ("step", True, "step must be from 0 to 7"),
        ("layer", 2, "layer must be from 0 to 1, got 2"),
        ("output", 3, "output must be from 0 to 2, got 3"),
        ("of", "gate", "hidden"),
        ("length", 0, "length"),
        ("hidden_size", 257, "hidden_size"),
        ("shown", ["gru"], "shown"),
        ("theme", "blue", "theme"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    flow: GradientFlow, name: str, value: Any, message: str
) -> None:
    with pytest.raises((TraitError, ValueError), match=message):
        setattr(flow, name, value)
    with pytest.raises((TraitError, ValueError), match=message):
        GradientFlow(model(), X, **{name: value})


def test_what_goes_wrong_beside_is_told() -> None:
    broken = model()
    with torch.no_grad():
        broken.head.weight.fill_(torch.nan)
    flow = GradientFlow(broken, X, length=5)
    assert flow.wait(WAIT)
    assert flow.error.startswith("ValueError: the prediction is nan")
    with pytest.raises(RuntimeError, match="diverged"):
        flow.to_dataframe()


def wait_for_last_event(flow: GradientFlow, live: LiveStream) -> tuple[str, ...]:
    """Wait until a widget shows the last events; return their labels."""
    expected = tuple(row.label for row in live.run.rows)[-5:]
    deadline = monotonic() + WAIT
    while flow.curves["model"].labels != expected and monotonic() < deadline:
        sleep(0.05)
    assert flow.curves["model"].labels == expected
    return expected


def test_a_live_stream_is_followed() -> None:
    live = LiveStream(LSTMRegressor(4, window=5, seed=1), datasets.AirlinePassengers())
    with pytest.raises(ValueError, match="has not seen an event yet"):
        GradientFlow(live)
    live.step(10)
    assert live.player.wait(60)
    flow = GradientFlow(live, length=5)
    try:
        assert flow.wait(WAIT)
        first = flow.curves["model"]
        assert first.labels == tuple(row.label for row in live.run.rows)[-5:]
        live.step(3)
        assert wait_for_last_event(flow, live) != first.labels
        live.speed = 50
        live.playing = True
        assert flow.wait(WAIT)
        assert set(flow.to_dataframe()["network"]) == {*CURVES}  # nobody waits for its end
        live.playing = False
        assert live.player.wait(60)
        flow.catch_up()
        wait_for_last_event(flow, live)
        assert_allclose(flow.curves["model"].input, prediction_gradients(live).input)
    finally:
        flow.close()
        live.stop()
