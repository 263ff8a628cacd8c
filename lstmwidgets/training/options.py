"""How to train: what `fit` was asked for, checked, and the parts of PyTorch made from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, ReduceLROnPlateau

from ..checks import check_choice, check_positive, check_probability, check_size
from ..models import SequenceModel

OptimizerFactory = Callable[..., Optimizer]
ScheduleFactory = Callable[[Optimizer], Any]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}
MOMENTUM = 0.9
"""Of ``"sgd"``."""

SCHEDULES = ("cosine", "plateau")

STRATEGIES: dict[str, str | None] = {
    "auto": None,
    "ddp": "popen",
    "ddp_spawn": "spawn",
    "ddp_fork": "fork",
    "ddp_notebook": "fork",
}
"""How each starts its processes, as Lightning has it."""


@dataclass(frozen=True)
class Options:
    """The keyword arguments of `lstmwidgets.training.iter_fit`, where they are described."""

    epochs: int
    batch_size: int
    accumulate: int
    lr: float
    optimizer: str | OptimizerFactory
    weight_decay: float
    schedule: str | ScheduleFactory | None
    clip: float | None
    patience: int | None
    window: int | None
    label_smoothing: float
    class_weight: str | Mapping[Any, float] | Sequence[float] | None
    scale: bool
    bucket: bool
    compile: bool
    device: str | torch.device
    devices: int | str | Sequence[int]
    num_nodes: int
    strategy: str
    precision: str

    def check(self, model: SequenceModel) -> None:
        """Raise unless the options fit each other and a model."""
        for name in ("epochs", "batch_size", "accumulate", "num_nodes"):
            check_size(name, getattr(self, name))
        check_positive("lr", self.lr)
        for name in ("patience", "window"):
            if getattr(self, name) is not None:
                check_size(name, getattr(self, name))
        if self.clip is not None:
            check_positive("clip", self.clip)
        if self.weight_decay < 0 or not math.isfinite(self.weight_decay):
            raise ValueError(f"weight_decay must be at least 0, got {self.weight_decay}")
        check_probability("label_smoothing", self.label_smoothing)
        if not callable(self.optimizer):
            check_choice("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule is not None and not callable(self.schedule):
            check_choice("schedule", self.schedule, SCHEDULES)
        self._check_devices()
        if self.window is not None and model.pooling is not None:
            raise ValueError(
                f"window= carries the state through outputs at every step: it needs pooling=None, "
                f"and this model has pooling={model.pooling!r}"
            )
        if model.scales_targets and (self.label_smoothing or self.class_weight is not None):
            raise ValueError("label_smoothing and class_weight are for classes, not for numbers")

    def _check_devices(self) -> None:
        check_choice("strategy", self.strategy, STRATEGIES)
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate={self.accumulate} parts need as many sequences: "
                f"batch_size={self.batch_size} has fewer"
            )
        devices = self.devices
        if isinstance(devices, list | tuple):
            fits = bool(devices) and all(type(each) is int and each >= 0 for each in devices)
        else:
            fits = devices == "auto" or (type(devices) is int and (devices > 0 or devices == -1))
        if not fits:
            raise ValueError(
                'devices must be a number from 1, -1 for all GPUs, a list of GPUs, or "auto", got '
                f"{devices!r}"
            )
        place = None if self.device == "auto" else torch.device(self.device)
        on_cpu = place is not None and place.type == "cpu"
        if on_cpu and not (devices == "auto" or (type(devices) is int and devices > 0)):
            raise ValueError(f"devices={devices!r} names GPUs, and device='cpu': give a number")
        if place is not None and place.index is not None and devices not in ("auto", 1):
            raise ValueError(
                f"device={str(place)!r} is one device, and devices={devices!r}: give "
                f"device={place.type!r} and devices=, or leave devices out"
            )

    def plain(self) -> dict[str, Any]:
        """Return what a resumed training must have in common with the one before."""
        names = ("batch_size", "lr", "weight_decay", "clip", "window", "label_smoothing")
        kept = {name: getattr(self, name) for name in (*names, "scale", "bucket", "precision")}
        for name in ("optimizer", "schedule"):
            value = getattr(self, name)
            kept[name] = getattr(value, "__qualname__", repr(value)) if callable(value) else value
        kept["class_weight"] = None if self.class_weight is None else repr(self.class_weight)
        if self.schedule == "cosine":  # its end is where the epochs end
            kept["epochs"] = self.epochs
        return kept

    def make_optimizer(self, module: torch.nn.Module) -> Optimizer:
        """Return the optimizer of a module's weights, fused on CUDA and CPU."""
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        if callable(self.optimizer):
            return self.optimizer(weights, lr=self.lr)
        more: dict[str, Any] = {"momentum": MOMENTUM} if self.optimizer == "sgd" else {}
        if weights[0].device.type in ("cuda", "cpu") and self.precision != "16-mixed":
            more["fused"] = True  # not beside a scaler of losses, which could not clip then
        make: Any = OPTIMIZERS[self.optimizer]
        optimizer: Optimizer = make(weights, lr=self.lr, weight_decay=self.weight_decay, **more)
        return optimizer

    def make_schedule(self, optimizer: Optimizer) -> LRScheduler | ReduceLROnPlateau | None:
        """Return the learning-rate schedule, stepped at each epoch's end."""
        if self.schedule is None:
            return None
        if callable(self.schedule):
            made: LRScheduler = self.schedule(optimizer)
            return made
        if self.schedule == "cosine":
            return CosineAnnealingLR(optimizer, T_max=self.epochs)
        return ReduceLROnPlateau(optimizer, factor=0.5, patience=2)

    def make_class_weight(self, model: SequenceModel, y: Tensor | None) -> Tensor | None:
        """Return how much each class counts, (K,), for the training targets' places y."""
        given = self.class_weight
        if given is None:
            return None
        outputs = model.output_size
        if isinstance(given, str):
            check_choice("class_weight", given, ("balanced",))
            if y is None:
                raise ValueError("class_weight='balanced' cannot count a DataLoader's labels")
            counts = torch.bincount(y.flatten(), minlength=outputs).double()
            weights = counts.sum() / (outputs * counts.clamp(min=1))
        elif isinstance(given, Mapping):
            classes = model.classes or list(range(outputs))
            unknown = [label for label in given if label not in classes]
            if unknown:
                raise ValueError(f"class_weight names {unknown[0]!r}, which is no class: {classes}")
            weights = torch.tensor([float(given.get(label, 1.0)) for label in classes])
        else:
            weights = torch.tensor([float(weight) for weight in given])
        if len(weights) != outputs or not bool((weights >= 0).all()):
            raise ValueError(
                f"class_weight must be {outputs} numbers from 0, one a class, got {given!r}"
            )
        return weights.to(model.head.weight)
