"""The equations of each cell kind: batched, differentiable, one layer and one step at a time.

A cell is a pure description. It knows the names and shapes of its weights, how the input is
projected for all time steps at once (`project`), and how one step turns that projection and the
state before into the state after (`advance`). It owns no weights; those are handed in.

Symbols, as in the papers: gates ``i`` (how much new information enters), ``f`` (how much old
information stays), ``o`` (how much is shown), candidate ``g``, memory cell ``c``, hidden output
``h``; σ is the logistic function, ⊙ the elementwise product, and a prime marks the step before.
Sizes: B batch, T time, I inputs, H hidden units.

References
----------
.. [1] Hochreiter & Schmidhuber (1997). Long short-term memory. Neural Computation 9(8).
.. [2] Gers, Schmidhuber & Cummins (2000). Learning to forget. Neural Computation 12(10).
.. [3] Gers, Schraudolph & Schmidhuber (2002). Learning precise timing with LSTM recurrent
   networks. Journal of Machine Learning Research 3.
.. [4] Greff et al. (2017). LSTM: a search space odyssey. IEEE Transactions on Neural Networks and
   Learning Systems 28(10), section II and appendix A.
.. [5] Ba, Kiros & Hinton (2016). Layer normalization. arXiv:1607.06450, supplementary material.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from .kernels import LAYER_NORM_EPSILON
from .state import FullGateState, Gates, LSTMState, State

Weights = Mapping[str, Tensor]
"""One layer's weights by their name without the layer's suffix, as in ``weight_ih``."""

LayerState = tuple[Tensor, ...]
"""One layer's slice of a state: the state's fields in order, each (B, H)."""

Alter = Callable[[str, Tensor], Tensor]
"""From the name of a part of a step, as ``forget_gate`` or ``hidden``, and its values (B, H) to
those that the step goes on with."""


def unaltered(_: str, values: Tensor) -> Tensor:
    """Let a part of a step be as it is."""
    return values


class Cell(ABC):
    """What every cell kind has to say about itself."""

    name: ClassVar[str]
    blocks: ClassVar[int] = 4
    """How many blocks of H rows the projections have, in the order i, f, g, o."""
    state_type: ClassVar[type[LSTMState] | type[FullGateState]] = LSTMState

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of one layer, by name, in PyTorch's order."""
        rows = self.blocks * hidden_size
        return {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the part of the pre-activations that needs no state: (..., I) -> (..., 4H)."""
        return linear(x, weights["weight_ih"], weights["bias_ih"] + weights["bias_hh"])

    @abstractmethod
    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step.

        Parameters
        ----------
        projected : Tensor
            What `project` made of this step's input, (B, 4H).
        state : tuple of Tensor
            The layer's state before the step, each (B, H).
        weights : mapping
            The layer's weights.
        alter : callable
            What the step goes on with in place of each part, in this order: ``input_gate``,
            ``forget_gate``, ``candidate``, ``cell``, ``output_gate``, ``hidden``.

        Returns
        -------
        state : tuple of Tensor
            The layer's state after the step.
        gates : Gates
            Gates and candidate of the step, each (B, H).
        """


class StandardCell(Cell):
    """The cell of `torch.nn.LSTM` (forget gate, no self-connections of gates) [1]_ [2]_.

    ::

        i = σ(W_i x + R_i h' + b_i)     f = σ(W_f x + R_f h' + b_f)
        g = tanh(W_g x + R_g h' + b_g)  o = σ(W_o x + R_o h' + b_o)
        c = f ⊙ c' + i ⊙ g              h = o ⊙ tanh(c)
    """

    name = "standard"

    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step; see `Cell.advance`."""
        h, c = state
        i, f, g, o = torch.addmm(projected, h, weights["weight_hh"].t()).chunk(4, -1)
        i, f = alter("input_gate", i.sigmoid()), alter("forget_gate", f.sigmoid())
        g = alter("candidate", g.tanh())
        c = alter("cell", torch.addcmul(f * c, i, g))
        o = alter("output_gate", o.sigmoid())
        return (alter("hidden", o * c.tanh()), c), Gates(i, f, g, o)


class PeepholeCell(Cell):
    """Gates that look at the memory cell through diagonal weights [3]_.

    Input and forget gate see the cell before the step, the output gate the cell after it::

        i = σ(… + p_i ⊙ c')   f = σ(… + p_f ⊙ c')   o = σ(… + p_o ⊙ c)

    ``weight_peephole`` stacks p_i, p_f and p_o: shape (3H,).
    """

    name = "peephole"

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of one layer; see `Cell.shapes`."""
        return super().shapes(input_size, hidden_size) | {"weight_peephole": (3 * hidden_size,)}

    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step; see `Cell.advance`."""
        h, c = state
        i, f, g, o = torch.addmm(projected, h, weights["weight_hh"].t()).chunk(4, -1)
        i, f, g, o, c = _through_peepholes(i, f, g, o, c, weights["weight_peephole"], alter)
        return (alter("hidden", o * c.tanh()), c), Gates(i, f, g, o)


class FullGateRecurrenceCell(Cell):
    """Every gate also receives the last activations of all three gates [1]_ [4]_.

    With u' = (i', f', o') stacked, and peepholes as in the peephole cell::

        i = σ(… + p_i ⊙ c' + G_i u')   f = σ(… + p_f ⊙ c' + G_f u')   o = σ(… + p_o ⊙ c + G_o u')

    ``weight_gate`` stacks G_i, G_f and G_o: shape (3H, 3H). The candidate has no such connection.
    """

    name = "full_gate_recurrence"
    state_type = FullGateState

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of one layer; see `Cell.shapes`."""
        return super().shapes(input_size, hidden_size) | {
            "weight_peephole": (3 * hidden_size,),
            "weight_gate": (3 * hidden_size, 3 * hidden_size),
        }

    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step; see `Cell.advance`."""
        h, c, *previous = state
        i, f, g, o = torch.addmm(projected, h, weights["weight_hh"].t()).chunk(4, -1)
        from_gates = linear(torch.cat(previous, -1), weights["weight_gate"])  # (B, 3H)
        gate_i, gate_f, gate_o = from_gates.chunk(3, -1)
        i, f, g, o, c = _through_peepholes(
            i + gate_i, f + gate_f, g, o + gate_o, c, weights["weight_peephole"], alter
        )
        return (alter("hidden", o * c.tanh()), c, i, f, o), Gates(i, f, g, o)


class CoupledCell(Cell):
    """Input and forget gate are one: what is forgotten makes room for what enters [4]_ (CIFG).

    ::

        f = σ(…)   i = 1 - f   c = f ⊙ c' + i ⊙ g

    Projections have three blocks, in the order f, g, o.
    """

    name = "coupled"
    blocks = 3

    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step; see `Cell.advance`."""
        h, c = state
        f, g, o = torch.addmm(projected, h, weights["weight_hh"].t()).chunk(3, -1)
        f = alter("forget_gate", f.sigmoid())
        i, g = alter("input_gate", 1 - f), alter("candidate", g.tanh())
        c = alter("cell", torch.addcmul(f * c, i, g))
        o = alter("output_gate", o.sigmoid())
        return (alter("hidden", o * c.tanh()), c), Gates(i, f, g, o)


class LayerNormCell(Cell):
    """Each projection and the cell are normalised over their units [5]_.

    LN(a) = α ⊙ (a - mean(a)) / sqrt(var(a) + 1e-5) + β, with one α and β for each place::

        (i, f, g, o) before σ and tanh = LN(W x) + LN(R h')
        c = f ⊙ c' + i ⊙ g              h = o ⊙ tanh(LN(c))

    The β of the two projections are ``bias_ih`` and ``bias_hh`` (the paper's further bias would
    only be a third summand); α are ``weight_norm_ih``, ``weight_norm_hh`` (4H,), and the cell's own
    are ``weight_norm_c`` and ``bias_norm_c`` (H,). State and trace hold the raw c.
    """

    name = "layer_norm"

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of one layer; see `Cell.shapes`."""
        return super().shapes(input_size, hidden_size) | {
            "weight_norm_ih": (4 * hidden_size,),
            "weight_norm_hh": (4 * hidden_size,),
            "weight_norm_c": (hidden_size,),
            "bias_norm_c": (hidden_size,),
        }

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the normalised input projection; see `Cell.project`."""
        return _normalise(
            linear(x, weights["weight_ih"]), weights["weight_norm_ih"], weights["bias_ih"]
        )

    def advance(
        self, projected: Tensor, state: LayerState, weights: Weights, alter: Alter = unaltered
    ) -> tuple[LayerState, Gates]:
        """Take one step; see `Cell.advance`."""
        h, c = state
        recurrent = _normalise(
            linear(h, weights["weight_hh"]), weights["weight_norm_hh"], weights["bias_hh"]
        )
        i, f, g, o = (projected + recurrent).chunk(4, -1)
        i, f = alter("input_gate", i.sigmoid()), alter("forget_gate", f.sigmoid())
        g = alter("candidate", g.tanh())
        c = alter("cell", torch.addcmul(f * c, i, g))
        o = alter("output_gate", o.sigmoid())
        shown = _normalise(c, weights["weight_norm_c"], weights["bias_norm_c"])
        return (alter("hidden", o * shown.tanh()), c), Gates(i, f, g, o)


def _through_peepholes(
    i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor, weight: Tensor, alter: Alter
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Turn pre-activations (B, H) into i, f, g, o and the new c, gates looking at the cell."""
    p_i, p_f, p_o = weight.chunk(3)
    i = alter("input_gate", torch.addcmul(i, p_i, c).sigmoid())
    f = alter("forget_gate", torch.addcmul(f, p_f, c).sigmoid())
    g = alter("candidate", g.tanh())
    c = alter("cell", torch.addcmul(f * c, i, g))
    o = alter("output_gate", torch.addcmul(o, p_o, c).sigmoid())
    return i, f, g, o, c


def _normalise(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return layer_norm(values, weight.shape, weight, bias, LAYER_NORM_EPSILON)


CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        StandardCell(),
        PeepholeCell(),
        FullGateRecurrenceCell(),
        CoupledCell(),
        LayerNormCell(),
    )
}
"""Every cell kind by its name."""


def advance_layers(
    cell: Cell,
    layers: list[Weights],
    x: Tensor,
    state: State,
    dropout: float = 0.0,
) -> tuple[Tensor, State, Gates]:
    """Take one step through a stack of layers.

    Parameters
    ----------
    cell : Cell
        The cell kind.
    layers : list of mapping
        Each layer's weights, the lowest first.
    x : Tensor
        The step's input, (B, I).
    state : LSTMState or FullGateState
        State before the step, each field (L, B, H).
    dropout : float
        Probability with which a layer's output is dropped on its way to the next; 0 outside
        training.

    Returns
    -------
    output : Tensor
        Hidden output of the top layer, (B, H).
    state : LSTMState or FullGateState
        State after the step.
    gates : Gates
        Gates and candidate of the step, each (L, B, H).
    """
    states, gates = [], []
    for level, weights in enumerate(layers):
        if level and dropout:
            x = torch.nn.functional.dropout(x, dropout)
        before = tuple(part[level] for part in state)
        after, layer_gates = cell.advance(cell.project(x, weights), before, weights)
        x = after[0]
        states.append(after)
        gates.append(layer_gates)
    stacked = (torch.stack(parts) for parts in zip(*states, strict=True))
    return (
        x,
        cell.state_type(*stacked),
        Gates(*(torch.stack(parts) for parts in zip(*gates, strict=True))),
    )
