"""A classifier of texts while it reads one: what it thinks after each word, and why."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import SequenceModel
from ..text import UNKNOWN, UNKNOWN_NUMBER, Vocabulary
from ..trace import Trace
from .explanation import Explanation
from .integrated_gradients import Path
from .network import TextNetwork

if TYPE_CHECKING:
    from .word_counts import WordCounts

Array = NDArray[np.float64]
Found = TypeVar("Found")

MOST_NUMBERS = 2**24
"""Hidden outputs (N, T, H) of texts that are read side by side."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What a classifier thought of a text, word by word.

    Sizes: T words, K classes.

    Attributes
    ----------
    words : list of str
        As the tokenizer cut them.
    known : array of bool
        (T,): whether the network has a vector for the word.
    probabilities : array
        (T, K): of each class, had the text ended after this word.
    trace : Trace
        Gates, cell and hidden output at each word, each (L, 1, T, H).
    """

    words: list[str]
    known: NDArray[np.bool_]
    probabilities: Array
    trace: Trace


class TextReader:
    """Reads texts with a classifier as it is now.

    Sizes: N texts, T words, K classes, V words of the vocabulary, E numbers of a vector.

    Parameters
    ----------
    model : SequenceModel
        A classifier of tokens with pooling, in eval mode. It is not changed; when it has learned,
        make another reader.
    vocabulary : Vocabulary
        Numbers of the words.
    counts : WordCounts or None
        What is added to the network's logits.

    Attributes
    ----------
    vocabulary, counts
        As above.
    network : TextNetwork
        The classifier from the words' vectors on.
    classes : list
        The labels, in their order.

    Examples
    --------
    >>> vocabulary = Vocabulary(["so", "good"])
    >>> model = SequenceModel(None, 2, vocabulary_size=4, task="classification", pooling="max")
    >>> reader = TextReader(model.eval(), vocabulary, None)
    >>> reader.read(["so", "good", "zebra"]).known
    array([ True,  True, False])
    >>> reader.probabilities([["so", "good"], ["good"]]).shape
    (2, 2)
    """

    def __init__(
        self, model: SequenceModel, vocabulary: Vocabulary, counts: WordCounts | None
    ) -> None:
        self.vocabulary = vocabulary
        self.counts = counts
        self.network = TextNetwork(model)
        outputs = list(range(model.output_size))
        self.classes: list[Any] = outputs if model.classes is None else list(model.classes)

    def read(self, words: Sequence[str]) -> Reading:
        """Read a text of at least one word."""
        tokens = self.vocabulary.encode(words)
        return self._read(list(words), tokens, self.network.vectors(tokens))

    def probabilities(self, texts: Sequence[Sequence[str]]) -> Array:
        """Return the probabilities at the end of texts of at least one word each, (N, K)."""
        return self.log_odds(texts).softmax(-1).numpy()

    @torch.no_grad()
    def log_odds(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return the logits at the end of texts, float64 on the CPU, (N, K)."""
        found = torch.zeros(len(texts), len(self.classes), dtype=torch.float64)
        for places in self._alike(texts):
            tokens = np.stack([self.vocabulary.encode(texts[n]) for n in places])
            hidden = self.network.hidden(self.network.vectors(tokens))
            found[places] = self.network.logits(hidden).double().cpu()
        if self.counts is not None and len(texts):
            found += torch.from_numpy(self.counts(texts, len(self.classes)))
        return found

    def explain(
        self, words: Sequence[str], reading: Reading | None = None
    ) -> Generator[float, None, Explanation]:
        """Yield how far it is, from 0 to 1, and return the explanation of a text.

        Parameters
        ----------
        words : sequence of str
            The text, T words, at least one.
        reading : Reading, optional
            What `read` has returned of it.
        """
        tokens = self.vocabulary.encode(words)
        vectors = self.network.vectors(tokens)
        unknown = self.network.vectors(self.vocabulary.encode([UNKNOWN]))
        if reading is None:
            reading = self._read(list(words), tokens, vectors)
            yield 0.0
        classes = len(self.classes)
        offset, added = np.zeros(classes), np.zeros((len(words), classes))
        if self.counts is not None:
            offset, added = self.counts.offset(classes), self.counts.added(words, classes)
        last = reading.probabilities[-1]
        path = Path(self.network, unknown.expand_as(vectors), vectors, offset, added, last)
        contributions = yield from path.contributions()
        return Explanation(
            reading.words,
            self.classes,
            self.classes[int(last.argmax())],
            reading.probabilities,
            contributions,
            path.probabilities((0,))[0],
            reading.trace,
        )

    @torch.no_grad()
    def _read(self, words: list[str], tokens: NDArray[np.int64], vectors: Tensor) -> Reading:
        (hidden,) = self.network.hidden(vectors[None])
        logits = self.network.beginnings(hidden)
        if self.counts is not None:
            logits = logits + torch.from_numpy(self.counts.beginnings(words, logits.shape[1]))
        trace = self.network.trace(vectors, hidden)
        return Reading(words, tokens != UNKNOWN_NUMBER, logits.softmax(-1).numpy(), trace)

    def _alike(self, texts: Sequence[Sequence[str]]) -> Iterator[list[int]]:
        """Yield the places of texts of one length, as many as are read side by side."""
        lengths: dict[int, list[int]] = {}
        for place, words in enumerate(texts):
            lengths.setdefault(len(words), []).append(place)
        for length, places in lengths.items():
            most = max(1, MOST_NUMBERS // (length * self.network.hidden_size))
            for begin in range(0, len(places), most):
                yield places[begin : begin + most]


def explained(
    model: SequenceModel,
    vocabulary: Vocabulary,
    counts: WordCounts | None,
    words: Sequence[str],
) -> Explanation:
    """Explain what a classifier of texts says of one.

    Parameters
    ----------
    model : SequenceModel
        A classifier of tokens with pooling; it is run in eval mode and not changed.
    vocabulary : Vocabulary
        Numbers of the words.
    counts : WordCounts or None
        What is added to the network's logits.
    words : sequence of str
        The text, T words, at least one. `UNKNOWN` stands in for a text that has lost its only one.

    Examples
    --------
    >>> vocabulary = Vocabulary(["so", "good"])
    >>> model = SequenceModel(None, 2, vocabulary_size=4, task="classification", pooling="max")
    >>> explained(model, vocabulary, None, ["so", "good"]).probabilities.shape
    (2, 2)
    """
    training = model.training
    model.eval()
    try:
        return drained(TextReader(model, vocabulary, counts).explain(words))
    finally:
        model.train(training)


def drained(steps: Generator[float, None, Found]) -> Found:
    """Return what work returns that tells how far it is."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Found = end.value
            return found
