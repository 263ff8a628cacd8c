"""What a model costs: parameters, arithmetic, memory, and time on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from ..checks import check_size
from ..lstm import LSTM
from ..models import SequenceModel

PATIENCE = 0.25
"""Seconds of measuring for each of the two times, about."""

ELEMENTWISE = {
    "standard": 9,
    "peephole": 15,
    "full_gate_recurrence": 15,
    "coupled": 9,
    "layer_norm": 9,
}
"""Operations a unit and step besides biases, normalisations and matrix products.

Five activations (a coupled input gate is 1 - f instead), ``f*c + i*g`` and ``o*tanh(c)``; a
multiplication and an addition for each of three peepholes.
"""

NORMALISATION = 7
"""Operations to normalise a number: for the mean, for the variance (3), for the rest (3)."""


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    Attributes
    ----------
    parameters : int
        Numbers that are trained.
    flops_per_step : int
        Operations on floating-point numbers for one step of one sequence, forward: an addition, a
        multiplication or an activation is one. A head is counted where it acts at every step.
    bytes : int
        Of the parameters, and of the numbers that are kept with them.
    step_seconds : float
        Median time of one step of one stream, of the LSTM by its compiled stepper.
    batch_seconds : float
        Median time of a batch, forward and backward.
    batch_size, steps : int
        Of that batch.

    Examples
    --------
    >>> from lstmwidgets import LSTM
    >>> spent = cost(LSTM(10, 32), batch_size=8, steps=20)
    >>> spent.parameters, spent.flops_per_step
    (5632, 11296)
    """

    parameters: int
    flops_per_step: int
    bytes: int
    step_seconds: float
    batch_seconds: float
    batch_size: int
    steps: int

    def __str__(self) -> str:
        batch = f"batch of {self.batch_size} x {self.steps} steps, forward and backward"
        rows = {
            "parameters": f"{self.parameters:,}",
            "operations a step": f"{self.flops_per_step:,}",
            "memory": f"{self.bytes / 1024:,.1f} KiB",
            "one step of one stream": f"{self.step_seconds * 1e6:,.1f} µs",
            batch: f"{self.batch_seconds * 1e3:,.1f} ms",
        }
        width = max(map(len, rows))
        return "\n".join(f"{name:{width}}  {value:>12}" for name, value in rows.items())


def cost(model: LSTM | SequenceModel, batch_size: int = 64, steps: int = 100) -> Cost:
    """Count and measure what a model costs, where its weights live.

    Parameters
    ----------
    model : LSTM or SequenceModel
        It is not changed; gradients that it has stay as they are.
    batch_size, steps : int
        B and T of the batch that is timed.

    Returns
    -------
    Cost
        Prints as a small table.

    Raises
    ------
    TypeError, ValueError
        If the model is something else or a size is below 1.
    """
    if not isinstance(model, LSTM | SequenceModel):
        raise TypeError(f"model must be an LSTM or a SequenceModel, got {type(model).__name__}")
    check_size("batch_size", batch_size)
    check_size("steps", steps)
    kept = [*model.parameters(), *model.buffers()]
    return Cost(
        parameters=sum(weight.numel() for weight in model.parameters()),
        flops_per_step=flops_of(model),
        bytes=sum(each.numel() * each.element_size() for each in kept),
        step_seconds=_step_seconds(model if isinstance(model, LSTM) else model.lstm),
        batch_seconds=_batch_seconds(model, batch_size, steps),
        batch_size=batch_size,
        steps=steps,
    )


def flops_of(model: LSTM | SequenceModel) -> int:
    """Return the operations of one step of one sequence, forward, as `Cost` counts them.

    Parameters
    ----------
    model : LSTM or SequenceModel
        Only shapes are looked at: it may be on the device ``"meta"``.
    """
    lstm = model if isinstance(model, LSTM) else model.lstm
    hidden = lstm.hidden_size
    total = ELEMENTWISE[lstm.cell] * hidden * lstm.num_layers
    for name, weight in lstm.named_parameters():
        if weight.ndim == 2:
            total += 2 * weight.numel()
        elif name.startswith("bias"):
            total += weight.numel()
        elif name.startswith("weight_norm"):
            total += (1 + NORMALISATION) * weight.numel()
    if isinstance(model, SequenceModel):
        if model.embedding is None:
            total += 2 * lstm.input_size  # standardised
        if model.attention is not None:
            total += model.attention.out_features * (2 * hidden + 1)
        if model.pooling is None:
            total += model.output_size * (2 * hidden + 1)
    return total


def _step_seconds(lstm: LSTM) -> float:
    stepper = lstm.stepper()
    x = np.zeros(lstm.input_size, np.float32)

    def hundred_steps() -> None:
        for _ in range(100):
            stepper.step(x)

    return _median_seconds(hundred_steps, lstm.weight_hh_l0.device) / 100


def _batch_seconds(model: LSTM | SequenceModel, batch_size: int, steps: int) -> float:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    device = weights[0].device
    x = _batch(model, batch_size, steps)

    def forward_and_backward() -> None:
        output = model(x)[0] if isinstance(model, LSTM) else model.run_padded(x)[0]
        torch.autograd.grad(output.sum(), weights, allow_unused=True)

    with torch.random.fork_rng([device] if device.type == "cuda" else []):  # dropout draws
        training = model.training
        model.train()
        try:
            return _median_seconds(forward_and_backward, device)
        finally:
            model.train(training)


def _batch(model: LSTM | SequenceModel, batch_size: int, steps: int) -> Tensor:
    weight = next(model.parameters())
    if isinstance(model, SequenceModel) and model.embedding is not None:
        return torch.ones(batch_size, steps, dtype=torch.int64, device=weight.device)
    size = model.input_size
    assert size is not None
    return torch.ones(batch_size, steps, size, dtype=weight.dtype, device=weight.device)


def _median_seconds(job: Callable[[], None], device: torch.device) -> float:
    """Return the median time of a job, after a first run that warms it up."""
    job()
    times: list[float] = []
    while len(times) < 3 or sum(times) < PATIENCE:
        begin = perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - begin)
    return median(times)
