"""Batches from a DataLoader of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..checks import check_lengths
from ..models import PADDING, SequenceModel, token_lengths
from ..pooling import alive
from .batches import IGNORED, Batch


def is_loader(data: object) -> bool:
    """Say whether data comes in batches that somebody else makes."""
    return isinstance(data, DataLoader)


def loaded(loader: Iterable[Any], model: SequenceModel) -> Iterator[Batch]:
    """Yield a loader's batches, (x, y) or (x, lengths, y), standardised for a model.

    Of a ``"next_token"`` model a batch may also be x alone.
    """
    for n, parts in enumerate(loader):
        x, lengths, y = _parts(parts, model, n)
        x = x.to(model.head.weight.device)
        y = y.to(model.head.weight.device)
        if model.embedding is None:
            x = model.standardised(x.to(model.head.weight.dtype))
            if lengths is not None:  # a NaN there would reach the gradient
                x = x.where(alive(lengths, x.shape[1])[..., None], 0)
        if model.scales_targets:
            y = y.to(model.head.weight.dtype)
            y = y[..., None] if y.ndim == (1 if model.pooling else 2) else y
            y = (y - model.target_mean) / model.target_scale
        elif lengths is not None and y.ndim == 2:
            y = y.masked_fill(~alive(lengths, y.shape[1]), IGNORED)
        yield Batch(x, y, lengths)


def scale_to_loader(model: SequenceModel, loader: Iterable[Any]) -> None:
    """Measure mean and deviation of inputs and targets in one pass, unless they are known."""
    numbers = {"input": model.embedding is None, "target": model.scales_targets}
    wanted = [name for name, wants in numbers.items() if wants and not _scaled(model, name)]
    sums = {name: torch.zeros(3, _width(model, name), dtype=torch.float64) for name in wanted}
    for n, parts in enumerate(loader if wanted else ()):
        x, lengths, y = _parts(parts, model, n)
        for name, values in {"input": x, "target": y}.items():
            if name in wanted:
                every_step = name == "input" or model.pooling is None
                sums[name] += _sums(values, lengths if every_step else None, _width(model, name))
    for name, (count, total, squares) in sums.items():
        if not count.all():
            raise ValueError("the DataLoader gave no batches")
        mean = total / count
        deviation = (squares / count - mean**2).clamp(min=0).sqrt()
        deviation[deviation <= 1e-7 * mean.abs().clamp(min=1)] = 1
        getattr(model, f"{name}_mean").copy_(mean)
        getattr(model, f"{name}_scale").copy_(deviation)


def _sums(values: Tensor, lengths: Tensor | None, width: int) -> Tensor:
    """Return how many there are, their sum and that of their squares, (3, width)."""
    if lengths is not None:
        values = values[alive(lengths, values.shape[1]).to(values.device)]
    values = values.double().cpu().reshape(-1, width)
    ones = torch.ones_like(values)
    return torch.stack([ones.sum(0), values.sum(0), values.square().sum(0)])


def _width(model: SequenceModel, name: str) -> int:
    return len(getattr(model, f"{name}_mean"))


def _scaled(model: SequenceModel, name: str) -> bool:
    mean, scale = getattr(model, f"{name}_mean"), getattr(model, f"{name}_scale")
    return bool((mean != 0).any() or (scale != 1).any())


def _parts(parts: Any, model: SequenceModel, n: int) -> tuple[Tensor, Tensor | None, Tensor]:
    if isinstance(parts, Tensor) and model.task == "next_token":
        y = parts[:, 1:]
        return parts[:, :-1], token_lengths(y), y.where(y != PADDING, IGNORED)
    tensors = isinstance(parts, tuple | list) and all(isinstance(one, Tensor) for one in parts)
    if not tensors or len(parts) not in (2, 3):
        raise TypeError(
            f"batch {n} of the DataLoader must be tensors (x, y) or (x, lengths, y), got "
            f"{type(parts).__name__}"
        )
    if len(parts) == 2:
        tokens = model.embedding is not None
        return parts[0], token_lengths(parts[0]) if tokens else None, parts[1]
    x, lengths, y = parts
    lengths = check_lengths(lengths, *x.shape[:2]).to(model.head.weight.device)
    return x, lengths, y
