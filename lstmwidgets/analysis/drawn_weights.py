"""Weights of fresh networks that leave the user's random numbers alone."""

from __future__ import annotations

import torch

from .readout import Module


def draw_weights(module: Module, bound: float, *, scale: float = 1.0, seed: int = 0) -> Module:
    """Give a module that was made on the device ``"meta"`` its weights, on the processor.

    Parameters
    ----------
    module : torch.nn.Module
        Normalisations become neutral, all else is uniform.
    bound : float
        In plus or minus this.
    scale : float
        Weights, but not biases, times this.
    seed : int
        Of the generator. PyTorch's own, which draws the user's numbers, is left alone.

    Returns
    -------
    torch.nn.Module
        The module itself.

    Examples
    --------
    >>> from torch import nn
    >>> lstm = draw_weights(nn.LSTM(3, 8, device="meta"), 0.5, seed=1)
    >>> bool(lstm.weight_hh_l0.abs().max() <= 0.5), lstm.weight_hh_l0.device.type
    (True, 'cpu')
    """
    generator = torch.Generator().manual_seed(seed)
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "_norm_" in name:
                weight.fill_(1.0 if name.startswith("weight") else 0.0)
                continue
            most = bound * (scale if name.startswith("weight") else 1.0)
            weight.uniform_(-most, most, generator=generator)
    return module
