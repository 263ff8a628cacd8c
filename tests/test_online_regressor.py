"""`LSTMRegressor` learns as its page says, and shows what it consists of."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import torch
from river import datasets
from torch import nn

from lstmwidgets import LSTM
from lstmwidgets.cells import CELLS
from lstmwidgets.kernels.scaling import update
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.features import CATEGORIES, FeatureEncoder, FeatureWarning
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.learner_arrays import TRACED_CELLS
from lstmwidgets.online.scaling import OnlineScaler

from .kernel_calls import from_python

Stream = list[tuple[dict[str, Any], float]]


def small(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(**({"hidden_size": 6, "window": 4, "seed": 1} | options))


def stream(events: int = 30) -> Stream:
    random = np.random.default_rng(0)
    return [
        (
            {
                "a": float(random.normal()),
                "on": bool(n % 3),
                "kind": "xyz"[n % 3],
                "at": datetime(2024, 5, 1 + n % 20, n % 24),
            },
            math.sin(n / 3) + float(random.normal()) / 10,
        )
        for n in range(events)
    ]


def waves(events: int = 400) -> Stream:
    return [({}, math.sin(n / 2)) for n in range(events)]


def learned(model: LSTMRegressor, events: Stream) -> LSTMRegressor:
    for x, y in events:
        model.learn_one(x, y)
    return model


def predictions(model: LSTMRegressor, events: Stream) -> list[float]:
    """Return prequential predictions."""
    made = []
    for x, y in events:
        made.append(model.predict_one(x))
        model.learn_one(x, y)
    return made


def late_error(model: LSTMRegressor, events: Stream, last: int = 100) -> float:
    errors = [abs(p - y) for p, (_, y) in zip(predictions(model, events), events, strict=True)]
    return float(np.mean(errors[-last:]))


def test_a_window_is_run_again_from_the_stored_state_before_it() -> None:
    """Against the definition written out with PyTorch's own LSTM, autograd and Adam."""
    window, names = 4, ["a", "b", "c"]
    learner = OnlineLearner(names, 5, 2, window=window, lr=0.01, clip=0.5, seed=3)
    lstm, head = nn.LSTM(3, 5, 2, batch_first=True), nn.Linear(5 + 3, 1)
    lstm.load_state_dict(learner.lstm.state_dict())
    head.load_state_dict(learner.head.state_dict())
    for name, parameter in lstm.named_parameters():
        parameter.requires_grad_(not name.startswith("bias_hh"))  # a learner has one bias a layer
    parameters = [p for p in (*lstm.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    random = np.random.default_rng(1)
    zeros = (torch.zeros(2, 1, 5), torch.zeros(2, 1, 5))
    stored, after_oldest, inputs = zeros, zeros, []
    for _ in range(15):
        x, target = random.normal(size=(2, 3)).astype(np.float32)
        inputs.append(torch.from_numpy(x))
        if len(inputs) > window:
            inputs.pop(0)
            stored = after_oldest
        output, carried = lstm(torch.stack(inputs)[None], stored)
        with torch.no_grad():  # kept as it was computed with the weights of now
            _, after_oldest = lstm(inputs[0][None, None], stored)
        prediction = head(torch.cat([output[0, -1], inputs[-1]]))[0]
        loss = (prediction - float(target[0])) ** 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        assert learner.learn(x, target[:1]) == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
        assert learner.output[0] == pytest.approx(prediction.item(), abs=1e-5)
        torch.testing.assert_close(learner.state.c, carried[1].detach(), rtol=1e-4, atol=1e-6)
    for mine, reference in zip(learner.lstm.parameters(), lstm.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("cell", "gradient"),
    [*((cell, "tbptt") for cell in CELLS), *((cell, "eligibility") for cell in TRACED_CELLS)],
)
def test_every_cell_learns_by_itself(cell: str, gradient: str, layers: int) -> None:
    """Without experts, which need no LSTM to follow a wave."""
    model = small(cell=cell, gradient=gradient, num_layers=layers, experts=False)
    naive = np.abs(np.diff([y for _, y in waves()])).mean()
    assert late_error(model, waves()) < 0.7 * naive


@pytest.mark.parametrize("loss", ["huber", "absolute", "squared", "quantile"])
def test_every_loss_learns(loss: str) -> None:
    naive = np.abs(np.diff([y for _, y in waves()])).mean()
    assert late_error(small(loss=loss, experts=False), waves()) < 0.7 * naive
    assert predictions(small(loss=loss), stream()) != predictions(
        small(loss="huber"), stream()
    ) or (loss == "huber")


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_is_one(level: float) -> None:
    random = np.random.default_rng(0)
    events: Stream = [({}, float(y)) for y in random.exponential(size=3000)]
    model = small(loss="quantile", quantile=level, target_lag=False)
    made = predictions(model, events)
    below = np.mean([y < p for p, (_, y) in zip(made, events, strict=True)][1000:])
    assert below == pytest.approx(level, abs=0.03)


def test_experts_share_the_prediction() -> None:
    model = learned(small(), stream())
    assert math.fsum(model.shares.values()) == pytest.approx(1)
    assert tuple(model.shares) == ("last value", "mean", "linear", "linear, recent", "lstm")
    alone: list[dict[str, Any]] = [{"experts": False}, {"scale": False}, {"target_lag": False}]
    for options in [*alone, {"loss": "quantile"}]:
        assert learned(small(**options), stream()).shares == {"lstm": 1.0}
    own = late_error(small(experts=False), linear(600))
    assert late_error(small(), linear(600)) < 0.3 * own


def linear(events: int) -> Stream:
    random = np.random.default_rng(0)
    rows = random.normal(size=(events, 4))
    return [(dict(zip("abcd", map(float, x), strict=True)), float(x @ [3, -2, 1, 5])) for x in rows]


def test_nothing_is_lost_where_nothing_can_be_learned() -> None:
    steps = np.random.default_rng(0).normal(size=2000)
    events: Stream = [({}, float(y)) for y in np.cumsum(steps)]
    errors = [abs(p - y) for p, (_, y) in zip(predictions(small(), events), events, strict=True)]
    assert np.mean(errors) < 1.02 * np.abs(steps).mean()


def test_it_is_better_than_repeating_the_last_value_on_water_flow() -> None:
    events = list(datasets.WaterFlow())
    made = predictions(LSTMRegressor(seed=7), events)
    targets = np.array([y for _, y in events])
    error = np.abs(np.array(made) - targets)[1:].mean()
    assert error <= 0.99 * np.abs(np.diff(targets)).mean()


@pytest.mark.parametrize("options", [{"scale": False}, {"target_lag": False}])
def test_scaling_and_target_lag_can_be_switched_off(options: dict[str, bool]) -> None:
    events: Stream = [({"a": math.sin(n / 2)}, math.sin(n / 2)) for n in range(300)]
    error = late_error(small(lr=0.01, **options), events, 50)
    assert error < 0.5 * np.mean([abs(y) for _, y in events])


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
@pytest.mark.parametrize("options", [{}, {"experts": False}, {"target_lag": False}], ids=str)
def test_a_new_column_moves_no_prediction(options: dict[str, Any]) -> None:
    """An event of nothing but a missing number teaches no scale, but brings its column."""
    model = learned(small(**options), stream(20))
    x, _ = stream(21)[-1]
    before, columns = model.predict_one(x), len(model._encoder.columns)
    for name in ("new", "newer", "newest"):
        model._take_in({name: math.nan})
        assert model.predict_one(x) == before
    assert len(model._encoder.columns) == columns + 3


def test_a_number_that_is_always_missing_changes_nothing() -> None:
    """`zzz`, as columns that come together are sorted, and sums go over them in their order."""
    events = stream(60)
    missing: Stream = [(x | {"zzz": math.nan}, y) for x, y in events]
    expected = predictions(small(experts=False), events)
    # But for roundings: the sum of squares that clips a gradient is taken in another order.
    assert predictions(small(experts=False), missing) == pytest.approx(expected, rel=1e-4)


def test_a_missing_feature_is_its_mean() -> None:
    model = learned(small(), [({"a": float(n), "b": 1.0 * (n % 2)}, float(n)) for n in range(11)])
    assert model.predict_one({"b": 1.0}) == model.predict_one({"a": 5.0, "b": 1.0})


@pytest.mark.parametrize("cell", CELLS)
def test_module_head_and_state_make_the_prediction(cell: str) -> None:
    model = small(cell=cell, num_layers=2, experts=False, target_lag=False)
    assert (model.module, model.head, model.state, model.gates) == (None, None, None, None)
    learned(model, stream(20))
    module, head = model.module, model.head
    assert isinstance(module, LSTM)
    assert isinstance(head, nn.Linear)
    x, _ = stream(21)[-1]
    said = model.predict_one(x)
    inputs = torch.from_numpy(model.parts.learner.last_inputs.copy())
    assert head.in_features == 6 + len(inputs)
    output, state = module.step(inputs[None], model.state)
    own = head(torch.cat([output[0], inputs])).item()
    base, unit = model._event[0], model.parts.target.unit
    assert base + unit * own == pytest.approx(said, rel=1e-5)
    model._learner.advance(inputs.numpy())
    for mine, part in zip(model.state, state, strict=True):
        torch.testing.assert_close(mine, part.detach(), rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        for parameter in [*module.parameters(), *head.parameters()]:
            parameter.zero_()  # copies: the model has its own
    assert model.predict_one(x) != base


@pytest.mark.parametrize("cell", CELLS)
def test_unlabelled_events_are_part_of_the_window_and_show_their_gates(cell: str) -> None:
    """As long as no weight changes, running the window again gives the carried state."""
    model = small(cell=cell, num_layers=2)
    for x, _ in stream(9):
        model.step_one(x)
    carry, module = model.get_stream().carry, model.module
    assert len(carry.inputs) == model.window
    h, c = (torch.from_numpy(part.copy())[:, None] for part in np.split(carry.tape[0], 6, 1)[:2])
    blocks = [torch.from_numpy(part.copy())[:, None] for part in np.split(carry.tape[0], 6, 1)]
    before = type(model.state)(*(blocks["hcifgo".index(name)] for name in model.state._fields))
    assert torch.equal(before.h, h)
    assert torch.equal(before.c, c)
    inputs = torch.from_numpy(carry.inputs)[None]
    _, state = module(inputs, before)
    for mine, part in zip(model.state, state, strict=True):
        torch.testing.assert_close(mine, part.detach(), rtol=1e-4, atol=1e-6)
    trace = module.trace(inputs, before)
    for name, gate in model.gates._asdict().items():
        torch.testing.assert_close(
            gate, getattr(trace, name)[:, :, -1].detach(), rtol=1e-4, atol=1e-6, msg=name
        )


def test_a_reset_forgets_the_last_targets_as_well() -> None:
    model = learned(small(experts=False), [({}, 1.0), ({}, 9.0), ({}, 2.0)])
    model.predict_one({})
    assert model.parts.learner.last_inputs.any()
    model.reset_stream()
    model.predict_one({})
    assert not model.parts.learner.last_inputs.any()
    mixed = learned(small(), [({}, float(n % 2)) for n in range(50)])
    assert abs(mixed.predict_one({})) < 0.3  # the last value is 1, the next one 0
    mixed.reset_stream()
    assert mixed.predict_one({}) == pytest.approx(0.5, abs=0.2)  # only the mean is known


def test_categories_are_bounded() -> None:
    encoder = FeatureEncoder()
    for n in range(CATEGORIES - 1):
        encoder.learn({"id": f"customer {n}"})
    with pytest.warns(FeatureWarning, match="'id' has 256 categories, the most that get a column"):
        encoder.learn({"id": "the last"})
    for n in range(CATEGORIES, CATEGORIES + 50):
        encoder.learn({"id": f"customer {n}"})
    assert len(encoder.columns) == CATEGORIES
    assert not encoder.encode({"id": f"customer {CATEGORIES + 1}"}).any()


def test_times_lie_on_circles() -> None:
    encoder = FeatureEncoder()
    encoder.learn({"t": datetime(2024, 1, 1)})
    late, early = (
        encoder.encode({"t": time})
        for time in (datetime(2024, 12, 31, 23, 59), datetime(2024, 1, 1, 0, 0))
    )
    hours = [place for name, place in encoder.columns.items() if " hour" in name]
    assert len(hours) == 2
    assert np.abs(late - early)[hours].max() < 0.01


def test_keys_that_look_alike_have_columns_of_their_own() -> None:
    encoder = FeatureEncoder()
    encoder.learn({1: 1.0, "1": 9.0, "a": "b", "a is 'b'": 7.0})
    assert len(encoder.columns) == 4
    assert sorted(encoder.encode({1: 2.0, "1": 3.0, "a": "b", "a is 'b'": 4.0})) == [1, 2, 3, 4]


def test_the_scaler_agrees_with_numpy() -> None:
    values = np.random.default_rng(0).normal(3, 2, (50, 2))
    values[::7, 1] = np.nan
    scaler = OnlineScaler()
    scaler.grow(range(2), [True, True])
    for row in values:
        from_python(update)(row, scaler.statistics)
    count, mean, squares, *_ = scaler.statistics
    np.testing.assert_allclose(mean, np.nanmean(values, 0))
    np.testing.assert_allclose(np.sqrt(squares / count), np.nanstd(values, 0))
