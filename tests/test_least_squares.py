"""Recursive least squares are what the formulas of ridge regression say."""

from __future__ import annotations

import numpy as np
import pytest

from lstmwidgets.kernels import least_squares
from lstmwidgets.kernels.least_squares import VARIANCE

from .kernel_calls import from_python

regress, forget = from_python(least_squares.regress), from_python(least_squares.forget)

RANDOM = np.random.default_rng(0)
Z, TARGETS = RANDOM.normal(size=(400, 6)), RANDOM.normal(size=(400, 2))


@pytest.mark.parametrize("events", [1, 5, 300])
@pytest.mark.parametrize("variance", [VARIANCE, 2.0])
def test_they_are_ridge_regression_for_every_model_that_reads_them(
    events: int, variance: float
) -> None:
    z, targets = Z[:events], TARGETS[:events]
    coefficients, covariance = np.zeros((2, 6)), variance * np.eye(6)
    for n in range(events):
        regress(z[n], targets[n], 1.0, variance, coefficients, covariance, np.zeros(6))
    precision = np.eye(6) / variance + z.T @ z
    expected = np.linalg.solve(precision, z.T @ targets).T
    np.testing.assert_allclose(coefficients, expected, rtol=1e-9)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), rtol=1e-9)


def test_forgetting_weighs_the_past_exponentially() -> None:
    weight = 0.98 ** np.arange(399.0, -1, -1)
    coefficients, covariance = np.zeros((1, 6)), VARIANCE * np.eye(6)
    for n in range(400):
        regress(Z[n], TARGETS[n, :1], 0.98, VARIANCE, coefficients, covariance, np.zeros(6))
    expected = np.linalg.solve((Z.T * weight) @ Z, (Z.T * weight) @ TARGETS[:, 0])
    np.testing.assert_allclose(coefficients[0], expected, atol=0.03)  # the prior, forgotten by now


def test_a_covariance_does_not_wind_up() -> None:
    coefficients, covariance = np.zeros((1, 2)), VARIANCE * np.eye(2)
    for _ in range(10_000):
        z, target = np.array([1.0, 0.0]), np.ones(1)
        regress(z, target, 0.98, VARIANCE, coefficients, covariance, np.zeros(2))
    assert np.trace(covariance) <= 2 * VARIANCE * (1 + 1e-9)
    np.testing.assert_allclose(coefficients[0], [1.0, 0.0], atol=1e-3)


def test_a_covariance_that_lost_its_definiteness_starts_afresh() -> None:
    coefficients, covariance = np.ones((1, 2)), -np.eye(2)
    z, target = np.ones(2), np.array([5.0])
    regress(z, target, 1.0, VARIANCE, coefficients, covariance, np.zeros(2))
    np.testing.assert_array_equal(coefficients, np.ones((1, 2)))
    np.testing.assert_array_equal(covariance, VARIANCE * np.eye(2))


def test_what_is_forgotten_is_as_in_the_beginning() -> None:
    coefficients, covariance = np.zeros((2, 6)), VARIANCE * np.eye(6)
    for n in range(50):
        regress(Z[n], TARGETS[n], 1.0, VARIANCE, coefficients, covariance, np.zeros(6))
    kept = covariance[:2, :2].copy()
    forget(2, 4, VARIANCE, coefficients, covariance)
    assert coefficients[:, :2].all()
    assert not coefficients[:, 2:].any()
    np.testing.assert_array_equal(covariance[:2, :2], kept)
    np.testing.assert_array_equal(covariance[2:], np.eye(6)[2:] * VARIANCE)
