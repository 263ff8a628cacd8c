"""Training against hand-written PyTorch; units; every task and form of data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

from lstmwidgets import load, save
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel
from lstmwidgets.training import examples, fit, iter_fit, predict, predict_proba
from lstmwidgets.training.batches import IGNORED
from lstmwidgets.training.loaders import loaded, scale_to_loader
from lstmwidgets.training.objective import Objective

from .trainings import QUIET, loader_of, means, model_of, series, weights

every_cell = pytest.mark.parametrize("cell", CELLS)


# --- against plain PyTorch --------------------------------------------------------------------


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    every_step=st.booleans(),
    classes=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.2]),
    cell=st.sampled_from(list(CELLS)),
)
def test_loss_score_and_gradients_are_those_of_each_sequence_alone(
    lengths: list[int], every_step: bool, classes: bool, smoothing: float, cell: str
) -> None:
    model = model_of(
        input_size=2,
        output_size=3,
        task="classification" if classes else "regression",
        pooling=None if every_step else "mean",
        cell=cell,
        dtype=torch.float64,
    )
    model.target_scale.copy_(torch.tensor([1.0, 2.0, 4.0]))
    generator = torch.Generator().manual_seed(len(lengths))
    x = [torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in lengths]
    shape = [(n,) if every_step else () for n in lengths]
    weight = torch.tensor([1.0, 0.5, 3.0], dtype=torch.float64) if classes else None
    if classes:
        y = [torch.randint(0, 3, one, generator=generator) for one in shape]
    else:
        y = [torch.randn(*one, 3, generator=generator, dtype=torch.float64) for one in shape]
    objective = Objective(model, label_smoothing=smoothing * classes, class_weight=weight)
    pad = nn.utils.rnn.pad_sequence
    padded = pad(y, True, IGNORED if classes else 0) if every_step else torch.stack(y)

    loss, totals, _ = objective(pad(x, True, 7.0), padded, torch.tensor(lengths))

    outputs = torch.cat([model.run_padded(one[None])[0].reshape(-1, 3) for one in x])
    wanted = torch.cat([one.reshape(-1, *one.shape[one.ndim - (not classes) :]) for one in y])
    if classes:
        plain = nn.functional.cross_entropy(outputs, wanted, weight, label_smoothing=smoothing)
        score = (outputs.argmax(1) == wanted).double().mean()
    else:
        plain = nn.functional.mse_loss(outputs, wanted)
        score = ((outputs - wanted).abs() * model.target_scale).mean()
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(totals[0] / totals[1], plain)
    torch.testing.assert_close(totals[2] / totals[3], score)
    parameters = [*model.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(plain, parameters)
    )


def test_a_batch_without_targets_counts_for_nothing() -> None:
    model = model_of(input_size=2, output_size=3, task="classification")
    loss, totals, _ = Objective(model)(torch.ones(2, 4, 2), torch.tensor([IGNORED, IGNORED]))
    loss.backward()
    assert (loss.item(), totals.tolist()) == (0, [0, 0, 0, 0])
    assert not any(each.grad.any() for each in model.parameters() if each.grad is not None)


@pytest.mark.parametrize("schedule", [None, "cosine", lambda optimizer: StepLR(optimizer, 2, 0.5)])
def test_training_is_what_a_loop_by_hand_does(schedule: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (20, 7, 2)), rng.normal(50, 9, 20)
    model = model_of(input_size=2, dtype=torch.float64)
    lstm = nn.LSTM(2, 6, batch_first=True, dtype=torch.float64)
    head = nn.Linear(6, 1, dtype=torch.float64)
    lstm.load_state_dict(model.lstm.state_dict())
    head.load_state_dict(model.head.state_dict())
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1)
    steps = {None: None, "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)}
    follow = schedule(optimizer) if callable(schedule) else steps[schedule]
    inputs = torch.from_numpy((x - x.mean((0, 1))) / x.std((0, 1)))
    wanted = torch.from_numpy((y - y.mean()) / y.std())
    losses, rates = [], []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        loss = nn.functional.mse_loss(head(lstm(inputs)[0][:, -1])[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.1)
        optimizer.step()
        losses.append(loss.item())
        if follow is not None:
            follow.step()

    options = {"weight_decay": 0.1, "clip": 0.1, "schedule": schedule, "patience": None}
    found = list(
        iter_fit(model, x, y, epochs=6, lr=0.1, batch_size=20, device="cpu", seed=1, **options)
    )

    assert [one.train_loss for one in found] == pytest.approx(losses)
    assert [one.lr for one in found] == pytest.approx(rates)


def test_windows_carry_the_state_and_cut_the_gradient() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(2, 10, 1)))
    y = x.cumsum(1)
    model = model_of(input_size=1, pooling=None, dtype=torch.float64)
    lstm = nn.LSTM(1, 6, batch_first=True, dtype=torch.float64)
    head = nn.Linear(6, 1, dtype=torch.float64)
    lstm.load_state_dict(model.lstm.state_dict())
    head.load_state_dict(model.head.state_dict())
    optimizer = torch.optim.SGD([*lstm.parameters(), *head.parameters()], lr=0.1, momentum=0.9)
    state, total = None, 0.0
    for begin in (0, 4, 8):
        chunk = slice(begin, begin + 4)
        hidden, after = lstm(x[:, chunk], state)
        state = (after[0].detach(), after[1].detach())
        loss = nn.functional.mse_loss(head(hidden), y[:, chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y[0, chunk]) / 10

    fitted = fit(
        model, x, y, window=4, optimizer="sgd", lr=0.1, clip=None, epochs=1, scale=False, **QUIET
    )

    assert fitted.epochs[0].train_loss == pytest.approx(total)
    torch.testing.assert_close(model.lstm.state_dict(), lstm.state_dict())
    torch.testing.assert_close(model.head.state_dict(), head.state_dict())


def test_a_window_as_long_as_the_series_is_no_window() -> None:
    data = series(8)
    targets = [one.cumsum(0)[:, :1] for one in data]
    results = []
    for window in (None, 12):
        model = model_of(input_size=2, pooling=None)
        fit(model, data, targets, window=window, seed=3, epochs=2, batch_size=8, **QUIET)
        results.append(weights(model))
    for name, each in results[0].items():
        torch.testing.assert_close(each, results[1][name])


# --- units ------------------------------------------------------------------------------------


def test_numbers_come_and_go_in_their_own_units() -> None:
    data = [one + 1e6 for one in series()]
    y = means(data)
    model = model_of(input_size=2, pooling="mean")

    result = fit(model, data, y, epochs=40, lr=0.02, seed=0, **QUIET)

    steps = np.concatenate(data)
    assert torch.allclose(model.input_mean, torch.tensor(steps.mean(0), dtype=torch.float32))
    assert model.target_scale.item() == pytest.approx(y.std(), rel=1e-4)
    found = predict(model, data)
    assert found.shape == (60,)
    assert np.abs(found - y).mean() < 0.5 * np.abs(y - y.mean()).mean()
    assert result.epochs[-1].score_name == "mean absolute error"
    alone, _ = model(torch.tensor(data[5], dtype=torch.float32)[None])
    assert alone.item() == pytest.approx(found[5], abs=0.5)  # float32 of a million


def test_what_never_changes_is_left_unscaled_and_a_second_training_keeps_the_scaling() -> None:
    data = series()
    for one in data:
        one[:, 1] = 0.1
    model = model_of(input_size=2)
    fit(model, data, means(data), epochs=1, **QUIET)
    scaling = weights(model)["input_mean"], weights(model)["input_scale"]
    assert scaling[1][1] == 1

    fit(model, [one * 3 for one in data], means(data), epochs=1, **QUIET)

    assert torch.equal(model.input_mean, scaling[0])
    assert torch.equal(model.input_scale, scaling[1])


def test_without_scaling_nothing_is_scaled() -> None:
    model = model_of(input_size=2)
    fit(model, series(), means(series()), epochs=1, scale=False, **QUIET)
    assert not model.input_mean.any()
    assert (model.target_scale == 1).all()


# --- tasks ------------------------------------------------------------------------------------


@every_cell
def test_every_cell_trains_and_is_the_same_after_saving(cell: str, tmp_path: Path) -> None:
    data = series()
    model = model_of(input_size=2, pooling="mean", cell=cell)

    result = fit(model, data, means(data), epochs=12, lr=0.02, seed=0, validation=0.2, **QUIET)

    assert result.epochs[-1].validation_loss < 0.7 * result.epochs[0].validation_loss
    save(model, tmp_path / "model.safetensors")
    assert np.array_equal(predict(load(tmp_path / "model.safetensors"), data), predict(model, data))


@pytest.mark.parametrize("names", [["no", "yes"], [0, 1], [False, True], [("a", 1), ("b", 2)]])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_classes_of_sentences(names: list[Any], pooling: str) -> None:
    rng = np.random.default_rng(0)
    data = [rng.integers(1, 12, rng.integers(2, 9)).tolist() for _ in range(120)]
    targets = [names[int(7 in one or 8 in one)] for one in data]
    model = model_of(
        vocabulary_size=12, embedding_size=8, output_size=2, task="classification", pooling=pooling
    )

    result = fit(model, data, targets, epochs=30, lr=0.02, seed=0, validation=0.2, **QUIET)

    assert model.classes == names
    found = predict(model, data)
    shares = predict_proba(model, data)
    assert np.mean([a == b for a, b in zip(found, targets, strict=True)]) > 0.9
    assert shares.dtype == np.float64
    assert np.allclose(shares.sum(1), 1)
    assert [names[n] for n in shares.argmax(1)] == found.tolist()
    best = result.epochs[result.best_epoch - 1]
    assert best.score_name == "accuracy"
    assert best.validation_score > 0.8
    one = predict_proba(model, [data[3]], batch_size=1)
    assert np.allclose(one, shares[3], atol=1e-6)


def test_labels_at_every_step() -> None:
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(rng.integers(3, 9), 1)) for _ in range(80)]
    targets = [["up" if x > 0 else "down" for x in one[:, 0]] for one in data]
    model = model_of(input_size=1, output_size=2, task="classification", pooling=None)

    fit(model, data, targets, epochs=15, lr=0.02, validation=0.2, seed=0, **QUIET)

    found = predict(model, data)
    assert [one.shape for one in found] == [(len(one),) for one in data]
    right = np.concatenate(found) == np.concatenate(targets)
    assert right.mean() > 0.95
    assert np.allclose(predict_proba(model, data)[2].sum(1), 1)


def test_forecasts_of_every_horizon_beat_the_mean() -> None:
    wave = np.sin(np.arange(400) / 4)
    model = model_of(input_size=1, output_size=3, task="forecasting", pooling=None)

    result = fit(model, [wave], window=20, epochs=30, lr=0.02, validation=0.25, seed=0, **QUIET)

    assert result.epochs[-1].validation_loss < 0.1
    (found,) = predict(model, [wave])
    assert found.shape == (400, 3)
    for horizon in range(3):
        error = found[20 : 400 - horizon - 1, horizon] - wave[21 + horizon :]
        assert np.abs(error).mean() < 0.2


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_dataframes_with_named_targets(library: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    table = {"heat": rng.normal(20, 5, 200), "load": rng.normal(100, 9, 200)}
    table["next"] = 2 * table["heat"] + 1
    frame = library(table)
    regression = model_of(input_size=2, pooling=None)
    forecast = model_of(input_size=3, output_size=4, task="forecasting", pooling=None)

    fit(regression, frame, target="next", validation=0.2, window=20, epochs=15, lr=0.02, **QUIET)
    fit(forecast, frame, target=["next", "heat"], window=20, epochs=2, **QUIET)

    found = predict(regression, frame, target="next")
    assert found.shape == (200,)
    assert np.corrcoef(found, table["next"])[0, 1] > 0.9
    assert predict(forecast, frame).shape == (200, 4)  # 2 steps ahead of 2 columns
    assert torch.equal(forecast.target_mean[:2], forecast.target_mean[[0, 1]])


def test_forecast_targets_are_the_next_values_in_order() -> None:
    one = np.arange(12.0).reshape(6, 2)
    model = model_of(input_size=2, output_size=4, task="forecasting", pooling=None)

    found = examples.read(model, [one])

    assert np.array_equal(found.x[0], one[:4])
    assert np.array_equal(found.y[0], [one[t + 1 : t + 3].ravel() for t in range(4)])


def test_of_a_series_the_end_is_held_back_and_nothing_of_it_is_learned() -> None:
    one = np.arange(40.0)
    model = model_of(input_size=1, output_size=3, task="forecasting", pooling=None)

    kept, held = examples.split(model, examples.read(model, [one]), 0.25, seed=0)

    assert kept.y[0].max() == held.x[0].min() == 28
    assert len(held.x[0]) == 9


@pytest.mark.parametrize("library", [pd, pl])
def test_one_series_may_have_its_targets_beside_it(library: Any) -> None:
    frame = library.DataFrame({"x": np.arange(9.0), "z": np.arange(9.0)})
    model = model_of(input_size=2, pooling=None)
    for targets in (frame["x"], np.arange(9.0), torch.arange(9.0), [np.arange(9.0)]):
        found = examples.read(model, frame, targets)
        assert np.array_equal(found.y[0][:, 0], np.arange(9))
    one = model_of(input_size=1, pooling=None, output_size=2, task="classification")
    labels = library.Series(["a", "b", "b"])
    assert examples.read(one, library.Series([1, 2, 3]), labels).y == [["a", "b", "b"]]


def test_the_next_token() -> None:
    data = [[1, 2, 3, 4] * 5, [2, 3, 4, 1] * 3, [3, 4, 1]] * 4
    model = model_of(vocabulary_size=5, task="next_token", pooling=None)

    result = fit(model, data, epochs=40, lr=0.03, seed=0, **QUIET)

    assert result.epochs[-1].train_score > 0.95
    assert predict(model, [[1, 2, 3]])[0].tolist() == [2, 3, 4]


def test_a_dataloader_trains_as_the_arrays_do() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, 3, (12, 6, 2)), rng.normal(40, 7, (12, 1))
    lengths = rng.integers(2, 7, 12)
    padded = x.copy()
    for row, steps in zip(padded, lengths, strict=True):
        row[steps:] = np.nan
    results = []
    for data, targets in (
        ([one[:steps] for one, steps in zip(x, lengths, strict=True)], y),
        (loader_of(padded, y, lengths, batch_size=12), None),
    ):
        model = model_of(input_size=2, dtype=torch.float64)
        fit(model, data, targets, epochs=4, batch_size=12, seed=0, validation=data
            if targets is None else (data, targets), **QUIET)  # fmt: skip
        results.append(weights(model))
    for name, each in results[0].items():
        torch.testing.assert_close(each, results[1][name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pooling", ["last", None])
def test_a_dataloader_is_scaled_as_the_arrays_are(pooling: str | None, dtype: torch.dtype) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 7, 30)
    # Far from 0, hardly moving beside its mean, not moving at all, in units of its own.
    scale, offset = [1e4, 1e-4, 0, 1e-9], [1e6, 1e4, 7.3, 0]
    padded = rng.normal(size=(30, 6, 4)) * scale + offset
    y = rng.normal(3e4, 1e-4, (30, 6, 1))
    if pooling is not None:
        y = y[:, 0]
    for row, steps in zip(padded, lengths, strict=True):
        row[steps:] = np.nan
    options = {"input_size": 4, "pooling": pooling, "dtype": dtype}
    of_arrays, of_loader = model_of(**options), model_of(**options)

    x = [row[:steps] for row, steps in zip(padded, lengths, strict=True)]
    values = y if pooling else [row[:steps] for row, steps in zip(y, lengths, strict=True)]
    known = examples.read(of_arrays, x, values)
    examples.scale_to(of_arrays, known)
    loader = loader_of(padded, y, lengths, batch_size=7)
    scale_to_loader(of_loader, loader)

    nearly = {"rtol": 1e-6, "atol": 0.0}
    for name, each in of_arrays.named_buffers():
        torch.testing.assert_close(dict(of_loader.named_buffers())[name], each, **nearly)
    assert of_arrays.input_scale.tolist() == pytest.approx([1e4, 1e-4, 1, 1e-9], rel=0.2)
    # Both take the same numbers from the same scaling.
    of_loader.load_state_dict(of_arrays.state_dict())
    wanted = examples.sequences(of_arrays, known)
    batches = list(loaded(loader, of_loader))
    before_end = torch.arange(6) < torch.as_tensor(lengths)[:, None]
    assert torch.equal(torch.cat([batch.x for batch in batches])[before_end], wanted.x)
    found = torch.cat([batch.y for batch in batches])
    assert torch.equal(found if pooling else found[before_end], wanted.y)


def test_dataloaders_of_labels_tokens_and_steps() -> None:
    tokens = torch.randint(1, 5, (20, 6), generator=torch.Generator().manual_seed(0))
    classifier = model_of(vocabulary_size=5, output_size=3, task="classification")
    fit(classifier, loader_of(tokens, tokens[:, 0] % 3), epochs=1, **QUIET)
    assert classifier.classes == [0, 1, 2]
    language = model_of(vocabulary_size=5, task="next_token", pooling=None)
    fit(language, DataLoader(tokens, batch_size=5), epochs=1, **QUIET)  # type: ignore[arg-type]
    steps = model_of(input_size=1, pooling=None)
    x = tokens[..., None].double()
    result = fit(
        steps, loader_of(x, x[..., 0], torch.full((20,), 4)), validation=(x, x), epochs=1, **QUIET
    )
    assert result.epochs[0].validation_loss is not None
    assert steps.input_mean.item() == pytest.approx(float(x[:, :4].mean()))


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_padding_in_a_loader_of_tokens_is_no_word(pooling: str) -> None:
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, 9, n).tolist() for n in rng.integers(2, 8, 40)]
    labels = torch.tensor([int(3 in text) for text in texts])
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in texts], True)
    loader = DataLoader(TensorDataset(padded, labels), batch_size=10)
    torch.manual_seed(0)
    options = {"vocabulary_size": 9, "task": "classification", "hidden_size": 4}
    model = SequenceModel(None, 2, **options, pooling=pooling)
    (epoch,) = iter_fit(model, loader, validation=loader, epochs=1, seed=0, device="cpu")
    right = predict(model, texts) == labels.numpy()
    assert epoch.validation_score == pytest.approx(right.mean())
