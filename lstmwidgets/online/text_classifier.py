"""A recurrent classifier of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from ..checks import check_size
from ..codec import is_missing, own, plain, spelled
from ..kernels import parameters as layout
from ..kernels.losses import CROSS_ENTROPY
from ..labels import label_in
from ..shown import typed
from .arrays import need
from .class_outputs import Labels
from .estimator import LSTMEstimator, shared
from .learner import OnlineLearner
from .lstm_part import LSTMPart
from .naive_bayes import NaiveBayes
from .optimizers import OptimizerFactory
from .words import LearnedWords, words_of

Text = str | Mapping[Any, Any]


class LSTMTextClassifier(LSTMEstimator, base.Classifier):
    """Classifies texts, each of them one sequence of words, learning from one text at a time.

    The state starts at zeros for every text; nothing is carried from one to the next. Words get a
    vector when they first come, and vectors are learned with the rest. After the last word the LSTM
    reads the mean of all vectors. What the words say whatever their order is counted as well (naive
    Bayes), and the LSTM learns what that leaves: it works from the first texts on.

    Parameters
    ----------
    hidden_size : int
        Units per layer, H.
    num_layers : int
        Layers on top of each other, L.
    cell : str
        ``"standard"``, ``"peephole"``, ``"full_gate_recurrence"``, ``"coupled"`` or
        ``"layer_norm"``; `lstmwidgets.LSTM` has the equations.
    gradient : str
        ``"tbptt"`` backpropagates through the last `window` events. ``"eligibility"`` keeps a trace
        for each weight instead, several times faster; not for full gate recurrence and layer
        normalisation.
    window : int
        How many words back truncated backpropagation looks; earlier ones are read all the same. The
        eligibility rule learns from all words, but of the vectors only that of the last one.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), a class of `torch.optim`, or a factory
        called with ``(params, lr=lr)``; names and these three classes run compiled.
    lr : float
        Learning rate. May be set anew at any time.
    clip : float
        Bound on the gradient's global norm. May be set anew at any time.
    embedding_size : int
        Numbers of a word's vector.
    vocabulary : int
        How many words get a vector, in the order of first appearance, the end mark and the vector
        that all later ones share among them.
    longest : int
        Of a longer text the last so many words are read.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    classes : list
        Labels seen so far, in the order of first appearance.
    module : LSTM or None
        A copy of the weights as they are now, as a PyTorch module; None before the first event.
    head : torch.nn.Linear or None
        The same of the head, which reads the top layer's hidden output and the inputs beside it.
    state : LSTMState or FullGateState or None
        State at the end of the last learned text, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last word of it, each (L, 1, H).
    unlearned : int
        How many labels were missing; their texts were not learned.

    Notes
    -----
    A text is a string. A dictionary is read as its values, one after the other in the order of
    their keys, missing ones left out. Words are the tokens of `lstmwidgets.text.Tokenizer`. A text
    without any word is as good as another: it is the end mark alone, and learned as such.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMTextClassifier
    >>> model = LSTMTextClassifier(hidden_size=8, seed=1)
    >>> for _ in range(30):
    ...     model.learn_one("I love this product!", "positive")
    ...     model.learn_one("It broke. I hate it.", "negative")
    >>> model.predict_one("I love it")
    'positive'
    """

    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        gradient: str = "tbptt",
        window: int = 32,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.005,
        clip: float = 1.0,
        embedding_size: int = 32,
        vocabulary: int = 20_000,
        longest: int = 1_000,
        seed: int | None = None,
    ) -> None:
        super().__init__(**shared(locals()))
        check_size("embedding_size", embedding_size)
        check_size("vocabulary", vocabulary)
        check_size("longest", longest)
        self.embedding_size = embedding_size
        self.vocabulary = vocabulary
        self.longest = longest
        self._labels = Labels()
        self._words: LearnedWords | None = None
        self._counts = NaiveBayes()

    def learn_one(self, x: Text, y: Any) -> None:
        """Learn one text.

        Parameters
        ----------
        x : str
            The text.
        y : hashable
            Label. Texts whose label is None or NaN are counted in `unlearned` and left out.
        """
        words = words_of(_text(x), self.longest)
        label = label_in(y)
        if label is None:
            self.unlearned += 1
            return
        if self._learner is None or self._words is None:
            self._begin()
        learner, table = self._learner, self._words
        assert learner is not None
        assert table is not None
        table.add(words)
        rows = table.rows(words)
        vectors = _with_mean(table.vectors(rows))
        place = self._labels.learn(label, learner, with_prior=False)
        learner.offset[:] = self._counts.log_odds(rows, learner.outputs)
        self._counts.learn(rows, place, learner.outputs)
        learner.learn_sequence(vectors, np.array([place], np.float32))
        read = min(len(rows), len(learner.input_errors))
        errors = np.zeros_like(vectors)
        size = self.embedding_size
        errors[-read:] = learner.input_errors[:read, :size]
        errors[-1] = 0
        errors += learner.input_errors[read - 1, :size] / len(rows)  # each has its part in the mean
        table.learn(rows, errors, self.lr, self.clip)

    def predict_proba_one(self, x: Text, **kwargs: Any) -> dict[Any, float]:  # noqa: ARG002
        """Return the probability of each class seen so far, in float64; changes nothing."""
        if self._learner is None or self._words is None:
            return {}
        words = words_of(_text(x), self.longest)
        rows = self._words.rows(words)
        vectors = _with_mean(self._words.vectors(rows))
        self._learner.offset[:] = self._counts.log_odds(rows, self._learner.outputs)
        return self._labels.softmax(self._learner.predict_sequence(vectors))

    def read_one(self, x: Text) -> Iterator[tuple[str, dict[Any, float]]]:
        """Read a text word by word; learns nothing.

        `state` and `gates` follow the reading.

        Parameters
        ----------
        x : str
            The text.

        Yields
        ------
        word : str
        probabilities : dict
            Of each class, as if the text ended here; after the last word those of
            `predict_proba_one`.
        """
        words = words_of(_text(x), self.longest)
        if self._learner is None or self._words is None:
            yield from ((word, {}) for word in words[:-1])
            return
        learner, table = self._learner, self._words
        rows = table.rows(words)
        vectors = table.vectors(rows)
        learner.reset()
        for read in range(1, len(words)):
            learner.advance(vectors[read - 1])
            before_end = [*range(read), -1]
            learner.offset[:] = self._counts.log_odds(rows[before_end], learner.outputs)
            output = learner.predict(vectors[before_end].mean(0))
            yield words[read - 1], self._labels.softmax(output)

    def step_one(self, x: Text) -> dict[Any, float]:
        """Return the same as `predict_proba_one`: no text leaves anything behind for the next."""
        return self.predict_proba_one(x)

    def lstm_part(self, x: Any = None) -> LSTMPart:
        """Return what the LSTM reads and puts out of a text; naive Bayes counts as the offset.

        At its last step, the end mark, the outputs are the logits of `predict_proba_one`; before,
        what the head makes of the state there.

        Parameters
        ----------
        x : str
            The text.

        Raises
        ------
        TypeError, ValueError
            If there is no text, or the model has learned none yet.
        """
        if x is None:
            raise TypeError("a classifier of texts is looked at while it reads one: give the text")
        if self._learner is None or self._words is None:
            raise ValueError(f"this {type(self).__name__} has not learned a text yet")
        words = words_of(_text(x), self.longest)
        rows = self._words.rows(words)
        learner = self._learner
        state = learner.lstm.initial_state(1)
        names = [f"vector {k}" for k in range(self.embedding_size)]
        offset = self._counts.log_odds(rows, learner.outputs)
        return LSTMPart(
            learner.lstm,
            learner.head,
            state,
            _with_mean(self._words.vectors(rows)),
            names,
            words,
            self.classes,
            is_classes=True,
            offset=np.asarray(offset, np.float32),
        )

    @property
    def classes(self) -> list[Any]:
        """Labels seen so far, in the order of first appearance."""
        return list(self._labels.places)

    @property
    def _multiclass(self) -> bool:
        return True

    def _make_room(self) -> None:
        """Do nothing: there is only the learner."""

    def _verify(self) -> None:
        super()._verify()
        learner, words = self._learner, self._words
        need(isinstance(self._labels, Labels) and isinstance(self._counts, NaiveBayes), "labels")
        self._labels.verify(learner)
        need(self._counts.classes <= len(self._labels.places), "labels")
        if learner is not None:
            size = words.size if isinstance(words, LearnedWords) else None
            need(size == learner.input_size == self.embedding_size, "words")
            need(learner.sizes[layout.LOSS] == CROSS_ENTROPY, "loss")
            need(learner.sizes[layout.REACH] > 0, "gradient of the inputs")

    def _begin(self) -> None:
        options = self._learner_options()
        self._words = LearnedWords(
            self.embedding_size, self.vocabulary, self.optimizer, options["seed"]
        )
        self._learner = OnlineLearner(
            [f"vector {k}" for k in range(self.embedding_size)],
            loss="cross_entropy",
            input_gradient=True,
            **options,
        )


def _text(x: Text) -> str:
    if isinstance(x, str):
        return x
    if isinstance(x, Mapping):
        texts = [x[name] for name in sorted(x, key=spelled)]
        return " ".join(_words_in(own(plain(text))) for text in texts if not is_missing(text))
    raise TypeError(f"expected a text, or a dict of texts, got {typed(x)}; str() makes it one")


def _words_in(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # a number with more digits than Python turns into text
        return hex(value)


def _with_mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let the mean of all vectors (T, E) stand at the end, in the place of the end mark's own."""
    vectors[-1] = vectors.mean(0)
    return vectors
