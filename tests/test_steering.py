"""A training that is steered on the way is the one that was so from that epoch on, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, SequentialLR, StepLR

from lstmwidgets.models import SequenceModel
from lstmwidgets.training import DivergedError, Epoch, TrainingRun, fit, iter_fit, predict

from .trainings import QUIET, assert_equal, loader_of, means, model_of, noise, series, weights

EPOCHS, CHANGED = 6, 3

OPTIONS: dict[str, Any] = {
    "epochs": EPOCHS,
    "patience": None,
    "batch_size": 8,
    "seed": 5,
    "device": "cpu",
    "lr": 0.01,
}


def begin(model: SequenceModel, **more: Any) -> TrainingRun:
    data = series()
    return iter_fit(model, data, means(data), **OPTIONS | more)


def told(epochs: list[Epoch]) -> list[tuple[Any, ...]]:
    """Return what must be equal of epochs; times are not."""
    return [
        (one.epoch, one.train_loss, one.validation_loss, one.lr, one.dropout, one.gradient_norm)
        for one in epochs
    ]


def chained(optimizer: torch.optim.Optimizer) -> Any:
    parts = [LambdaLR(optimizer, lambda n: 1 + n), CosineAnnealingLR(optimizer, 4)]
    return SequentialLR(optimizer, parts, milestones=[2])


SCHEDULES: dict[str, tuple[Any, Any]] = {
    "none": (None, lambda optimizer: LambdaLR(optimizer, lambda n: 1 if n < CHANGED else 0.5)),
    "base rates times something": (
        lambda optimizer: LambdaLR(optimizer, lambda n: 0.9**n),
        lambda optimizer: LambdaLR(optimizer, lambda n: 0.9**n * (1 if n < CHANGED else 0.5)),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_that_is_halved_is_that_of_a_schedule_that_halves_it(name: str) -> None:
    steered, planned = SCHEDULES[name]
    one, other = (model_of(input_size=2, dropout=0.2) for _ in range(2))
    training = begin(one, schedule=steered)
    for epoch in training:
        if epoch.epoch == CHANGED:
            training.lr /= 2
    wanted = begin(other, schedule=planned)
    assert told(training.epochs) == told(list(wanted))
    assert_equal(weights(one), weights(other))


@pytest.mark.parametrize(
    "schedule", ["cosine", lambda optimizer: StepLR(optimizer, 2, 0.1), chained, None]
)
def test_a_schedule_goes_on_from_the_lower_rate(schedule: Any) -> None:
    plain = [epoch.lr for epoch in begin(model_of(input_size=2), schedule=schedule)]
    training = begin(model_of(input_size=2), schedule=schedule)
    found = []
    for epoch in training:
        found.append(epoch.lr)
        if epoch.epoch == CHANGED:
            training.lr /= 4
    quarter = [lr / (1 if n < CHANGED else 4) for n, lr in enumerate(plain)]
    assert found == pytest.approx(quarter, rel=1e-12)


def test_a_plateau_halves_the_rate_that_was_set() -> None:
    training = begin(model_of(input_size=2), schedule="plateau", epochs=30, optimizer="sgd")
    next(training)
    training.lr = 1e-6  # hardly anything gets better from here on
    rates = {epoch.lr for epoch in training}
    assert rates >= {1e-6, 5e-7}


def test_dropout_that_is_added_is_that_of_a_model_with_it() -> None:
    """The epochs after the change are those of a resume by a model that has the dropout."""
    one = model_of(input_size=2, num_layers=2)
    training = begin(one)
    for epoch in training:
        if epoch.epoch == CHANGED:
            training.dropout = 0.4
    assert [epoch.dropout for epoch in training.epochs] == [0.0] * CHANGED + [0.4] * CHANGED
    assert (one.dropout, one.lstm.dropout, one.config["dropout"]) == (0.4, 0.4, 0.4)

    other = model_of(input_size=2, num_layers=2)
    by_hand = begin(other)
    for epoch in by_hand:
        if epoch.epoch == CHANGED:
            other.dropout = other.lstm.dropout = 0.4
    assert told(training.epochs) == told(by_hand.epochs)
    assert_equal(weights(one), weights(other))
    without = begin(model_of(input_size=2, num_layers=2))
    assert told(list(without))[CHANGED:] != told(training.epochs)[CHANGED:]


@pytest.mark.parametrize("stop", [1, CHANGED, CHANGED + 1])
def test_a_resumed_training_goes_on_as_it_was_steered(stop: int, tmp_path: Path) -> None:
    def steer(training: TrainingRun, last: int) -> None:
        for epoch in training:
            if epoch.epoch == CHANGED:
                training.lr /= 3
                training.dropout = 0.4
            if epoch.epoch == last:
                break
        training.close()

    whole = model_of(input_size=2)
    wanted = begin(whole, schedule="cosine", validation=0.25)
    steer(wanted, EPOCHS)
    options = {"schedule": "cosine", "validation": 0.25, "checkpoint": tmp_path / "c"}
    first = model_of(input_size=2)
    steer(begin(first, **options), stop)
    for model in (first, model_of(1, input_size=2)):  # either the same model or a fresh one
        resumed = begin(model, **options | {"checkpoint": _copied(tmp_path / "c")})
        steer(resumed, EPOCHS)
        assert told(resumed.epochs) == told(wanted.epochs)
        assert_equal(weights(model), weights(whole))
        assert model.dropout == 0.4


def _copied(path: Path) -> Path:
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    return copy


def test_another_models_dropout_is_still_refused(tmp_path: Path) -> None:
    training = begin(model_of(input_size=2), checkpoint=tmp_path / "c")
    next(training)
    training.dropout = 0.3
    training.close()
    with pytest.raises(ValueError, match=r"its dropout was 0\.0 and now is 0\.2"):
        begin(model_of(input_size=2, dropout=0.2), checkpoint=tmp_path / "c")


def test_batch_by_batch_is_the_same_training_and_lends_out_the_random_numbers() -> None:
    one, other = (model_of(input_size=2, dropout=0.3) for _ in range(2))
    wanted = begin(one)
    list(wanted)
    training, rested = begin(other), 0
    torch.manual_seed(7)
    drawn = [torch.rand(()).item() for _ in range(3)]
    torch.manual_seed(7)
    for item in training.by_batch():
        rested += item is None
        if rested in (2, 3, 4) and item is None:
            assert torch.rand(()).item() == drawn[rested - 2]
        if item is not None and item.epoch == 2:
            break
    assert next(training).epoch == 3  # a whole one
    for _ in training.by_batch():
        break
    list(training)  # from the midst of an epoch on
    assert rested == 2 * 8
    assert told(training.epochs) == told(wanted.epochs)
    assert_equal(weights(one), weights(other))


def test_it_stops_in_the_midst_of_an_epoch_with_the_best_weights() -> None:
    model = model_of(input_size=2)
    training = begin(model)
    states = [weights(model) for _ in range(2) if next(training)]
    for n, _ in enumerate(training.by_batch()):
        if n == 3:
            training.stop()
    assert next(training, None) is None
    assert [epoch.epoch for epoch in training.epochs] == [1, 2]
    result = training.result
    assert (result.stopped, result.best_epoch) == ("interrupted", 2)
    assert_equal(weights(model), states[1])
    assert not model.training


def test_it_stops_before_the_next_epoch() -> None:
    training = begin(model_of(input_size=2))
    for epoch in training:
        if epoch.epoch == 2:
            training.stop()
    assert len(training.epochs) == 2
    assert training.result.stopped == "interrupted"


def test_the_gradient_norm_is_that_before_clipping() -> None:
    data = series()
    model = model_of(input_size=2)
    training = iter_fit(
        model, data, means(data), epochs=1, batch_size=60, lr=1e-9, clip=0.5, seed=0, device="cpu"
    )
    (epoch,) = list(training)
    unclipped = iter_fit(
        model, data, means(data), epochs=1, batch_size=60, lr=1e-9, clip=None, seed=0, device="cpu"
    )
    (other,) = list(unclipped)
    assert epoch.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-4)
    assert epoch.gradient_norm == pytest.approx(_norm(model, data), rel=1e-4)
    assert training.batch_log().tolist() == [
        [pytest.approx(epoch.train_loss), pytest.approx(epoch.gradient_norm)]
    ]


def _norm(model: SequenceModel, data: Any) -> float:
    """Return the norm of the gradient of the mean squared error, sequence by sequence."""
    losses = []
    for one, wanted in zip(data, means(data), strict=True):
        x = torch.from_numpy(one).float()[None]
        error = (model(x)[0] - wanted) / model.target_scale
        losses.append(error.square().mean())
    gradients = torch.autograd.grad(torch.stack(losses).mean(), [*model.parameters()])
    return float(torch.cat([each.flatten() for each in gradients]).norm())


def test_many_batches_are_told_in_their_order() -> None:
    data = series(300)
    training = iter_fit(
        model_of(input_size=2), data, means(data), epochs=1, batch_size=1, seed=0, device="cpu"
    )
    seen = [training.batch_log()[-1].tolist() for item in training.by_batch() if item is None]
    assert training.batch_log().tolist() == seen
    assert len(seen) == 300
    assert training.epochs[0].gradient_norm == pytest.approx(sum(n for _, n in seen) / 300)


def test_the_sample_is_of_the_validation_and_standardised() -> None:
    data = series()
    held = series(9, seed=3)
    model = model_of(input_size=2)
    training = iter_fit(model, data, means(data), validation=(held, means(held)), device="cpu")
    batch = training.sample(4)
    assert batch is not None
    assert batch.lengths is not None
    lengths = sorted(len(one) for one in held)
    assert batch.lengths.tolist() == [lengths[round(8 * n / 3)] for n in range(4)]
    rows = model.standardised(torch.from_numpy(sorted(held, key=len)[0]).float())
    assert torch.allclose(batch.x[0, : len(rows)], rows)
    loader = loader_of([[[1.0, 2.0]]] * 4, [[0.0]] * 4)
    assert iter_fit(model_of(input_size=2), loader, device="cpu").sample(4) is None


def test_what_cannot_be_set_is_refused() -> None:
    training = begin(model_of(input_size=2), schedule="cosine", epochs=2)
    for wrong in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="lr must be"):
            training.lr = wrong
    with pytest.raises(ValueError, match="dropout must"):
        training.dropout = 1.5
    list(training)
    with pytest.raises(ValueError, match="has brought lr down to 0"):
        training.lr = 0.1


def test_a_steered_training_diverges_as_any_other() -> None:
    data, targets = noise()
    training = iter_fit(
        model_of(input_size=2), data, targets, optimizer="sgd", clip=None, device="cpu", seed=0
    )
    next(training)
    training.lr = 1e30
    with pytest.raises(DivergedError, match=r"became (nan|inf) in epoch"):
        list(training)
    assert predict(training.model, data).shape == (len(data),)


def test_fit_says_the_same_as_the_run() -> None:
    one, other = (model_of(input_size=2) for _ in range(2))
    data = series()
    result = fit(one, data, means(data), epochs=3, seed=0, **QUIET)
    training = iter_fit(other, data, means(data), epochs=3, seed=0, device="cpu")
    list(training)
    assert told(result.epochs) == told(training.result.epochs)
    assert training.result.verdict == result.verdict
