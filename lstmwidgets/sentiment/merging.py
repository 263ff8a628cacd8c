"""Several networks side by side in one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..cells import CELLS
from ..models import SequenceModel


def merged(models: Sequence[SequenceModel]) -> SequenceModel:
    """Return one model whose outputs are the mean of others': of logits, or of values.

    It is an ordinary model with the units of all of them. Its weights are block-diagonal: no unit
    hears of another network's. So an average of several trainings, which errs less than each alone
    (Hansen & Salamon 1990, "Neural network ensembles"), is explained, saved and taken online like
    any other model.

    Parameters
    ----------
    models : sequence of SequenceModel
        Of tokens, with the same options and classes.

    Raises
    ------
    ValueError
        If they differ in their options or scaling, read numbers, or have the layer-norm cell, which
        normalises over all units of a layer.

    Examples
    --------
    >>> import torch
    >>> options = dict(vocabulary_size=9, task="classification", pooling="attention", hidden_size=4)
    >>> both = [SequenceModel(None, 2, **options), SequenceModel(None, 2, **options)]
    >>> one = merged(both)
    >>> x = torch.tensor([[3, 4, 5, 0], [6, 7, 8, 1]])
    >>> torch.allclose(one(x)[0], (both[0](x)[0] + both[1](x)[0]) / 2, atol=1e-6)
    True
    >>> one.lstm.hidden_size, one.config["attention_heads"]
    (8, 2)
    """
    first = models[0]
    if len(models) == 1:
        return first
    if any(model.config != first.config or model.classes != first.classes for model in models):
        raise ValueError("models can be merged if they have the same options and classes")
    if first.embedding is None:
        raise ValueError("models of tokens can be merged; these read numbers")
    scaling = {(str(each.target_mean), str(each.target_scale)) for each in models}
    if len(scaling) > 1:
        raise ValueError("the models' targets are scaled differently")
    if first.lstm.cell == "layer_norm":
        raise ValueError("the layer-norm cell normalises over all units: it cannot be merged")
    sizes = ("embedding_size", "hidden_size", "attention_heads")
    larger = {name: first.config[name] * len(models) for name in sizes}
    weight = first.head.weight
    with torch.random.fork_rng([]):  # what it draws is overwritten
        one = SequenceModel(**{**first.config, **larger}, device=weight.device, dtype=weight.dtype)
    one.classes = first.classes
    one.load_state_dict(_merged_weights(models))
    return one.train(first.training)


def _merged_weights(models: Sequence[SequenceModel]) -> dict[str, Tensor]:
    first = models[0]
    states = [model.state_dict() for model in models]
    count, config = len(models), first.config
    weights = {
        "embedding.weight": torch.cat([state["embedding.weight"] for state in states], 1),
        "head.weight": torch.cat([state["head.weight"] for state in states], 1) / count,
        "head.bias": torch.stack([state["head.bias"] for state in states]).mean(0),
        "input_mean": torch.cat([state["input_mean"] for state in states]),
        "input_scale": torch.cat([state["input_scale"] for state in states]),
        "target_mean": first.target_mean,
        "target_scale": first.target_scale,
    }
    if first.attention is not None:
        scores = [state["attention.weight"] for state in states]
        heads, hidden = scores[0].shape
        rows = scores[0].new_zeros(count, heads, count, hidden)
        for place, score in enumerate(scores):
            rows[place, :, place] = score
        weights["attention.weight"] = rows.view(count * heads, count * hidden)
        weights["attention.bias"] = torch.cat([state["attention.bias"] for state in states])
    hidden = config["hidden_size"]
    for layer in range(config["num_layers"]):
        below = hidden if layer else config["embedding_size"]
        for name in CELLS[config["cell"]].shapes(below, hidden):
            inputs = below if name == "weight_ih" else hidden
            key = f"lstm.{name}_l{layer}"
            weights[key] = _side_by_side([state[key] for state in states], hidden, inputs)
    return weights


def _side_by_side(parts: Sequence[Tensor], hidden: int, inputs: int) -> Tensor:
    """Merge weights whose rows are blocks of H units, and whose columns are blocks of inputs."""
    count, rows = len(parts), len(parts[0]) // hidden
    if parts[0].ndim == 1:
        return torch.stack([part.view(rows, hidden) for part in parts], 1).flatten()
    columns = parts[0].shape[1] // inputs
    whole = parts[0].new_zeros(rows, count, hidden, columns, count, inputs)
    for place, part in enumerate(parts):
        whole[:, place, :, :, place, :] = part.view(rows, hidden, columns, inputs)
    return whole.view(rows * count * hidden, columns * count * inputs)
