"""A `SequenceModel` in an ONNX graph: scaling or embedding, LSTM, pooling and head."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codec import encode
from ..models import PADDING, SequenceModel
from .graph import Graph, Made, Value
from .layers import Lengths, Run, add_layers, fields_of, kind_of, numbers_of, state_size


def add_sequence_model(graph: Graph, model: SequenceModel) -> Made:
    """Add a model as it is in eval mode: from numbers (B, T, I) or tokens (B, T) to its outputs."""
    x = Value(np.float32, ("batch", "time", model.lstm.input_size))
    of_input: dict[str, Any] = {"names": encode(model.features)}
    of_output: dict[str, Any] = {"names": encode(model.targets), "classes": encode(model.classes)}
    lengths = None
    if model.embedding is None:
        mean, scale = numbers_of(model.input_mean), numbers_of(model.input_scale)
        inputs = graph.add("Div", graph.add("Sub", "input", mean), scale)
        of_input |= {"mean": mean.tolist(), "scale": scale.tolist()}
    else:
        x = Value(np.int64, ("batch", "time"))
        lengths = _lengths(graph, "input")
        inputs = graph.add("Gather", numbers_of(model.embedding.weight), "input")
        of_input |= {"tokens": model.embedding.num_embeddings, "padding": PADDING}
    inputs = graph.add("Transpose", inputs, perm=[1, 0, 2])
    run = add_layers(graph, model.lstm, inputs, "state", lengths)
    pooled = _pool(graph, model, run, lengths)
    output = graph.linear(pooled, numbers_of(model.head.weight), numbers_of(model.head.bias))
    if model.scales_targets:
        mean, scale = numbers_of(model.target_mean), numbers_of(model.target_scale)
        output = graph.add("Add", graph.add("Mul", output, scale), mean)
        of_output |= {"mean": mean.tolist(), "scale": scale.tolist()}
    axes: tuple[str | int, ...] = ("batch", model.output_size)
    if model.pooling is None:
        axes = ("batch", "time", model.output_size)
        if lengths is not None:
            output = graph.add("Where", lengths.alive, output, np.zeros(1, np.float32))
        output = graph.add("Transpose", output, perm=[1, 0, 2])
    kind = {"kind": "SequenceModel", "task": model.task, "pooling": model.pooling}
    return Made(
        x,
        Value(np.float32, ("batch", state_size(model.lstm))),
        Value(np.float32, axes),
        (output, run.state),
        {
            "model": {**kind, **kind_of(model.lstm)},
            "input": of_input,
            "output": of_output,
            "state": {"fields": fields_of(model.lstm)},
        },
    )


def _lengths(graph: Graph, tokens: str) -> Lengths:
    """Return the lengths of padded tokens, at least 1; see `lstmwidgets.models.token_lengths`."""
    size = graph.add("Shape", tokens)
    one = np.array(1)
    end = graph.add("Add", graph.add("Gather", size, one), one)
    steps = graph.add("Range", one, end, one)  # from 1 to T
    is_padding = graph.add("Equal", tokens, np.array(PADDING))
    reached = graph.add("Where", is_padding, one, steps)
    counts = graph.add("ReduceMax", reached, axes=[1], keepdims=0)
    column = graph.add("Unsqueeze", steps, np.array([1]))
    alive = graph.add("LessOrEqual", column, counts)  # (T, B)
    return Lengths(counts, graph.add("Unsqueeze", alive, np.array([2])))


def _pool(graph: Graph, model: SequenceModel, run: Run, lengths: Lengths | None) -> str:
    """Return (B, H), or (T, B, H) without pooling; see `lstmwidgets.pooling.pool`.

    Hidden outputs beyond the lengths are zero already.
    """
    match model.pooling:
        case None:
            return run.hidden
        case "last":
            return graph.add("Squeeze", run.last, np.array([0]))
        case "mean":
            if lengths is None:
                return graph.add("ReduceMean", run.hidden, axes=[0], keepdims=0)
            counts = graph.add("Unsqueeze", lengths.steps, np.array([1]))
            total = graph.add("ReduceSum", run.hidden, np.array([0]), keepdims=0)
            return graph.add("Div", total, graph.cast(counts, np.float32))
        case "max":
            reached = _only(graph, run.hidden, lengths)
            return graph.add("ReduceMax", reached, axes=[0], keepdims=0)
    assert model.attention is not None
    weight, bias = numbers_of(model.attention.weight), numbers_of(model.attention.bias)
    scores = _only(graph, graph.linear(run.hidden, weight, bias), lengths)  # (T, B, heads)
    heads, hidden = weight.shape
    share = graph.add("Unsqueeze", graph.add("Softmax", scores, axis=0), np.array([3]))
    parts = graph.add("Reshape", run.hidden, np.array([0, 0, heads, hidden // heads]))
    weighted = graph.add("Mul", share, parts)
    pooled = graph.add("ReduceSum", weighted, np.array([0]), keepdims=0)
    return graph.add("Reshape", pooled, np.array([0, hidden]))


def _only(graph: Graph, values: str, lengths: Lengths | None) -> str:
    """Return values (T, B, …) with minus infinity beyond the lengths."""
    if lengths is None:
        return values
    return graph.add("Where", lengths.alive, values, np.array(-np.inf, np.float32))
