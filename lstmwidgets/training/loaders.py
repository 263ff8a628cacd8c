"""Batches from a DataLoader of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from ..checks import check_lengths
from ..models import PADDING, SequenceModel, token_lengths
from ..pooling import alive
from . import scaling
from .batches import IGNORED, Batch

Gather = Callable[[Any], list[Any]]
"""Returns what each process has; all of them have to ask."""


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
            x = scaling.standardised(model, "input", x)
            if lengths is not None:  # a NaN there would reach the gradient
                x = x.where(alive(lengths, x.shape[1])[..., None], 0)
        if model.scales_targets:
            y = y[..., None] if y.ndim == (1 if model.pooling else 2) else y
            y = scaling.standardised(model, "target", y)
        elif lengths is not None and y.ndim == 2:
            y = y.masked_fill(~alive(lengths, y.shape[1]), IGNORED)
        yield Batch(x, y, lengths)


def scale_to_loader(
    model: SequenceModel, loader: Iterable[Any], gather: Gather = lambda value: [value]
) -> None:
    """Measure mean and deviation of inputs and targets in one pass, unless they are known.

    Each process measures its share, and all keep the same.
    """
    wanted = scaling.unmeasured(model)
    for n, parts in enumerate(loader if wanted else ()):
        x, lengths, y = _parts(parts, model, n)
        for name, values in {"input": x, "target": y}.items():
            if name in wanted:
                if lengths is not None and (name == "input" or model.pooling is None):
                    values = values[alive(lengths, values.shape[1]).to(values.device)]
                width = len(wanted[name].mean)
                wanted[name].add(values.double().cpu().reshape(-1, width).numpy())
    for name, moments in wanted.items():
        wanted[name] = scaling.joined(gather(moments))
    if not all(moments.count for moments in wanted.values()):
        raise ValueError("the DataLoader gave no batches")
    scaling.keep(model, wanted)


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
