"""Counts of words and pairs of words, which vote beside the network: TF-IDF and a regression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

Array = NDArray[np.float64]

STRENGTH = 3.0
"""Inverse of the regularisation, chosen by cross-validation (`benchmarks.sentences`)."""

NEGATIONS = frozenset(
    ("not", "n't", "no", "never", "cannot", "nor", "neither", "without", "hardly")
)
"""English words that turn what is behind them, as `Tokenizer` cuts them."""

ENDS = frozenset((*".,;:!?()-", "..", "...", "!!", "!!!", "??", "???", "--"))
"""No negation reaches beyond these."""

REACH = 3
"""A negation turns so many words behind it."""


class WordCounts:
    """Logits of a logistic regression on the TF-IDF of words and of pairs of neighbours.

    Each word and pair counts once a text, however often it comes, and words behind a negation
    count apart (Pang, Lee & Vaithyanathan 2002, "Thumbs up?"). What no training text has adds
    nothing.

    Sizes: N texts, F words and pairs, K classes.

    Parameters
    ----------
    vectorizer : sklearn.feature_extraction.text.TfidfVectorizer
        Fitted; it takes lists of words.
    regression : sklearn.linear_model.LogisticRegression
        Fitted to the classes 0 to K - 1.
    weight : float
        Factor of the logits.

    Examples
    --------
    >>> texts = [["so", "good"], ["so", "bad"], ["not", "bad"], ["not", "good"]]
    >>> counts = WordCounts.fit(texts, [1, 0, 1, 0], weight=1.0, class_weight=None)
    >>> counts([["not", "good"]], 2).argmax(1)
    array([0])
    """

    def __init__(
        self, vectorizer: TfidfVectorizer, regression: LogisticRegression, weight: float
    ) -> None:
        self.vectorizer = vectorizer
        self.regression = regression
        self.weight = weight

    @classmethod
    def fit(
        cls,
        texts: Sequence[Sequence[str]],
        places: Sequence[int] | NDArray[np.int64],
        *,
        weight: float,
        class_weight: str | Mapping[int, float] | None,
    ) -> Self:
        """Count the words of N texts and fit the regression to the places of their classes.

        Parameters
        ----------
        texts : sequence of list of str
            The words of each text.
        places : sequence of int
            (N,), from 0 to K - 1; each class has a text.
        weight : float
            Factor of the logits.
        class_weight : "balanced", mapping or None
            How much each class counts, by its place.
        """
        vectorizer = TfidfVectorizer(analyzer=words_and_pairs, binary=True)
        regression = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight=class_weight)
        regression.fit(vectorizer.fit_transform(texts), places)
        return cls(vectorizer, regression, weight)

    def __call__(self, texts: Sequence[Sequence[str]], classes: int) -> Array:
        """Return the weighted logits of N texts, (N, classes), with a mean of 0 over K classes.

        Parameters
        ----------
        texts : sequence of list of str
            The words of each text.
        classes : int
            At least K. Of classes that are new since `fit` nothing is known: their logits are 0.
        """
        found = self.regression.predict_log_proba(self.vectorizer.transform(texts))
        found -= found.mean(1, keepdims=True)
        return np.pad(self.weight * found, ((0, 0), (0, classes - found.shape[1])))

    def beginnings(self, words: Sequence[str], classes: int) -> Array:
        """Return the logits of a text's first word, of the first two, and so on, (T, classes).

        Parameters
        ----------
        words : sequence of str
            The text, T words.
        classes : int
            As of a call.
        """
        logits, lengths = np.zeros(classes), 0.0
        offset, found = self.offset(classes), []
        seen: set[str] = set()
        for names in _with_each_word(words):
            for name in set(names) - seen:
                seen.add(name)
                value, idf = self._value(name, classes)
                logits = logits + value
                lengths += idf**2
            found.append(offset + logits / (np.sqrt(lengths) or 1))
        return np.array(found).reshape(len(words), classes)

    def added(self, words: Sequence[str], classes: int) -> Array:
        """Return what each word of a text adds to the logits, (T, classes).

        Together that is the difference between the text's logits and `offset`. A pair's part is
        that of its two words alike; what comes several times is shared by all of its places.

        Parameters
        ----------
        words : sequence of str
            The text, T words.
        classes : int
            As of a call.
        """
        places: dict[str, list[int]] = {}
        for t, (name, *pair) in enumerate(_with_each_word(words)):
            places.setdefault(name, []).append(t)
            for other in pair:
                places.setdefault(other, []).extend((t - 1, t))
        found, lengths = np.zeros((len(words), classes)), 0.0
        for name, where in places.items():
            value, idf = self._value(name, classes)
            np.add.at(found, where, value / len(where))
            lengths += idf**2
        return found / (np.sqrt(lengths) or 1)

    def worth(self, words: Sequence[str], classes: int) -> Array:
        """Return what words are worth alone, (T, classes): logits before `length` divides them.

        Parameters
        ----------
        words : sequence of str
            T words, in any order; as no negation stands before them.
        classes : int
            As of a call.
        """
        found = np.zeros((len(words), classes))
        known = self.vectorizer.vocabulary_
        there = [n for n, word in enumerate(words) if word in known]
        places = [known[words[n]] for n in there]
        coef = self.regression.coef_[:, places].T * self.vectorizer.idf_[places, None]
        both = np.concatenate([-coef, coef], 1) / 2 if coef.shape[1] == 1 else coef
        found[there, : both.shape[1]] = self.weight * (both - both.mean(1, keepdims=True))
        return found

    def length(self, words: Sequence[str]) -> float:
        """Return the length of a text's vector of words and pairs, which its logits are divided by.

        Parameters
        ----------
        words : sequence of str
            The text.
        """
        known = self.vectorizer.vocabulary_
        places = [known[name] for name in set(words_and_pairs(words)) if name in known]
        return float(np.sqrt((self.vectorizer.idf_[places] ** 2).sum()))

    def offset(self, classes: int) -> Array:
        """Return the logits of a text of which no word is known, (classes,)."""
        return self._centred(self.regression.intercept_, classes)

    def _value(self, name: str, classes: int) -> tuple[Array, float]:
        """Return a feature's logits before vectors get a length of 1, and its idf.

        Both are 0 if no training text has it.
        """
        place = self.vectorizer.vocabulary_.get(name)
        if place is None:
            return np.zeros(classes), 0.0
        idf = float(self.vectorizer.idf_[place])
        return idf * self._centred(self.regression.coef_[:, place], classes), idf

    def _centred(self, logits: Array, classes: int) -> Array:
        """Return weighted logits with a mean of 0; of two classes the regression has one number."""
        both = np.array([-logits[0], logits[0]]) / 2 if len(logits) == 1 else logits
        known: Array = self.weight * (both - both.mean())
        return np.pad(known, (0, classes - len(known)))

    def to_parts(self) -> dict[str, Any]:
        """Return what a file keeps: the F words and pairs, the weight, and what was fitted.

        That is idf (F,), coef (K, F), or (1, F) of two classes, and intercept, (K,) or (1,).
        """
        return {
            "names": self.vectorizer.get_feature_names_out().tolist(),
            "weight": self.weight,
            "idf": self.vectorizer.idf_,
            "coef": np.ascontiguousarray(self.regression.coef_),
            "intercept": self.regression.intercept_,
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """Return the object that `to_parts` was called of."""
        names = parts["names"]
        vectorizer = TfidfVectorizer(analyzer=words_and_pairs, binary=True, vocabulary=names)
        vectorizer.idf_ = parts["idf"]
        regression = LogisticRegression()
        regression.coef_, regression.intercept_ = parts["coef"], parts["intercept"]
        regression.classes_ = np.arange(max(2, len(regression.coef_)))
        return cls(vectorizer, regression, parts["weight"])


def words_and_pairs(words: Sequence[str]) -> list[str]:
    """Return words and pairs of neighbours; up to three words behind a negation are marked.

    Examples
    --------
    >>> words_and_pairs(["not", "good", ",", "bad"])
    ['not', 'NOT_good', ',', 'bad', 'not NOT_good', 'NOT_good ,', ', bad']
    """
    marked = _marked(words)
    return [*marked, *map(" ".join, pairwise(marked))]


def _marked(words: Sequence[str]) -> list[str]:
    marked, left = [], 0
    for word in words:
        left = 0 if word in ENDS else left
        marked.append(f"NOT_{word}" if left else word)
        left = REACH if word in NEGATIONS else max(left - 1, 0)
    return marked


def _with_each_word(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield what each word brings: itself and, but for the first one, a pair."""
    before = ""
    for word in _marked(words):
        yield (word, f"{before} {word}") if before else (word,)
        before = word
