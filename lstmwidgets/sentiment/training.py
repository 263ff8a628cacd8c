"""How the networks and the counts of a `SentimentModel` are trained."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score  # type: ignore[import-untyped]

from .. import labels as of_labels
from ..models import SequenceModel
from ..text import Vocabulary
from ..training import iter_fit, predict_proba
from ..training.epochs import Epoch
from .corpus import Corpus, pair
from .pretrained import chosen_vectors, vocabulary_of
from .regularizing import dropping
from .word_counts import WordCounts

STEPS = 30
"""An epoch has about so many batches at least: a small corpus is cut into smaller ones."""

SMALLEST_BATCH = 4

FURTHER = 1_000_003
"""From one member's seed to the next one's."""


class Training:
    """What a training is made of, and the training of each of its parts.

    Parameters
    ----------
    options : SentimentModel
        Whose parameters say how.
    texts, labels, validation
        As of `SentimentModel.fit`.

    Attributes
    ----------
    corpus, training, held : Corpus
        All texts, those to learn from, and those to decide on the best epoch.
    classes : list
        All labels.
    vectors : WordVectors or None
        The words' first vectors.
    origin : str
        Where these come from.
    seed : int
        Of the first member.
    """

    def __init__(self, options: Any, texts: Any, labels: Any, validation: Any) -> None:
        self.options = options
        self.seed = options.seed
        if self.seed is None:
            self.seed = int(np.random.default_rng().integers(2**31))
        self.corpus = Corpus.read(texts, labels)
        self.classes = self.corpus.classes()
        self.training, self.held = self.corpus, Corpus([], [])
        if validation is not None:
            self.held = Corpus.read(*pair(validation), name="validation")
        elif options.validation is not None:
            self.training, self.held = self.corpus.split(options.validation, self.seed)
        self.vectors, self.origin = chosen_vectors(options.word_vectors)

    def begin(
        self, training: Corpus, held: Corpus, most: int, seed: int
    ) -> tuple[SequenceModel, Vocabulary, Generator[Epoch]]:
        """Return a fresh network, its words, and its training, of which no epoch has been run."""
        size = self.options.vocabulary_size
        vocabulary = vocabulary_of(training.tokens, held.tokens, self.vectors, size)
        model, encode = self._network(vocabulary, seed), vocabulary.encode
        epochs: Any = iter_fit(
            model,
            [encode(words) for words in training.tokens],
            training.labels,
            validation=([encode(words) for words in held.tokens], held.labels) if held else None,
            epochs=most,
            batch_size=min(self.options.batch_size, max(SMALLEST_BATCH, len(training) // STEPS)),
            lr=self.options.lr,
            weight_decay=self.options.weight_decay,
            schedule="cosine",
            patience=self.options.patience if held else None,
            label_smoothing=self.options.label_smoothing,
            class_weight=self.options.class_weight,
            device=self.options.device,
            seed=seed,
        )
        return model, vocabulary, epochs

    def member(
        self, index: int, training: Corpus, held: Corpus, most: int
    ) -> tuple[SequenceModel, Vocabulary]:
        """Return a member that was trained for so many epochs at most."""
        seed = self.seed + FURTHER * index
        model, vocabulary, epochs = self.begin(training, held, most, seed)
        with self.dropping(model):
            for _ in epochs:
                pass
        return model, vocabulary

    def counted(self, told: Corpus) -> WordCounts:
        """Return what the words of a corpus say about its classes."""
        indices = of_labels.indices(told.labels, self.classes, "training")
        weight = self.options.class_weight
        if isinstance(weight, Mapping):
            weight = {place: weight.get(label, 1.0) for place, label in enumerate(self.classes)}
        return WordCounts.fit(told.tokens, indices, weight=self.options.counts, class_weight=weight)

    def macro_f1(self, model: SequenceModel, vocabulary: Vocabulary, held: Corpus) -> float:
        """Return the mean over the classes of the F1 of texts held back."""
        tokens = [vocabulary.encode(words) for words in held.tokens]
        chosen = predict_proba(model, tokens).argmax(1)
        indices = of_labels.indices(held.labels, model.classes or [], "validation")
        return float(f1_score(indices, chosen, average="macro", zero_division=0))

    def dropping(self, model: SequenceModel) -> AbstractContextManager[None]:
        """Let a network drop words, numbers and outputs at random, until the context ends."""
        how = self.options
        return dropping(
            model, words=how.word_dropout, numbers=how.vector_dropout, pooled=how.dropout
        )

    def _network(self, vocabulary: Vocabulary, seed: int) -> SequenceModel:
        size = self.options.embedding_size if self.vectors is None else self.vectors.size
        with torch.random.fork_rng([]):  # layers draw their first weights from the global numbers
            torch.default_generator.manual_seed(seed)
            model = SequenceModel(
                None,
                len(self.classes),
                vocabulary_size=len(vocabulary),
                embedding_size=size,
                hidden_size=self.options.hidden_size,
                num_layers=self.options.num_layers,
                cell=self.options.cell,
                task="classification",
                pooling=self.options.pooling,
                dropout=self.options.dropout,
            )
        model.classes = list(self.classes)
        if self.vectors is not None:
            assert model.embedding is not None
            first = self.vectors.matrix(vocabulary, seed, standardised=True)
            model.embedding.weight.data.copy_(torch.from_numpy(first))
        return model
