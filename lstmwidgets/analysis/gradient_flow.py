"""How far back a recurrent layer can be taught: the gradient that reaches earlier inputs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def gradient_flow(layer: nn.Module, x: Tensor, *, seed: int = 0) -> NDArray[np.float64]:
    """Measure how large a gradient at the last step still is at the inputs before it.

    Parameters
    ----------
    layer : Module
        An `LSTM` of ours or of PyTorch, or any recurrent layer that returns the outputs of all
        steps first, batch first: ``torch.nn.RNN(…, batch_first=True)``.
    x : Tensor
        Sequences, (B, T, I).
    seed : int
        Of the random direction in which the last output is pushed.

    Returns
    -------
    ndarray
        Mean norm of the gradient at the input of ``lag`` steps before the last one, for every lag
        from 0, (T,): ``|d(v h_T) / d x_{T-lag}|`` for a random unit vector v.

    References
    ----------
    Hochreiter (1991), "Untersuchungen zu dynamischen neuronalen Netzen", chapter 3.
    Hochreiter & Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), section 3.1.

    Examples
    --------
    >>> from lstmwidgets import LSTM
    >>> flow = gradient_flow(LSTM(3, 16), torch.randn(8, 50, 3))
    >>> flow.shape, bool(flow[40] < flow[0])
    ((50,), True)
    """
    if x.dim() != 3:
        raise ValueError(f"x must have the axes (batch, time, feature), got {tuple(x.shape)}")
    if getattr(layer, "batch_first", True) is False:
        raise ValueError("the layer must be made with batch_first=True")
    x = x.detach().clone().requires_grad_()
    output = layer(x)[0]
    if output.shape[:2] != x.shape[:2]:
        raise ValueError(
            "the layer must return the outputs of all steps, (batch, time, units), first, "
            f"got {tuple(output.shape)}"
        )
    last = output[:, -1]
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(last.shape, generator=generator).to(last)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    (gradient,) = torch.autograd.grad((last * direction).sum(), x)
    norms: NDArray[np.float64] = gradient.norm(dim=-1).mean(dim=0).flip(0).double().cpu().numpy()
    return norms
