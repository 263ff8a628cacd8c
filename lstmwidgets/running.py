"""Any cell over whole sequences, layer after layer: a loop, or one operator of a program.

Where a program is made of a model (`torch.export`, ONNX), a loop over time would be written out for
one number of steps. PyTorch's higher-order operator ``scan`` stands there for any number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import dropout as drop

from .cells import Cell, LayerState, Weights
from .state import State

Record = list[list[Tensor]]
"""Of each layer gates, candidate, cell and hidden output at all steps, each (B, T, H)."""


def run_layers(
    cell: Cell,
    layers: Sequence[Weights],
    x: Tensor,
    state: State,
    lengths: Tensor | None = None,
    dropout: float = 0.0,
    record: Record | None = None,
) -> tuple[Tensor, State]:
    """Run a stack of layers over whole sequences.

    Parameters
    ----------
    cell : Cell
        The cell kind.
    layers : sequence of mapping
        Each layer's weights, the lowest first.
    x : Tensor
        Inputs, (B, T, I).
    state : LSTMState or FullGateState
        State before the first step, each field (L, B, H).
    lengths : Tensor of int, optional
        How many steps of each row count, (B,), from 0 to T.
    dropout : float
        Probability with which a layer's output is dropped on its way to the next; 0 outside
        training.
    record : list, optional
        Gets each layer's trace fields.

    Returns
    -------
    output : Tensor
        Hidden output of the top layer, (B, T, H), zero beyond the lengths.
    state : LSTMState or FullGateState
        State after each row's last step.
    """
    x = x.transpose(0, 1)  # (T, B, I): each step's slice of a projection is then contiguous
    alive = None
    if lengths is not None:
        alive = torch.arange(x.shape[0], device=x.device)[:, None, None] < lengths[:, None]
        x = torch.where(alive, x, 0)  # whatever lies in the padding stays out of gradients
    finals = []
    for level, weights in enumerate(layers):
        if level and dropout:
            x = drop(x, dropout)
        before = tuple(part[level] for part in state)
        projected = cell.project(x, weights)
        if torch.compiler.is_exporting() and record is None:
            x, after = _scan(cell, projected, before, weights, alive)
        else:
            x, after = _loop(cell, projected, before, weights, alive, record)
        if alive is not None:
            x = torch.where(alive, x, 0)
        finals.append(after)
    final = cell.state_type(*(torch.stack(parts) for parts in zip(*finals, strict=True)))
    return x.transpose(0, 1), final


def _loop(
    cell: Cell,
    projected: Tensor,
    now: LayerState,
    weights: Weights,
    alive: Tensor | None,
    record: Record | None,
) -> tuple[Tensor, LayerState]:
    """Run one layer step by step; return its outputs (T, B, H) and the state after the last one."""
    outputs, inside = [], []
    for t, one in enumerate(projected.unbind(0)):  # a traced program refuses another number
        before, (now, gates) = now, cell.advance(one, now, weights)
        if alive is not None:
            now = _where(alive[t], now, before)
        outputs.append(now[0])
        if record is not None:
            inside.append((*gates, now[1], now[0]))
    if record is not None:
        record.append([torch.stack(values, 1) for values in zip(*inside, strict=True)])
    return torch.stack(outputs), now


def _scan(
    cell: Cell, projected: Tensor, before: LayerState, weights: Weights, alive: Tensor | None
) -> tuple[Tensor, LayerState]:
    """Do what `_loop` does, as one operator."""
    try:
        from torch._higher_order_ops.scan import scan, scan_op
    except ImportError as error:
        raise NotImplementedError(
            f"exporting cell={cell.name!r}, or any number of steps, needs PyTorch's scan operator, "
            f"which PyTorch {torch.__version__} lacks; take a later one"
        ) from error
    given = (projected,) if alive is None else (projected, alive)
    if torch.compiler.is_dynamo_compiling():  # torch.export(strict=True), which knows no other name
        step = partial(_advance, cell, weights)
        after, outputs = scan(lambda now, one: step(now, *one), before, given)
        return outputs, after
    # `scan` itself would remember sizes from one export to the next.
    combine = partial(_combine, cell, tuple(weights), len(before), len(given))
    *after, outputs = scan_op(combine, list(before), list(given), tuple(weights.values()))
    return outputs, tuple(after)


def _combine(
    cell: Cell, names: tuple[str, ...], fields: int, given: int, *tensors: Tensor
) -> list[Tensor]:
    """Take one step of a scan, whose state, inputs and weights come in one row."""
    weights = dict(zip(names, tensors[fields + given :], strict=True))
    after, output = _advance(cell, weights, tensors[:fields], *tensors[fields : fields + given])
    return [*after, output]


def _advance(
    cell: Cell, weights: Weights, now: LayerState, projected: Tensor, alive: Tensor | None = None
) -> tuple[LayerState, Tensor]:
    """Take one step; return the state after it, and the output, which must be a copy."""
    after, _ = cell.advance(projected, now, weights)
    if alive is not None:
        after = _where(alive, after, now)
    return after, after[0].clone()


def _where(alive: Tensor, after: LayerState, before: LayerState) -> LayerState:
    """Return the new state of rows that go on, and the old one of those that have ended."""
    pairs = zip(after, before, strict=True)
    return tuple(torch.where(alive, new, old) for new, old in pairs)
