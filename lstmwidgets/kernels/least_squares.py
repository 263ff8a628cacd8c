"""Linear models that are learned one event at a time, by recursive least squares."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled

Array = NDArray[Any]

VARIANCE = 0.1
"""Prior variance of coefficients."""


@compiled
def regress(
    z: Array,
    targets: Array,
    forgetting: float,
    variance: float,
    coefficients: Array,
    covariance: Array,
    gain: Array,
) -> None:
    """Learn one event by recursive least squares with a prior and exponential forgetting.

    Haykin (2002), "Adaptive filter theory", 4th edition, table 9.1. The past is only discounted
    while the covariance is smaller than the prior's, so that it cannot wind up.

    Parameters
    ----------
    z : ndarray
        Regressors, (D,).
    targets : ndarray
        Of each model that reads them, (M,).
    forgetting : float
        By how much the past is discounted with every event; 1: not at all.
    variance : float
        Prior variance of the coefficients.
    coefficients : ndarray
        (M, D); updated.
    covariance : ndarray
        That of all models, (D, D); updated.
    gain : ndarray
        Scratch, (D,).
    """
    size = z.shape[0]
    gain[:] = 0.0
    for j in range(size):
        if z[j] != 0.0:  # most are, where there is no season
            for k in range(size):
                gain[k] += covariance[j, k] * z[j]
    spread = 1.0
    for k in range(size):
        spread += gain[k] * z[k]
    if spread < 1.0:  # rounding may cost a covariance its definiteness: it starts afresh
        for k in range(size):
            covariance[k] = 0.0
            covariance[k, k] = variance
        return
    for m in range(targets.shape[0]):
        error = targets[m]
        for k in range(size):
            error -= coefficients[m, k] * z[k]
        for k in range(size):
            coefficients[m, k] += gain[k] / spread * error
    trace = 0.0
    for k in range(size):
        factor = gain[k] / spread
        if factor != 0.0:
            for j in range(size):
                covariance[k, j] -= factor * gain[j]
        trace += covariance[k, k]
    if forgetting < 1.0 and trace <= forgetting * size * variance:
        for k in range(size):
            for j in range(size):
                covariance[k, j] /= forgetting


@compiled
def forget(first: int, count: int, variance: float, coefficients: Array, covariance: Array) -> None:
    """Let what is known of some coefficients be as it was at the beginning."""
    for k in range(first, first + count):
        for m in range(coefficients.shape[0]):
            coefficients[m, k] = 0.0
        for j in range(covariance.shape[1]):
            covariance[k, j] = covariance[j, k] = 0.0
        covariance[k, k] = variance
