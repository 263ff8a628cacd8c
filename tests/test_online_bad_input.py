"""Whatever a stream brings: it is skipped, or what is wrong is named and nothing changed."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.online.features import CATEGORIES
from tests.family import FAMILY, Member, numbers

NUMERIC = [member for member in FAMILY if not member.reads_text]
LABELLED = [member for member in FAMILY if member.has_labels]
NUMBERED = [member for member in NUMERIC if member.has_target and not member.has_labels]

UNUSABLE = [
    *(math.nan, math.inf, -math.inf, 1e308, -1e31, 10**400, np.float32("nan")),
    *(None, pd.NA, pd.NaT, object(), 1j, [1.0], {"b": 1}, b"bytes"),
]


def each(members: list[Member] | tuple[Member, ...] = FAMILY) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("member", members, ids=lambda member: member.name)


def trained(member: Member, **options: Any) -> Any:
    return member.learned(member.make(**options), member.events(20))


def assert_well(member: Member, model: Any) -> None:
    """It predicts finite numbers and goes on learning."""
    weights = model._learner.parameters()
    for event in member.events(5, first=100):
        said = member.predict(model, event[0])
        assert numbers(said)
        assert all(map(math.isfinite, numbers(said)))
        if member.has_labels:
            assert math.fsum(numbers(said)) == pytest.approx(1, abs=1e-12, rel=0)
        member.learn(model, event)
    changed = [
        np.isfinite(weight).all() and not np.array_equal(weight, weights[name])
        for name, weight in model._learner.parameters().items()
        if name.startswith(("weight_ih", "head")) and weights[name].shape == weight.shape
    ]
    assert all(changed)


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
@each(NUMERIC)
@pytest.mark.parametrize("bad", UNUSABLE, ids=lambda bad: repr(bad)[:20])
@pytest.mark.parametrize("plain", [True, False])
def test_an_unusable_number_is_a_missing_one(member: Member, bad: Any, plain: bool) -> None:
    """Whether all features are numbers, which takes a short way, or not."""
    keys = ("a", "b") if plain else ("a", "b", "kind", "at")
    events = [({key: x[key] for key in keys}, y) for x, y in member.events(30)]
    model, twin = (member.learned(member.make(), events[:20]) for _ in range(2))
    x, y = events[20]
    without = {key: value for key, value in x.items() if key != "a"}
    said = member.predict(twin, without)
    assert member.predict(model, x | {"a": bad}) == said
    member.learn(model, (x | {"a": bad}, y))
    member.learn(twin, (without, y))
    assert (model.imputed, twin.imputed) == (1, 0)
    assert member.run(model, events[21:]) == member.run(twin, events[21:])
    assert_well(member, model)


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
@each(NUMERIC)
def test_keys_may_come_go_and_change_their_type(member: Member) -> None:
    model = trained(member)
    (x, y), *_ = member.events(1, first=20)
    for change in ({"a": "word"}, {"a": 1.5}, {"kind": 3}, {"at": True}, {"on": "y"}, {"new": 1}):
        member.learn(model, (x | change, y))
        assert_well(member, model)
    columns = model._encoder.columns
    assert {"'a'", "'a' is 'word'", "'kind'", "'kind' is 'x'", "'at'", "'new'"} <= set(columns)
    assert model.imputed == 0
    for few in ({}, {"a": 1.0}, {"nothing known": 2.0}):
        member.learn(model, (few, y))
        assert_well(member, model)
    for n in range(CATEGORIES + 3):
        member.learn(model, ({"id": f"customer {n}"}, y))
    assert sum(name.startswith("'id'") for name in columns) == CATEGORIES
    assert model.imputed == 3
    assert_well(member, model)


@each(NUMERIC)
def test_a_stream_may_begin_with_nothing(member: Member) -> None:
    model, twin = member.make(), member.make()
    for n in range(4):
        for each_of in (model, twin):
            member.learn(each_of, ({}, member.events(1, first=n)[0][1]))
        assert all(map(math.isfinite, numbers(member.predict(model, {}))))
    assert pickle.dumps(model) == pickle.dumps(twin)  # it learned from nothing but what came
    if not member.has_target:
        assert not model.head.bias.any()
    member.learned(model, member.events(20))
    assert_well(member, model)


@each(NUMERIC)
def test_strings_of_numpy_are_strings(member: Member) -> None:
    events = member.events(20)
    of_numpy = [(x | {"kind": np.str_(x["kind"])}, y) for x, y in events]
    assert member.run(member.make(), of_numpy) == member.run(member.make(), events)


@each(NUMBERED)
@pytest.mark.parametrize(
    "bad", [None, math.nan, math.inf, -1e308, 10**400, np.float32("inf")], ids=str
)
def test_an_unusable_target_only_advances_the_state(member: Member, bad: Any) -> None:
    model, twin = trained(member), trained(member)
    (x, y), *rest = member.events(10, first=20)
    member.learn(model, (x, bad))
    twin.step_one(x)
    assert (model.unlearned, twin.unlearned) == (1, 0)
    assert member.run(model, rest) == member.run(twin, rest)
    assert_well(member, model)
    first = member.make()
    member.learn(first, (x, bad))
    member.learn(first, (x, y))
    assert_well(member, first)


@each(LABELLED)
@pytest.mark.parametrize("bad", [None, math.nan, np.float64("nan"), pd.NaT], ids=repr)
def test_an_unusable_label_only_advances_the_state(member: Member, bad: Any) -> None:
    model, twin = trained(member), trained(member)
    (x, _), *rest = member.events(10, first=20)
    member.learn(model, (x, bad))
    twin.step_one(x)
    assert (model.unlearned, model.classes) == (1, twin.classes)
    assert member.run(model, rest) == member.run(twin, rest)
    first = member.make()
    member.learn(first, (x, bad))
    assert first.predict_proba_one(x) == {}
    assert first.predict_one(x) is None
    member.learned(first, member.events(20))
    assert_well(member, first)


@each(LABELLED)
def test_any_hashable_label_will_do(member: Member) -> None:
    model = trained(member)
    x = member.events(1)[0][0]
    for label in ("new", 7, 2.5, False, (1, "a"), frozenset({1}), date(2024, 1, 1), b"raw"):
        member.learn(model, (x, label))
        assert_well(member, model)
        assert label in model.predict_proba_one(x)


@each([member for member in FAMILY if member.has_target])
def test_a_target_of_the_wrong_type_changes_nothing(member: Member) -> None:
    model = trained(member)
    x = member.events(1)[0][0] if member.reads_text else {"new": 1.0}
    wrong: list[Any] = [[1], {"a": 1}, np.zeros(2), {1}]
    message = "expected a hashable label"
    if not member.has_labels:
        wrong, message = [*wrong, "3.5", 1j, datetime(2024, 1, 1)], "expected a number as target"
    for target in wrong:
        for asked in (model, member.make()):
            before = pickle.dumps(asked)
            with pytest.raises(TypeError, match=f"{message}, got {type(target).__name__} "):
                member.learn(asked, (x, target))
            assert pickle.dumps(asked) == before


@each()
def test_an_event_of_the_wrong_type_changes_nothing(member: Member) -> None:
    wrong: list[Any] = [5, 2.5, b"raw", [1.0, 2.0, 3.0, 4.0, 5.0]]
    expected = "expected a text" if member.reads_text else "expected a dict of features"
    if not member.reads_text:
        wrong.append("text")
    for x in wrong:
        model, y = trained(member), member.events(1)[0][1]
        plain = member.learned(member.make(), [({"a": 1.0, "b": 2.0}, y)] * 3)
        for asked in (model, plain):
            before = pickle.dumps(asked)
            calls = [
                lambda m=asked, e=(x, y): member.learn(m, e),
                lambda m=asked, x=x: m.step_one(x),
            ]
            calls.append(lambda m=asked, x=x: member.predict(m, x))
            for call in calls:
                with pytest.raises(TypeError, match=f"{expected}.*, got {type(x).__name__} "):
                    call()
            assert pickle.dumps(asked) == before


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "?!", "x" * 10**6, "word " * 200_000, "\0\x1b", "\ud83d alone", "é́ 漢字 🙂"],
    ids=lambda text: repr(text[:6]),
)
def test_any_text_will_do(text: str) -> None:
    member = FAMILY[-1]
    model = trained(member)
    for _ in range(3):
        member.learn(model, (text, "low"))
    assert math.fsum(member.predict(model, text).values()) == pytest.approx(1, abs=1e-12, rel=0)
    assert_well(member, model)
    member.learn(member.make(), (text, "low"))
    assert model._raw_memory_usage < 10**6


@each(NUMBERED)
@pytest.mark.parametrize(
    "options",
    [{}, {"experts": False}, {"scale": False}, {"scale": False, "loss": "squared", "lr": 1e-4}],
    ids=str,
)
def test_wild_targets_are_survived(member: Member, options: dict[str, Any]) -> None:
    model = member.make(**options)
    errors = []
    for n in range(500):
        x, y = {"a": n % 4}, float(n % 4)
        said = numbers(member.predict(model, x))
        assert all(map(math.isfinite, said))
        errors.append(abs(said[0] - y))
        member.learn(model, (x, 1e29 * (-1) ** n if n in (25, 100, 101) else y))
    assert_well(member, model)
    assert np.mean(errors[-100:]) < 1.5


values = st.one_of(
    st.floats(),
    st.integers(-(10**320), 10**320),
    st.text(max_size=3),
    st.none(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
)
events = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["a", "b", 1, "1"]), values, max_size=4),
        st.one_of(st.floats(), st.none(), st.integers(-(10**320), 10**320)),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
@each()
@given(events=events)
def test_any_stream_is_survived(member: Member, events: list[tuple[Any, Any, bool]]) -> None:
    model = member.make(hidden_size=3)
    for x, y, learns in events:
        said = numbers(member.predict(model, x))
        assert all(map(math.isfinite, said))
        if member.has_labels and said:
            assert math.fsum(said) == pytest.approx(1, abs=1e-12, rel=0)
        if learns:
            member.learn(model, (x, y))
        else:
            model.step_one(x)
    twin = copy.deepcopy(model)
    rest = member.events(3)
    assert member.run(model, rest) == member.run(twin, rest)
