"""Trainings in one process or several: ``python -m tests.several_processes FOLDER DEVICES CASE…``.

Each process writes what came of each case to a file of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset

from lstmwidgets.cells import CELLS
from lstmwidgets.training import fit, iter_fit

from .trainings import loader_of, means, model_of, series, weights

COUNT = 61  # of sequences: the last batch of 10 is one, so that a process has none
BASE: dict[str, Any] = {"batch_size": 10, "epochs": 4, "seed": 0, "device": "cpu", "patience": None}

SHARED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "numbers": ({"num_layers": 2}, {"validation": 0.2, "schedule": "plateau", "lr": 0.01}),
    "accumulated": ({"pooling": "attention"}, {"accumulate": 3, "optimizer": "sgd", "clip": None}),
    "windows": ({"pooling": None}, {"window": 4, "validation": 0.3}),
    "windows in parts": ({"pooling": None}, {"window": 3, "accumulate": 2}),
    "classes": (
        {"task": "classification", "output_size": 3, "pooling": "mean"},
        {"class_weight": {"a": 0.0, "b": 3.0}, "label_smoothing": 0.1, "validation": 0.2},
    ),
    "loader": ({}, {"lr": 0.01}),
}
"""What models are made of and the options: the same training, whatever the number of processes."""


def data_for(case: str) -> tuple[Any, ...]:
    data = series(COUNT)
    if case == "loader":
        rng = np.random.default_rng(0)
        x = rng.normal(3, 2, size=(COUNT, 5, 2))
        return (loader_of(x, x.mean((1, 2))[:, None], batch_size=10),)
    if "windows" in case:
        return data, [one[:, 0].cumsum() for one in data]
    if case == "classes":
        return data, ["abc"[n % 7 % 3] for n in range(COUNT)]
    return data, means(data)


def shared(case: str, devices: int, **more: Any) -> dict[str, Any]:
    made, options = SHARED[case]
    model = model_of(input_size=2, **made)
    given = data_for(case)
    if case == "loader":  # whose batches are those of a process
        options = {**options, "batch_size": 10}
        given = (loader_of(*given[0].dataset.tensors, batch_size=10 // devices),)
    result = fit(model, *given, **BASE | options | more, devices=devices, progress=False)
    epochs = [
        (one.train_loss, one.validation_loss, one.train_score, one.gradient_norm, one.best)
        for one in result.epochs
    ]
    return {"rank": result.rank, "epochs": epochs, "weights": weights(model)}


def every_cell(devices: int) -> dict[str, Any]:
    """Train every cell and pooling for an epoch, with dropout."""
    data, found = series(20), {}
    for cell in CELLS:
        for pooling in ("last", "max", "attention"):
            model = model_of(input_size=2, cell=cell, pooling=pooling, dropout=0.2, num_layers=2)
            more = {"epochs": 1, "devices": devices, "progress": False}
            fit(model, data, means(data), **BASE | more)
            found |= {f"{cell} {pooling} {name}": each for name, each in weights(model).items()}
    return {"weights": found}


LONG: dict[str, Any] = {"validation": 0.2, "schedule": "plateau", "lr": 0.05, "accumulate": 2}


def resumed(devices: int, path: Path) -> dict[str, Any]:
    """Train for four epochs, without an end and with one after the second."""
    data, found = series(COUNT), {}
    for name, ends in {"whole": [4], "resumed": [2, 4]}.items():
        for seed, end in enumerate(ends):
            model = model_of(input_size=2, dropout=0.3, seed=seed)
            more = {"epochs": end, "devices": devices, "progress": False}
            checkpoint = None if name == "whole" else path
            fit(model, data, means(data), checkpoint=checkpoint, **BASE | LONG | more)
        found[name] = weights(model)
    return found


def told_by_one(devices: int) -> dict[str, Any]:
    """One of the processes says stop, between two batches of the second epoch."""
    data = series(COUNT)
    training = iter_fit(
        model_of(input_size=2), data, means(data), **BASE | {"devices": devices, "batch_size": 2}
    )
    for epoch in training.by_batch():
        if epoch is None and len(training.epochs) == 1 and training.batches == 5 and training.rank:
            training.stop()
    return {
        "epochs": len(training.epochs),
        "stopped": training.result.stopped,
        "batches": training.batches,
        "weights": weights(training.model),
    }


def refused(given: Callable[[int], Any], devices: int, **options: Any) -> dict[str, Any]:
    """Return what was raised, where `given` returns data for a rank."""
    rank = torch.distributed.get_rank()
    model = model_of(input_size=2)
    data = given(rank)
    data = data if isinstance(data, tuple) else (data,)
    try:
        fit(model, *data, **BASE | options, devices=devices, progress=False)
    except ValueError as error:
        return {"error": f"{type(error).__name__}: {error}", "weights": weights(model)}
    return {}


class Empty(IterableDataset[Any]):
    """Has batches for the first process only."""

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def __iter__(self) -> Any:
        yield from [] if self._rank else [(torch.ones(2, 3, 2), torch.ones(2, 1))]


def other_data(rank: int) -> Any:
    data = series(COUNT, seed=rank)
    return data, means(data)


def diverging(rank: int) -> Any:
    data = series(COUNT)
    return data, means(data)


def half_empty(rank: int) -> Any:
    return torch.utils.data.DataLoader(Empty(rank), batch_size=None)


def own_sampler(rank: int) -> Any:
    data = torch.utils.data.TensorDataset(torch.ones(4, 3, 2), torch.ones(4, 1))
    return torch.utils.data.DataLoader(data, sampler=[0, 1, 2])


def to_be_killed(devices: int, path: Path) -> dict[str, Any]:
    """Train for as long as it takes to be killed a few times."""
    data = series(300)
    model = model_of(input_size=2, dropout=0.3)
    more = {"epochs": 60, "devices": devices, "progress": False}
    fit(model, data, means(data), checkpoint=path, **BASE | LONG | more)
    return weights(model)


WITH_CHECKPOINT: dict[str, Callable[[int, Path], dict[str, Any]]] = {
    "resumed": resumed,
    "to be killed": to_be_killed,
}
GPUS: dict[str, Any] = {"device": "cuda", "precision": "32-true"}
OTHERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "every cell": every_cell,
    "on gpus": lambda devices: shared("numbers", devices, **GPUS),
    "told by one": told_by_one,
    "other data": lambda devices: refused(other_data, devices),
    "half empty": lambda devices: refused(half_empty, devices, scale=False),
    "own sampler": lambda devices: refused(own_sampler, devices),
    "diverging": lambda devices: refused(diverging, devices, lr=1e30, clip=None, optimizer="sgd"),
}


def main(folder: str, count: str, *cases: str) -> None:
    torch.set_num_threads(1)
    devices: Any = count if count == "auto" else int(count)
    found: dict[str, Any] = {}
    for case in cases:
        if case in WITH_CHECKPOINT:
            found[case] = WITH_CHECKPOINT[case](devices, Path(folder) / f"{case}.ckpt")
        else:
            found[case] = OTHERS[case](devices) if case in OTHERS else shared(case, devices)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    torch.save(found, Path(folder) / str(rank))


if __name__ == "__main__":
    main(*sys.argv[1:])
