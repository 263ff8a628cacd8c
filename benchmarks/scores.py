"""Figures of what was predicted event by event: the same for all contestants.

The first event is learned and not counted: nobody can know anything before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LEAST = 1e-3
"""What probabilities count as at least; those of trees and of the last class may be 0."""

BINS = 15


def of_numbers(predictions: Sequence[float | None], targets: Sequence[float]) -> dict[str, float]:
    """Return the mean absolute error; no prediction is 0."""
    made = np.array([each or 0.0 for each in predictions], np.float64)
    return {"error": float(np.abs(made - np.array(targets, np.float64))[1:].mean())}


def of_classes(
    predictions: Sequence[Sequence[tuple[Any, float]]], labels: Sequence[Any]
) -> dict[str, float]:
    """Return accuracy, log loss in nats, and expected calibration error.

    The last is the mean distance of accuracy from the probability of the likeliest class, within
    `BINS` bins of that probability of equal width, each weighted by its events (Guo et al. 2017,
    "On calibration of modern neural networks").
    """
    right, sure, losses = [], [], []
    for pairs, label in list(zip(predictions, labels, strict=True))[1:]:
        given = {each: probability or 0.0 for each, probability in pairs}
        total = sum(given.values())
        shares = {each: probability / total for each, probability in given.items() if total > 0}
        best = max(shares, key=shares.__getitem__, default=None)
        right.append(best == label and bool(shares))
        sure.append(shares.get(best, 0.0))
        losses.append(-np.log(max(shares.get(label, 0.0), LEAST)))
    hit, confidence = np.array(right, np.float64), np.array(sure)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, hit - confidence, BINS)
    return {
        "accuracy": float(hit.mean()),
        "log_loss": float(np.mean(losses)),
        "calibration_error": float(np.abs(gaps).sum() / len(hit)),
    }
