"""Best weights, interrupts, and checkpoints from which a training goes on bit for bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import StepLR

from lstmwidgets.models import SequenceModel
from lstmwidgets.saving import to_bytes
from lstmwidgets.training import DivergedError, examples, fit, iter_fit, predict
from lstmwidgets.training.epochs import Epoch, FitResult
from lstmwidgets.training.objective import Objective

from .trainings import QUIET, assert_equal, loader_of, means, model_of, noise, series, weights

# --- early stopping, best weights, seeds ------------------------------------------------------


def test_the_best_weights_come_back_when_the_validation_turns() -> None:
    data, targets = noise()
    held, wanted = series(30, seed=7), np.random.default_rng(2).normal(size=30)
    model = model_of(input_size=2, hidden_size=32)

    result = fit(
        model, data, targets, validation=(held, wanted), epochs=200, lr=0.03, seed=0, patience=4,
        **QUIET,
    )  # fmt: skip

    assert result.stopped == "early"
    assert len(result.epochs) == result.best_epoch + 4
    best = result.epochs[result.best_epoch - 1]
    assert best.validation_loss == min(one.validation_loss for one in result.epochs)
    error = np.abs(predict(model, held) - wanted).mean()
    assert error == pytest.approx(best.validation_score, rel=1e-4)
    assert result.verdict.startswith("Overfitting")
    assert result.seconds == pytest.approx(sum(one.seconds for one in result.epochs))
    assert not model.training


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone() -> None:
    data, targets = noise()
    results = []
    for seed in (1, 1, 2):
        model = model_of(input_size=2, dropout=0.3, num_layers=2)
        before = torch.random.get_rng_state()
        fit(model, data, targets, validation=0.3, epochs=3, seed=seed, batch_size=8, **QUIET)
        assert torch.equal(torch.random.get_rng_state(), before)
        results.append(weights(model))
    assert_equal(results[0], results[1])
    assert not torch.equal(results[0]["head.weight"], results[2]["head.weight"])


def test_the_validation_part_is_drawn_in_equal_shares() -> None:
    data = [[1, 2], [2, 1, 1]] * 50
    targets = ["a"] * 80 + ["b"] * 20
    model = model_of(vocabulary_size=3, output_size=2, task="classification")
    whole = examples.read(model, data, targets)

    kept, held = examples.split(model, whole, 0.25, seed=0)

    assert (held.y.count("a"), held.y.count("b")) == (20, 5)
    assert len(kept.y) == 75


# --- interrupts -------------------------------------------------------------------------------


def interrupt_at(call: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Raise in the objective's forward when it has been called so many times."""
    forward, calls = Objective.forward, iter(range(10**6))

    def counted(self: Objective, *arguments: Any) -> Any:
        if next(calls) == call:
            raise error
        return forward(self, *arguments)

    monkeypatch.setattr(Objective, "forward", counted)


def test_ctrl_c_leaves_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    data, targets = noise()
    whole = model_of(input_size=2)
    states = [
        weights(whole) for _ in iter_fit(whole, data, targets, seed=0, epochs=3, device="cpu")
    ]
    interrupt_at(2 * 3 + 1, monkeypatch, KeyboardInterrupt())  # in the fourth epoch
    model = model_of(input_size=2)

    result = fit(model, data, targets, seed=0, epochs=20, **QUIET)

    assert result.stopped == "interrupted"
    assert len(result.epochs) == 3
    assert_equal(weights(model), states[result.best_epoch - 1])


def test_closing_the_generator_leaves_the_best_weights() -> None:
    data, targets = noise()
    model = model_of(input_size=2)
    epochs = iter_fit(model, data, targets, seed=0, epochs=20, device="cpu", lr=0.001)
    next(epochs)
    second = next(epochs)
    now = weights(model)
    assert second.best
    with torch.no_grad():
        model.head.weight.zero_()

    epochs.close()  # type: ignore[attr-defined]

    assert_equal(weights(model), now)


def test_an_interrupt_in_the_first_epoch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data, targets = noise()
    interrupt_at(1, monkeypatch, KeyboardInterrupt())

    result = fit(model_of(input_size=2), data, targets, **QUIET)

    assert (result.stopped, result.epochs, result.best_epoch) == ("interrupted", [], 0)
    assert result.verdict.startswith("Nothing was learned")


def test_a_loss_that_is_no_number_stops_and_loses_nothing() -> None:
    data, targets = noise()
    model = model_of(input_size=2)
    before = weights(model)
    with pytest.raises(DivergedError, match=r"became (nan|inf) in epoch 1.*Try a smaller lr"):
        fit(model, data, targets, optimizer="sgd", lr=1e30, clip=None, **QUIET)
    for name, each in before.items():
        if "mean" not in name and "scale" not in name:
            assert torch.equal(each, model.state_dict()[name]), name
    assert issubclass(DivergedError, ValueError)


# --- checkpoints ------------------------------------------------------------------------------

PLATEAU = {"schedule": "plateau", "lr": 0.3, "validation": 0.25}
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bucketed": ({}, {"batch_size": 8}),
    "two layers, dropout": ({"num_layers": 2, "dropout": 0.4}, {"batch_size": 8}),
    "windows": ({"pooling": None, "dropout": 0.2}, {"window": 4, "batch_size": 8}),
    "cosine": ({}, {"schedule": "cosine", "validation": 0.25, "batch_size": 16}),
    "plateau": ({}, PLATEAU),
    "own schedule": ({}, {"schedule": lambda optimizer: StepLR(optimizer, 2, 0.1)}),
    "adam": ({"cell": "peephole"}, {"optimizer": "adam"}),
    "momentum": ({"cell": "full_gate_recurrence"}, {"optimizer": "sgd"}),
    "own optimizer": ({}, {"optimizer": torch.optim.RMSprop}),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_resumed_training_is_bit_for_bit_the_uninterrupted_one(run: str, tmp_path: Path) -> None:
    made, options = RUNS[run]
    data = series()
    targets = means(data) if made.get("pooling", "last") else [one[:, 0].cumsum() for one in data]
    options = {"epochs": 6, "patience": None, "seed": 5, "device": "cpu"} | options
    whole = model_of(input_size=2, **made)
    wanted = list(iter_fit(whole, data, targets, **options))
    path = tmp_path / "training.ckpt"
    found: list[Epoch] = []
    for stop in (2, 3, 10):  # anew each time, with other first weights
        model = model_of(seed=stop if found else 0, input_size=2, **made)
        epochs = iter_fit(model, data, targets, checkpoint=path, **options)
        for epoch in epochs:
            found.append(epoch)
            if len(found) == stop:
                break
        epochs.close()  # type: ignore[attr-defined]

    assert [one.epoch for one in found] == [1, 2, 3, 4, 5, 6]
    assert_equal(weights(model), weights(whole))
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours.train_loss, ours.validation_loss) == (
            theirs.train_loss,
            theirs.validation_loss,
        )
        assert (ours.lr, ours.best) == (theirs.lr, theirs.best)


def test_a_shuffling_dataloader_is_resumed_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5, 2)), rng.normal(size=(30, 1))

    def run(model: SequenceModel, epochs: int, **more: Any) -> SequenceModel:
        loader = loader_of(
            x, y, batch_size=7, shuffle=True, generator=torch.Generator().manual_seed(3)
        )
        fit(model, loader, epochs=epochs, seed=0, patience=None, **QUIET, **more)
        return model

    whole = run(model_of(input_size=2), 4)
    run(model_of(input_size=2), 2, checkpoint=tmp_path / "c")
    resumed = run(model_of(1, input_size=2), 4, checkpoint=tmp_path / "c")
    assert_equal(weights(whole), weights(resumed))


KILLED = """
import os, sys
import torch
torch.set_num_threads(1)
sys.path.insert(0, {root!r})
from tests.test_resuming import *
forward, calls = Objective.forward, iter(range(10**6))
def counted(self, *arguments):
    if next(calls) == 2 * {batches} + 3:
        os._exit(9)  # in the middle of the third epoch
    return forward(self, *arguments)
Objective.forward = counted
kill_run(model_of(input_size=2, dropout=0.2), {path!r})
"""


def kill_run(model: SequenceModel, path: str | Path | None) -> FitResult:
    data = series()
    options: dict[str, Any] = {"batch_size": 8, "schedule": "cosine", "epochs": 5, "seed": 0}
    return fit(model, data, means(data), checkpoint=path, **options, **QUIET)


def test_a_training_killed_in_the_middle_of_an_epoch_goes_on_from_the_last(tmp_path: Path) -> None:
    path = tmp_path / "training.ckpt"
    root = str(Path(__file__).parent.parent)
    script = KILLED.format(root=root, path=str(path), batches=8)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 9, done.stderr.decode()
    whole, resumed = (model_of(input_size=2, dropout=0.2) for _ in range(2))

    wanted = kill_run(whole, None)
    found = kill_run(resumed, path)

    assert_equal(weights(whole), weights(resumed))
    assert len(found.epochs) == len(wanted.epochs) == 5
    assert [p.name for p in tmp_path.iterdir()] == ["training.ckpt"]


def test_a_finished_training_is_not_run_again_and_can_be_prolonged(tmp_path: Path) -> None:
    data, targets = noise()
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "patience": None, **QUIET}
    first = fit(model_of(input_size=2), data, targets, epochs=3, **options)
    again = fit(model_of(1, input_size=2), data, targets, epochs=3, **options)
    longer = fit(model_of(1, input_size=2), data, targets, epochs=5, **options)

    assert again.epochs == first.epochs
    assert_equal(weights(again.model), weights(first.model))
    assert longer.epochs[:3] == first.epochs
    assert len(longer.epochs) == 5
    anew = fit(model_of(input_size=2), data, targets, epochs=1, resume=False, **options)
    assert len(anew.epochs) == 1


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "training.ckpt"
    fit(model_of(input_size=2), *noise(), epochs=1, seed=0, checkpoint=path, **QUIET)
    return path


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        ({}, {"lr": 0.5}, "its lr was 0.002 and now is 0.5"),
        ({}, {"seed": 8}, "its seed was 0 and now is 8"),
        ({}, {"schedule": "cosine"}, "its epochs was None"),
        ({}, {"validation": 0.5}, "its training was '40 sequences"),
        ({"hidden_size": 7}, {}, "its hidden_size was 6 and now is 7"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(
    checkpoint: Path, made: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=message):
        fit(model_of(input_size=2, **made), *noise(), checkpoint=checkpoint, **options, **QUIET)
    assert checkpoint.read_bytes() == before


def test_other_data_are_noticed(checkpoint: Path) -> None:
    data, targets = noise()
    data[3][0, 0] += 1
    with pytest.raises(ValueError, match=r"its training was .* checksum"):
        fit(model_of(input_size=2), data, targets, checkpoint=checkpoint, **QUIET)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-10], "is truncated or no file of lstmwidgets"),
        (lambda data: data[:30], "is truncated or no file of lstmwidgets"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged: it was changed"),
        (lambda data: data.replace(b'version":"4', b'version":"5'), "of version 5; this one reads"),
        (lambda data: b"PK" + data, "is truncated or no file of lstmwidgets"),
        (lambda _: b"", "or no file .*; give checkpoint= another path, or remove it"),
        (lambda _: to_bytes(model_of(input_size=2)), "SequenceModel; expected one of training"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    checkpoint: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    damaged = change(checkpoint.read_bytes())
    checkpoint.write_bytes(damaged)
    with pytest.raises(ValueError, match=message):
        fit(model_of(input_size=2), *noise(), checkpoint=checkpoint, **QUIET)
    assert checkpoint.read_bytes() == damaged


class Odd(StepLR):
    """A schedule with something in its state that no checkpoint may hold."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, 2)
        self.path = Path()


def test_what_a_checkpoint_may_not_hold_is_refused_before_the_first_epoch(tmp_path: Path) -> None:
    data, targets = noise()
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", **QUIET}
    with pytest.raises(TypeError, match=r"schedule\.path cannot be kept: .* or leave out"):
        fit(model_of(input_size=2), data, targets, schedule=Odd, **options)
    classifier = model_of(input_size=2, output_size=2, task="classification")
    labels = [frozenset({n % 2}) for n in range(len(data))]
    with pytest.raises(TypeError, match=r"checkpoint\.classes\.0 cannot be kept: frozenset"):
        fit(classifier, data, labels, **options)
    assert not list(tmp_path.iterdir())
