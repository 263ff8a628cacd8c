"""Sequences in Parquet: each read once, by one of the readers; what cannot be read is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset, WeightedRandomSampler

from lstmwidgets.training import fit, parquet_loader, scaling
from lstmwidgets.training.shares import SharedSampler, set_epoch, shared_loader

from .trainings import QUIET, assert_equal, model_of, series, weights

COUNT = 47


def rows(data: list[Any]) -> dict[str, Any]:
    return {
        "a": [one[:, 0].tolist() for one in data],
        "b": [one[:, 1].tolist() for one in data],
        "both": [one.tolist() for one in data],
        "words": [[n % 5 + 1] * len(one) for n, one in enumerate(data)],
        "n": [float(n) for n in range(len(data))],
        "kind": [n % 3 for n in range(len(data))],
        "sums": [one[:, 0].cumsum().tolist() for one in data],
        "mean": [one[:, 0].mean() for one in data],
        "name": ["x"] * len(data),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three files with unlike many row groups, and what Spark leaves there."""
    folder = tmp_path / "sequences"
    folder.mkdir()
    table = pa.table(rows(series(COUNT)))
    for number, (begin, end) in enumerate(((0, 20), (20, 23), (23, COUNT))):
        part = table.slice(begin, end - begin)
        pq.write_table(part, folder / f"part-{number}.parquet", row_group_size=5)
    (folder / "_SUCCESS").touch()
    return folder


def numbers(loader: DataLoader[Any]) -> list[float]:
    return [each for *_, y in loader for each in y.tolist()]


@pytest.mark.parametrize("world", [1, 2, 3, 12])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_row_is_read_once(folder: Path, world: int, num_workers: int) -> None:
    loaders = [
        parquet_loader(folder, ["a", "b"], "n", batch_size=4, num_workers=num_workers * (world < 3))
        for _ in range(world)
    ]
    seen = []
    for epoch in (1, 2):
        for rank, loader in enumerate(loaders):
            assert shared_loader(loader, rank, world, 0) is loader
            set_epoch(loader, epoch)
        seen.append([n for loader in loaders for n in numbers(loader)])
        assert sorted(seen[-1]) == list(range(COUNT))
    assert seen[0] != seen[1]


def test_a_batch_has_what_the_rows_have(folder: Path) -> None:
    data = series(COUNT)
    loader = parquet_loader(folder, ["a", "b"], "n", batch_size=4, shuffle=False)
    for x, lengths, y in loader:
        for row, length, n in zip(x, lengths.tolist(), y.long().tolist(), strict=True):
            assert np.array_equal(row[:length], data[n])
            assert not row[length:].any()
    assert loader.dataset.describe().startswith(f"{COUNT} rows of 10 row groups, ")  # type: ignore[attr-defined]


def test_columns_become_numbers_tokens_classes_or_targets_of_steps(folder: Path) -> None:
    def first(inputs: Any, target: Any) -> Any:
        return next(iter(parquet_loader(folder, inputs, target, batch_size=3, shuffle=False)))

    x, _, y = first("both", ["n", "mean"])
    assert (x.shape[2], y.shape, y.dtype) == (2, (3, 2), torch.float64)
    assert torch.equal(x, first(["a", "b"], "n")[0])
    x, _, y = first("a", "sums")
    assert (x.shape[2], y.shape) == (1, x.shape[:2])
    x, _, y = first("words", "kind")
    assert (x.ndim, x.dtype, y.dtype) == (2, torch.int64, torch.int64)
    assert torch.equal(first("words", None), x)
    assert first(["words"], "kind")[0].ndim == 3
    assert first(["a"], ["sums", "b"])[2].shape[2] == 2


def test_a_training_goes_on_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    def run(epochs: int, seed: int = 0, **more: Any) -> Any:
        loader = parquet_loader(folder, ["a", "b"], "mean", batch_size=4)
        held = parquet_loader(folder, ["a", "b"], "mean", shuffle=False)
        model = model_of(seed, input_size=2, dropout=0.2)
        options: dict[str, Any] = {"epochs": epochs, "seed": 1, "patience": None, **QUIET}
        return fit(model, loader, validation=held, lr=0.01, **options, **more)

    whole = run(4)
    run(2, checkpoint=tmp_path / "c")
    resumed = run(4, seed=1, checkpoint=tmp_path / "c")

    assert_equal(weights(resumed.model), weights(whole.model))
    assert whole.epochs[-1].validation_loss < 0.8 * whole.epochs[0].validation_loss
    other = parquet_loader(folder, ["a", "b"], "n")
    model = model_of(input_size=2, dropout=0.2)
    with pytest.raises(ValueError, match="its training was '47 rows of 10 row groups"):
        fit(model, other, validation=other, checkpoint=tmp_path / "c", seed=1, lr=0.01, **QUIET)


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        (["c"], "n", r"has no column 'c'; it has a, b"),
        (["n"], "n", "column 'n' must be of lists, one a sequence, got double"),
        (["a"], "name", "column 'name' must be of numbers, got string; of classes give the places"),
        (["a", "short"], "n", "the lists of 'short' are not as long as those of a"),
        (["null"], "n", "column 'null' has nulls"),
        (["within"], "n", "column 'within' has nulls"),
        (["empty"], "n", "a row has an empty list as 'empty'"),
        (["ragged"], "n", "the lists within the lists of 'ragged' must be equally long"),
        (["a"], ["n", "sums"], "n, sums: targets are all at every step, or none is"),
    ],
)
def test_what_cannot_be_read_is_named(
    inputs: Any, target: Any, message: str, tmp_path: Path
) -> None:
    data = series(4)
    odd: dict[str, Any] = {
        "short": [one[1:, 0].tolist() for one in data],
        "null": [None, *([1.0] * len(one) for one in data[1:])],
        "within": [[None] * len(one) for one in data],
        "empty": [[]] * 4,
        "ragged": [[[1.0], [1.0, 2.0]]] * 4,
    }
    pq.write_table(pa.table(rows(data) | odd), tmp_path / "0.parquet")
    with pytest.raises(ValueError, match=message):
        next(iter(parquet_loader(tmp_path, inputs, target)))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        parquet_loader(tmp_path / "missing", ["a"])
    with pytest.raises(ValueError, match="batch_size"):
        parquet_loader(tmp_path, ["a"], batch_size=0)


# --- loaders of known length ------------------------------------------------------------------


@given(count=st.integers(1, 20), world=st.integers(1, 5), shuffle=st.booleans())
def test_a_shared_sampler_has_every_place_once(count: int, world: int, shuffle: bool) -> None:
    samplers = [SharedSampler(count, rank, world, seed=3, shuffle=shuffle) for rank in range(world)]
    orders = []
    for epoch in (1, 2):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        places = [list(sampler) for sampler in samplers]
        assert [len(each) for each in places] == [len(sampler) for sampler in samplers]
        assert sorted(place for each in places for place in each) == list(range(count))
        orders.append(places)
    assert shuffle or orders[0] == orders[1]


def test_loaders_are_shared_or_say_their_share_themselves() -> None:
    data = TensorDataset(torch.arange(7.0))
    plain = shared_loader(DataLoader(data, batch_size=2, drop_last=True), 1, 2, 0)
    assert [batch[0].tolist() for batch in plain] == [[1, 3]]
    shuffled = [shared_loader(DataLoader(data, shuffle=True), rank, 2, 0) for rank in range(2)]
    assert sorted(float(x) for loader in shuffled for (x,) in loader) == list(range(7))
    own = DataLoader(data, sampler=DistributedSampler(data, 2, 0))
    assert shared_loader(own, 0, 2, 0) is own
    for sampler in (WeightedRandomSampler([1.0] * 7, 7), [0, 1]):
        with pytest.raises(ValueError, match="a DataLoader with a sampler of its own"):
            shared_loader(DataLoader(data, sampler=sampler), 0, 2, 0)


@given(parts=st.lists(st.lists(st.floats(-1e3, 1e3), max_size=5), min_size=1, max_size=5))
def test_moments_of_shares_are_those_of_all(parts: list[list[float]]) -> None:
    found = []
    for part in parts:
        found.append(scaling.Moments(1))
        found[-1].add(np.array(part).reshape(-1, 1))
    whole = np.concatenate([np.array(part) for part in parts])
    joined = scaling.joined(found)
    assert joined.count == len(whole)
    if len(whole) and whole.std() > 1e-6:
        assert joined.mean == pytest.approx(whole.mean(), abs=1e-9)
        assert joined.deviation == pytest.approx(whole.std())
