"""Trained models that tell classes apart, on a stream of steps, of sequences or of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from river import base
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..labels import label_in
from ..models import SequenceModel
from ..text import UNKNOWN, Tokenizer, Vocabulary
from .optimizers import OptimizerFactory
from .trained import TrainedEstimator, step_of

Votes = Callable[[Sequence[Sequence[str]], int], NDArray[Any]]
"""From the words of N texts, and the number of classes K, to logits (N, K)."""


class TrainedClassifier(TrainedEstimator, base.Classifier):
    """A `SequenceModel` for classification as a River classifier; see `TrainedEstimator`.

    A class that is new in the stream gets an output of its own, with a small probability to begin
    with; the logits of the others do not move.

    Parameters
    ----------
    model, features, optimizer, lr, window, clip
        As of `TrainedEstimator`.
    vocabulary : Vocabulary, optional
        Numbers of the words, for a model of tokens that shall read texts. Where it is `growing`,
        new words get vectors, which are learned.
    tokenizer : callable, optional
        From a text to its words; `lstmwidgets.text.Tokenizer` by default.
    votes : callable, optional
        From the words of N texts, and the number of classes K, to logits (N, K), which are added to
        the model's and not learned; it needs the vocabulary.

    Attributes
    ----------
    classes : list
        Labels behind the outputs.
    """

    def __init__(
        self,
        model: SequenceModel,
        features: Sequence[str] | None = None,
        *,
        vocabulary: Vocabulary | None = None,
        tokenizer: Callable[[str], list[str]] | None = None,
        votes: Votes | None = None,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.001,
        window: int = 16,
        clip: float = 1.0,
    ) -> None:
        super().__init__(model, features, optimizer=optimizer, lr=lr, window=window, clip=clip)
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer
        self.votes = votes
        self._words_of = tokenizer or Tokenizer()
        self._seen_labels = 0

    @property
    def classes(self) -> list[Any]:
        """Labels behind the outputs; none before the first if the model was never trained."""
        return self.model.classes or []

    def predict_proba_one(self, x: Any, **kwargs: Any) -> dict[Any, float]:  # noqa: ARG002
        """Return the probability of each class, in float64; changes no weight."""
        if not self.classes:
            return {}
        if self._is_step(x):
            return self._distribution(self._peek(self._numbers(x)))
        output = self._sequence_outputs(self._sequence(x))
        return self._distribution(self._voted(output, self._spelled(x)))

    def step_one(self, x: Any) -> dict[Any, float]:
        """Return the same as `predict_proba_one` and advance; learn nothing."""
        if not self._is_step(x):
            return self.predict_proba_one(x)
        output = self._advance(self._numbers(x, learns=True))
        return self._distribution(output) if self.classes else {}

    def learn_one(self, x: Any, y: Any) -> None:
        """Learn an event. A label that is None or NaN only advances the state."""
        label = label_in(y)
        if label is None:
            self.unlearned += 1
            self.step_one(x)
            return
        target = torch.tensor([self._place(label)])
        if self._is_step(x):
            self._advance(self._numbers(x, learns=True))
            output = self._trained_outputs(self._past)
        else:
            self._learn_words(x)
            sequence = self._sequence(x)
            self._sequence_outputs(sequence)
            output = self._voted(self._trained_outputs(sequence), self._spelled(x))
        self._learn(cross_entropy(output[None], target.to(output.device)))

    def read_one(self, x: str) -> Iterator[tuple[str, dict[Any, float]]]:
        """Read a text word by word; learns nothing.

        `state` and `gates` follow the reading.

        Yields
        ------
        word : str
        probabilities : dict
            Of each class, as if the text ended here.
        """
        words = self._words(x)
        with torch.no_grad():
            tokens = self._sequence(x)
            trace = self.model.lstm.trace(self.model.inputs(tokens))
            for t, word in enumerate(words):
                self._seen = step_of(trace, t)
                read = trace.hidden[-1][:, : t + 1]
                output = self.model.outputs(read).reshape(-1, self.model.output_size)[-1].cpu()
                yield word, self._distribution(self._voted(output, words[: t + 1]))

    def read(self, x: str) -> tuple[list[str], list[int], NDArray[Any]]:
        """Return a text's words, their tokens, and the logits (K,) that are voted on the words."""
        words = self._words(x)
        logits = self._voted(torch.zeros(self.model.output_size), words)
        return words, self._tokens(words), logits.numpy()

    @property
    def _multiclass(self) -> bool:
        return True

    def _words(self, text: str) -> list[str]:
        if self.vocabulary is None:
            raise ValueError(
                "the model reads tokens; to read texts, give the vocabulary it was trained with: "
                "from_model(model, vocabulary=…)"
            )
        return self._words_of(text) or [UNKNOWN]

    def _spelled(self, x: Any) -> list[str]:
        """Return the words of a text or of a list of tokens; none where nothing votes on them."""
        if self.votes is None or self.vocabulary is None:
            return []
        return self._words(x) if isinstance(x, str) else self.vocabulary.decode(x)

    def _voted(self, output: Tensor, words: list[str]) -> Tensor:
        """Return the model's logits (K,) plus those of the words."""
        if self.votes is None:
            return output
        return output + torch.from_numpy(self.votes([words], len(output))[0]).to(output)

    def _sequence(self, x: Any) -> Tensor:
        return super()._sequence(self._tokens(self._words(x)) if isinstance(x, str) else x)

    def _tokens(self, words: list[str]) -> list[int]:
        """Return the words' numbers; a growing vocabulary does not grow by being asked."""
        assert self.vocabulary is not None
        known = [word if word in self.vocabulary else UNKNOWN for word in words]
        tokens: list[int] = self.vocabulary.encode(known).tolist()
        return tokens

    def _learn_words(self, x: Any) -> None:
        """Give new words of a text a number and a vector, if the vocabulary grows."""
        if not isinstance(x, str) or self.vocabulary is None or not self.vocabulary.growing:
            return
        self.vocabulary.encode(self._words(x))
        embedding = self.model.embedding
        assert embedding is not None
        more = len(self.vocabulary) - embedding.num_embeddings
        if more > 0:
            old = embedding.weight
            spread = float(old.detach()[2:].std())
            generator = torch.Generator().manual_seed(embedding.num_embeddings)
            drawn = torch.randn(more, embedding.embedding_dim, generator=generator) * spread
            self.model.grow_vocabulary(drawn)
            self._follow(old, embedding.weight)

    def _place(self, y: Any) -> int:
        """Return a class's output, after making one if it is new."""
        if self.model.classes is None:
            self.model.classes = []
        self._seen_labels += 1
        classes = self.model.classes
        if y in classes:
            return classes.index(y)
        if len(classes) == self.model.output_size:
            head = self.model.head
            bias = float(head.bias.detach().logsumexp(0)) - math.log(self._seen_labels + 1)
            weight, biases = head.weight, head.bias
            self.model.grow_outputs([bias])
            self._follow(weight, head.weight)
            self._follow(biases, head.bias)
        classes.append(y)
        return len(classes) - 1

    def _distribution(self, output: Tensor) -> dict[Any, float]:
        logits = output[: len(self.classes)].double()
        return dict(zip(self.classes, logits.softmax(0).tolist(), strict=True))

    def _follow(self, old: Tensor, new: Tensor) -> None:
        """Let the optimizer go on with a parameter that has further rows."""
        for group in self._optimizer.param_groups:
            group["params"] = [new if one is old else one for one in group["params"]]
        kept = self._optimizer.state.pop(old, None)
        if kept is not None:
            self._optimizer.state[new] = {
                key: _as_long(value, old, new) for key, value in kept.items()
            }


def _as_long(value: Any, old: Tensor, new: Tensor) -> Any:
    """Return what an optimizer keeps of each number of a parameter, with zeros for new rows."""
    if not isinstance(value, Tensor) or value.shape != old.shape:
        return value
    longer = value.new_zeros(new.shape)
    longer[tuple(slice(size) for size in value.shape)] = value
    return longer
