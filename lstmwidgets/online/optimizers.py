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
from .arrays import need

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
        self._make = partial(make, lr=lr)
        self._optimizer = self._make(self._tensors)

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
        """Go on with what another one of the same kind kept.

        Raises
        ------
        ValueError
            If it is not what such an optimizer keeps.
        """
        need(len(moments) == len(self._tensors), "moments")
        for tensor, kept in zip(self._tensors, moments, strict=True):
            if kept:
                need(_forms(kept) == _forms(self._begun(tensor)), "moments")
                self._optimizer.state[tensor] = dict(kept)

    def _begun(self, tensor: nn.Parameter) -> dict[str, Any]:
        """Return what the optimizer keeps of a parameter of that shape after one step."""
        twin = nn.Parameter(torch.zeros_like(tensor))
        twin.grad = torch.zeros_like(tensor)
        optimizer = self._make([twin])
        optimizer.step()
        kept: dict[str, Any] = optimizer.state[twin]
        return kept


def _forms(kept: Any) -> dict[Any, Any]:
    """Return the names of what is kept, and types and shapes; a step counts from one on."""
    need(isinstance(kept, dict), "moments")
    for name, value in kept.items():
        need(name != "step" or value >= 1, "steps")
    return {
        name: (value.dtype, value.shape) if isinstance(value, Tensor) else type(value)
        for name, value in kept.items()
    }


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
