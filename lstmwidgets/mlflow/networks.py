"""A `SequenceModel` that answers: each row a step of a sequence or, where it pools, a whole one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import SequenceModel
from ..state import State
from ..training import predict, predict_proba
from .answering import Answering, Rows
from .columns import RESERVED, Column
from .labelled import label_type, labelled


def steps_or_whole(model: SequenceModel) -> Answering:
    """Return what answers for a model: steps where it can say something after each."""
    return Steps(model) if model.pooling in (None, "last") else Whole(model)


class Steps:
    """A model without pooling, or that reads the last step: rows are steps.

    Parameters
    ----------
    model : SequenceModel
        In eval mode, to be run.
    """

    carries_state = True

    def __init__(self, model: SequenceModel) -> None:
        self.columns = _tokens() if model.input_size is None else _numbers(model)
        self.results = _results(model)
        self.params: dict[str, Any] = {}
        self._model = model

    @torch.no_grad()
    def run(self, rows: Rows, state: State | None, **_: Any) -> tuple[Rows, State]:
        """Answer consecutive steps, each with what the model says after it."""
        model = self._model
        x = self._input(rows)
        hidden, after = model.lstm(model.inputs(model.standardised(x)), state)
        # Each step is the last one of a sequence of one step.
        outputs = model.outputs(hidden[0][:, None]).reshape(len(rows), -1).double().cpu()
        return _answers(model, outputs, self.results), after

    def _input(self, rows: Rows) -> Tensor:
        model, weight = self._model, self._model.head.weight
        table = [[row[column.name] for column in self.columns] for row in rows]
        if model.embedding is None:
            numbers = torch.tensor(
                [[math.nan if value is None else value for value in row] for row in table],
                dtype=weight.dtype,
                device=weight.device,
            )
            return torch.where(numbers.isfinite(), numbers, model.input_mean)[None]
        tokens = [row[0] for row in table]
        last = model.embedding.num_embeddings - 1
        for token in tokens:
            if token is None or not 1 <= token <= last:
                raise ValueError(f"token must be a whole number from 1 to {last}, got {token}")
        return torch.tensor([tokens], device=weight.device)


class Whole:
    """A model that pools over all steps: a row is a whole sequence, and nothing is carried on.

    Parameters
    ----------
    model : SequenceModel
        Its pooling is mean, max or attention.
    """

    carries_state = False

    def __init__(self, model: SequenceModel) -> None:
        if model.input_size is None:
            self.columns = [Column("sequence", "[long]", [1], None, _as_tokens)]
        else:
            example = [[float(mean) for mean in model.input_mean]]
            self.columns = [Column("sequence", "[[double]]", example, None, _as_numbers)]
        self.results = _results(model)
        self.params: dict[str, Any] = {}
        self._model = model

    def run(self, rows: Rows, state: None, **_: Any) -> tuple[Rows, None]:  # noqa: ARG002
        """Answer whole sequences."""
        model, kind = self._model, self.results["prediction"]
        sequences = [row["sequence"] for row in rows]
        if any(each is None for each in sequences):
            raise ValueError("a sequence is missing")
        if model.scales_targets:
            return [{"prediction": one.tolist()} for one in predict(model, sequences)], None
        probabilities = predict_proba(model, sequences).tolist()
        return [_labelled(model, one, kind) for one in probabilities], None


def _numbers(model: SequenceModel) -> list[Column]:
    names = model.features or [f"x{n}" for n in range(model.input_size or 0)]
    means = model.input_mean.double().tolist()
    columns = [
        Column(str(name), "double", mean, name, float)
        for name, mean in zip(names, means, strict=True)
    ]
    for column in columns:
        if column.name in RESERVED[:-1] or [each.name for each in columns].count(column.name) > 1:
            raise ValueError(
                f"a call cannot name the feature {column.name!r}: the name stands for something "
                "else; set model.features to other names"
            )
    return columns


def _tokens() -> list[Column]:
    return [Column("token", "long", 1, None, int)]


def _results(model: SequenceModel) -> dict[str, str]:
    if model.task == "forecasting":
        return {"forecast": "[double]"}
    if model.task == "classification":
        return {"prediction": label_type(_classes(model)), "probabilities": "{double}"}
    if model.task == "next_token":
        return {"prediction": "long"}
    return {"prediction": "double" if model.output_size == 1 else "[double]"}


def _answers(model: SequenceModel, outputs: Tensor, results: dict[str, str]) -> Rows:
    """Return what outputs (N, K), before `target_scale`, say."""
    if model.task == "next_token":
        return [{"prediction": token} for token in outputs.argmax(1).tolist()]
    if model.task == "classification":
        known = outputs[:, : len(_classes(model))].softmax(1).tolist()
        return [_labelled(model, one, results["prediction"]) for one in known]
    scaled = outputs * model.target_scale.double().cpu() + model.target_mean.double().cpu()
    (name, kind), values = next(iter(results.items())), scaled.tolist()
    return [{name: one[0] if kind == "double" else one} for one in values]


def _labelled(model: SequenceModel, probabilities: list[float], kind: str) -> dict[str, Any]:
    return labelled(dict(zip(_classes(model), probabilities, strict=True)), kind)


def _classes(model: SequenceModel) -> list[Any]:
    return list(range(model.output_size)) if model.classes is None else model.classes


def _as_tokens(value: Any) -> list[int]:
    return [int(token) for token in value]


def _as_numbers(value: Any) -> NDArray[np.float64]:
    return np.array([[*step] for step in value], np.float64)
