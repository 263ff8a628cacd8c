"""What is read out of an LSTM at every step."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..pooling import pool_prefixes

Module = TypeVar("Module", bound=nn.Module)

Readout = Callable[[Tensor, Tensor], Tensor]
"""From hidden outputs (…, T, H) of the top layer and inputs (…, T, I) to outputs (…, T, K)."""


class Head(nn.Module):
    """A readout: a linear head behind prefixes of the sequence, in the targets' units.

    Parameters
    ----------
    head : torch.nn.Linear
        (H -> K), or (H + I -> K) for one that reads the inputs too.
    pooling : str or None
        As of `SequenceModel`.
    attention : torch.nn.Linear, optional
    offset : Tensor
        Added to what the head puts out, (K,).
    unit, origin : Tensor
        The outputs are ``unit * (head + offset) + origin``, each (K,).
    """

    offset: Tensor
    unit: Tensor
    origin: Tensor

    def __init__(
        self,
        head: nn.Linear,
        pooling: str | None = None,
        attention: nn.Linear | None = None,
        *,
        offset: Tensor | float = 0.0,
        unit: Tensor | float = 1.0,
        origin: Tensor | float = 0.0,
    ) -> None:
        super().__init__()
        self.head, self.attention = frozen(head), attention and frozen(attention)
        self.pooling = pooling
        for name, value in {"offset": offset, "unit": unit, "origin": origin}.items():
            self.register_buffer(
                name, torch.as_tensor(value).detach().clone().to(head.weight).cpu()
            )

    def forward(self, hidden: Tensor, inputs: Tensor) -> Tensor:
        """Return the outputs (…, T, K) of hidden outputs (…, T, H) and inputs (…, T, I)."""
        read = pool_prefixes(self.pooling, hidden, self.attention)
        if self.head.in_features > read.shape[-1]:
            read = torch.cat([read, inputs], -1)
        outputs: Tensor = (self.head(read) + self.offset) * self.unit + self.origin
        return outputs


def hidden_outputs(hidden: Tensor, _: Tensor) -> Tensor:
    """Return the hidden outputs themselves: the readout of an LSTM without a head."""
    return hidden


def frozen(module: Module) -> Module:
    """Return a copy that does not learn, on the CPU and in eval mode."""
    return deepcopy(module).cpu().eval().requires_grad_(requires_grad=False)
