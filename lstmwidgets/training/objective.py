"""The loss and the score of a batch, beside the model in one module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..models import SequenceModel
from ..pooling import alive
from ..state import State
from .batches import IGNORED


class Objective(nn.Module):
    """A model and what is wanted of it.

    Parameters
    ----------
    model : SequenceModel
        It is trained.
    label_smoothing : float
        Share of a class's probability that is given to all others, from 0 to 1.
    class_weight : Tensor, optional
        (K,), how much each class counts.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        model: SequenceModel,
        *,
        label_smoothing: float = 0.0,
        class_weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weight", class_weight)

    def forward(
        self, x: Tensor, y: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Return the loss of a batch, what it adds to the epoch's totals, and the state.

        Returns
        -------
        loss : Tensor
            Mean over what has a target: cross entropy, or the squared error of standardised values;
            their sum where the weight of all is 0.
        totals : Tensor
            (4,): loss times its `divisor`, its weight, sum of scores, number of scores. A score is
            1 for a right class, or the absolute error in the targets' units.
        state : LSTMState or FullGateState
            Of those sequences that have not ended.
        """
        output, state = self.model.run_padded(x, state, lengths=lengths)
        if self.model.scales_targets:
            loss, weight, score, count = self._of_values(output, y, lengths)
        else:
            loss, weight, score, count = self._of_classes(output, y)
        parts = (loss.detach() * divisor(weight), weight, score.detach(), count)
        return loss, torch.stack([part.to(loss.dtype) for part in parts]), state

    def _of_classes(self, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        output, y = output.flatten(0, -2), y.flatten()
        total = cross_entropy(
            output,
            y,
            self.class_weight,
            ignore_index=IGNORED,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        count = (y != IGNORED).sum()
        weight = count
        if self.class_weight is not None:
            weight = self.class_weight[y.clamp(min=0)].where(y != IGNORED, 0).sum()
        return total / divisor(weight), weight, (output.argmax(-1) == y).sum(), count

    def _of_values(
        self, output: Tensor, y: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        error = output - y
        every_step = error.ndim == 3
        if every_step and lengths is not None:
            error = error.where(alive(lengths, error.shape[1])[..., None], 0)
            count = lengths.sum()
            loss = error.square().sum() / (count * error.shape[-1])
        else:
            loss = error.square().mean()
            count = torch.full((), error[..., 0].numel(), device=error.device)
        score = (error.abs() * self.model.target_scale).mean(-1).sum()
        return loss, count, score, count


def divisor(weight: Tensor) -> Tensor:
    """Return by what a sum is divided to be a mean: 1 where nothing has a weight."""
    return weight.where(weight > 0, 1)


def compiled(objective: Objective) -> Any:
    """Return a compiled objective, around the standard cell's operator if that is in it.

    TorchInductor fails on PyTorch's own recurrent operators; Dynamo leaves `torch.nn.LSTM` out, but
    does not know that this is one.
    """
    lstm = objective.model.lstm
    if lstm.cell == "standard":
        apart: Any = torch.compiler.disable
        lstm.forward = apart(lstm.forward)  # type: ignore[method-assign]
    return torch.compile(objective)
