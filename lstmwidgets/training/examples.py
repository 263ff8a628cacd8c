"""Examples: sequences with their targets, split, encoded, scaled and made tensors for a model."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import labels as of_labels
from ..models import SequenceModel
from . import scaling
from .batches import Sequences
from .series import (
    Names,
    as_series,
    as_tokens,
    check_finite_series,
    columns,
    frame_names,
    in_order,
    numbers_in,
    one_column,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Sequences and their targets, in the users' own units.

    Attributes
    ----------
    x : list of array
        Each (T, I) numbers or (T,) tokens.
    y : list
        A row (K,) or a label for each sequence; at every step an array (T, K) or a list of T labels
        for each.
    every_step : bool
        Whether there is a target at every step.
    beyond : int
        How many steps the targets look further than the next one.
    """

    x: list[Array]
    y: list[Any]
    every_step: bool
    beyond: int = 0

    def take(self, chosen: Sequence[int]) -> Examples:
        """Return some of the sequences."""
        return replace(self, x=[self.x[n] for n in chosen], y=[self.y[n] for n in chosen])

    def between(self, begin: int, end: int | None) -> Examples:
        """Return a part of the time of every sequence."""
        return replace(self, x=[x[begin:end] for x in self.x], y=[y[begin:end] for y in self.y])


def read(
    model: SequenceModel, data: Any, targets: Any = None, target: str | Sequence[str] | None = None
) -> Examples:
    """Return the examples that a model's task makes of what a user passed.

    Raises
    ------
    TypeError, ValueError
        If something in data or targets does not fit; the message says what and where.
    """
    names = target_columns(target)
    if names and targets is not None:
        raise ValueError("give the targets by targets=, or by target=, the names of columns")
    x = read_inputs(model, data, names)
    every_step = model.pooling is None
    if names:
        if not every_step:
            raise ValueError("columns named by target= hold a target a step: needs pooling=None")
        targets = columns(data, in_order("target=", names, model.targets))
    elif every_step and len(x) == 1 and _is_series(targets, len(x[0])):
        targets = [targets]
    if model.task == "next_token":
        return _shifted(x, targets)
    if model.task == "forecasting":
        return _ahead(model, x, targets)
    if targets is None:
        raise ValueError(f"targets are missing: task={model.task!r} needs one for each sequence")
    read_targets = _labels if model.task == "classification" else _values
    y = read_targets(model, targets, [len(one) for one in x], every_step)
    return Examples(x, y, every_step)


def read_inputs(model: SequenceModel, data: Any, targets: Names = ()) -> list[Array]:
    """Return a model's inputs, an array a sequence, without columns that are targets only."""
    if model.vocabulary_size is not None:
        return as_tokens(data, model.vocabulary_size)
    assert model.input_size is not None
    return as_series(data, model.input_size, _no_inputs(model, targets), model.features)


def keep_names(model: SequenceModel, data: Any, targets: Any, target: Any) -> None:
    """Keep the names of dataframes' columns in the model, as far as it has none yet."""
    names = target_columns(target)
    if model.features is None and model.input_size is not None:
        model.features = frame_names(data, _no_inputs(model, names))
    if model.targets is None:
        ahead = model.features if model.task == "forecasting" and targets is None else None
        model.targets = names or ahead or frame_names(targets)


def target_columns(target: str | Sequence[str] | None) -> list[str]:
    """Return what target= names, or raise."""
    names = [target] if isinstance(target, str) else target
    if names is not None and not (
        isinstance(names, list | tuple) and all(isinstance(name, Hashable) for name in names)
    ):
        raise TypeError(
            f"target= must be the name of a column or a list of them, got {type(target).__name__}"
        )
    return list(names or ())


def _no_inputs(model: SequenceModel, targets: Names) -> Names:
    return () if model.task == "forecasting" else targets  # a forecast reads what it is of


def split(
    model: SequenceModel, examples: Examples, fraction: float, seed: int
) -> tuple[Examples, Examples]:
    """Return a training and a validation part.

    Of a single series with targets at every step the validation part is the end; else it is drawn,
    in the same shares of every class.

    Raises
    ------
    ValueError
        If the fraction does not lie between 0 and 1 or leaves one of the parts empty.
    """
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ValueError(
            f"validation must be a fraction between 0 and 1, or (data, targets), got {fraction!r}"
        )
    count = len(examples.x)
    if count == 1 and examples.every_step:
        end = round(len(examples.x[0]) * (1 - fraction))
        known = end - examples.beyond  # steps whose targets are none of the validation's
        if not 0 < known <= end < len(examples.x[0]):
            raise ValueError(f"validation={fraction} leaves a part of the series without steps")
        return examples.between(0, known), examples.between(end, None)
    generator = np.random.default_rng([seed, 0])
    groups: dict[Any, list[int]] = {}
    stratified = model.task == "classification" and not examples.every_step
    for n in range(count):
        groups.setdefault(examples.y[n] if stratified else None, []).append(n)
    held: list[int] = []
    for group in groups.values():
        held += generator.permutation(group)[: round(len(group) * fraction)].tolist()
    if not 0 < len(held) < count:
        raise ValueError(
            f"validation={fraction} of {count} sequences leaves one of the parts empty; "
            "give (data, targets) or more sequences"
        )
    kept = sorted(set(range(count)) - set(held))
    return examples.take(kept), examples.take(sorted(held))


def set_classes(model: SequenceModel, examples: Examples) -> None:
    """Set a model's classes from the training labels, unless they are set.

    Raises
    ------
    ValueError
        If there is only one class, or not as many as outputs.
    """
    classes = of_labels.classes_of(_flat(examples))
    if model.classes is None:
        if len(classes) != model.output_size:
            shown = ", ".join(map(repr, classes[:20]))
            raise ValueError(
                f"the model has output_size={model.output_size} and the training labels are "
                f"{len(classes)}: {shown}; make it with output_size={len(classes)}, or set "
                "model.classes to all labels before"
            )
        model.classes = classes
    room = model.output_size - len(model.classes)  # of a model that has begun online
    new = [label for label in classes if label not in model.classes]
    model.classes += new[: max(0, room)]


def scale_to(model: SequenceModel, examples: Examples) -> None:
    """Measure mean and deviation of inputs and targets, unless they are known, and keep them."""
    wanted = scaling.unmeasured(model)
    if "input" in wanted:
        wanted["input"].add(*examples.x)
    if "target" in wanted:
        wanted["target"].add(*(examples.y if examples.every_step else [np.stack(examples.y)]))
    scaling.keep(model, wanted)


def sequences(model: SequenceModel, examples: Examples, where: str = "targets") -> Sequences:
    """Return tensors in a model's dtype: inputs and targets standardised, labels as places."""
    x, lengths = inputs(model, examples.x)
    if model.task == "classification":
        assert model.classes is not None
        y = torch.from_numpy(of_labels.indices(_flat(examples), model.classes, where))
    elif model.task == "next_token":
        y = torch.from_numpy(np.concatenate(examples.y))
    else:
        values = np.concatenate(examples.y) if examples.every_step else np.stack(examples.y)
        y = scaling.standardised(model, "target", torch.from_numpy(values))
        scaling.check_held(y, where)
    return Sequences(x, y, lengths, examples.every_step)


def inputs(model: SequenceModel, x: Sequence[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all steps as a tensor, (S,) tokens or (S, I) standardised, and the lengths (N,)."""
    lengths = torch.tensor([len(one) for one in x])
    if model.embedding is not None:
        return torch.from_numpy(np.concatenate(x)), lengths
    flat = torch.empty(int(lengths.sum()), len(model.input_mean), dtype=model.head.weight.dtype)
    for n, (one, part) in enumerate(zip(x, torch.split(flat, lengths.tolist()), strict=True)):
        part.copy_(scaling.standardised(model, "input", torch.from_numpy(one)))
        scaling.check_held(part, f"sequence {n}")
    return flat, lengths


def _shifted(x: list[Array], targets: Any) -> Examples:
    if targets is not None:
        raise ValueError("task='next_token' finds its targets in the data: leave targets out")
    for n, one in enumerate(x):
        if len(one) < 2:
            raise ValueError(f"sequence {n} must have at least 2 tokens to have a next one")
    return Examples([one[:-1] for one in x], [one[1:] for one in x], every_step=True)


def _ahead(model: SequenceModel, x: list[Array], targets: Any) -> Examples:
    """Pair each step with the next values; the last steps, which lack some, are left out."""
    series = x
    if targets is not None:
        series = _steps(model, targets, list(map(len, x)))
    width = series[0].shape[1]
    horizon, rest = divmod(model.output_size, width)
    if rest:
        raise ValueError(
            f"output_size={model.output_size} must be a multiple of the {width} series that are "
            "forecast: so many values ahead, times the series"
        )
    model.series = width
    inputs, ahead = [], []
    for n, (one, values) in enumerate(zip(x, series, strict=True)):
        steps = len(one) - horizon
        if steps < 1:
            raise ValueError(
                f"sequence {n} has {len(one)} steps, and a forecast {horizon} ahead needs more"
            )
        windows = np.lib.stride_tricks.sliding_window_view(values[1:], horizon, axis=0)
        inputs.append(one[:steps])
        ahead.append(windows.transpose(0, 2, 1).reshape(steps, model.output_size))
    return Examples(inputs, ahead, every_step=True, beyond=horizon - 1)


def _values(
    model: SequenceModel, targets: Any, lengths: list[int], every_step: bool
) -> list[Array]:
    if every_step:
        values = _steps(model, targets, lengths)
        width = values[0].shape[1]
    else:
        table = numbers_in(targets, "targets", model.targets)
        table = table[:, None] if table.ndim == 1 else table
        if len(table) != len(lengths):
            raise ValueError(
                f"expected a target for each of {len(lengths)} sequences, got {len(table)}"
            )
        if table.ndim != 2:
            raise ValueError(f"targets must have the shape (N,) or (N, K), got {table.shape}")
        check_finite_series(table, "targets")
        values, width = list(table), table.shape[1]
    if width != model.output_size:
        raise ValueError(
            f"targets must have as many columns as the model has outputs, {model.output_size}, "
            f"got {width}"
        )
    return values


def _steps(model: SequenceModel, targets: Any, lengths: list[int]) -> list[Array]:
    """Return numbers at every step, an array (T, C) a sequence."""
    _check_count(targets, lengths)
    names = frame_names(targets) if model.targets is None else model.targets
    found = []
    for n, (one, steps) in enumerate(zip(targets, lengths, strict=True)):
        values = numbers_in(one, f"targets of sequence {n}", names)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or len(values) != steps or not values.size:
            raise ValueError(
                f"targets of sequence {n} must have the shape (T,) or (T, K) with its {steps} "
                f"steps, got {values.shape}"
            )
        check_finite_series(values, f"targets of sequence {n}")
        found.append(values)
    return found


def _labels(
    model: SequenceModel,  # noqa: ARG001  # as of _values
    targets: Any,
    lengths: list[int],
    every_step: bool,
) -> list[Any]:
    if not every_step:
        found = of_labels.listed(one_column(targets), "targets")
        _check_count(found, lengths)
        return found
    _check_count(targets, lengths)
    steps = []
    for n, one in enumerate(targets):
        found = of_labels.listed(one_column(one), f"targets of sequence {n}")
        if len(found) != lengths[n]:
            raise ValueError(
                f"sequence {n} has {lengths[n]} steps and {len(found)} labels; pooling=None needs "
                "one at every step"
            )
        steps.append(found)
    return steps


def _is_series(targets: Any, steps: int) -> bool:
    """Say whether these are the targets of one sequence, and not one sequence's in a list."""
    shape: tuple[int, ...] = getattr(targets, "shape", ())
    return len(shape) in (1, 2) and shape[0] == steps


def _check_count(targets: Any, lengths: list[int]) -> None:
    flat = isinstance(targets, str | bytes | memoryview) or getattr(targets, "shape", None) == ()
    if flat or not isinstance(targets, Sequence | np.ndarray | torch.Tensor):
        raise TypeError(
            "targets must be a list or an array with those of each sequence, got "
            f"{type(targets).__name__}"
        )
    if len(targets) != len(lengths):
        raise ValueError(
            f"expected a target for each of {len(lengths)} sequences, got {len(targets)}"
        )


def _flat(examples: Examples) -> list[Any]:
    return [label for one in examples.y for label in one] if examples.every_step else examples.y
