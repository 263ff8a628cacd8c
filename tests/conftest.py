"""Hypothesis draws the same examples in every run; `make_lstm` gives every cell kind weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import settings

from lstmwidgets import LSTM

torch.set_num_threads(1)  # on tensors this small, two threads only wait for each other

settings.register_profile(
    "same_every_time", derandomize=True, database=None, deadline=None, max_examples=20
)
settings.load_profile("same_every_time")


@pytest.fixture(scope="session")
def make_lstm() -> Callable[..., LSTM]:
    """Return a function that makes an LSTM in float64 whose weights all matter.

    A fresh LSTM would not do: its normalisations are neutral, so a test could not see them.
    """

    def make(
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> LSTM:
        lstm = LSTM(input_size, hidden_size, num_layers, cell=cell, dropout=dropout, dtype=dtype)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in lstm.named_parameters():
                centre = 1.0 if name.startswith("weight_norm") else 0.0
                drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
                weight.copy_(centre + 0.4 * drawn)
        return lstm

    return make
