"""What the notebook `09_overfitting_and_cost` says one will see is so, by its own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from lstmwidgets.analysis import Course, cost, epoch_course
from lstmwidgets.training import TrainingRun

pytestmark = pytest.mark.xdist_group("notebooks")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
EPOCHS = 20
Begin = Callable[..., TrainingRun]


def lesson() -> dict[str, Any]:
    """Run the notebook's cells up to the first monitor, and return what they define."""
    defined: dict[str, Any] = {}
    notebook = nbformat.read(FOLDER / "09_overfitting_and_cost.ipynb", as_version=4)
    for cell in notebook.cells:
        if "TrainingMonitor(begin" in cell.source:
            return defined
        if cell.cell_type == "code":
            source = cell.source.replace("CostPanel, ", "").replace('"data/', f'"{FOLDER}/data/')
            exec(source, defined)
    raise AssertionError("the notebook has no monitor")


@pytest.fixture(scope="module")
def begin() -> Begin:
    begins: Begin = lesson()["begin"]
    return begins


@pytest.fixture(scope="module")
def courses(begin: Begin) -> dict[str, Course]:
    """Return how the notebook's trainings go."""
    slower, dropped = begin(), begin()
    dropped.dropout = 0.5
    runs = {
        "as it is": begin(),
        "slower": slower,
        "dropped": dropped,
        "small": begin(units=4),
        "both": begin(units=4, dropout=0.5),
        "more": begin(dropout=0.5, sentences=800),
    }
    for training in runs.values():
        for epoch in training:
            if training is slower and epoch.epoch == 2:
                training.lr /= 8
    return {name: epoch_course(training.epochs) for name, training in runs.items()}


def lowest(course: Course) -> float:
    return float(course.columns["validation_loss"].min())


def last(course: Course, name: str = "validation_loss") -> float:
    return float(course.columns[name][-1])


def test_there_are_many_more_weights_than_labels(begin: Begin) -> None:
    assert sum(each.numel() for each in begin().model.parameters()) > 50 * 400


def test_it_learns_by_heart_and_the_gap_is_shaded(courses: dict[str, Course]) -> None:
    course = courses["as it is"]
    assert course.best is not None
    assert course.best <= 5
    assert course.overfits_from == course.best + 1
    assert last(course, "train_score") > 0.99
    assert last(course) > 2.5 * lowest(course)
    accuracy = course.columns["validation_score"]
    assert abs(accuracy[-1] - accuracy[course.best - 1]) < 0.12  # no less right, but surer
    assert course.columns["gradient_norm"][-1] < 0.2 * course.columns["gradient_norm"].max()


def test_a_lower_rate_puts_it_off_and_heals_nothing(courses: dict[str, Course]) -> None:
    fast, slow = courses["as it is"], courses["slower"]
    assert slow.columns["lr"].tolist() == pytest.approx([0.005] * 2 + [0.005 / 8] * (EPOCHS - 2))
    assert slow.best is not None
    assert fast.best is not None
    assert slow.best > fast.best
    assert abs(lowest(slow) - lowest(fast)) < 0.05
    assert last(slow) < 0.6 * last(fast)


def test_dropout_narrows_the_gap(courses: dict[str, Course]) -> None:
    plain, dropped = courses["as it is"], courses["dropped"]
    assert last(dropped) < 0.75 * last(plain)
    assert last(dropped, "train_loss") > 5 * last(plain, "train_loss")
    assert lowest(dropped) < lowest(plain) + 0.02


def test_four_units_overfit_as_well_until_they_drop(courses: dict[str, Course]) -> None:
    assert courses["small"].overfits_from is not None
    assert last(courses["small"]) < last(courses["as it is"])
    assert last(courses["both"]) < 1.15 * lowest(courses["both"])


def test_more_sentences_have_the_lowest_loss_of_all(courses: dict[str, Course]) -> None:
    others = [lowest(each) for name, each in courses.items() if name != "more"]
    assert lowest(courses["more"]) < min(others) - 0.02
    assert lowest(courses["both"]) < lowest(courses["as it is"]) + 0.05


def test_most_weights_of_the_small_one_are_its_words(begin: Begin) -> None:
    model = begin(units=4).model
    assert model.embedding is not None
    words = model.embedding.weight.numel()
    assert words > 0.9 * sum(each.numel() for each in model.parameters())


def test_twice_the_units_are_more_than_twice_the_parameters(begin: Begin) -> None:
    counted = [cost(begin(units=units).model.lstm, 2, 2).parameters for units in (32, 64, 128)]
    ratios = np.divide(counted[1:], counted[:-1])
    assert (ratios > 2).all()
    assert (ratios < 4).all()
    assert ratios[1] > ratios[0]
