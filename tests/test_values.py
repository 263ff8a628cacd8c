"""What each type becomes, as the table in docs/values.md says; equal things in another guise."""

from __future__ import annotations

import math
import pickle
import re
import warnings
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from river import datasets, stream
from sklearn.datasets import load_breast_cancer

from lstmwidgets import load, save
from lstmwidgets.codec import key
from lstmwidgets.labels import label_in
from lstmwidgets.online import (
    FeatureWarning,
    FrozenRegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    StreamSlots,
)
from lstmwidgets.online.features import CATEGORIES, FeatureEncoder
from lstmwidgets.values import target_in
from tests.family import FAMILY, Member
from tests.test_codec import HASHABLE

STRANGE = pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
OPTIONS: dict[str, Any] = {"hidden_size": 3, "window": 2, "seed": 1}
KINDS = ("Enum", "IntEnum", "str")
TABLE = Path(__file__).parents[1] / "docs" / "values.md"


Color = Enum("Color", {"RED": "red"}, type=str)  # as a class of both: a StrEnum looks like "red"


class Size(Enum):
    LARGE = 3


class Rank(IntEnum):
    SEVENTH = 7


SCOPE: dict[str, Any] = {
    thing.__name__: thing
    for thing in (Color, Size, Rank, Decimal, Fraction, UUID, date, datetime, time, timedelta, math)
} | {"np": np, "pd": pd, "torch": torch}
"""What the expressions in the docs' table speak of."""


def evaluated(code: str, **values: Any) -> Any:
    """Return what an expression of the docs' table is."""
    return eval(code, SCOPE | values)


def rows() -> list[tuple[str, str, str, str]]:
    """Return each value of the table in the docs, and what it is to become."""
    lines = TABLE.read_text().splitlines()
    cells = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    found = []
    for values, feature, target, label in cells:
        codes = [code for code in re.findall("`([^`]+)`", values) if code not in KINDS]
        found += [(code, feature.strip(), target.strip(), label.strip()) for code in codes]
    return found


@pytest.mark.parametrize(("code", "feature", "target", "label"), rows(), ids=lambda cell: cell[:30])
def test_the_table_tells_what_values_become(
    code: str, feature: str, target: str, label: str
) -> None:
    value = evaluated(code)
    encoder = FeatureEncoder()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        numbers = encoder.learn({"k": value}).tolist()
    assert len(told) == feature.endswith("with a warning")
    assert encoder.imputed == feature.startswith("missing")
    columns = list(encoder.columns)
    if feature.startswith("the number"):
        assert (columns, numbers) == (["'k'"], [evaluated(feature.split("`")[1])])
    elif feature.startswith(("the category", "a category")):
        category = evaluated(feature.split("`")[1]) if "`" in feature else value
        assert (columns, numbers) == ([f"'k' is {category!r}"], [1.0])
    elif feature.startswith("missing"):
        assert all(map(math.isnan, numbers))
    else:
        turns = re.findall(r"`(\w+)`", feature)
        assert columns == [f"'k' {turn} ({wave})" for turn in turns for wave in ("sin", "cos")]

    for convert, expected in ((target_in, target), (label_in, label)):
        if expected == "TypeError":
            with pytest.raises(TypeError, match=rf"got {type(value).__name__} .*; give|; read"):
                convert(value)
        else:
            wanted = {"missing": "None", "itself": "value"}.get(expected, expected.strip("`"))
            got = convert(value)
            assert got == evaluated(wanted, value=value)
            assert not isinstance(got, np.generic | torch.Tensor) or expected == "itself"


def test_a_number_is_one_to_whoever_asks() -> None:
    from lstmwidgets.analysis.tasks import finite
    from lstmwidgets.streaming.sources.values import number

    for value in (2, 2.5, np.float32(2.5), torch.tensor(2.5), Decimal("2.5"), Fraction(5, 2)):
        assert finite(value) == target_in(value) == number(value) == float(value)
    for missing in (None, math.nan, pd.NA, pd.NaT, np.ma.masked, Decimal("NaN")):
        assert finite(missing) is target_in(missing) is number(missing) is None
    assert (finite(1e31), target_in(1e31)) == (1e31, None)
    for text in ("1.5", "red", b"1"):
        for convert in (finite, target_in):
            with pytest.raises(TypeError, match="expected a number as target, got "):
                convert(text)


@given(HASHABLE, HASHABLE)
@example(1, True)
@example(Decimal("0.5"), 0.5)
@example(Decimal("1E+999999999"), 1)
@example((1, "a"), (np.int64(1), np.str_("a")))
@example(datetime(2024, 1, 1), pd.Timestamp("2024-01-01"))
@example(datetime(2024, 1, 1), pd.Timestamp("2024-01-01 00:00:00.000000001"))
@example("red", Color.RED)
@example(7, Rank.SEVENTH)
def test_keys_are_spelled_alike_if_they_are_equal(one: Any, other: Any) -> None:
    if one != one or other != other or "tzinfo" in repr((one, other)):
        return
    assert (repr(key(one)) == repr(key(other))) == (one == other)
    assert key(one) == one


def test_names_of_numpy_are_those_of_python() -> None:
    """With something missing, where features are looked up one by one, too."""
    model, twin = LSTMClassifier(**OPTIONS), LSTMClassifier(**OPTIONS)
    data = load_breast_cancer()
    for n, (x, y) in enumerate(stream.iter_sklearn_dataset(data)):
        if n == 40:
            break
        plain = {str(name): float(value) for name, value in x.items()}
        if n % 7 == 3:
            x["mean radius"] = plain["mean radius"] = math.nan
            del x["mean area"], plain["mean area"]
        assert model.predict_proba_one(x) == twin.predict_proba_one(plain)
        model.learn_one(x if n % 2 else plain, y)
        twin.learn_one(plain, int(y))
    assert len(model._encoder.columns) == 30


def test_a_tensor_of_a_label_is_that_label() -> None:
    model = LSTMClassifier(**OPTIONS)
    for n in range(6):
        model.learn_one({"a": n}, torch.tensor(n % 2))
    assert [*map(repr, model.classes)] == ["0", "1"]
    assert model._learner.outputs == 2


@pytest.mark.parametrize("label", [np.array([0, 1, 0]), torch.tensor([0, 1]), [0, 1]], ids=repr)
def test_one_hot_labels_are_refused_with_a_remedy(label: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a hashable label, got .* argmax\(\) tells it$"):
        LSTMClassifier(**OPTIONS).learn_one({"a": 1.0}, label)


def told_by(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    assert all(issubclass(one.category, FeatureWarning) for one in told)
    return [str(one.message) for one in told]


@pytest.mark.parametrize("member", FAMILY[:4], ids=lambda member: member.name)
def test_texts_that_read_as_numbers_are_told_once(member: Member) -> None:
    model = member.make(**OPTIONS)
    y = member.events(1)[0][1]

    def learn(*texts: str) -> list[str]:
        return told_by(
            lambda: [member.learn(model, ({"temp": text, "site": "x"}, y)) for text in texts]
        )

    (told,) = learn("ok", "13.3", "13.4", "-5")
    assert "feature 'temp' has texts that read as numbers, such as '13.3'" in told
    assert "'temp' is '13.3'" in model._encoder.columns
    assert told_by(lambda: member.predict(model, {"temp": "13.5"})) == []
    assert learn("13,5", "nan") == []
    assert learn(*(f"room {n}" for n in range(CATEGORIES - 7))) == []
    (told,) = learn("the last", "one more", "another")
    assert "feature 'temp' has 256 categories" in told
    assert model.imputed == 2


@pytest.mark.parametrize("texts", ["15,123", "1e3", " 7 ", "inf"])
def test_other_spellings_of_numbers_are_told(texts: str) -> None:
    with pytest.warns(FeatureWarning, match="read as numbers"):
        LSTMRegressor(**OPTIONS).learn_one({"temp": texts}, 1.0)


@STRANGE
@pytest.mark.parametrize("different", [20, 400])
def test_an_unseen_category_is_odd(different: int) -> None:
    model = LSTMAnomalyDetector(**OPTIONS)
    events = [{"temp": f"{n * 7 % different / 10}", "n": n % 5} for n in range(600)]
    for x in events:
        model.learn_one(x)
    usual = [model.score_one({"temp": "1.4", "n": n}) for n in range(5)]
    before = pickle.dumps(model)
    for odd in ("99999.0", "", "new", 13.5, datetime(2024, 1, 1)):
        assert model.score_one({"temp": odd, "n": 1}) == 1.0 > max(usual)
    for missing in ({"n": 1}, {"temp": None, "n": 1}, {"n": 1, "unknown": "feature"}):
        assert model.score_one(missing) < 1.0
    assert pickle.dumps(model) == before
    if different > CATEGORIES:
        assert model.score_one(events[299]) == 1.0  # learned, but beyond those with a column
    with pytest.raises(TypeError, match="expected a dict"):
        model.score_one("99999.0")  # type: ignore[arg-type]


def learned_names(*names: str) -> LSTMRegressor:
    model = LSTMRegressor(**OPTIONS)
    for n in range(20):
        model.learn_one({name: float(n % 5) for name in names}, float(n % 5))
    return model


@pytest.mark.parametrize("names", [("temp",), ("temp", "load")])
def test_a_loaded_model_refuses_other_names(names: tuple[str, ...], tmp_path: Path) -> None:
    save(learned_names(*names), tmp_path / "model.safetensors")
    model, frozen = (load(tmp_path / "model.safetensors") for _ in range(2))
    strange = {"Temperature": 1.0, "Load": 2.0}
    message = r"saved with the features .*'temp' and the event has none of them, but 'Temperature'"
    before = pickle.dumps(model)
    for call in (
        lambda: model.predict_one(strange),
        lambda: model.learn_one(strange, 1.0),
        lambda: model.step_one(strange),
        lambda: FrozenRegressor(frozen, 1).observe_many([0], [strange]),
        lambda: StreamSlots(load(tmp_path / "model.safetensors"), 1).predict_learn_many(
            [0], [strange], [1.0]
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert pickle.dumps(model) == before
    model.learn_one(strange | dict.fromkeys(names), 1.0)
    assert "'Temperature'" in model._encoder.columns


def test_a_loaded_model_says_once_what_is_lacking(tmp_path: Path) -> None:
    save(learned_names("temp", "load"), tmp_path / "model.safetensors")
    model = load(tmp_path / "model.safetensors")
    events = [{"temp": 1.0, "Load": 2.0}] * 3
    told = told_by(lambda: [(model.predict_one(x), model.learn_one(x, 1.0)) for x in events])
    assert len(told) == 1
    assert "features that the event lacks: 'load'. It has 'temp', 'Load'" in told[0]
    again = load(tmp_path / "model.safetensors")
    usual = {"load": 1.0, "temp": 1.0}
    assert told_by(lambda: [again.predict_one(usual), again.learn_one({"temp": 1.0}, 1.0)]) == []


def test_features_come_and_go_in_a_model_that_goes_on() -> None:
    """Of an event with nothing known it says so once, whether it was pickled or not."""
    events = [({"Temperature": 1.0}, 1.0), ({"Other": 2.0}, 1.0)]
    one = learned_names("temp")
    for model in (one, pickle.loads(pickle.dumps(one))):
        told = told_by(partial(FAMILY[0].run, model, events))
        assert len(told) == 1
        assert "none of the features that were learned ('temp'), but 'Temperature'" in told[0]
    young = LSTMRegressor(**OPTIONS)
    assert told_by(lambda: [young.learn_one({name: 1.0}, 1.0) for name in "abc"]) == []


def test_a_constant_series_has_intervals() -> None:
    model = LSTMForecaster(**OPTIONS)
    for _ in range(40):
        model.learn_one(0.1)
    assert model.forecast_interval(3) == [(low, low) for low in model.forecast(3)]
    assert model.forecast(1)[0] == pytest.approx(0.1)
    model.learn_one(0.7)  # which was not to be foreseen: the interval holds for nine in ten
    ((low, high),) = model.forecast_interval(1)
    assert math.isfinite(low)
    assert low <= high
    few = LSTMForecaster(**OPTIONS)
    for _ in range(5):
        few.learn_one(0.1)
    assert few.forecast_interval(1) == [(-math.inf, math.inf)]


def test_steps_without_features_may_be_none() -> None:
    model = LSTMForecaster(**OPTIONS)
    for n in range(30):
        model.learn_one(n % 4, {"a": n % 2} if n % 3 else None)
    assert model.forecast(2, [None, {"a": 1}]) == model.forecast(2, [{}, {"a": 1}])
    assert model.forecast(2, iter([None, None])) == model.forecast(2)
    frame = pd.DataFrame({"a": [1, 0]})
    assert model.forecast(1, {"a": 1}) == model.forecast(1, [{"a": 1}])
    assert model.forecast(2, frame) == model.forecast(2, [{"a": 1}, {"a": 0}])
    for xs, message in (
        ([None], "each of horizon=2 steps as xs, got 1"),
        ({"a": 1}, "steps as xs, got 1"),
        (5, "got int"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            model.forecast(2, xs)  # type: ignore[arg-type]


def test_targets_may_be_a_frame_of_one_column_a_list_or_an_array() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0, 4.0, 3.0]})
    y = pd.Series([1.0, 2.0, np.nan, 3.0], name="y")
    forms = [y, y.to_frame(), y.tolist(), y.to_numpy(), torch.tensor(y.to_numpy())]
    forms.append(np.ma.masked_invalid(y))
    said = []
    for form in forms:
        model = LSTMRegressor(**OPTIONS)
        model.learn_many(X, form)
        said.append((model.unlearned, model.predict_one({"a": 2.0})))
    assert set(said) == {(1, said[0][1])}
    wrong = [pd.get_dummies(y), y.to_numpy()[:, None], 3.0, "abc", None, X.assign(b=1)]
    for form in wrong:
        with pytest.raises(
            (TypeError, ValueError), match="expected a series with one target a row"
        ):
            LSTMClassifier(**OPTIONS).learn_many(X, form)
    for frame in (X.to_numpy(), [{"a": 1}], pd.concat([X, X], axis=1)):
        with pytest.raises(TypeError, match=r"expected a dataframe .* as X, got"):
            LSTMRegressor(**OPTIONS).learn_many(frame, y)


def test_a_stream_of_river_is_learned_as_before() -> None:
    """Warnings are for what is hardly meant."""
    model = LSTMRegressor(**OPTIONS)
    events = list(datasets.TrumpApproval().take(30))
    assert told_by(lambda: [model.learn_one(x, y) for x, y in events]) == []
