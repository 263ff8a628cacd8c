"""Small models and data to train them on, for tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lstmwidgets.models import SequenceModel

QUIET: dict[str, Any] = {"progress": False, "device": "cpu"}


def model_of(seed: int = 0, **arguments: Any) -> SequenceModel:
    """Return a model whose first weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SequenceModel(**{"hidden_size": 6} | arguments)


def series(count: int = 60, inputs: int = 2, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Return sequences of 3 to 12 steps, far from 0 and of unlike scales."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1, inputs + 1) * 4
    return [rng.normal(20, scale, (rng.integers(3, 13), inputs)) for _ in range(count)]


def means(data: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.array([one[:, 0].mean() for one in data])


def weights(model: SequenceModel) -> dict[str, Tensor]:
    return {name: each.clone() for name, each in model.state_dict().items()}


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """Raise unless the numbers are the same, bit for bit."""
    assert first.keys() == second.keys()
    for name, each in first.items():
        assert torch.equal(each, second[name]), name


def noise(count: int = 40) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Return targets that nothing in the sequences tells: what is learned is overfitting."""
    return series(count), np.random.default_rng(1).normal(size=count)


def loader_of(x: Any, y: Any, lengths: Any = None, **more: Any) -> DataLoader[Any]:
    parts = [x, y] if lengths is None else [x, lengths, y]
    return DataLoader(TensorDataset(*map(torch.as_tensor, parts)), **more)
