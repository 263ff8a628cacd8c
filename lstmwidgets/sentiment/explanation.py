"""A sentence read word by word: what a classifier thought after each, and what each one did."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..trace import Trace

Array = NDArray[np.float64]

SHOWN_WORD = 24
"""Characters of a word in a table."""

LEAST_CHANGE = 0.02
"""A contribution that has the strongest colour, even if no word of the text has a larger one."""

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
        (T, K): by how much the word raises the probability of a class; see Notes.
    baseline : array
        (K,): probabilities of a text of which no word is known, as long as this one.
    trace : Trace
        Gates, cell and hidden output at each word, each (L, 1, T, H).

    Notes
    -----
    Contributions are integrated gradients. All words become known together: their vectors go from
    that of the unknown word to their own on a straight line, and what is counted of them from
    nothing to all of it. A word's contribution is the integral of the slope of the probability with
    respect to what belongs to that word. They add up to what the text changes,

        contributions.sum(0) = probabilities[-1] - baseline,

    within 1 % of the largest change (of 0.05 where that is smaller). So in "not good" both words
    have a part in what they say together. The change from word to word, which `probabilities`
    shows, would depend on the direction of reading: "not" changes nothing until "good" comes. A
    pair of words that is counted belongs to both alike. Where the output jumps on the way, it is
    looked at ever more closely; what it jumps by within a thousandth of the way (or more, of texts
    of thousands of words) the words share as they share its slopes there. The time grows with the
    number of words, not with its square.

    References
    ----------
    Sundararajan, Taly & Yan (2017). Axiomatic attribution for deep networks. ICML.
    """

    words: list[str]
    classes: list[Any]
    prediction: Any
    probabilities: Array
    contributions: Array
    baseline: Array
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
            (_short(word), f"{share:.1%}", _signed(change), *(f"{gate:.2f}" for gate in gates))
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
        largest = max(LEAST_CHANGE, *(abs(row[2]) for row in rows))
        body = "".join(
            f'<tr><td style="text-align:left;background:{_colour(change / largest)}">'
            f"{escape(_short(word))}</td><td>{share:.1%}</td><td>{_signed(change)}</td>"
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


def _short(word: str) -> str:
    return word if len(word) <= SHOWN_WORD else f"{word[: SHOWN_WORD - 1]}…"


def _signed(change: float) -> str:
    return f"{100 * change:+.1f} %"


def _colour(share: float) -> str:
    """Return the background for a contribution from -1 to 1: blue above zero, orange below."""
    red, green, blue = (0, 114, 178) if share > 0 else (213, 94, 0)  # of Okabe & Ito (2008)
    return f"rgba({red},{green},{blue},{0.6 * abs(share):.2f})"
