"""Several networks side by side in one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..cells import CELLS
from ..lstm import LSTM
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


def separated(model: SequenceModel) -> list[LSTM]:
    """Return the LSTMs that were merged in a model, in eval mode: run apart they cost less.

    Each reads its part of the embedding's numbers, one after the other, and writes its part of the
    hidden output. Where units of one have learned to hear of another's, as online, it is one LSTM.

    Parameters
    ----------
    model : SequenceModel
        Merged or not; the weights are copied.

    Examples
    --------
    >>> import torch
    >>> options = dict(vocabulary_size=9, task="classification", pooling="max", hidden_size=4)
    >>> one = merged([SequenceModel(None, 2, **options) for _ in range(3)])
    >>> x = one.embedding(torch.tensor([[3, 4, 5]]))
    >>> parts = [lstm(each)[0] for lstm, each in zip(separated(one), x.chunk(3, -1))]
    >>> torch.allclose(torch.cat(parts, -1), one.lstm(x)[0], atol=1e-6)
    True
    """
    lstm, config = model.lstm, model.config
    count = config["attention_heads"]
    (hidden, more), (below, rest) = (divmod(n, count) for n in (lstm.hidden_size, lstm.input_size))
    if count == 1 or more or rest or lstm.cell == "layer_norm":
        return [lstm]
    states: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, weight in lstm.state_dict().items():
        first = name.startswith("weight_ih") and name.endswith("_l0")
        parts = _apart(weight, count, hidden, below if first else hidden)
        if weight.count_nonzero() != sum(part.count_nonzero() for part in parts):
            return [lstm]
        for state, part in zip(states, parts, strict=True):
            state[name] = part
    with torch.random.fork_rng([]):  # what it draws is overwritten
        found = [LSTM(below, hidden, lstm.num_layers, cell=lstm.cell) for _ in range(count)]
    for one, state in zip(found, states, strict=True):
        one.to(model.head.weight).load_state_dict(state)
    return [one.requires_grad_(requires_grad=False).eval() for one in found]


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


def _apart(weight: Tensor, count: int, hidden: int, inputs: int) -> list[Tensor]:
    """Return the weights that `_side_by_side` has merged, whatever lies beside them."""
    rows = len(weight) // (count * hidden)
    if weight.ndim == 1:
        whole = weight.view(rows, count, hidden)
        return [whole[:, place].flatten() for place in range(count)]
    columns = weight.shape[1] // (count * inputs)
    blocks = weight.view(rows, count, hidden, columns, count, inputs)
    shape = (rows * hidden, columns * inputs)
    return [blocks[:, place, :, :, place, :].reshape(shape) for place in range(count)]
