"""The fewest words that one would have to leave out or replace for a text to get another class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..checks import check_size
from ..dataframes import pandas
from ..text import PAD, UNKNOWN
from .reading import Array, TextReader

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

COMMON = 5_000
"""So many words of the vocabulary, the most frequent of the training texts, stand in for others."""

NEAREST = 48
"""Replacements of a text that are tried, of all that the gradient is asked for."""

BEAM = 6
"""Texts that are edited further where no edit flips the class."""

BROAD = 256
"""Deletions of a text that are tried: all of a text that is no longer, else the likeliest ones."""

KEPT, KEPT_THERE = 12, 3
"""Flips that are returned at most, and of these of the same words."""


@dataclass(frozen=True)
class Edit:
    """One word of a text left out, or another one in its place.

    Attributes
    ----------
    place : int
        Of the word in the text as it was, from 0.
    word : str
        What stood there.
    by : str or None
        What stands there now; None if it is left out.
    """

    place: int
    word: str
    by: str | None = None

    def __str__(self) -> str:
        return f"without {self.word!r}" if self.by is None else f"{self.word!r} → {self.by!r}"


@dataclass(frozen=True, eq=False)
class Flip:
    """Edits that give a text another class.

    Attributes
    ----------
    edits : tuple of Edit
        In the order of their places.
    words : list of str
        Of the edited text.
    label : object
        Its class.
    probabilities : array
        (K,): of the edited text, by a pass through the whole model.
    """

    edits: tuple[Edit, ...]
    words: list[str]
    label: Any
    probabilities: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class Flips:
    """What was found of a text: the fewest edits first, of these deletions, then the surest class.

    Attributes
    ----------
    words : list of str
        The text.
    classes : list
        The labels, K of them.
    prediction : object
        Its class.
    probabilities : array
        (K,): of the text.
    found : tuple of Flip
        Empty if no edit that was tried flips the class.
    tried : int
        Texts that went through the model.
    """

    words: list[str]
    classes: list[Any]
    prediction: Any
    probabilities: Array
    found: tuple[Flip, ...]
    tried: int

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each flip: ``edits``, their ``number``, ``text``, ``label``, and shares.

        The shares are a column for each class, ``probability of …``.
        """
        pd = pandas()
        names = [f"probability of {label}" for label in self.classes]
        rows = [
            {
                "edits": ", ".join(map(str, flip.edits)),
                "number": len(flip.edits),
                "text": " ".join(flip.words),
                "label": flip.label,
                **dict(zip(names, flip.probabilities.tolist(), strict=True)),
            }
            for flip in self.found
        ]
        return pd.DataFrame(rows, columns=["edits", "number", "text", "label", *names])

    def __repr__(self) -> str:
        share = self.probabilities.max()
        lines = [f"{self.prediction}, {share:.1%}: {' '.join(self.words)}"]
        lines += [
            f"  {flip.label}, {flip.probabilities.max():.1%}: {', '.join(map(str, flip.edits))}"
            for flip in self.found
        ]
        if not self.found:
            lines.append(f"  nothing flips it, of {self.tried} texts that were tried")
        return "\n".join(lines)


def iter_flips(
    reader: TextReader,
    words: Sequence[str],
    *,
    to: Any = None,
    most_edits: int = 2,
    replacing: bool = True,
    candidates: Iterable[str] | None = None,
) -> Generator[float, None, Flips]:
    """Yield how far it is, from 0 to 1, and return the fewest edits that flip a text's class.

    Parameters
    ----------
    reader : TextReader
        Of the classifier.
    words : sequence of str
        The text, at least one word.
    to : object, optional
        The class that is wanted; by default any other one.
    most_edits : int
        Edits of one text at most.
    replacing : bool
        Whether words may be replaced, or only left out.
    candidates : iterable of str, optional
        Words that may stand in for others; by default the most frequent ones of the training texts.

    Notes
    -----
    All deletions of a text of up to 256 words go through the model. Replacements are ranked by the
    gradient first: putting v in place of w changes the margin between two classes by about
    (e_v - e_w) · ∂margin/∂e, with e the words' vectors, and by what v is worth among the counted
    words; the best 48 go through the model. Where no single edit flips the class, the texts that
    come nearest are edited further (beam search). So single deletions are found for certain, while
    among replacements and several edits there may be others.

    References
    ----------
    Ebrahimi, Rao, Lowd & Dou (2018). HotFlip: white-box adversarial examples for text
    classification. ACL. Section 3, equations 2 to 5.
    """
    check_size("most_edits", most_edits)
    if to is not None and to not in reader.classes:
        known = ", ".join(map(repr, reader.classes))
        raise ValueError(f"to must be a class, got {to!r}; there are {known}")
    search = _Search(reader, list(words), to, candidates if replacing else ())
    for round_ in range(most_edits):
        for share in search.further():
            yield (round_ + share) / most_edits
        if search.found:
            break
    return search.result()


class _Search:
    """Looks for flips of a text, by one edit more in each round."""

    def __init__(
        self, reader: TextReader, words: list[str], to: Any, candidates: Iterable[str] | None
    ) -> None:
        self._reader = reader
        self._words = words
        self._candidates = _Candidates(reader, candidates)
        self._start = reader.log_odds([words])[0]
        self._from = int(self._start.argmax())
        self._to = None if to is None else reader.classes.index(to)
        self._beam: list[tuple[Edit, ...]] = [()]
        self._seen: set[tuple[str, ...]] = {tuple(words)}
        self._tried = 1
        self.found: list[Flip] = []

    def further(self) -> Iterator[float]:
        """Edit each text of the beam once more; yield the share that is done."""
        if self._to == self._from:
            return
        reached: list[tuple[float, tuple[Edit, ...]]] = []
        for n, edits in enumerate(self._beam):
            trials = self._trials(edits)
            if trials:
                log_odds = self._reader.log_odds([self._edited(each) for each in trials])
                self._tried += len(trials)
                margins = self._margins(log_odds).tolist()
                for trial, logits, margin in zip(trials, log_odds, margins, strict=True):
                    reached.append((margin, trial))
                    label = int(logits.argmax())
                    if label != self._from and self._to in (None, label):
                        self.found.append(self._flip(trial, label, logits))
            yield (n + 1) / len(self._beam)
        reached.sort(key=lambda each: -each[0])
        self._beam = [trial for _, trial in reached[:BEAM]]

    def result(self) -> Flips:
        """Return what was found."""
        classes = self._reader.classes
        kept: list[Flip] = []
        there: Counter[tuple[int, ...]] = Counter()
        for flip in sorted(self.found, key=_rank):
            places = tuple(edit.place for edit in flip.edits)
            if there[places] < KEPT_THERE and len(kept) < KEPT:
                kept.append(flip)
                there[places] += 1
        return Flips(
            self._words,
            classes,
            classes[self._from],
            self._start.softmax(-1).numpy(),
            tuple(kept),
            self._tried,
        )

    def _trials(self, edits: tuple[Edit, ...]) -> list[tuple[Edit, ...]]:
        """Return these edits with one more, if no text before has come of them."""
        words = self._edited(edits)
        taken = {edit.place for edit in edits}
        places = [n for n in range(len(self._words)) if n not in taken]
        slopes = None
        if len(places) > BROAD or self._candidates.words:
            slopes = self._slopes(words)
        standing = self._standing(edits)
        more = [
            Edit(place, self._words[place]) for place in self._likeliest(places, slopes, standing)
        ]
        if slopes is not None:
            wanted = self._candidates.nearest(
                self._words,
                places,
                slopes[[standing[place] for place in places]],
                *self._pair(words),
            )
            more += [Edit(place, self._words[place], by) for place, by in wanted]
        trials = []
        for edit in more:
            trial = tuple(sorted((*edits, edit), key=lambda each: each.place))
            text = tuple(self._edited(trial))
            if text and text not in self._seen:
                self._seen.add(text)
                trials.append(trial)
        return trials

    def _likeliest(
        self, places: list[int], slopes: Tensor | None, standing: dict[int, int]
    ) -> list[int]:
        """Return the places to leave out: all, or those that gain most by the gradient."""
        if len(places) <= BROAD or slopes is None:
            return places
        words = [self._words[place] for place in places]
        network, vocabulary = self._reader.network, self._reader.vocabulary
        rows = slopes[[standing[place] for place in places]]
        gone = network.vectors(vocabulary.encode([UNKNOWN])) - network.vectors(
            vocabulary.encode(words)
        )
        order = (rows * gone).sum(-1).argsort(descending=True)[:BROAD]
        return [places[n] for n in order.tolist()]

    def _slopes(self, words: list[str]) -> Tensor:
        """Return the slope of the margin by each word's vector, (T, E)."""
        reader = self._reader
        vectors = reader.network.vectors(reader.vocabulary.encode(words)).clone().requires_grad_()
        logits = reader.network.logits(reader.network.hidden(vectors[None]))[0]
        against, wanted = self._pair(words)
        (slopes,) = torch.autograd.grad(logits[wanted] - logits[against], vectors)
        return slopes

    def _pair(self, words: list[str]) -> tuple[int, int]:
        """Return the class that a text is to lose, and the one that it is to get."""
        if self._to is not None:
            return self._from, self._to
        logits = self._reader.log_odds([words])[0].clone()
        logits[self._from] = -torch.inf
        return self._from, int(logits.argmax())

    def _margins(self, logits: Tensor) -> Tensor:
        """Return by how much the wanted class is ahead of the one that texts are to lose, (N,)."""
        if self._to is not None:
            return logits[:, self._to] - logits[:, self._from]
        others = logits.clone()
        others[:, self._from] = -torch.inf
        return others.amax(1) - logits[:, self._from]

    def _edited(self, edits: tuple[Edit, ...]) -> list[str]:
        changed: dict[int, str | None] = {edit.place: edit.by for edit in edits}
        words = [changed.get(place, word) for place, word in enumerate(self._words)]
        return [word for word in words if word is not None]

    def _standing(self, edits: tuple[Edit, ...]) -> dict[int, int]:
        """Return where words of the text stand in the edited one, by their places."""
        gone = {edit.place for edit in edits if edit.by is None}
        left = [place for place in range(len(self._words)) if place not in gone]
        return {place: n for n, place in enumerate(left)}

    def _flip(self, edits: tuple[Edit, ...], label: int, logits: Tensor) -> Flip:
        shares: NDArray[np.float64] = logits.softmax(-1).numpy()
        return Flip(edits, self._edited(edits), self._reader.classes[label], shares)


def _rank(flip: Flip) -> tuple[int, int, float]:
    """Put few edits first, then what is only left out, then what is surest."""
    replaced = sum(edit.by is not None for edit in flip.edits)
    return len(flip.edits), replaced, -float(flip.probabilities.max())


class _Candidates:
    """Words that may stand in for others, and what the counts know of each."""

    def __init__(self, reader: TextReader, words: Iterable[str] | None) -> None:
        vocabulary = reader.vocabulary
        if words is None:
            words = [word for _, word in zip(range(COMMON), vocabulary, strict=False)]
            words = [word for word in words if any(map(str.isalpha, word))]
        special = (PAD, UNKNOWN)
        self.words = [word for word in words if word in vocabulary and word not in special]
        self._reader = reader
        self._vectors = reader.network.vectors(vocabulary.encode(self.words))
        classes = len(reader.classes)
        self._counted = np.zeros((len(self.words), classes))
        if reader.counts is not None and self.words:
            self._counted = reader.counts.worth(self.words, classes)

    def nearest(
        self, words: list[str], places: list[int], slopes: Tensor, against: int, wanted: int
    ) -> list[tuple[int, str]]:
        """Return the replacements that gain the wanted class most, by the gradient.

        Parameters
        ----------
        words : list of str
            The text, T words.
        places : list of int
            Where words may be replaced, P of them.
        slopes : Tensor
            Of the margin by the vectors at these places, (P, E).
        against, wanted : int
            Places of the two classes.
        """
        if not self.words or not places:
            return []
        there = [words[place] for place in places]
        reader = self._reader
        own = (slopes * reader.network.vectors(reader.vocabulary.encode(there))).sum(-1)
        gains = (slopes @ self._vectors.t() - own[:, None]).double().cpu()  # (P, V)
        if reader.counts is not None:
            worth = self._counted[:, wanted] - self._counted[:, against]
            before = reader.counts.worth(there, len(reader.classes))
            gains += torch.from_numpy(worth - (before[:, wanted] - before[:, against])[:, None]) / (
                reader.counts.length(words) or 1
            )
        best = gains.flatten().topk(min(NEAREST, gains.numel())).indices.tolist()
        pairs = [(places[n // len(self.words)], self.words[n % len(self.words)]) for n in best]
        return [(place, word) for place, word in pairs if words[place] != word]
