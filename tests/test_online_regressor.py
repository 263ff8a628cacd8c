"""`LSTMRegressor` is a River regressor with a carried state that learns as its page says."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import torch
from river import checks, datasets
from river.base import Regressor
from torch import nn

from lstmwidgets.cells import CELLS
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.features import CATEGORIES, FeatureEncoder
from lstmwidgets.online.scaling import OnlineScaler
from lstmwidgets.online.tbptt import TBPTTLearner

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


@pytest.mark.parametrize(
    "check",
    [check for check in checks.yield_checks(small()) if check.__name__ != "check_learn_many"],
    ids=lambda check: getattr(check, "__name__", repr(check)),
)
def test_river_accepts_it(check: Callable[[Regressor], None]) -> None:
    check(small())


def test_prediction_changes_nothing() -> None:
    model = learned(small(), stream())
    before = pickle.dumps(model)
    model.predict_one({"a": 1e6, "new": 3.0, "kind": "unseen"})
    model.predict_one({})
    assert pickle.dumps(model) == before


def test_a_window_is_run_again_from_the_stored_state_before_it() -> None:
    """Against the definition written out with PyTorch's own LSTM and autograd."""
    window, names = 4, ["a", "b", "c"]
    learner = TBPTTLearner(names, 5, 2, "standard", window, "adam", 0.01, 0.5, seed=3)
    lstm, head = nn.LSTM(3, 5, 2, batch_first=True), nn.Linear(5, 1)
    lstm.load_state_dict(learner.lstm.state_dict())
    head.load_state_dict(learner.head.state_dict())
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    random = np.random.default_rng(1)
    stored, inputs = (torch.zeros(2, 1, 5), torch.zeros(2, 1, 5)), []
    for _ in range(15):
        x, target = random.normal(size=3), float(random.normal())
        inputs.append(torch.tensor(x, dtype=torch.float32))
        if len(inputs) > window:
            with torch.no_grad():
                _, stored = lstm(inputs.pop(0)[None, None], stored)
        output, carried = lstm(torch.stack(inputs)[None], stored)
        prediction = head(output[0, -1])[0]
        loss = (prediction - target) ** 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        assert learner.learn(x, target) == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
        torch.testing.assert_close(learner.carry.state.c, carried[1].detach())
    for mine, reference in zip(learner.lstm.parameters(), lstm.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell: str) -> None:
    model = small(cell=cell, num_layers=2)
    events: Stream = [({}, math.sin(n / 2)) for n in range(400)]
    errors = [abs(p - y) for p, (_, y) in zip(predictions(model, events), events, strict=True)]
    naive = np.abs(np.diff([y for _, y in events])).mean()
    assert np.mean(errors[-100:]) < 0.7 * naive


def test_a_seed_repeats_a_run_and_leaves_other_randomness_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = predictions(small(), stream())
    assert torch.equal(torch.rand(3), expected)
    assert predictions(small(), stream()) == first
    assert predictions(small(seed=2), stream()) != first


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_bit_for_bit(copied: Callable[[LSTMRegressor], LSTMRegressor]) -> None:
    model = learned(small(), stream(20))
    twin = copied(model)
    rest = [*stream()[20:], ({"new": 1.0}, 2.0), ({"new": 2.0}, 3.0)]
    assert predictions(twin, rest) == predictions(model, rest)


def test_new_features_do_not_move_predictions_and_keep_moments() -> None:
    model = learned(small(), stream(20))
    x, _ = stream()[20]
    before = model.predict_one(x)
    learner = model._learner
    assert learner is not None
    old = learner._optimizer.state[learner.lstm.weight_ih_l0]["exp_avg"].clone()
    learner.grow(["first", "second"])
    output = learner.predict(np.concatenate([model._encode(x), [0.0, 0.0]]))
    assert model._target.unscaled(output) == pytest.approx(before, rel=1e-6)
    grown = learner._optimizer.state[learner.lstm.weight_ih_l0]["exp_avg"]
    assert torch.equal(grown[:, :-2], old)
    assert not grown[:, -2:].any()
    assert learner.learn(np.zeros(grown.shape[1]), 1.0) >= 0


def test_the_order_of_keys_means_nothing() -> None:
    turned = [(dict(reversed(x.items())), y) for x, y in stream()]
    assert predictions(small(), turned) == predictions(small(), stream())


def test_a_missing_feature_is_its_mean() -> None:
    model = learned(small(), [({"a": float(n), "b": 1.0 * (n % 2)}, float(n)) for n in range(11)])
    assert model.predict_one({"b": 1.0}) == model.predict_one({"a": 5.0, "b": 1.0})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308, 10**400, None, object()])
def test_unusable_features_are_imputed_and_counted(bad: object) -> None:
    model = learned(small(), [({"a": float(n)}, float(n % 5)) for n in range(10)])
    model.learn_one({"a": bad}, 1.0)
    assert model.imputed == 1
    assert model.predict_one({"a": bad}) == model.predict_one({})
    assert math.isfinite(model.predict_one({"a": 3.0}))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e308, None])
def test_unusable_targets_only_advance_the_state(bad: Any) -> None:
    model, twin = (learned(small(), stream(10)) for _ in range(2))
    x, y = stream()[10]
    model.learn_one(x, bad)
    twin.step_one(x)
    assert model.unlearned == 1
    assert model.predict_one(x) == twin.predict_one(x)
    model.learn_one(x, y)
    assert math.isfinite(model.predict_one(x))


def test_a_wild_target_does_not_break_it() -> None:
    model = small()
    for n in range(50):
        model.learn_one({"a": n}, 1e29 if n == 25 else float(n))
        assert math.isfinite(model.predict_one({"a": n}))


def test_step_one_predicts_and_advances_without_learning() -> None:
    model = learned(small(), stream(20))
    x, _ = stream()[20]
    weights = copy.deepcopy(model.module.state_dict())
    before, expected = model.get_state(), model.predict_one(x)
    assert model.step_one(x) == expected
    assert not torch.equal(model.get_state().carry.state.h, before.carry.state.h)
    for name, weight in model.module.state_dict().items():
        assert torch.equal(weight, weights[name])


def test_unlabelled_events_are_part_of_the_window() -> None:
    """As long as no weight changes, running the window again gives the carried state."""
    model = small()
    for x, _ in stream():
        model.step_one(x)
    carry = model.get_state().carry
    _, state = model.module(torch.stack(carry.window)[None], carry.before)
    torch.testing.assert_close(state.h, carry.state.h)


def test_a_state_can_be_put_back_and_reset() -> None:
    model = learned(small(), stream(20))
    x, _ = stream()[20]
    state, expected = model.get_state(), model.predict_one(x)
    model.reset_state()
    assert model.predict_one(x) != expected
    model.set_state(state)
    assert model.predict_one(x) == expected


def test_gates_are_those_of_the_last_event() -> None:
    model = learned(small(), stream(20))
    carry = model.get_state().carry
    trace = model.module.trace(torch.stack(carry.window)[None], carry.before)
    assert model.gates is not None
    torch.testing.assert_close(model.gates.forget_gate, trace.forget_gate[:, :, -1])
    assert small().gates is None


def test_it_is_no_worse_than_repeating_the_last_value_on_water_flow() -> None:
    events = list(datasets.WaterFlow())
    made = predictions(LSTMRegressor(seed=7), events)
    targets = np.array([y for _, y in events])
    error = np.abs(np.array(made) - targets)[1:].mean()
    assert error <= 1.05 * np.abs(np.diff(targets)).mean()


@pytest.mark.parametrize("options", [{"scale": False}, {"target_lag": False}])
def test_scaling_and_target_lag_can_be_switched_off(options: dict[str, bool]) -> None:
    model = small(lr=0.01, **options)
    events: Stream = [({"a": math.sin(n / 2)}, math.sin(n / 2)) for n in range(300)]
    errors = [abs(p - y) for p, (_, y) in zip(predictions(model, events), events, strict=True)]
    assert np.mean(errors[-50:]) < 0.5 * np.mean([abs(y) for _, y in events])


def test_any_torch_optimizer_will_do() -> None:
    model = learned(small(optimizer=torch.optim.RMSprop, lr=0.001), stream())
    assert math.isfinite(model.predict_one({}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"window": -1}, "window must be at least 1, got -1"),
        ({"cell": "gru"}, "cell must be one of 'standard'.*got 'gru'"),
        ({"gradient": "bptt"}, "gradient must be one of 'tbptt', got 'bptt'"),
        ({"optimizer": "adamm"}, "optimizer must be one of 'adam'.*got 'adamm'"),
        ({"lr": 0}, "lr must be a number above 0, got 0"),
        ({"lr": math.inf}, "lr must be a number above 0, got inf"),
        ({"clip": math.nan}, "clip must be a number above 0, got nan"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSTMRegressor(**options)


def test_categories_are_bounded() -> None:
    encoder = FeatureEncoder()
    for n in range(CATEGORIES + 50):
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
    assert np.abs(late - early)[hours].max() < 0.01


def test_the_scaler_agrees_with_numpy() -> None:
    values = np.random.default_rng(0).normal(3, 2, (50, 2))
    values[::7, 1] = np.nan
    scaler = OnlineScaler()
    for row in values:
        scaler.learn(row)
    np.testing.assert_allclose(scaler.mean, np.nanmean(values, 0))
    np.testing.assert_allclose(scaler.deviation, np.nanstd(values, 0))


def test_an_event_may_have_no_features_at_all() -> None:
    for options in ({}, {"target_lag": False}):
        model = learned(small(**options), [({}, 1.0), ({"a": None}, 2.0), ({"a": 3.0}, 3.0)])
        assert math.isfinite(model.predict_one({}))


def test_a_reset_forgets_the_last_change_as_well() -> None:
    model = learned(small(), [({}, 1.0), ({}, 9.0)])
    model.reset_state()
    assert not model._target.as_inputs().any()


def test_another_stream_in_between_leaves_no_trace() -> None:
    model = learned(small(), stream(20))
    x, _ = stream()[20]
    state, expected = model.get_state(), model.predict_one(x)
    model.reset_state()
    for n in range(5):
        model.step_one({"a": 100.0 * n})
    model._target.change = 50.0
    model.set_state(state)
    model._inputs = copy.deepcopy(learned(small(), stream(20))._inputs)  # scales do move
    assert model.predict_one(x) == expected


def test_a_state_from_before_a_new_feature_can_be_put_back() -> None:
    model = learned(small(), stream(20))
    state = model.get_state()
    model.learn_one({"new": 1.0}, 1.0)
    model.set_state(state)
    learned(model, stream()[20:])
    with pytest.raises(TypeError, match="expected what get_state returned, got tuple"):
        model.set_state((1, 2))  # type: ignore[arg-type]


def test_keys_that_look_alike_have_columns_of_their_own() -> None:
    encoder = FeatureEncoder()
    encoder.learn({1: 1.0, "1": 9.0, "a": "b", "a is 'b'": 7.0})
    assert len(encoder.columns) == 4
    assert sorted(encoder.encode({1: 2.0, "1": 3.0, "a": "b", "a is 'b'": 4.0})) == [1, 2, 3, 4]


def test_a_target_that_is_no_number_changes_nothing() -> None:
    model = learned(small(), stream(10))
    before = pickle.dumps(model)
    with pytest.raises(TypeError, match="expected a number as target, got str 'x'"):
        model.learn_one({"new": 1.0}, "x")  # type: ignore[arg-type]
    assert pickle.dumps(model) == before
