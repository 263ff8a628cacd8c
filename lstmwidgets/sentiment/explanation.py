"""A sentence read word by word: what a classifier thought after each, and what each one did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import SequenceModel
from ..text import UNKNOWN, Vocabulary
from ..trace import Trace
from .word_counts import WordCounts

Array = NDArray[np.float64]

ROWS = 64
"""Sequences side by side: their steps grow with the square of the sentence's length."""

SHOWN_WORD = 24
"""Characters of a word in a table."""

HEADINGS = ("word", "probability", "contribution", "i", "f", "o")


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a text got its class.

    Sizes: T words, K classes, L layers, H units.

    Attributes
    ----------
    words : list of str
        As the tokenizer cut them.
    classes : list
        The labels, in the order of the last axis below.
    prediction : object
        The label with the highest probability after the last word.
    probabilities : array
        (T, K): of each class, had the text ended after this word. The last row is that of
        ``predict_proba``.
    contributions : array
        (T, K), in nats: by how much the word raises the log-odds of a class; see Notes.
    trace : Trace
        Gates, cell and hidden output at each word, each (L, 1, T, H).

    Notes
    -----
    The contribution of word t to class k is the log-odds of k for the whole text minus those for
    the text without that word,

        log(p_k / (1 - p_k)) with all words - log(p_k / (1 - p_k)) with all words but t,

    so it is measured with everything else in its place: in "not good" both words count, and a
    word in the middle is not credited with what its neighbours say. The change from step to step,
    which `probabilities` shows, would depend on the direction of reading: "not" changes nothing
    until "good" comes. Contributions do not add up to anything, since words act together. A text
    of one word is compared with the unknown word.
    """

    words: list[str]
    classes: list[Any]
    prediction: Any
    probabilities: Array
    contributions: Array
    trace: Trace

    def rows(self, label: Any = None) -> list[tuple[str, float, float, float, float, float]]:
        """Return a row for each word, for a class or for the predicted one.

        Returns
        -------
        list of tuple
            Word, probability after it, contribution, and input, forget and output gate, each the
            mean over the top layer's units.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        if label is not None and label not in self.classes:
            known = ", ".join(map(repr, self.classes))
            raise ValueError(f"no class {label!r}; there are {known}")
        place = self.classes.index(self.prediction if label is None else label)
        trace = self.trace
        gates = [
            part[-1, 0].double().mean(-1).tolist()
            for part in (trace.input_gate, trace.forget_gate, trace.output_gate)
        ]
        probabilities = self.probabilities[:, place].tolist()
        contributions = self.contributions[:, place].tolist()
        return list(zip(self.words, probabilities, contributions, *gates, strict=True))

    def __repr__(self) -> str:
        rows = self.rows()
        cells = [
            (_short(word), f"{share:.1%}", f"{change:+.2f}", *(f"{gate:.2f}" for gate in gates))
            for word, share, change, *gates in rows
        ]
        widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
        lines = [self._title()]
        for row in (HEADINGS, *cells):
            first, *others = zip(row, widths, strict=True)
            line = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
            lines.append("  ".join(line).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = self.rows()
        largest = max(1.0, *(abs(row[2]) for row in rows))
        body = "".join(
            f'<tr><td style="text-align:left;background:{_colour(change / largest)}">'
            f"{escape(_short(word))}</td><td>{share:.1%}</td><td>{change:+.2f}</td>"
            + "".join(f"<td>{gate:.2f}</td>" for gate in gates)
            + "</tr>"
            for word, share, change, *gates in rows
        )
        head = "".join(f"<th>{name}</th>" for name in HEADINGS)
        caption = f'<caption style="text-align:left">{escape(self._title())}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _title(self) -> str:
        share = self.probabilities[-1].max()
        return f"{self.prediction}, {share:.1%}: probability after each word, and its contribution"


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
    whole = list(words)
    beginnings = [whole[: t + 1] for t in range(len(whole))]
    without = [whole[:t] + whole[t + 1 :] or [UNKNOWN] for t in range(len(whole))]
    training = model.training
    model.eval()
    try:
        found = logits(model, [vocabulary.encode(text) for text in beginnings + without])
        with torch.no_grad():
            assert model.embedding is not None
            row = torch.from_numpy(vocabulary.encode(whole))[None]
            trace = model.lstm.trace(model.embedding(row.to(model.head.weight.device)))
    finally:
        model.train(training)
    if counts is not None:
        found += torch.from_numpy(counts(beginnings + without, model.output_size))
    read, left_out = found[: len(whole)], found[len(whole) :]
    classes = list(range(model.output_size)) if model.classes is None else list(model.classes)
    return Explanation(
        whole,
        classes,
        classes[int(read[-1].argmax())],
        read.softmax(-1).numpy(),
        (_log_odds(read[-1:]) - _log_odds(left_out)).numpy(),
        trace,
    )


@torch.no_grad()
def logits(model: SequenceModel, sequences: Sequence[NDArray[np.int64]]) -> Tensor:
    """Return a classifier's outputs for N arrays of tokens, (N, K), float64 on the CPU."""
    found = []
    for begin in range(0, len(sequences), ROWS):
        part = [torch.from_numpy(one) for one in sequences[begin : begin + ROWS]]
        x = torch.nn.utils.rnn.pad_sequence(part, batch_first=True)
        found.append(model(x.to(model.head.weight.device))[0].cpu().double())
    return torch.cat(found)


def _log_odds(output: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of each class (N, K), exact also where p is 0 or 1 in float64."""
    others = output[:, None, :].expand(-1, output.shape[1], -1).clone()  # (N, K, K)
    others.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    return output - others.logsumexp(-1)


def _short(word: str) -> str:
    return word if len(word) <= SHOWN_WORD else f"{word[: SHOWN_WORD - 1]}…"


def _colour(share: float) -> str:
    """Return the background for a contribution from -1 to 1: blue below zero, red above."""
    red, green, blue = (178, 24, 43) if share > 0 else (33, 102, 172)
    return f"rgba({red},{green},{blue},{0.6 * abs(share):.2f})"
