"""What the words of labelled texts and their pairs say, wherever they stand, for a model to add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # comes with scikit-learn
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from .. import labels as of_labels
from ..models import SequenceModel
from ..ngrams import keys_of, marked
from ..text import Vocabulary

STRENGTH = 3.0
"""Inverse of the regularisation, chosen by cross-validation (`benchmarks.sentences`)."""

NEGATIONS = ("not", "n't", "no", "never", "cannot", "nor", "neither", "without", "hardly")
"""English words that turn what is behind them, as `Tokenizer` cuts them."""

ENDS = (*".,;:!?()-", "..", "...", "!!", "!!!", "??", "???", "--")
"""No negation reaches beyond these."""


def with_counts(
    model: SequenceModel,
    vocabulary: Vocabulary,
    sequences: Sequence[Any],
    labels: Sequence[Any],
    weight: float,
    class_weight: str | Mapping[Any, float] | None,
) -> SequenceModel:
    """Return a model that adds a logistic regression on TF-IDF to its logits.

    Parameters
    ----------
    model : SequenceModel
        A classifier of tokens without n-grams; it is not changed.
    vocabulary : Vocabulary
        The words behind the tokens, to know negations by.
    sequences : sequence of int arrays
        N texts as tokens.
    labels : sequence
        N labels out of ``model.classes``.
    weight : float
        How much the regression's logits count beside the model's.
    class_weight : "balanced", mapping or None
        As of `lstmwidgets.sentiment.SentimentModel`.
    """
    assert model.classes is not None
    places = of_labels.indices(labels, model.classes, "training")
    special = {"negations": _numbers(NEGATIONS, vocabulary), "ends": _numbers(ENDS, vocabulary)}
    found = _found(sequences, **special)
    keys = torch.from_numpy(np.unique(np.concatenate(found)))
    counts, idf = _tfidf(found, keys)
    if isinstance(class_weight, Mapping):
        named = enumerate(model.classes)
        class_weight = {place: class_weight.get(label, 1.0) for place, label in named}
    regression = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight=class_weight)
    regression.fit(counts, places)
    rows, bias = regression.coef_, regression.intercept_
    if len(rows) == 1:  # of two classes, the second's logit against the first's
        rows, bias = np.stack([-rows[0], rows[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    state = model.state_dict()
    wide = SequenceModel(**{**model.config, "ngrams": len(keys)}).to(model.head.weight)
    wide.load_state_dict(state, strict=False)
    assert wide.ngrams is not None
    wide.ngrams.know(keys, torch.from_numpy(idf), torch.from_numpy(weight * rows.T), **special)
    with torch.no_grad():
        wide.head.bias.add_(torch.from_numpy(weight * bias).to(wide.head.bias))
    wide.classes = model.classes
    return wide.train(model.training)


def _numbers(words: Sequence[str], vocabulary: Vocabulary) -> list[int]:
    known = vocabulary.encode(word for word in words if word in vocabulary)
    return [int(number) for number in known]


def _found(
    sequences: Sequence[Any], negations: Sequence[int], ends: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Return the keys of each text, each once, sorted."""
    special = torch.tensor(negations, dtype=torch.int64), torch.tensor(ends, dtype=torch.int64)
    tokens = [torch.as_tensor(one)[None] for one in sequences]
    return [np.unique(keys_of(marked(one, *special)).numpy()) for one in tokens]


def _tfidf(
    found: Sequence[NDArray[np.int64]], keys: torch.Tensor
) -> tuple[Any, np.ndarray[Any, Any]]:
    """Return the weights of all keys in each text, (N, F), and inverse document frequencies, (F,).

    The frequencies are smoothed as if one more text had every key; each row has the length 1.
    """
    places = [np.searchsorted(keys.numpy(), one) for one in found]
    count = len(places)
    documents = np.bincount(np.concatenate(places), minlength=len(keys))
    idf = np.log((1 + count) / (1 + documents)) + 1
    lengths = [np.sqrt((idf[one] ** 2).sum()) for one in places]
    values = [idf[one] / length for one, length in zip(places, lengths, strict=True)]
    ends = np.cumsum([0, *map(len, places)])
    matrix = csr_array(
        (np.concatenate(values), np.concatenate(places), ends), shape=(count, len(keys))
    )
    return matrix, idf
