"""The standard cell over whole sequences, by the operator that `torch.nn.LSTM` itself calls."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .state import LSTMState, State

CUDNN_LSTM = 2
"""cuDNN's number for an LSTM among its recurrent networks."""


@dataclass(frozen=True)
class Fused:
    """What the operator wants to know besides input and state.

    Attributes
    ----------
    weights : list of Tensor
        Layer by layer weight_ih, weight_hh, bias_ih and bias_hh.
    num_layers : int
        L.
    dropout : float
        Between layers, while training.
    training : bool
        Whether dropout acts.
    """

    weights: list[Tensor]
    num_layers: int
    dropout: float = 0.0
    training: bool = False

    def run(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, LSTMState]:
        """Run over x (B, T, I); with lengths (B,), at least 1, over that many steps of each row.

        Returns the output (B, T, H), zero beyond a row's length, and the final state.
        """
        # TorchInductor fails on the operator: where Dynamo is at work, it leaves this out.
        disable: Any = torch.compiler.disable
        run = disable(_run) if "torch._dynamo" in sys.modules else _run
        output, h, c = run(self, x, state, lengths)
        return output, LSTMState(h, c)

    def flatten(self) -> None:
        """Lay the weights out in one piece where cuDNN will run; elsewhere do nothing.

        Otherwise cuDNN would copy them together at every call.
        """
        first = self.weights[0]
        if not first.is_cuda or len({(w.dtype, w.device) for w in self.weights}) > 1:
            return
        if not torch.backends.cudnn.is_acceptable(first):  # type: ignore[no-untyped-call]
            return
        rows, input_size = first.shape
        with torch.cuda.device(first.device), torch.no_grad():
            torch._cudnn_rnn_flatten_weight(  # noqa: SLF001
                self.weights,
                4,  # weights a layer
                input_size,
                CUDNN_LSTM,
                rows // 4,
                0,  # no projection
                self.num_layers,
                True,  # batch first
                False,  # one direction
            )


def _run(fused: Fused, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, ...]:
    """Return output, hidden output and memory cell; see `Fused.run`."""
    options = (True, fused.num_layers, fused.dropout, fused.training, False)
    h, c = state[:2]
    if lengths is None:
        output, h, c = torch.lstm(x, (h, c), fused.weights, *options, True)
        return output, h, c
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None
    assert back is not None
    hx = (h.index_select(1, order), c.index_select(1, order))
    data, h, c = torch.lstm(packed.data, packed.batch_sizes, hx, fused.weights, *options)
    output, _ = pad_packed_sequence(
        packed._replace(data=data), batch_first=True, total_length=x.shape[1]
    )
    return output, h.index_select(1, back), c.index_select(1, back)
