"""What interrupts, misleads or is forged does not reach a kernel, which checks no bounds."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets import load, save
from lstmwidgets.files import opened, sealed
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.words import words_of
from lstmwidgets.text import Tokenizer


class Interrupted(BaseException):
    """As a Ctrl-C."""


@pytest.mark.parametrize("place", ["_make_learner", "_features_grew", "_make_room"])
@pytest.mark.parametrize("kind", [LSTMRegressor, LSTMClassifier, LSTMAnomalyDetector])
def test_an_interrupted_event_can_come_again(
    kind: type[Any], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = kind(hidden_size=4, seed=1)
    event = ({"a": 1.0, "b": 2.0},) if kind is LSTMAnomalyDetector else ({"a": 1.0, "b": 2.0}, 1.0)

    def interrupt(*_: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(model, place, interrupt)
        with pytest.raises(Interrupted):
            model.learn_one(*event)
    predict = getattr(model, "predict_one", None) or model.score_one
    assert not predict(event[0])  # as before the first event
    for _ in range(5):
        model.learn_one(*event)
    assert model._scaler.columns == 2
    assert all(torch.isfinite(weight).all() for weight in model.module.parameters())


def test_an_interrupted_growth_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LSTMClassifier(hidden_size=4, seed=1)
    for n in range(9):
        model.learn_one({"a": n / 9}, n % 2)

    def interrupt(*_: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(OnlineLearner, "_make_ready", interrupt)
        with pytest.raises(Interrupted):
            model.learn_one({"a": 1.0}, "new")
    assert model.classes == [0, 1]
    assert set(model.predict_proba_one({"a": 1.0})) == {0, 1}
    model.learn_one({"a": 1.0}, "new")
    assert set(model.predict_proba_one({"a": 1.0})) == {0, 1, "new"}


def test_kernels_get_no_target_that_does_not_fit() -> None:
    sorter = OnlineLearner(["a"], 3, outputs=2, loss="cross_entropy")
    for wrong in (2.0, -1.0, math.nan):
        with pytest.raises(IndexError, match="expected a class below 2"):
            sorter.learn(np.zeros(4, np.float32), np.array([wrong], np.float32))
    with pytest.raises(ValueError, match="expected 1 targets, got 2"):
        OnlineLearner(["a"], 3).learn(np.zeros(4, np.float32), np.zeros(2, np.float32))


def test_dictionaries_with_defaults_are_read_as_they_are() -> None:
    model = LSTMRegressor(hidden_size=4, seed=1)
    model.learn_one(Counter("ab"), 1.0)
    model.learn_one(Counter("cd"), 2.0)
    assert len(model._encoder.columns) == 4
    asked = defaultdict(float, a=1.0, e=1.0)
    model.predict_one(asked)
    assert set(asked) == {"a", "e"}


@pytest.mark.parametrize(
    "odd", [np.float16("inf"), np.float16("nan"), Decimal("NaN"), Decimal("sNaN"), 10**400]
)
def test_odd_infinities_count_as_missing(odd: Any) -> None:
    model = LSTMRegressor(hidden_size=4, seed=1)
    for n in range(20):
        model.learn_one({"a": np.float16(n), "b": Decimal(n)}, Decimal(n) / 3)
    model.learn_one({"a": odd, "b": odd}, odd)
    assert (model.imputed, model.unlearned) == (2, 1)
    model.learn_one({"a": 1.0}, 1.0)
    assert math.isfinite(model.predict_one({"a": odd}))


@pytest.mark.parametrize("name", ["lr", "clip"])
@pytest.mark.parametrize("wrong", [None, math.nan, -1, 0, "fast"])
def test_a_wrong_rate_is_refused_later_as_well(name: str, wrong: Any) -> None:
    model = LSTMRegressor(hidden_size=4, seed=1)
    with pytest.raises(ValueError, match=f"{name} must be a number above 0"):
        setattr(model, name, wrong)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_intervals_scale_with_the_series(scale: float) -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(size=40))
    bounds = []
    for unit in (1.0, scale):
        model = LSTMForecaster(hidden_size=4, seed=1)
        for y in walk * unit:
            model.learn_one(float(y))
        bounds.append(np.array(model.forecast_interval(3)) / unit)
    np.testing.assert_allclose(bounds[1], bounds[0], rtol=1e-3, atol=1e-3)


def test_a_state_can_be_put_into_a_model_without_targets() -> None:
    model = LSTMRegressor(hidden_size=4, seed=1)
    for n in range(5):
        model.learn_one({"a": n}, n)
    twin = model.clone()
    twin.step_one({"a": 1.0})
    twin.set_stream(model.get_stream())
    assert math.isfinite(twin.predict_one({"a": 1.0}))


def test_empty_events_leave_the_anomaly_score_alone() -> None:
    random = np.random.default_rng(1)
    model = LSTMAnomalyDetector(hidden_size=4, seed=1)
    for _ in range(300):
        model.learn_one({"a": float(random.normal())})
    before = model._histograms.copy()
    for _ in range(300):
        model.learn_one({"a": None})
    assert np.array_equal(model._histograms, before)
    assert model.unlearned == 300


def test_a_label_that_only_looks_hashable_changes_nothing() -> None:
    model = LSTMClassifier(hidden_size=4, seed=1)
    with pytest.raises(TypeError, match="expected a hashable label, got tuple"):
        model.learn_one({"a": 1.0}, (["u"],))
    assert model.module is None


@pytest.mark.parametrize("label", [np.str_("a"), np.uint8(7), np.float16(1), np.int64(3)])
def test_single_values_of_numpy_are_pythons_as_labels(label: Any, tmp_path: Path) -> None:
    model = LSTMClassifier(hidden_size=3, seed=1)
    model.learn_one({label: 1.0}, label)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    for each in (model, again):
        assert each.classes == [label]
        assert type(each.classes[0]) is type(label.item())
        each.learn_one({label: 0.5}, label.item())
        assert each.classes == [label]
    assert again.predict_proba_one({label: 1.0}) == model.predict_proba_one({label: 1.0})


def test_adafactor_grows() -> None:
    model = LSTMClassifier(hidden_size=4, seed=1, optimizer=torch.optim.Adafactor)
    for n in range(12):
        model.learn_one({f"x{n % 6}": n / 9}, n % 3)
    assert len(model.classes) == 3


def test_small_integers_of_numpy_are_sizes() -> None:
    model = LSTMRegressor(np.int8(4), window=np.int8(127), seed=1)  # type: ignore[arg-type]
    for n in range(3):
        model.learn_one({"a": n}, n)
    assert math.isfinite(model.predict_one({"a": 1}))


def test_space_behind_a_text_is_not_read() -> None:
    assert words_of("good" + " " * 50, 1)[:-1] == ["good"]


def test_texts_are_read_as_the_tokens_of_the_tokenizer() -> None:
    text = "I don\u2019t like it :-( 1,000 times, so-so!!!"
    words = [word for word, _ in LSTMTextClassifier(hidden_size=4, seed=1).read_one(text)]
    assert words == Tokenizer()(text)
    assert [*words_of(text, 3)] == [*words[-3:], "</s>"]


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "window": lambda parts: parts.update(window=99),
    "rule": lambda parts: parts.update(gradient="eligibility"),
    "optimizer": lambda parts: parts["_learner"].update(optimizer="sgd"),
    "method": lambda parts: parts.update(_make_room=3),
    "inputs": lambda parts: parts["_learner"].update(input_size=99),
    "array": lambda parts: parts["_learner"].update(tape=None),
    "columns": lambda parts: parts["_encoder"].update(columns={"dict": [["'a'", 7]]}),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_part_is_refused(forgery: str, tmp_path: Path) -> None:
    model = LSTMRegressor(hidden_size=3, window=2, seed=1)
    for n in range(5):
        model.learn_one({"a": n}, n)
    path = tmp_path / "model"
    save(model, path)
    kind, text, tensors = opened(path.read_bytes(), "the file")
    tree = json.loads(text)
    FORGERIES[forgery](Fields(tree))
    path.write_bytes(sealed(kind, json.dumps(tree), tensors))
    with pytest.raises(ValueError, match=r"do not fit together|has no fields"):
        load(path)


class Fields(dict[str, Any]):
    """The fields of an object in a header, by name; changes are written into it."""

    def __init__(self, tree: Any) -> None:
        self.pairs = tree["state"].get("dict", [])
        super().__init__(
            {
                name: Fields(value) if isinstance(value, dict) and "class" in value else value
                for name, value in self.pairs
            }
        )

    def update(self, *_: Any, **fields: Any) -> None:
        for name, value in fields.items():
            self.pairs[:] = [[n, v] for n, v in self.pairs if n != name] + [[name, value]]
