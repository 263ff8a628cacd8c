"""Texts with their labels as users pass them: checked, cut into words, and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .. import labels as of_labels
from ..text import Tokenizer

Texts = Sequence[str] | NDArray[Any]

MANY = 20
"""More classes than these may be measurements that someone took for labels."""


@dataclass(frozen=True)
class Corpus:
    """Words of texts, and their labels.

    Examples
    --------
    >>> corpus = Corpus.read(["So good!", "so bad", "good", "bad"], [1, 0, 1, 0])
    >>> corpus.tokens[0], corpus.classes()
    (['so', 'good', '!'], [0, 1])
    >>> kept, held = corpus.split(0.5, seed=1)
    >>> sorted(held.labels)
    [0, 1]
    """

    tokens: list[list[str]]
    labels: list[Any]

    @classmethod
    def read(cls, texts: Any, labels: Any, name: str = "") -> Self:
        """Return what a user passed, if it fits together.

        Raises
        ------
        TypeError, ValueError
            If not; the message says what and where.
        """
        prefix = f"{name} " if name else ""
        tokens = tokenized(texts, f"{prefix}texts")
        found = _labels(labels, f"{prefix}labels")
        if len(tokens) != len(found):
            raise ValueError(
                f"{prefix}texts and labels must be equally many, got {len(tokens)} and {len(found)}"
            )
        return cls(tokens, found)

    def classes(self) -> list[Any]:
        """Return the different labels in their order.

        Raises
        ------
        ValueError
            If there is only one, if one is missing, or if they are measurements.
        """
        if len(self) == 1:
            raise ValueError("one text (1 sample) is not enough: texts of at least two classes")
        classes = of_labels.classes_of(self.labels)
        broken = [one for one in classes if isinstance(one, float) and not one.is_integer()]
        if broken and len(classes) > max(MANY, len(self) // 2):
            raise ValueError(
                f"Unknown label type: {len(classes)} different numbers such as {broken[0]!r} for "
                f"{len(self)} texts are measurements; cut them into classes first"
            )
        return classes

    def split(self, share: float, seed: int) -> tuple[Corpus, Corpus]:
        """Return a part to train on and one held out: the same share of every class, or nothing."""
        random = np.random.default_rng([seed, 1])
        groups: dict[Any, list[int]] = {}
        for place, label in enumerate(self.labels):
            groups.setdefault(label, []).append(place)
        held: set[int] = set()
        for group in groups.values():
            most = min(round(len(group) * share), len(group) - 1)  # one is left to learn from
            held.update(random.permutation(group)[:most].tolist())
        kept = [place for place in range(len(self)) if place not in held]
        return self._take(kept), self._take(sorted(held))

    def _take(self, places: Sequence[int]) -> Corpus:
        return Corpus([self.tokens[n] for n in places], [self.labels[n] for n in places])

    def __len__(self) -> int:
        return len(self.tokens)


def tokenized(texts: Any, name: str = "texts") -> list[list[str]]:
    """Return the words of each text, at least one each.

    Raises
    ------
    TypeError, ValueError
        If these are no texts, or one is missing or has no word.
    """
    tokenizer = Tokenizer()
    tokens = []
    for place, text in enumerate(_listed(texts, name)):
        words = tokenizer(text)
        if not words:
            raise ValueError(
                f"{name} must have a word each, got {text!r} at place {place}; leave it out"
            )
        tokens.append(words)
    return tokens


def pair(validation: Any) -> tuple[Any, Any]:
    """Return texts and labels, if that is what they are."""
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise TypeError("validation must be a tuple (texts, labels)")
    return validation


def _listed(texts: Any, name: str) -> list[Any]:
    """Return a column of texts as a list, if it is one and none is missing."""
    if isinstance(texts, str):
        raise TypeError(f"{name} must be a list of texts, got one string; put it into a list")
    if isinstance(texts, Mapping) or hasattr(texts, "columns") or getattr(texts, "ndim", 1) != 1:
        raise ValueError(f"{name} must be one column of texts (1d), got {type(texts).__name__}")
    found = list(texts)
    if not found:
        raise ValueError(f"{name} must have at least one text, got none")
    for place, text in enumerate(found):
        if text is None or text != text:  # NaN is not equal to itself
            raise ValueError(f"{name} must not be missing, got {text!r} at place {place}")
        if not isinstance(text, str):
            raise TypeError(
                f"{name} must be strings, got {type(text).__name__} {text!r} at place {place}"
            )
    return found


def _labels(labels: Any, name: str) -> list[Any]:
    if isinstance(labels, str) or not hasattr(labels, "__iter__"):
        raise TypeError(f"{name} must be a list, one a text, got {type(labels).__name__}")
    if getattr(labels, "ndim", 1) != 1:
        raise ValueError(f"{name} must be one column (1d), got the shape {labels.shape}")
    return of_labels.listed(labels)
