"""What copies have learned side by side, brought together."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import learners
from lstmwidgets.kernels import experts as expert_kernels
from lstmwidgets.kernels import parameters as layout
from lstmwidgets.kernels import scaling
from lstmwidgets.kernels.least_squares import VARIANCE
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.merging import merge, merged_mean, merged_statistics

NAB = Path(__file__).resolve().parents[2] / "shared" / "data" / "nab"


def taught(events: int, seed: int = 0, **options: object) -> LSTMRegressor:
    """Return a regressor that has learned some events."""
    model = LSTMRegressor(6, window=3, seed=1, **options)  # type: ignore[arg-type]
    teach(model, events, seed)
    return model


def teach(model: LSTMRegressor, events: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for a, b in draw.normal(size=(events, 2)).tolist():
        model.learn_one({"a": a, "b": None if b > 1 else b}, a + 2 * b + 3)


def statistics(values: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Return what is learned of columns, one row after the other."""
    model = LSTMRegressor(2, seed=1)
    names = [str(n) for n in range(values.shape[1])]
    model.add_features(dict.fromkeys(names, 0.0))
    if before is not None:
        model.parts.scaler.statistics[:] = before
    for row in values.tolist():
        model.step_one(dict(zip(names, row, strict=True)))
    return model.parts.scaler.statistics


def test_means_and_deviations_are_those_of_all_numbers() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(3, 2, size=(900, 2))
    values[::5, 1] = np.nan
    parts = np.split(values, [300, 500])
    before = statistics(parts[0])
    others = [statistics(part, before) for part in parts[1:]]

    merged = merged_statistics(before, others, np.array([200, 400]))

    assert merged == pytest.approx(statistics(values)[:3], rel=1e-9)


def test_where_means_look_back_on_so_many_numbers_they_still_do() -> None:
    draw = np.random.default_rng(0)
    before = statistics(draw.normal(0, 1, size=(12_000, 1)))
    parts = [draw.normal(1, 2, size=(4_000, 1)) for _ in range(2)]
    others = [statistics(part, before) for part in parts]

    count, mean, squares = merged_statistics(before, others, np.array([4_000, 4_000]))[:, 0]

    one = statistics(np.concatenate(parts), before)[:, 0]
    assert count == scaling.MEMORY
    assert mean == pytest.approx(one[scaling.MEAN], abs=0.02)
    assert squares / count == pytest.approx(one[scaling.SQUARES] / one[scaling.COUNT], rel=0.02)


def test_a_mean_that_nobody_has_taught_stays() -> None:
    stays = merged_mean(np.array([5.0]), np.full((3, 1), 5.0), np.array([7.0]), np.zeros((3, 1)), 9)

    assert stays == [5.0]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weights_and_moments_are_means_by_steps(optimizer: str) -> None:
    model = taught(50, optimizer=optimizer)
    copies = [copy.deepcopy(model), copy.deepcopy(model)]
    for number, (each, events) in enumerate(zip(copies, (30, 10), strict=True)):
        teach(each, events, number + 1)
    rows = {
        which: [each.parts.learner.row(which).copy() for each in copies]
        for which in (layout.PARAMETERS, layout.FIRST, layout.SECOND)
    }

    merge(model, copies)

    for which, (first, second) in rows.items():
        expected = 0.75 * first.astype(float) + 0.25 * second
        assert model.parts.learner.row(which) == pytest.approx(expected, abs=1e-7)
    assert model.parts.encoder.events == 90
    assert model.parts.target.numbers[0] == 90
    assert model.imputed > sum(each.imputed for each in copies) / 2


def test_what_one_copy_has_learned_is_what_it_knows() -> None:
    model = taught(200)
    other = copy.deepcopy(model)
    teach(other, 100, 1)

    merge(model, [other])

    model.reset_stream()
    other.reset_stream()
    for _ in range(5):
        x = {"a": 0.3, "b": -0.2}
        assert model.predict_one(x) == pytest.approx(other.predict_one(x), abs=1e-5)
        for each in (model, other):
            each.learn_one(x, 2.9)


def test_linear_experts_know_what_all_events_say() -> None:
    """Least squares do not depend on the order of events, but for the units they are learned in."""
    draw = np.random.default_rng(0)
    z = draw.normal(size=(90, 3))
    y = z @ [1.0, -2.0, 0.5] + 0.1 * draw.normal(size=90)
    parts = [slice(0, 30), slice(30, 60), slice(60, 90)]

    def learned(rows: list[slice]) -> tuple[np.ndarray, np.ndarray]:
        those = np.concatenate([np.arange(part.start, part.stop) for part in rows])
        covariance = np.linalg.inv(np.eye(3) / VARIANCE + z[those].T @ z[those])
        return covariance @ z[those].T @ y[those], covariance

    model = LSTMRegressor(2, seed=1)
    model.add_features({"a": 1.0})
    made = [copy.deepcopy(model) for _ in range(3)]
    size = expert_kernels.experts(*model.parts.experts.arrays).coefficients.shape[1]
    for each, rows in zip(made, ([parts[0]], parts[:2], [parts[0], parts[2]]), strict=True):
        own = expert_kernels.experts(*each.parts.experts.arrays)
        coefficients, covariance = learned(rows)
        own.coefficients[0, :3], own.covariances[0, :3, :3] = coefficients, covariance
        own.scalars[expert_kernels.TARGETS] = 30 * len(rows)

    merge(made[0], made[1:])

    own = expert_kernels.experts(*made[0].parts.experts.arrays)
    coefficients, covariance = learned(parts)
    assert size >= 3
    assert own.coefficients[0, :3] == pytest.approx(coefficients)
    assert own.covariances[0, :3, :3] == pytest.approx(covariance)


def test_copies_that_do_not_fit_are_refused() -> None:
    model = taught(20)
    grown = copy.deepcopy(model)
    grown.learn_one(dict.fromkeys("abcdefghij", 1.0), 1.0)
    with pytest.raises(ValueError, match="a copy is of another kind or size than the model"):
        merge(model, [grown])
    with pytest.raises(ValueError, match="expected copies that have learned"):
        merge(model, [])
    with pytest.raises(ValueError, match="expected a regressor with features, and the optimizer"):
        merge(LSTMRegressor(), [model])
    other = taught(5, optimizer=torch.optim.RMSprop)
    with pytest.raises(ValueError, match="the optimizer adam, adamw or sgd"):
        merge(other, [copy.deepcopy(other)])


def test_features_are_added_without_learning() -> None:
    model, other = taught(30), taught(30)
    before = model.parts.encoder.events, model.imputed

    model.add_features({"kind": "x"})

    assert (model.parts.encoder.events, model.imputed) == before
    assert list(model.parts.encoder.columns)[-1] == "'kind' is 'x'"
    assert model.predict_one({"a": 1.0, "b": 0.5}) == other.predict_one({"a": 1.0, "b": 0.5})
    assert model.parts.encoder.unknown({"kind": "y", "a": 2.0}) == {"kind": "y"}
    assert model.parts.encoder.unknown({"a": 2.0, "b": None}) == {}


@pytest.mark.skipif(not NAB.exists(), reason="needs the data in ../shared/data/nab")
def test_side_by_side_is_within_five_percent_of_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learners, "NAB", NAB)
    monkeypatch.setattr(learners, "READINGS", 1_500)
    events = learners.nab("realTweets")

    alone = learners.error(learners.in_one(events), events)
    together = learners.error(learners.side_by_side(events, 2, 500), events)

    assert alone < 0.95 * learners.last_values(events)
    assert together < 1.05 * alone
