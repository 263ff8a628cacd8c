"""The layers of an `LSTM` in an ONNX graph: its own operator where it fits, else a scan.

The operator has the equations of the standard and the peephole cell, its blocks in the order
``i, o, f, g`` and its peepholes in the order ``i, o, f``. A coupled cell is a standard one whose
input gate has the forget gate's weights with the other sign, for 1 - σ(z) = σ(-z). The equations
of the other two are those of `lstmwidgets.cells`, written once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cells import CELLS
from ..kernels import LAYER_NORM_EPSILON
from ..lstm import LSTM
from .graph import Given, Graph, Made, Value

Array = NDArray[np.float32]

Weights = Mapping[str, Array]
"""A layer's weights by their names in `lstmwidgets.cells`."""

FIRST = np.array([0])


class Run(NamedTuple):
    """What layers leave behind in a graph, each the name of a value.

    Attributes
    ----------
    hidden : str
        Hidden output of the top layer, (T, B, H).
    last : str
        The same after each sequence's last step, (1, B, H).
    state : str
        State after it, (B, N).
    """

    hidden: str
    last: str
    state: str


class Lengths(NamedTuple):
    """How long padded sequences are, each the name of a value.

    Attributes
    ----------
    steps : str
        Of each, int64 (B,).
    alive : str
        Whether a step is one of them, bool (T, B, 1).
    """

    steps: str
    alive: str


def add_lstm(graph: Graph, lstm: LSTM) -> Made:
    """Add an LSTM by itself: from (B, T, I) to the hidden outputs (B, T, H)."""
    run = add_layers(graph, lstm, graph.add("Transpose", "input", perm=[1, 0, 2]), "state")
    return Made(
        Value(np.float32, ("batch", "time", lstm.input_size)),
        Value(np.float32, ("batch", state_size(lstm))),
        Value(np.float32, ("batch", "time", lstm.hidden_size)),
        (graph.add("Transpose", run.hidden, perm=[1, 0, 2]), run.state),
        {"model": {"kind": "LSTM", **kind_of(lstm)}, "state": {"fields": fields_of(lstm)}},
    )


def kind_of(lstm: LSTM) -> dict[str, Any]:
    """Return what the metadata says of an LSTM."""
    sizes = {"num_layers": lstm.num_layers, "hidden_size": lstm.hidden_size}
    return {"cell": lstm.cell, **sizes}


def fields_of(lstm: LSTM) -> list[str]:
    """Return the fields of its state."""
    return list(CELLS[lstm.cell].state_type._fields)


def state_size(lstm: LSTM) -> int:
    """Return how many numbers its state has in one stream, N."""
    return lstm.num_layers * len(fields_of(lstm)) * lstm.hidden_size


def add_layers(graph: Graph, lstm: LSTM, x: str, state: str, lengths: Lengths | None = None) -> Run:
    """Add all layers.

    Parameters
    ----------
    graph : Graph
        To be added to.
    lstm : LSTM
        Whose weights it gets, as float32.
    x : str
        Inputs, float32 (T, B, I).
    state : str
        State before, float32 (B, N), in the order of `lstmwidgets.onnx.packing`.
    lengths : Lengths, optional
        Beyond them the hidden output is zero and the state stays.
    """
    fields = len(fields_of(lstm))
    blocks = lstm.num_layers * fields
    rows = graph.add("Reshape", state, np.array([0, blocks, lstm.hidden_size]))
    before = graph.chunk(graph.add("Transpose", rows, perm=[1, 0, 2]), blocks, axis=0)
    after: list[str] = []
    add = _add_scan if lstm.cell in STEPS else _add_operator
    for layer in range(lstm.num_layers):
        own = before[layer * fields : (layer + 1) * fields]  # each (1, B, H)
        x, *left = add(graph, lstm, layer, x, own, lengths)
        after += left
    rows = graph.add("Transpose", graph.add("Concat", *after, axis=0), perm=[1, 0, 2])
    packed = graph.add("Reshape", rows, np.array([0, blocks * lstm.hidden_size]))
    return Run(x, after[-fields], packed)


def _add_operator(
    graph: Graph, lstm: LSTM, layer: int, x: str, state: list[str], lengths: Lengths | None
) -> list[str]:
    """Add the operator; return hidden outputs (T, B, H) and the state after, each (1, B, H)."""
    weights = _weights(lstm, layer)
    w, r, b_ih, b_hh = (
        _in_order(weights[name], lstm.cell)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    counts = "" if lengths is None else graph.cast(lengths.steps, np.int32)
    b = np.concatenate([b_ih, b_hh])
    given: list[Given] = [x, w[None], r[None], b[None], counts, *state]
    if lstm.cell == "peephole":
        i, f, o = np.split(weights["weight_peephole"], 3)
        given.append(np.concatenate([i, o, f])[None])
    hidden, *after = graph.add_many(3, "LSTM", *given, hidden_size=lstm.hidden_size)
    return [graph.add("Squeeze", hidden, np.array([1])), *after]


def _in_order(weight: Array, cell: str) -> Array:
    """Return a weight's blocks of rows in the operator's order."""
    if cell == "coupled":
        f, g, o = np.split(weight, 3)
        i = -f
    else:
        i, f, g, o = np.split(weight, 4)
    return np.concatenate([i, o, f, g])


def _add_scan(
    graph: Graph, lstm: LSTM, layer: int, x: str, state: list[str], lengths: Lengths | None
) -> list[str]:
    """Add a scan; return the same as `_add_operator`."""
    project, advance = STEPS[lstm.cell]
    weights = _weights(lstm, layer)
    before = [graph.add("Squeeze", part, FIRST) for part in state]
    sequences = [project(graph, x, weights)]
    if lengths is not None:
        sequences.append(graph.cast(lengths.alive, np.float32))

    def step(inside: Graph, own: list[str], items: list[str]) -> tuple[list[str], list[str]]:
        projected, *alive = items
        after = advance(inside, projected, own, weights)
        shown = after[0]
        if alive:
            is_alive = inside.cast(alive[0], np.bool_)
            shown = inside.add("Mul", shown, alive[0])
            after = [inside.add("Where", is_alive, *pair) for pair in zip(after, own, strict=True)]
        return after, [shown]

    after, (hidden,) = graph.scan(step, before, sequences, np.float32)
    return [hidden, *(graph.add("Unsqueeze", part, FIRST) for part in after)]


def _project_plainly(graph: Graph, x: str, weights: Weights) -> str:
    return graph.linear(x, weights["weight_ih"], weights["bias_ih"] + weights["bias_hh"])


def _advance_full_gate_recurrence(
    graph: Graph, projected: str, state: list[str], weights: Weights
) -> list[str]:
    """Take a step of `lstmwidgets.cells.FullGateRecurrenceCell`."""
    add = graph.add
    h, c, *gates = state
    before = add("Add", projected, graph.linear(h, weights["weight_hh"]))
    i, f, g, o = graph.chunk(before, 4)
    from_gates = graph.linear(add("Concat", *gates, axis=-1), weights["weight_gate"])
    p_i, p_f, p_o = np.split(weights["weight_peephole"], 3)
    u_i, u_f, u_o = graph.chunk(from_gates, 3)
    i = add("Sigmoid", add("Add", add("Add", i, u_i), add("Mul", p_i, c)))
    f = add("Sigmoid", add("Add", add("Add", f, u_f), add("Mul", p_f, c)))
    c = add("Add", add("Mul", f, c), add("Mul", i, add("Tanh", g)))
    o = add("Sigmoid", add("Add", add("Add", o, u_o), add("Mul", p_o, c)))
    return [add("Mul", o, add("Tanh", c)), c, i, f, o]


def _project_normalised(graph: Graph, x: str, weights: Weights) -> str:
    return _normalise(graph, graph.linear(x, weights["weight_ih"]), weights, "norm_ih", "ih")


def _advance_layer_norm(
    graph: Graph, projected: str, state: list[str], weights: Weights
) -> list[str]:
    """Take a step of `lstmwidgets.cells.LayerNormCell`."""
    add = graph.add
    h, c = state
    recurrent = graph.linear(h, weights["weight_hh"])
    recurrent = _normalise(graph, recurrent, weights, "norm_hh", "hh")
    i, f, g, o = graph.chunk(add("Add", projected, recurrent), 4)
    kept = add("Mul", add("Sigmoid", f), c)
    c = add("Add", kept, add("Mul", add("Sigmoid", i), add("Tanh", g)))
    shown = _normalise(graph, c, weights, "norm_c", "norm_c")
    return [add("Mul", add("Sigmoid", o), add("Tanh", shown)), c]


def _normalise(graph: Graph, value: str, weights: Weights, weight: str, bias: str) -> str:
    scale, shift = weights[f"weight_{weight}"], weights[f"bias_{bias}"]
    return graph.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=LAYER_NORM_EPSILON)


Project = Callable[[Graph, str, Weights], str]
Advance = Callable[[Graph, str, list[str], Weights], list[str]]

STEPS: dict[str, tuple[Project, Advance]] = {
    "full_gate_recurrence": (_project_plainly, _advance_full_gate_recurrence),
    "layer_norm": (_project_normalised, _advance_layer_norm),
}
"""Cells that no operator has: their input projections (T, B, I) -> (T, B, 4H), and their steps."""


def _weights(lstm: LSTM, layer: int) -> dict[str, Array]:
    return {
        name: numbers_of(getattr(lstm, f"{name}_l{layer}"))
        for name in CELLS[lstm.cell].shapes(1, 1)
    }


def numbers_of(weight: Any) -> Array:
    """Return a parameter as float32."""
    found: Array = weight.detach().float().cpu().numpy()
    return found
