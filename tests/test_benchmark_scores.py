"""What `make bench-peers` scores by, beside its definitions written out."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from benchmarks import scores
from benchmarks.forecasting import (
    follow,
    geometric_mean,
    interval_score,
    is_covered,
    many_steps,
    one_step,
    wins,
)

SERIES = [float(value) for value in np.random.default_rng(0).integers(0, 100, 90)]


class Recorder:
    """Forecasts the number of values known and the steps ahead, so that each can be told."""

    known = 0

    def learn_one(self, _: float) -> None:
        self.known += 1

    def forecast(self, horizon: int) -> list[float]:
        return [1000.0 * self.known + step for step in range(1, horizon + 1)]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 7), st.sets(st.integers(1, 24)))
def test_forecasts_meet_what_came_so_many_steps_later(
    season: int, first: int, every: int, some: set[int]
) -> None:
    steps = sorted(some or {1})
    first = max(first, season)
    question = many_steps(SERIES, steps, first, every)
    assert question.origins[0] == first
    assert (
        question.origins[-1] + max(steps) <= len(SERIES) < question.origins[-1] + max(steps) + every
    )
    made = follow(Recorder(), question).forecasts
    naive, last = question.seasonal_naive(season), question.last_value()
    for row, known in enumerate(question.origins):
        for column, step in enumerate(steps):
            place = known + step - 1
            assert made[row, column] == 1000 * known + step
            assert question.truth[row, column] == SERIES[place]
            assert last[row, column] == SERIES[known - 1]
            before = place - season * math.ceil(step / season)
            assert naive[row, column] == SERIES[before]
    assert question.error(made) == pytest.approx(np.abs(made - question.truth).mean())


def test_one_step_ahead_is_every_value_but_the_first() -> None:
    question = one_step(SERIES)
    assert question.truth[:, 0].tolist() == SERIES[1:]
    assert question.last_value()[:, 0].tolist() == SERIES[:-1]


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_no_interval_scores_better_than_that_of_the_quantiles(coverage: float) -> None:
    values = np.random.default_rng(1).gamma(2, size=4001)
    best = np.quantile(values, [(1 - coverage) / 2, (1 + coverage) / 2])
    assert is_covered(np.broadcast_to(best, (4001, 2)), values).mean() == pytest.approx(
        coverage, abs=1e-3
    )
    score = interval_score(best, values, coverage).mean()
    for change in ([0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1], [0.1, 0.1], [-0.1, 0.1]):
        assert interval_score(best + change, values, coverage).mean() > score


def test_wins_and_means() -> None:
    assert wins([0.5, 0.9, 1.0, 1.0], [0.6, 0.8, 1.0004, 0.9996]) == 2
    assert geometric_mean([0.25, 4.0]) == pytest.approx(1)
    assert geometric_mean([0.01, 1.2], 0.3) == pytest.approx(0.6)


def test_numbers_are_scored_from_the_second_on() -> None:
    assert scores.of_numbers([100.0, 1.0, None], [0.0, 2.0, 5.0]) == {"error": 3.0}


@given(st.integers(0, 2**31))
def test_classes_are_scored_as_by_their_definitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    made, labels = random.dirichlet(np.ones(3), 200), random.integers(0, 3, 200)
    pairs = [list(zip(range(3), (row * 7).tolist(), strict=True)) for row in made]  # any total
    figures = scores.of_classes(pairs, labels.tolist())
    kept, truth = made[1:], labels[1:]
    sure, right = kept.max(1), kept.argmax(1) == truth
    assert figures["accuracy"] == pytest.approx(right.mean())
    floored = np.maximum(kept[np.arange(199), truth], scores.LEAST)
    assert figures["log_loss"] == pytest.approx(-np.log(floored).mean())
    if (kept > scores.LEAST).all():
        assert figures["log_loss"] == pytest.approx(log_loss(truth, kept, labels=range(3)))
    edges = np.linspace(0, 1, scores.BINS + 1)
    gaps = 0.0
    for low, high in pairwise(edges):
        within = (sure >= low) & (sure < high)
        if within.any():
            gaps += within.mean() * abs(right[within].mean() - sure[within].mean())
    assert figures["calibration_error"] == pytest.approx(gaps)


def test_who_says_nothing_is_wrong() -> None:
    figures = scores.of_classes([[], [], [("a", 0.0)]], ["a", "a", "a"])
    assert figures["accuracy"] == 0
    assert figures["log_loss"] == pytest.approx(-math.log(scores.LEAST))
