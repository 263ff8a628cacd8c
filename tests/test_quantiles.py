"""Tracked quantiles of errors hold what they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.kernels import quantiles
from lstmwidgets.kernels.quantiles import BOUNDS, LEVELS, SIZE, WIDTH, errors_at

from .kernel_calls import from_python

learn_error = from_python(quantiles.learn_error)


def tracked(errors: Any, ahead: int = 1) -> Any:
    """Return the bounds at each error, made before it: (errors, levels)."""
    row, sizes, bounds = np.zeros(WIDTH), [0.0] * ahead, []
    for error in errors:
        bounds.append([errors_at(level, row) for level in LEVELS])
        learn_error(error, sizes[-ahead], ahead, row)
        sizes.append(row[SIZE])
    return np.array(bounds)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "standard_cauchy", "laplace"]),
    st.floats(0.99, 1.01),
)
def test_a_share_of_errors_comes_to_each_level_whatever_they_are(
    seed: int, kind: str, growth: float
) -> None:
    random = np.random.default_rng(seed)
    errors = getattr(random, kind)(size=1500) * growth ** np.arange(1500)
    bounds = tracked(errors)
    below = (errors[:, None] < bounds)[100:].mean(0)
    assert np.abs(below - LEVELS).max() < 0.04


def test_the_step_is_the_one_of_the_formula() -> None:
    row = np.zeros(WIDTH)
    learn_error(1.0, row[SIZE], 1, row)
    assert row[SIZE] == 1.0
    np.testing.assert_array_equal(row[BOUNDS:], quantiles.NORMAL)
    learn_error(-0.3, 1.0, 1, row)
    moved = quantiles.NORMAL + quantiles.STEP * (LEVELS - (quantiles.NORMAL > -0.3))
    np.testing.assert_allclose(row[BOUNDS:], moved, rtol=1e-12)
    assert row[SIZE] == pytest.approx(1.0 + (0.3 - 1.0) / 2)


def test_bounds_do_not_cross_and_are_symmetric_in_the_beginning() -> None:
    errors = np.random.default_rng(1).normal(size=300)
    for bounds in tracked(errors, ahead=12):
        assert (np.diff(bounds[np.isfinite(bounds)]) >= 0).all()
    np.testing.assert_allclose(LEVELS + LEVELS[::-1], 1)
    np.testing.assert_array_equal(quantiles.NORMAL, -quantiles.NORMAL[::-1])


def test_what_too_few_errors_tell_is_infinite() -> None:
    row = np.zeros(WIDTH)
    for count in range(1, 60):
        learn_error(math.sin(count), row[SIZE], 1, row)
        known = [math.isfinite(errors_at(level, row)) for level in (0.5, 0.95, 0.975)]
        assert known == [True, count >= 19, count >= 39]
    assert errors_at(0.001, row) == -math.inf
    assert errors_at(0.9999, row) == math.inf


def test_errors_of_nothing_stay_nothing() -> None:
    row = np.zeros(WIDTH)
    for _ in range(50):
        learn_error(0.0, row[SIZE], 1, row)
    assert errors_at(0.1, row) == errors_at(0.9, row) == 0.0
