"""Sentences in, classes out, explained word by word: an LSTM as a scikit-learn classifier."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin  # type: ignore[import-untyped]
    from sklearn.utils.validation import check_is_fitted  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "lstmwidgets.sentiment needs scikit-learn: pip install 'lstmwidgets[text]'"
    ) from error

from .. import labels as of_labels
from ..checks import check_probability, check_size
from ..text import WordVectors
from ..training import predict_proba
from ..training.epochs import Epoch
from .corpus import Corpus, Texts, tokenized
from .edits import Flips, iter_flips
from .explanation import Explanation
from .merging import merged
from .pretrained import with_more_words
from .reading import TextReader, drained, explained
from .result import SentimentResult, long_enough
from .saving import made_of, parts_of
from .training import Training
from .word_counts import WordCounts


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
        Share of the pooled output, and of what goes from layer to layer, dropped in training.
    vector_dropout : float
        Share of the numbers of the words' vectors that is dropped in training, the same ones
        throughout a text (variational dropout, Gal & Ghahramani 2016).
    word_dropout : float
        Share of the words that are read as unknown in training.
    epochs, lr, weight_decay, label_smoothing, patience
        As of `lstmwidgets.training.iter_fit`; the learning rate falls to 0 in a cosine.
        `patience` goes by the validation loss, which turns long before macro F1: better none.
    batch_size : int
        Texts side by side, fewer where an epoch would have less than 30 batches.
    class_weight : "balanced", mapping or None
        How much classes count. ``"balanced"`` gives rare classes the weight of frequent ones, as
        macro F1 does; the probabilities are then those of a world where all are equally frequent.
    validation : float or None
        Share of the training texts, equal in each class and drawn by the seed, that is held back
        to see how long to train. With None, or a share without a single text, there is nothing to
        see: the epoch with the lowest training loss, one of the last, is kept.
    refit : bool
        Whether to begin anew on all texts, those held back too, for as many epochs as did macro F1
        good (Goodfellow, Bengio & Courville 2016, "Deep Learning", algorithm 7.2). Without it the
        model has the weights of the epoch with the lowest validation loss.
    counts : float
        Weight with which the logits of a logistic regression on the TF-IDF of words and pairs of
        words are added to the network's: it knows what words say wherever they stand, apart where
        an English negation stands before them, and errs in other texts than the LSTM does. 0 leaves
        it out.
    members : int
        How many networks are trained from different first weights and then stand side by side in
        `model_`, which has so many times `hidden_size` units (see
        `lstmwidgets.sentiment.merging`). The mean of five errs less than one.
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
    counts_ : WordCounts or None
        What is added to the network's logits; None if `counts` is 0, and before the last epoch.
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
        hidden_size: int = 128,
        num_layers: int = 1,
        cell: str = "standard",
        pooling: str = "attention",
        word_vectors: str | os.PathLike[str] | WordVectors | None = "auto",
        embedding_size: int = 50,
        vocabulary_size: int = 50_000,
        dropout: float = 0.5,
        vector_dropout: float = 0.3,
        word_dropout: float = 0.1,
        epochs: int = 12,
        batch_size: int = 64,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        label_smoothing: float = 0.1,
        patience: int | None = None,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        validation: float | None = 0.1,
        refit: bool = True,
        counts: float = 0.8,
        members: int = 5,
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
        self.vector_dropout = vector_dropout
        self.word_dropout = word_dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.patience = patience
        self.class_weight = class_weight
        self.validation = validation
        self.refit = refit
        self.counts = counts
        self.members = members
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
        trained = False
        try:
            for _ in self.iter_fit(texts, labels, validation=validation):
                trained = True
        except KeyboardInterrupt:
            if not trained:
                raise
        return self

    def iter_fit(
        self, texts: Texts, labels: Any, *, validation: tuple[Texts, Any] | None = None
    ) -> Generator[Epoch]:
        """Train as `fit` does, and yield each epoch at its end, to be looked at or to stop.

        Between two epochs `model_` and all predictions are those of the moment: of one network.
        After the last one they are those of the refit and of all members; if the generator is
        closed before, those of the best epoch.
        """
        self._check_options()
        job = Training(self, texts, labels, validation)
        model, vocabulary, epochs = job.begin(job.training, job.held, self.epochs, job.seed)
        # All that can be wrong with the input has been said: now what was learned before may go.
        self.classes_ = of_labels.as_array(job.classes, np.arange(len(job.classes)))
        self.model_, self.vocabulary_ = model, vocabulary
        self.counts_: WordCounts | None = None
        state: dict[str, Any] = {"epochs": [], "stopped": "interrupted", "macro_f1": []}
        self.result_ = SentimentResult(model, word_vectors=job.origin, **state)
        try:
            with job.dropping(model):
                for epoch in epochs:
                    state["epochs"].append(epoch)
                    if job.held:
                        state["macro_f1"].append(job.macro_f1(model, vocabulary, job.held))
                    yield epoch
            state["stopped"] = "epochs" if len(state["epochs"]) == self.epochs else "early"
            members = []
            if self.refit and job.held and validation is None:
                count = long_enough(state["macro_f1"], len(job.held))
                for place in range(self.members):
                    member, vocabulary = job.member(place, job.corpus, Corpus([], []), count)
                    members.append(member)
                state["refitted"] = count
            else:
                epochs.close()  # leaves the best weights behind
                members.append(model)
                for place in range(1, self.members):
                    member, _ = job.member(place, job.training, job.held, self.epochs)
                    members.append(member)
            model = merged(members)
            if self.counts:
                told = job.corpus if self.refit and validation is None else job.training
                self.counts_ = job.counted(told)
        finally:
            epochs.close()  # leaves the best weights behind
            if job.vectors is not None:
                model, vocabulary = with_more_words(
                    model, vocabulary, job.vectors, self.vocabulary_size
                )
            self.model_, self.vocabulary_ = model, vocabulary
            self.result_ = SentimentResult(model, word_vectors=job.origin, **state)

    def predict(self, texts: Texts) -> NDArray[Any]:
        """Return the likeliest label of each text, (N,)."""
        chosen = self.predict_proba(texts).argmax(1)
        known = self.model_.classes or []
        if len(self.classes_) != len(known):  # it has met another one online
            self.classes_ = of_labels.as_array(known, np.arange(len(known)))
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
        words = tokenized(texts)
        tokens = [self.vocabulary_.encode(one) for one in words]
        probabilities: NDArray[np.float64] = predict_proba(self.model_, tokens)
        if self.counts_ is not None:
            votes = self.counts_(words, probabilities.shape[1])
            logits = torch.from_numpy(probabilities).log() + torch.from_numpy(votes)
            probabilities = logits.softmax(1).numpy()
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
        (words,) = tokenized([text], "the text")
        return explained(self.model_, self.vocabulary_, self.counts_, words)

    def flips(
        self,
        text: str,
        *,
        to: Any = None,
        most_edits: int = 2,
        replacing: bool = True,
        candidates: Iterable[str] | None = None,
    ) -> Flips:
        """Return the fewest words to leave out or to replace for a text to get another class.

        Parameters
        ----------
        text : str
            One text.
        to : object, optional
            The class that is wanted; by default any other one.
        most_edits : int
            Edits of the text at most.
        replacing : bool
            Whether words may be replaced, or only left out.
        candidates : iterable of str, optional
            Words that may stand in for others; by default the most frequent ones of the training
            texts.

        Returns
        -------
        Flips
            Each has gone through the whole model. No single deletion is missed; of replacements
            and of several edits there may be others (`lstmwidgets.sentiment.edits`).
        """
        check_is_fitted(self)
        (words,) = tokenized([text], "the text")
        options: dict[str, Any] = {"to": to, "most_edits": most_edits, "replacing": replacing}
        reader = TextReader(self.model_.eval(), self.vocabulary_, self.counts_)
        return drained(iter_flips(reader, words, candidates=candidates, **options))

    def to_parts(self) -> dict[str, Any]:
        """Return what `lstmwidgets.save` keeps."""
        check_is_fitted(self)
        options = self.get_params(deep=False)
        return parts_of(self.model_, options, self.vocabulary_, self.counts_, self.result_)

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """Return the model that `to_parts` was called of; it predicts the same to the last bit."""
        model, options, vocabulary, result = made_of(parts)
        loaded = cls(**options)
        loaded.model_, loaded.vocabulary_, loaded.result_ = model, vocabulary, result
        loaded.counts_ = parts["counts"]
        classes = model.classes or []
        loaded.classes_ = of_labels.as_array(classes, np.arange(len(classes)))
        return loaded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def _check_options(self) -> None:
        for name in ("epochs", "batch_size", "vocabulary_size", "embedding_size", "members"):
            check_size(name, getattr(self, name))
        if self.members > 1 and self.cell == "layer_norm":
            raise ValueError(
                "cell='layer_norm' needs members=1: its units cannot stand side by side"
            )
        for name in ("dropout", "vector_dropout", "word_dropout"):
            check_probability(name, getattr(self, name))
        if not 0 <= self.counts < math.inf:
            raise ValueError(f"counts must be a weight from 0, got {self.counts!r}")
        if self.validation is not None and not 0 < self.validation < 1:
            raise ValueError(
                f"validation must be a share between 0 and 1, or None, got {self.validation!r}"
            )
