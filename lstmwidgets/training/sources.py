"""What a training takes its batches from: data of the user made tensors, or a DataLoader."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader

from ..models import SequenceModel
from . import examples
from .batches import WHOLE, Sequences, Share
from .loaders import Gather, is_loader, scale_to_loader
from .shares import shared_loader

Source = Sequences | DataLoader[Any]


@dataclass(frozen=True)
class Sources:
    """Where the batches of training and of validation come from."""

    training: Source
    validation: Source | None

    def describe(self) -> dict[str, Any]:
        """Return what tells these data from others."""
        return {"training": _checksum(self.training), "validation": _checksum(self.validation)}


def prepare(
    model: SequenceModel,
    data: Any,
    targets: Any,
    *,
    validation: Any,
    target: Any,
    scale: bool,
    seed: int,
    share: Share = WHOLE,
    gather: Gather = lambda value: [value],
) -> Sources:
    """Return the sources for what a user passed; set the model's classes and scaling from it.

    Of a DataLoader it is the process's share; `gather` returns what each process has.

    Raises
    ------
    TypeError, ValueError
        If something does not fit; the message says what and where.
    """
    if is_loader(data):
        data = shared_loader(data, share.rank, share.world, seed)
    if is_loader(validation):
        validation = shared_loader(validation, share.rank, share.world, seed)
    if is_loader(data):
        return _prepare_loader(model, data, targets, validation, target, scale, gather)
    training = examples.read(model, data, targets, target)
    examples.keep_names(model, data, targets, target)
    held: examples.Examples | None = None
    if isinstance(validation, int | float):
        training, held = examples.split(model, training, validation, seed)
    elif validation is not None and not is_loader(validation):
        held = examples.read(model, *_pair(validation), target)
    if model.task == "classification":
        examples.set_classes(model, training)
    if scale:
        examples.scale_to(model, training)
    first = examples.sequences(model, training, "targets")
    if is_loader(validation):
        return Sources(first, validation)
    second = None if held is None else examples.sequences(model, held, "validation")
    return Sources(first, second)


def _prepare_loader(
    model: SequenceModel,
    data: Any,
    targets: Any,
    validation: Any,
    target: Any,
    scale: bool,
    gather: Gather,
) -> Sources:
    if targets is not None or target is not None:
        raise ValueError("a DataLoader brings its targets: leave out targets and target")
    if isinstance(validation, int | float):
        raise ValueError("beside a DataLoader validation must be another one, or (data, targets)")
    if model.task == "classification" and model.classes is None:
        model.classes = list(range(model.output_size))
    if scale:
        scale_to_loader(model, data, gather)
    if validation is None or is_loader(validation):
        return Sources(data, validation)
    held = examples.read(model, *_pair(validation), target)
    return Sources(data, examples.sequences(model, held, "validation"))


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple) or len(validation) not in (1, 2):
        raise TypeError(
            "validation must be a fraction, (data, targets), (data,) or a DataLoader, got "
            f"{type(validation).__name__}"
        )
    return validation[0], validation[1] if len(validation) == 2 else None


def _checksum(source: Source | None) -> str | None:
    if not isinstance(source, Sequences):
        describe = getattr(getattr(source, "dataset", None), "describe", None)
        return describe() if describe else None if source is None else "DataLoader"
    total = 0
    for part in (source.x, source.y, source.lengths):
        numbers: Any = part.cpu().contiguous().view(torch.uint8).numpy()
        total = zlib.crc32(numbers, total)
    return f"{len(source)} sequences of {len(source.x)} steps, checksum {total:08x}"
