"""A plain recurrent network, the baseline that an LSTM is an answer to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


def rnn_outputs(rnn: nn.RNN, x: Tensor) -> Tensor:
    """Return the hidden outputs of all layers for one sequence.

    Parameters
    ----------
    rnn : torch.nn.RNN
        ``h = tanh(W x + R h' + b)``, with `batch_first`.
    x : Tensor
        (T, I).

    Returns
    -------
    Tensor
        (L, T, H), from a state of zeros.
    """
    layers = []
    with torch.no_grad():
        for level in range(rnn.num_layers):
            weights = [getattr(rnn, f"{name}_l{level}") for name in NAMES]
            zeros = x.new_zeros(1, 1, rnn.hidden_size)
            options = (True, 1, 0.0, False, False, True)  # biases, layers, dropout, …, batch first
            output, _ = torch.rnn_tanh(x[None], zeros, weights, *options)
            x = output[0]
            layers.append(x)
    return torch.stack(layers)


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def rnn_adjoints(weights: Mapping[str, Array], h: Array, d_hidden: Array) -> tuple[Array, Array]:
    """Carry a gradient back through the steps of a layer.

    Parameters
    ----------
    weights : mapping of str to ndarray
        ``weight_ih`` and ``weight_hh``.
    h : ndarray
        Hidden output after each step, (T, H).
    d_hidden : ndarray
        The gradient with respect to it by ways outside of the layer, (T, H).

    Returns
    -------
    hidden : ndarray
        The gradient with respect to the hidden output of each step by all ways, (T, H).
    input : ndarray
        The same of what came from below, (T, I).
    """
    recurrent, slopes = weights["weight_hh"], 1 - h**2
    found = np.empty_like(d_hidden)
    dz = np.zeros(h.shape[1])
    for t in range(len(h) - 1, -1, -1):
        np.add(dz @ recurrent, d_hidden[t], out=found[t])
        dz = found[t] * slopes[t]
    return found, (found * slopes) @ weights["weight_ih"]
