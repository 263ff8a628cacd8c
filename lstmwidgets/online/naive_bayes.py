"""What the words of a text say about its class, whatever their order."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .arrays import Arrays, Table, need

WILD = 8.0
"""Log-odds are cut off here: counts of few texts are not that sure."""

RATE, START = 0.3, 0.3
"""Of the temperature: its learning rate, and where it starts."""


class NaiveBayes(Arrays):
    """A multinomial naive Bayes classifier whose confidence is learned.

    Words are counted for each class and counts smoothed by one (McCallum & Nigam 1998, "A
    comparison of event models for naive Bayes text classification"). As words are not independent,
    the log-odds say too much; they are multiplied by a temperature that AdaGrad (Duchi et al. 2011)
    learns on the cross-entropy.
    """

    ARRAYS: ClassVar[Table] = {
        "_counts": (np.float64, lambda own: (len(own["_counts"]), len(own["_totals"]))),
        "_totals": (np.float64, lambda own: (len(own["_totals"]),)),
        "_texts": (np.float64, lambda own: (len(own["_totals"]),)),
    }

    def __init__(self) -> None:
        self._counts = np.zeros((0, 0))  # (words, classes), with room for more words
        self._totals = np.zeros(0)
        self._texts = np.zeros(0)
        self._words = 0
        self._temperature = START
        self._squares = 1.0

    def log_odds(self, rows: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
        """Return each class's tempered log-odds, (K,), with mean 0; changes nothing.

        Parameters
        ----------
        rows : ndarray
            Which words the text has, (T,).
        classes : int
            How many there are, K.
        """
        return self._temperature * self._raw(rows, classes)

    def learn(self, rows: NDArray[np.int64], place: int, classes: int) -> None:
        """Learn that a text with these words, (T,), is of a class."""
        self._learn_temperature(rows, place, classes)
        self._reserve(int(rows.max()) + 1, classes)
        np.add.at(self._counts[:, place], rows, 1)
        self._totals[place] += len(rows)
        self._texts[place] += 1

    @property
    def classes(self) -> int:
        """How many classes have had a text."""
        return len(self._totals)

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        need(0 <= kept["_words"] <= len(kept["_counts"]), "words")
        need(0 <= kept["_temperature"] <= 1 and kept["_squares"] >= 1, "temperature")
        need(bool((kept["_totals"] >= 0).all() and (kept["_counts"] >= 0).all()), "counts")

    def _reserve(self, words: int, classes: int) -> None:
        room, known = self._counts.shape
        more = max(words, 2 * room) - room if words > room else 0
        if more or classes > known:
            new = (0, classes - known)
            self._counts = np.pad(self._counts, ((0, more), new))
            self._totals, self._texts = np.pad(self._totals, new), np.pad(self._texts, new)
        self._words = max(self._words, words)

    def _raw(self, rows: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
        room, known = self._counts.shape
        counts = np.ones((len(rows), classes))
        seen = rows < room
        counts[seen, :known] += self._counts[rows[seen]]
        totals, texts = np.full(classes, self._words + 1.0), np.ones(classes)
        totals[:known] += self._totals
        texts[:known] += self._texts
        odds = np.log(counts / totals).sum(0) + np.log(texts)
        bounded: NDArray[np.float64] = np.clip(odds - odds.mean(), -WILD, WILD)
        return bounded

    def _learn_temperature(self, rows: NDArray[np.int64], place: int, classes: int) -> None:
        odds = self._raw(rows, classes)
        guess = np.exp(self._temperature * odds)
        guess /= guess.sum()
        guess[place] -= 1
        slope = float(guess @ odds)
        self._squares += slope**2
        moved = self._temperature - RATE * slope / math.sqrt(self._squares)
        self._temperature = min(max(moved, 0.0), 1.0)
