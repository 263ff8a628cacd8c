"""What a `SentimentExplorer` computes: a copy of a model that learns, and what it says of texts."""

from __future__ import annotations

import copy
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..dataframes import pandas
from ..live import Frame
from ..online.lessons import Lessons
from ..text import Tokenizer

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from ..sentiment import Explanation, Flips, Reading, SentimentModel, TextReader

MOST_WORDS = 10_000
"""Words of a text at most: their gates and states take some 300 MB of 640 units."""

MOST_LESSON = 60
"""Letters of a lesson's text that a page shows."""


@dataclass(frozen=True)
class Lesson:
    """A text that was learned.

    Attributes
    ----------
    text : str
    label : object
        The class that it was said to have.
    before, after : float
        Probability of that class before the lesson and right after it.
    """

    text: str
    label: Any
    before: float
    after: float


class TaughtModel:
    """A copy of a fitted model that learns texts, and what reads with it as it is now.

    Parameters
    ----------
    model : SentimentModel
        Not changed.
    lr : float
        Learning rate of lessons.

    Attributes
    ----------
    model : SentimentModel
        The copy, which has learned the lessons.
    lessons : list of Lesson
        What was learned and not undone.
    version : int
        Another one whenever the weights are others; what is undone comes back with its number.
    reader : TextReader
        Reads with the weights as they are.
    """

    def __init__(self, model: SentimentModel, lr: float) -> None:
        self.model = copy.copy(model)
        self.model.model_ = copy.deepcopy(model.model_).eval()
        self.lessons: list[Lesson] = []
        self._versions = [0]
        self._newest = 0
        self._taught = Lessons(self.model, lr=lr)
        self.reader = self._fresh()

    @property
    def version(self) -> int:
        """Number of the weights."""
        return self._versions[-1]

    def learn(self, text: str, label: Any) -> None:
        """Learn a text."""
        words = Tokenizer()(text)
        if not words:
            raise ValueError("there is no word to learn: type a text first")
        before = self._share(words, label)
        self._taught.learn(text, label)
        self._newest += 1
        self._versions.append(self._newest)
        self.reader = self._fresh()
        self.lessons.append(Lesson(text, label, before, self._share(words, label)))

    def undo(self) -> None:
        """Forget the last text that was learned."""
        self._taught.undo()
        self._versions.pop()
        self.lessons.pop()
        self.reader = self._fresh()

    def told(self) -> list[dict[str, Any]]:
        """Return the lessons as a page shows them."""
        return [
            {
                "text": _short(each.text),
                "label": self.reader.classes.index(each.label),
                "before": each.before,
                "after": each.after,
            }
            for each in self.lessons
        ]

    def _share(self, words: list[str], label: Any) -> float:
        classes = self.reader.classes
        if label not in classes:
            raise ValueError(
                f"label must be a class, got {label!r}; there are {', '.join(map(repr, classes))}"
            )
        return float(self.reader.probabilities([words])[0, classes.index(label)])

    def _fresh(self) -> TextReader:
        from ..sentiment import TextReader

        return TextReader(self.model.model_, self.model.vocabulary_, self.model.counts_)


@dataclass
class Seen:
    """What is known of a text with the weights of one version.

    Attributes
    ----------
    text : str
    version : int
        Of the weights.
    reading : Reading or None
        Probabilities after each word, and gates.
    explanation : Explanation or None
        Contributions besides.
    """

    text: str
    version: int
    reading: Reading | None = None
    explanation: Explanation | None = None

    def read(self, reader: TextReader) -> None:
        """Read the text, if it has a word.

        Raises
        ------
        ValueError
            If it has too many.
        """
        words = Tokenizer()(self.text)
        if len(words) > MOST_WORDS:
            raise ValueError(
                f"the text has {len(words):,} words, {MOST_WORDS:,} are read at most: shorten it"
            )
        self.reading = reader.read(words) if words else None

    def explain(self, reader: TextReader) -> Generator[float]:
        """Yield how far it is."""
        if self.reading is not None:
            self.explanation = yield from reader.explain(self.reading.words, self.reading)

    def reading_frame(self) -> bytes:
        """Return what a page draws at once: probabilities (T, K) and gates (T, 3), float32."""
        if self.reading is None:
            return b""
        reading = self.reading
        header = {
            "text": self.text,
            "version": self.version,
            "words": reading.words,
            "unknown": np.flatnonzero(~reading.known).tolist(),
        }
        return Frame(header, [_bytes(reading.probabilities), _bytes(gates_of(reading))]).to_bytes()

    def contributions_frame(self) -> bytes:
        """Return what a page draws later: contributions (T, K) and the baseline (K,), float32."""
        found = self.explanation
        if found is None:
            return b""
        header = {"text": self.text, "version": self.version}
        return Frame(header, [_bytes(found.contributions), _bytes(found.baseline)]).to_bytes()


def gates_of(reading: Reading | Explanation) -> NDArray[np.float64]:
    """Return input, forget and output gate, each the mean over the top layer's units, (T, 3)."""
    trace = reading.trace
    parts = (trace.input_gate, trace.forget_gate, trace.output_gate)
    return np.stack([part[-1, 0].double().mean(-1).cpu().numpy() for part in parts], 1)


def table_of(found: Explanation, known: NDArray[np.bool_]) -> pd.DataFrame:
    """Return a row for each word; see `SentimentExplorer.to_dataframe`."""
    pd = pandas()
    columns: dict[str, Any] = {"word": found.words, "known": known}
    for n, label in enumerate(found.classes):
        columns[f"probability of {label}"] = found.probabilities[:, n]
    for n, label in enumerate(found.classes):
        columns[f"contribution to {label}"] = found.contributions[:, n]
    for n, name in enumerate(("input", "forget", "output")):
        columns[name] = gates_of(found)[:, n]
    return pd.DataFrame(columns)


def differences(one: Sequence[str], other: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the places of words that only one of two texts has there.

    Examples
    --------
    >>> differences(["not", "so", "good"], ["so", "bad"])
    ([0, 2], [1])
    """
    found: tuple[list[int], list[int]] = [], []
    for what, a, b, c, d in SequenceMatcher(None, one, other).get_opcodes():
        if what != "equal":
            found[0].extend(range(a, b))
            found[1].extend(range(c, d))
    return found


def flips_told(flips: Flips, text: str, version: int) -> dict[str, Any]:
    """Return flips as a page shows them."""
    return {
        "text": text,
        "version": version,
        "tried": flips.tried,
        "words": flips.words,
        "found": [
            {
                "edits": [[edit.place, edit.by] for edit in flip.edits],
                "label": flips.classes.index(flip.label),
                "share": float(flip.probabilities.max()),
                "text": written(flip.words),
            }
            for flip in flips.found
        ],
    }


def written(words: Sequence[str]) -> str:
    """Return words as one text, which is cut into the same words again.

    Examples
    --------
    >>> written(["i", "do", "n't", "like", "it", "!"])
    "i don't like it!"
    """
    spaced = " ".join(words)
    close = re.sub(r" (?=(?:n't|'\w+|[.,;:!?)]+)(?: |$))", "", spaced)
    return close if Tokenizer()(close) == list(words) else spaced


def _short(text: str) -> str:
    return text if len(text) <= MOST_LESSON else f"{text[: MOST_LESSON - 1]}…"


def _bytes(values: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
