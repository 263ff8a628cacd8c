"""What a trained model says of new data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import labels
from ..checks import check_size
from ..models import SequenceModel
from . import examples
from .batches import Sequences, bucketed
from .series import is_frame

Array = NDArray[Any]

WINDOW = 4096
"""Steps that are run at once where there is an output at every step, to spare memory."""


def predict(
    model: SequenceModel,
    data: Any,
    *,
    batch_size: int = 256,
    target: str | Sequence[str] | None = None,
) -> Any:
    """Return a model's predictions, in the order of the data. It is run in eval mode.

    Parameters
    ----------
    model : SequenceModel
        Trained.
    data : array, list, dataframe
        As of `iter_fit`. Columns of dataframes are found by the names that the model was trained
        with; other ones are an error.
    batch_size : int
        Sequences side by side.
    target : str or sequence of str, optional
        Columns of dataframes that are no inputs.

    Returns
    -------
    ndarray or list of ndarray
        Values in the targets' units, (N,) or (N, K); or labels, (N,). Without pooling an array
        (T,) or (T, K) for each sequence: of steps, forecasts or tokens. They are stacked where data
        is an array (N, T, I); of a dataframe there is one.

    Raises
    ------
    TypeError, ValueError
        As `iter_fit` does of data.
    """
    found = _outputs(model, data, batch_size, target)
    if model.scales_targets:
        return _gathered(model, [_in_units(model, one) for one in found], data)
    chosen = _gathered(model, [one.argmax(-1).numpy() for one in found], data)
    if model.task == "next_token":
        return chosen
    if isinstance(chosen, list):
        return [labels.as_array(_classes(model), one) for one in chosen]
    return labels.as_array(_classes(model), chosen)


def predict_proba(model: SequenceModel, data: Any, *, batch_size: int = 256) -> Any:
    """Return the probabilities of a model's classes, or of the next token.

    Parameters
    ----------
    model : SequenceModel
        Trained, with classes or a vocabulary.
    data : array, list, dataframe
        As of `predict`.
    batch_size : int
        Sequences side by side.

    Returns
    -------
    ndarray or list of ndarray
        float64 (N, K), in the order of `model.classes`; rows sum to 1. Without pooling (T, K) for
        each sequence, as in `predict`.

    Raises
    ------
    TypeError, ValueError
        If the model has no classes, or as `predict`.
    """
    if model.scales_targets:
        raise ValueError(f"a model with task={model.task!r} has no probabilities; use predict")
    found = [one.double().softmax(-1).numpy() for one in _outputs(model, data, batch_size, None)]
    return _gathered(model, found, data)


def _outputs(model: SequenceModel, data: Any, batch_size: int, target: Any) -> list[Tensor]:
    """Return outputs before `target_scale`, on the CPU: (N, K), or (T, K) for each sequence."""
    check_size("batch_size", batch_size)
    # A classification that has begun online may have met fewer classes than it has room for.
    known = len(_classes(model)) if model.task == "classification" else model.output_size
    x = examples.read_inputs(model, data, examples.target_columns(target))
    flat, lengths = examples.inputs(model, x)
    sequences = Sequences(flat, torch.zeros(len(x)), lengths, every_step=False)
    found: list[Tensor] = [torch.empty(0)] * len(x)
    training = model.training
    model.eval()
    try:
        for chosen, output in _runs(model, sequences, batch_size):
            for n, one in zip(chosen.tolist(), output[..., :known], strict=True):
                found[n] = one if model.pooling is not None else one[: int(lengths[n])]
    finally:
        model.train(training)
    return found if model.pooling is None else [torch.stack(found)]


@torch.no_grad()
def _runs(
    model: SequenceModel, sequences: Sequences, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    window = None if model.pooling is not None else WINDOW
    for chosen in bucketed(sequences.lengths, batch_size, None):
        longest = int(sequences.lengths[chosen].max())
        state, parts = None, []
        for begin in range(0, longest, window or longest):
            batch = sequences.batch(chosen, begin, begin + (window or longest))
            batch = batch.to(model.head.weight.device)
            output, state = model.run_padded(batch.x, state, lengths=batch.lengths)
            parts.append(output.cpu())
        yield chosen, torch.cat(parts, dim=1) if window else parts[0]


def _in_units(model: SequenceModel, output: Tensor) -> Array:
    mean, scale = model.target_mean.double().cpu(), model.target_scale.double().cpu()
    values: Array = (output.double() * scale + mean).numpy()
    alone = model.task == "regression" and model.output_size == 1
    return values[..., 0] if alone else values


def _gathered(model: SequenceModel, values: list[Array], data: Any) -> Any:
    """Return the only array of pooled outputs or of a dataframe, or one for each sequence."""
    if model.pooling is not None or is_frame(data):
        return values[0]
    alike = len({len(one) for one in values}) == 1
    return np.stack(values) if alike and isinstance(data, np.ndarray | Tensor) else values


def _classes(model: SequenceModel) -> list[Any]:
    if model.classes is None:
        return list(range(model.output_size))
    return model.classes
