"""What does not fit is refused before anything is trained, by an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lstmwidgets.training import fit, predict, predict_proba

from .trainings import QUIET, assert_equal, model_of, weights

# --- bad input --------------------------------------------------------------------------------

WORDS = [[1, 2], [2, 1], [1, 1]]


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (None, {}, "targets are missing"),
        (["a", "b"], {}, "expected a target for each of 3 sequences, got 2"),
        (["a", "a", "a"], {}, "all targets are the same label, 'a'"),
        (["a", "b", "c"], {}, "output_size=2 and the training labels are 3: 'a', 'b', 'c'"),
        (["a", "b", None], {}, "the label at place 2 is missing"),
        (["a", "b", "a"], {"validation": 1.5}, "a fraction between 0 and 1"),
        (["a", "b", "a"], {"validation": 0.1}, "leaves one of the parts empty"),
        (["good", "bad", "bad"], {"validation": (WORDS, ["bad", "godo", "bad"])}, "mean 'good'"),
        (["a", "b", "a"], {"class_weight": {"z": 2}}, "class_weight names 'z'"),
        (["a", "b", "a"], {"class_weight": [1, 2, 3]}, "must be 2 numbers"),
        (["a", "b", "a"], {"class_weight": "even"}, "must be one of 'balanced'"),
        (["a", "b", "a"], {"window": 3}, "it needs pooling=None"),
        (["a", "b", "a"], {"lr": -1}, "lr must be a number above 0"),
        (["a", "b", "a"], {"epochs": 0}, "epochs must be at least 1"),
        (["a", "b", "a"], {"optimizer": "adamax"}, "optimizer must be one of"),
        (["a", "b", "a"], {"schedule": "step"}, "schedule must be one of"),
        (["a", "b", "a"], {"weight_decay": -1.0}, "weight_decay must be at least 0"),
        (["a", "b", "a"], {"target": "column"}, "by targets=, or by target="),
    ],
)
def test_bad_input_of_a_classification(targets: Any, options: Any, message: str) -> None:
    model = model_of(vocabulary_size=3, output_size=2, task="classification")
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        fit(model, WORDS, targets, **options, **QUIET)
    assert_equal(weights(model), before)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([1.0, np.nan], ValueError, "targets has nan at step 1"),
        ([[1, 2], [3, 4]], ValueError, "as the model has outputs, 1, got 2"),
        (["a", "b"], TypeError, "targets must be numbers"),
        ([1.0], ValueError, "each of 2 sequences, got 1"),
    ],
)
def test_bad_targets_of_a_regression(targets: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit(model_of(input_size=1), np.zeros((2, 5, 1)), targets, **QUIET)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[1, 2, 3], [1, 2]], "targets of sequence 1 must have the shape .* 3 steps"),
        ([[1, 2, 3], [1, np.nan, 2]], "targets of sequence 1 has nan at step 1"),
        ([[1, 2, 3]], "each of 2 sequences, got 1"),
    ],
)
def test_bad_targets_at_every_step(targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(model_of(input_size=1, pooling=None), np.zeros((2, 3, 1)), targets, **QUIET)


def test_series_too_short_for_their_task() -> None:
    forecast = model_of(input_size=1, output_size=5, task="forecasting", pooling=None)
    with pytest.raises(ValueError, match="sequence 0 has 5 steps, and a forecast 5 ahead"):
        fit(forecast, [np.zeros(5)], **QUIET)
    with pytest.raises(ValueError, match="must be a multiple of the 2 series"):
        fit(forecast, [np.zeros(9)], [np.zeros((9, 2))], **QUIET)
    language = model_of(vocabulary_size=5, task="next_token", pooling=None)
    with pytest.raises(ValueError, match="sequence 1 must have at least 2 tokens"):
        fit(language, [[1, 2], [3]], **QUIET)
    with pytest.raises(ValueError, match="leave targets out"):
        fit(language, [[1, 2], [3]], [1, 2], **QUIET)


def test_predicting_checks_its_input_too() -> None:
    model = model_of(input_size=2)
    with pytest.raises(ValueError, match="sequence 1 has nan at step 0, column 1"):
        predict(model, [np.zeros((2, 2)), [[0, np.nan]]])
    with pytest.raises(ValueError, match="has no probabilities"):
        predict_proba(model, np.zeros((1, 2, 2)))


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (np.zeros((2, 3)), TypeError, "batch 0 of the DataLoader must be tensors"),
        ([torch.zeros(2, 3, 2)], TypeError, "batch 0 of the DataLoader must be tensors"),
        (None, ValueError, "the DataLoader gave no batches"),
    ],
)
def test_bad_batches_are_named(batch: Any, error: type[Exception], message: str) -> None:
    batches: Any = [] if batch is None else [batch]
    loader: DataLoader[Any] = DataLoader(batches, batch_size=None)
    with pytest.raises(error, match=message):
        fit(model_of(input_size=2), loader, **QUIET)
