"""From what users name an optimizer to what takes its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..checks import check_choice
from ..kernels.optimizers import ADAM, ADAMW, SGD

Array = NDArray[Any]

OptimizerFactory = Callable[..., torch.optim.Optimizer]

OPTIMIZERS: dict[str, OptimizerFactory] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
"""By name; the momentum of SGD is the one that most textbooks and frameworks' examples take."""

_RULES = {torch.optim.SGD: SGD, torch.optim.Adam: ADAM, torch.optim.AdamW: ADAMW}
_COMPILED_OPTIONS = {"betas", "eps", "lr", "momentum", "weight_decay"}


class CompiledOptimizer(NamedTuple):
    """An optimizer that runs in a kernel.

    Attributes
    ----------
    rule : int
        As `lstmwidgets.kernels.optimizers.take_step` takes it.
    settings : ndarray
        The same, (5,).
    """

    rule: int
    settings: NDArray[np.float64]


def check_optimizer(optimizer: object) -> None:
    """Raise unless an optimizer is known by its name, or can be called."""
    if isinstance(optimizer, str):
        check_choice("optimizer", optimizer, OPTIMIZERS)
    elif not callable(optimizer):
        raise TypeError(f"optimizer must be a name or a callable, got {optimizer!r}")


def find_optimizer(optimizer: str | OptimizerFactory, lr: float) -> CompiledOptimizer | None:
    """Return the kernel's form of an optimizer, None where there is none.

    Names, the classes SGD, Adam and AdamW of `torch.optim` and a `functools.partial` of them with
    options that the kernels know run compiled; all else runs in PyTorch.
    """
    factory = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    made = factory if isinstance(factory, partial) else partial(factory)
    if made.func not in _RULES or made.args or not made.keywords.keys() <= _COMPILED_OPTIONS:
        return None
    if made.keywords and not isinstance(optimizer, str):
        made([nn.Parameter(torch.zeros(1))], lr=lr)  # checks them
    # Making one for the others as well would import PyTorch's compiler, which takes a second.
    bound = signature(made.func).bind([], **{**made.keywords, "lr": lr})
    bound.apply_defaults()
    options = bound.arguments
    betas = options.get("betas", (options.get("momentum"), 0.0))
    settings = (lr, *betas, options.get("eps", 0.0), options["weight_decay"])
    return CompiledOptimizer(_RULES[made.func], np.array(settings, np.float64))


class TorchOptimizer:
    """Any optimizer of PyTorch over arrays that kernels own; the two share memory.

    Parameters
    ----------
    factory : str or callable
        Out of `OPTIMIZERS`, or makes it from ``(params, lr=lr)``.
    lr : float
        Learning rate.
    parameters, gradients : sequence of ndarray
        One each for every parameter.
    """

    def __init__(
        self,
        factory: str | OptimizerFactory,
        lr: float,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
    ) -> None:
        self._tensors = [nn.Parameter(torch.from_numpy(array)) for array in parameters]
        for tensor, gradient in zip(self._tensors, gradients, strict=True):
            tensor.grad = torch.from_numpy(gradient)
        make = OPTIMIZERS[factory] if isinstance(factory, str) else factory
        self._optimizer = make(self._tensors, lr=lr)

    def step(self, lr: float) -> None:
        """Take one step with the gradients that are in the arrays now."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()

    def moments(self) -> list[dict[str, Any]]:
        """Return what the optimizer keeps of each parameter; its tensors are copies."""
        return [
            {name: _copied(value) for name, value in self._optimizer.state.get(tensor, {}).items()}
            for tensor in self._tensors
        ]

    def take_moments(self, moments: Sequence[dict[str, Any]]) -> None:
        """Go on with what another one of the same kind kept."""
        for tensor, kept in zip(self._tensors, moments, strict=True):
            if kept:
                self._optimizer.state[tensor] = dict(kept)


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
