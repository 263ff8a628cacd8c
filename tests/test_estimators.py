"""What holds for all five estimators, and is stricter than River's own checks."""

from __future__ import annotations

import copy
import math
import pickle
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets import load, save
from lstmwidgets.cells import CELLS
from lstmwidgets.kernels import parameters as layout
from lstmwidgets.kernels.parameters import PARAMETERS
from lstmwidgets.online import LSTMForecaster
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.learner_arrays import TRACED_CELLS
from tests.family import FAMILY, Event, Member, numbers

NUMERIC = [member for member in FAMILY if not member.reads_text]

OPTIMIZERS = ["adam", "sgd", torch.optim.RMSprop, partial(torch.optim.AdamW, weight_decay=0.1)]

VARIANTS: list[dict[str, Any]] = [
    *({"optimizer": optimizer} for optimizer in OPTIMIZERS),
    *({"optimizer": optimizer, "gradient": "eligibility"} for optimizer in OPTIMIZERS),
    *({"cell": cell, "num_layers": 2} for cell in CELLS),
    *({"cell": cell, "num_layers": 2, "gradient": "eligibility"} for cell in TRACED_CELLS),
]

STRANGE: list[Any] = [
    {},
    {"new": 3.0, "newer": "word"},
    {"a": "word", "kind": 1.0, "at": True},
    {"a": math.nan, "b": -math.inf, "on": None, "kind": object()},
    {"a": 10**400, "b": 1e308},
]
STRANGE_TEXTS: list[Any] = ["", "words never seen", "?" * 5000, {}, {"b": None, "a": 10**400}]


def each(members: list[Member] | tuple[Member, ...] = FAMILY) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("member", members, ids=lambda member: member.name)


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
@each()
@pytest.mark.parametrize("gradient", ["tbptt", "eligibility"])
def test_asking_changes_nothing(member: Member, gradient: str) -> None:
    fresh = member.make(gradient=gradient)
    model = member.learned(member.make(gradient=gradient), member.events(40))
    (x, _), *_ = member.events(1, first=40)
    for asked in (fresh, model):
        before, said = pickle.dumps(asked), member.predict(asked, x)
        for strange in [x, *(STRANGE_TEXTS if member.reads_text else STRANGE)]:
            member.ask_everything(asked, strange)
        assert pickle.dumps(asked) == before
        assert member.predict(asked, x) == said


def variant_name(options: dict[str, Any]) -> str:
    return "-".join(getattr(value, "__name__", str(value)) for value in options.values())


@each()
@pytest.mark.parametrize("options", VARIANTS, ids=variant_name)
def test_copies_go_on_bit_for_bit(member: Member, options: dict[str, Any], tmp_path: Path) -> None:
    model = member.learned(member.make(**options), member.events(20))
    save(model, tmp_path / "model.safetensors")
    twins = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    twins.append(load(tmp_path / "model.safetensors"))
    events = member.events(15, first=20)
    if not member.reads_text:  # a feature that is new to the copies
        events[5:] = [(x | {"new": 0.5}, y) for x, y in events[5:]]
    if member.has_labels:
        events[7] = (events[7][0], "a new label")
    expected = member.run(model, events)
    for twin in twins:
        assert member.run(twin, events) == expected
        assert np.array_equal(twin._learner.row(PARAMETERS), model._learner.row(PARAMETERS))


@given(
    cell=st.sampled_from(sorted(CELLS)),
    sizes=st.tuples(st.integers(1, 24), st.integers(1, 12), st.integers(1, 3)),
    optimizer=st.sampled_from(["adam", "sgd", torch.optim.RMSprop]),
    traced=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_growth_moves_no_output_and_keeps_moments(
    cell: str, sizes: tuple[int, int, int], optimizer: Any, traced: bool, seed: int
) -> None:
    """Not even by a rounding: sums go over one input after the other, so that zeros add nothing."""
    inputs, new, layers = sizes
    rule = "eligibility" if traced and cell in TRACED_CELLS else "tbptt"
    options: dict[str, Any] = {"gradient": rule, "window": 3, "optimizer": optimizer, "lr": 0.01}
    names = [f"x{k}" for k in range(inputs)]
    learner = OnlineLearner(names, 5, layers, cell, outputs=2, loss="huber", levels=(1,), **options)
    drawn = np.random.default_rng(seed)
    for _ in range(12):
        x = drawn.normal(size=inputs).astype(np.float32)
        learner.learn(x, drawn.normal(size=2).astype(np.float32))
    x = drawn.normal(size=inputs).astype(np.float32)
    before, moments = learner.predict(x).copy(), kept(learner)
    learner.grow_inputs([f"new {k}" for k in range(new)])
    learner.grow_outputs([0.5] * new)
    assert learner.predict(np.pad(x, (0, new))).tolist() == before.tolist() + [0.5] * new
    grown = kept(learner)
    assert len(grown) == len(moments) == (1 if optimizer != "adam" else 2)
    for was, now in zip(moments, grown, strict=True):
        assert any(part.any() for part in was.values())
        for name, part in was.items():
            larger = now[name]
            assert np.array_equal(larger[tuple(slice(0, size) for size in part.shape)], part)
            assert np.count_nonzero(larger) == np.count_nonzero(part)  # the rest is zero


def kept(learner: OnlineLearner) -> list[dict[str, Any]]:
    """Return what the optimizer keeps by the names of the weights."""
    if (state := learner.__getstate__())["torch moments"] is None:
        rows = [layout.FIRST, layout.SECOND][: 1 if learner._factory == "sgd" else 2]
        return [learner.named(learner.row(row)) for row in rows]
    parts, named = state["torch moments"], []
    for name in (name for name, value in parts[0].items() if value.ndim):
        flat = np.zeros(layout.count(learner.sizes), np.float32)
        for place, part in zip(layout.views(learner.sizes, flat), parts, strict=True):
            place[:] = part[name].numpy()
        named.append(learner.named(flat))
    return named


@each(NUMERIC)
def test_a_new_feature_moves_no_prediction(member: Member) -> None:
    model = member.learned(member.make(scale=False), member.events(30))
    state, x = model.get_stream(), member.events(1, first=30)[0][0]
    said = member.predict(model, x)
    model.step_one(x | {"new": 2.0, "newest": True})
    model.set_stream(state)
    assert member.predict(model, x) == said


@each([member for member in FAMILY if member.has_labels])
def test_a_new_class_moves_no_logit(member: Member) -> None:
    model = member.learned(member.make(), member.events(30))
    inputs = np.linspace(-1, 1, model._learner.input_size, dtype=np.float32)
    model._learner.offset[:] = 0  # of the last text
    known, before = len(model.classes), model._learner.predict(inputs).copy()
    model._labels.learn("a new label", model._learner)
    after = model._learner.predict(inputs)
    assert len(after) == known + 1
    assert after[:known].tolist() == before.tolist()


@each()
def test_the_order_of_keys_means_nothing(member: Member) -> None:
    def turned(x: Any) -> Any:
        return {"second": x, "first": "so"} if member.reads_text else dict(reversed(x.items()))

    def straight(x: Any) -> Any:
        return {"first": "so", "second": x} if member.reads_text else x

    events = member.events()
    expected = member.run(member.make(), [(straight(x), y) for x, y in events])
    assert member.run(member.make(), [(turned(x), y) for x, y in events]) == expected


def strings_only(member: Member, events: list[Event]) -> list[Event]:
    """Scales are learned from every event, and strings have none."""
    return [(x if member.reads_text else {"kind": x["kind"]}, y) for x, y in events]


@each()
@pytest.mark.parametrize("gradient", ["tbptt", "eligibility"])
def test_another_stream_in_between_leaves_no_trace(member: Member, gradient: str) -> None:
    model = member.make(gradient=gradient)
    member.learned(model, strings_only(member, member.events(23)))
    rest = strings_only(member, member.events(12, first=23))
    expected, state = member.run(copy.deepcopy(model), rest), model.get_stream()
    model.reset_stream()
    assert not model.state.h.any()
    assert not model.state.c.any()
    for x, _ in strings_only(member, member.events(9, first=50)):
        model.step_one(x)
    assert member.reads_text or member.run(copy.deepcopy(model), rest) != expected
    model.set_stream(state)
    assert member.run(model, rest) == expected
    model.set_stream(state)  # from before features and classes that have come since
    assert all(map(math.isfinite, numbers(member.predict(model, rest[0][0]))))


@each()
def test_only_a_fitting_state_is_put_back(member: Member) -> None:
    model = member.learned(member.make(), member.events(7))
    before = pickle.dumps(model)
    for options in ({"hidden_size": 5}, {"num_layers": 2}, {"window": 9}, {"cell": "coupled"}):
        other = member.learned(member.make(**options), member.events(7))
        with pytest.raises(ValueError, match="a model of another kind or size"):
            model.set_stream(other.get_stream())
        assert pickle.dumps(model) == before
    with pytest.raises(ValueError, match="has not seen an event yet"):
        member.make().set_stream(model.get_stream())
    with pytest.raises(TypeError, match="expected what get_stream returned, got tuple"):
        model.set_stream((1, 2))
    model.set_stream(None)
    assert not model.state.h.any()
    assert member.make().get_stream() is None


@each()
def test_step_one_predicts_and_advances_without_learning(member: Member) -> None:
    model = member.learned(member.make(), member.events(20))
    x = member.events(1, first=20)[0][0]
    weights, state = copy.deepcopy(model._learner.parameters()), model.state
    said = member.predict(model, x)
    assert model.step_one(x) == (said[0] if isinstance(model, LSTMForecaster) else said)
    for name, weight in model._learner.parameters().items():
        assert np.array_equal(weight, weights[name])
    assert torch.equal(model.state.h, state.h) == member.reads_text  # texts leave no state behind


@each()
@pytest.mark.parametrize("gradient", ["tbptt", "eligibility"])
def test_a_seed_repeats_a_run_and_leaves_other_randomness_alone(
    member: Member, gradient: str
) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    events = member.events(60)
    runs = []
    for seed in (1, 1, 2):
        model = member.make(seed=seed, gradient=gradient)
        runs.append(member.run(model, events))
        member.ask_everything(model, events[0][0])
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    assert runs[0] == runs[1] != runs[2]
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    unseeded = [member.run(member.make(seed=None), events) for _ in range(2)]
    assert unseeded[0] != unseeded[1]


@pytest.mark.parametrize("experts", [True, False])
def test_steps_of_a_forecaster_are_its_forecast(experts: bool) -> None:
    """Without experts further steps are made as if those before had come true."""
    model = LSTMForecaster(seasonality=4, hidden_size=6, window=4, seed=1, experts=experts)
    for n in range(60):
        model.learn_one(n % 4 + math.sin(n / 5))
    missing, steps = copy.deepcopy(model), 1 if experts else 6
    expected = model.forecast(6)
    assert [model.step_one() for _ in range(steps)] == expected[:steps]
    missing.learn_one(None)
    missing.learn_one(math.nan)
    assert experts or missing.forecast(4) == expected[2:]
    assert missing.unlearned == 2


def test_intervals_without_experts_are_of_errors_drawn_along_paths() -> None:
    model = LSTMForecaster(hidden_size=4, seed=1, experts=False)
    noise = np.random.default_rng(0).normal(size=400)
    for y in noise:
        assert all(map(math.isinf, model.forecast_interval(2)[0])) == (model._errors[0, 0] < 19)
        model.learn_one(float(y))
    bounds = np.array(model.forecast_interval(8))
    assert [list(bound) for bound in model.forecast_interval(8)] == bounds.tolist()
    inside = [np.mean((low < noise[100:]) & (noise[100:] < high)) for low, high in bounds]
    assert 0.8 < min(inside) < max(inside) < 0.98
