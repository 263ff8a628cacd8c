"""Texts that a trained classifier learns one by one, each of which can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .from_trained import TrainedOnTexts, from_model
from .trained_classifier import TrainedClassifier

Key = tuple[int, str]
"""A parameter's place, and which of its numbers: its weights, or what Adam keeps of it."""


class Before(NamedTuple):
    """What a lesson has changed.

    Attributes
    ----------
    numbers : dict
        By their key, which rows have changed, and what stood there; without rows all of it.
    is_first : bool
        Whether Adam had kept nothing yet.
    """

    numbers: dict[Key, tuple[Tensor | None, Tensor]]
    is_first: bool


class Lessons:
    """Lets a trained classifier learn texts, without dropout, and takes them back.

    Parameters
    ----------
    model : SentimentModel
        Fitted; its network learns by Adam, as with `lstmwidgets.online.from_model`. It is changed.
    lr : float
        Learning rate.

    Attributes
    ----------
    learner : TrainedClassifier
        What learns.

    Notes
    -----
    Of each lesson the rows that it changed are kept, of weights and of Adam's moments. So undoing
    gives back every number to the last bit, and costs memory for the words of the lessons rather
    than for the vocabulary.
    """

    def __init__(self, model: TrainedOnTexts, *, lr: float) -> None:
        learner = from_model(model, optimizer=self._begin, lr=lr)
        assert isinstance(learner, TrainedClassifier)
        self.learner = learner
        self._past: list[Before] = []

    def __len__(self) -> int:
        return len(self._past)

    def learn(self, text: str, label: Any) -> None:
        """Learn a text.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        if label not in self.learner.classes:
            known = ", ".join(map(repr, self.learner.classes))
            raise ValueError(f"label must be a class, got {label!r}; there are {known}")
        is_first = not self._optimizer.state
        before = {key: part.clone() for key, part in self._parts()}
        model = self.learner.model
        dropouts = model.dropout, model.lstm.dropout
        model.dropout = model.lstm.dropout = 0.0
        try:
            self.learner.learn_one(text, label)
        finally:
            model.dropout, model.lstm.dropout = dropouts
        after = dict(self._parts())
        changes = {key: _change(old, after[key]) for key, old in before.items()}
        kept = {key: change for key, change in changes.items() if change is not None}
        self._past.append(Before(kept, is_first))

    def undo(self) -> None:
        """Forget the last lesson.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._past:
            raise ValueError("there is no lesson to undo")
        numbers, is_first = self._past.pop()
        parts = dict(self._parts())
        for key, (rows, values) in numbers.items():
            parts[key][... if rows is None else rows] = values
        if is_first:
            self._optimizer.state.clear()

    def _begin(self, parameters: Iterable[nn.Parameter], *, lr: float) -> torch.optim.Optimizer:
        self._optimizer = torch.optim.Adam(parameters, lr=lr)
        return self._optimizer

    def _parts(self) -> Iterator[tuple[Key, Tensor]]:
        """Yield all numbers that a lesson changes; they share memory with what has them."""
        weights = [one for group in self._optimizer.param_groups for one in group["params"]]
        for place, weight in enumerate(weights):
            yield (place, "weight"), weight.detach()
            for name, kept in self._optimizer.state.get(weight, {}).items():
                yield (place, name), kept


def _change(old: Tensor, new: Tensor) -> tuple[Tensor | None, Tensor] | None:
    """Return which rows have changed, and what they were; None if none has."""
    if old.ndim < 2:
        return None if torch.equal(old, new) else (None, old)
    rows = (old != new).flatten(1).any(1).nonzero()[:, 0]
    return (rows, old[rows]) if len(rows) else None
