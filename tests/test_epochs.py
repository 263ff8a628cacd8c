"""The verdict on curves, the bars that follow them, and what training imports."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from itertools import pairwise

import pytest

from lstmwidgets.training import fit, iter_fit, progress
from lstmwidgets.training.epochs import Epoch, verdict

from .trainings import means, model_of, noise, series

# --- the verdict, the bars, the import --------------------------------------------------------


def curve(losses: list[tuple[float, float | None]]) -> Iterator[Epoch]:
    lowest = float("inf")
    for n, (train, held) in enumerate(losses):
        loss = train if held is None else held
        yield Epoch(n + 1, train, held, 0.5, held and 0.5, "accuracy", 0.01, 1.0, loss < lowest)
        lowest = min(lowest, loss)


@pytest.mark.parametrize(
    ("losses", "stopped", "said"),
    [
        ([(1, 1), (0.6, 0.7), (0.2, 0.9)], "epochs", "Overfitting: after epoch 2 .* 0.7 to 0.9"),
        (  # dropout was added at the end
            [(1, 1), (0.6, 0.7), (0.2, 0.9), (0.8, 0.8)],
            "epochs",
            "Overfitting: after epoch 2 .* 0.7 to 0.8 .* 0.6 to 0.2",
        ),
        ([(1, 1), (0.99, 1.0), (0.98, 0.99)], "epochs", "Underfitting: .* higher lr"),
        ([(1, 1), (0.7, 0.8), (0.5, 0.6)], "epochs", "Not finished: .* more epochs"),
        ([(1, 1), (0.5, 0.6), (0.5, 0.61), (0.5, 0.6)], "early", "A good fit: at epoch 2"),
        ([(1, 1), (0.3, 0.6), (0.3, 0.605)], "early", "A gap, but no harm yet"),
        ([(1, None), (0.5, None)], "epochs", "came down to 0.5 and was still .*validation=0.2"),
        ([(1, None), (0.99, None)], "epochs", "Underfitting: .*validation=0.2"),
    ],
)
def test_the_verdict_says_what_the_curves_show(
    losses: list[tuple[float, float | None]], stopped: str, said: str
) -> None:
    assert re.match(f".*{said}", verdict(list(curve(losses)), stopped))


@pytest.mark.parametrize(
    ("losses", "trivial", "said"),
    [
        ([(1.5e12, None), (3e12, None), (1.53e12, None)], 1.0, "never was below 1.5e.12, .* is 1"),
        ([(9e13, 5e9), (4e12, 4e9)], 1.0, "never was below 4e.12"),
        ([(3e12, None)], 0.5, "never was below 3e.12"),
        ([(1, None), (40, None), (80, None)], None, "only rose, from 1 to 80"),
        ([(1, 1), (1.2, 1.1), (9, 8)], 1.0, "only rose, from 1 to 9"),
        ([(1, None), (math.nan, None)], 1.0, "the training loss became nan"),
        ([(math.inf, math.inf)], None, "the training loss became inf"),
        ([(9e9, None)], 0.0, "never was below 9e"),
    ],
)
def test_weights_that_ran_away_are_told_as_such(
    losses: list[tuple[float, float | None]], trivial: float | None, said: str
) -> None:
    told = verdict(list(curve(losses)), trivial_loss=trivial)
    assert re.match(rf"Diverged: .*{said}.*\. Try a much smaller lr", told)


@pytest.mark.parametrize("task", ["regression", "classification", "forecasting"])
def test_a_learning_rate_of_a_million_diverges(task: str) -> None:
    data = series()
    steps = {"pooling": None} if task == "forecasting" else {}
    outputs = 1 if task == "regression" else 2
    model = model_of(input_size=2, output_size=outputs, task=task, hidden_size=4, **steps)
    targets = {
        "regression": means(data),
        "classification": [bool(n % 2) for n in range(len(data))],
        "forecasting": None,
    }
    options = {"epochs": 4, "device": "cpu", "progress": False}
    result = fit(model, data, targets[task], lr=1e6, seed=0, **options)
    assert result.verdict.startswith("Diverged: the training loss")
    good = fit(model_of(input_size=2, pooling="mean"), data, means(data), epochs=4, progress=False)
    assert "Diverged" not in good.verdict


def test_epochs_come_with_their_losses_falling() -> None:
    data = series()
    losses = [
        one.train_loss
        for one in iter_fit(
            model_of(input_size=2, pooling="mean"), data, means(data), epochs=5, device="cpu"
        )
    ]
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_the_bar_in_a_terminal_follows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.shown(3) as show:
        for epoch in curve([(1, 1), (0.5, 0.75)]):
            show(epoch)
    said = capsys.readouterr().err
    assert "2/3" in said
    assert "validation 0.75" in said


def test_the_bar_in_a_notebook_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython import display
    from ipywidgets import HBox, Widget

    shown: list[HBox] = []
    monkeypatch.setattr(display, "display", shown.append)
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    with progress.shown(3) as show:
        for epoch in curve([(1, 1), (0.5, 0.75)]):
            show(epoch)
    bar, said = shown[0].children
    assert (bar.value, bar.max) == (2, 3)
    assert "validation 0.75" in said.value
    Widget.close_all()


def test_the_bar_goes_on_when_the_epochs_are_taken_one_by_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    epochs = iter_fit(model_of(input_size=2), *noise(), epochs=2, device="cpu", progress=True)
    assert len(list(epochs)) == 2
    assert "2/2" in capsys.readouterr().err


def test_fit_takes_what_iter_fit_takes_and_shows_a_bar_by_default() -> None:
    ours, theirs = (dict(signature(each).parameters) for each in (fit, iter_fit))
    assert ours.pop("progress").default is True
    assert theirs.pop("progress").default is False
    assert list(ours.items()) == list(theirs.items())
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        fit(model_of(input_size=2), *noise(), epoch=1)  # type: ignore[call-arg]


def test_nothing_is_shown_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    fit(model_of(input_size=2), *noise(), epochs=1, device="cpu")
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "")


def test_lightning_is_imported_by_training_only_and_named_when_it_is_missing() -> None:
    script = """
import sys
import numpy as np
import lstmwidgets
from lstmwidgets.models import SequenceModel
from lstmwidgets.training import fit, predict
model = SequenceModel(1)
predict(model, np.zeros((1, 3, 1)))
heavy = {"lightning", "lightning_fabric", "rich", "IPython", "ipywidgets", "bokeh", "narwhals"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
sys.modules["lightning"] = None
try:
    fit(model, np.zeros((1, 3, 1)), [1.0])
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], check=True, capture_output=True, text=True
    )
    assert "pip install lstmwidgets[train]" in done.stdout
