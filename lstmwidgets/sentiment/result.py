"""What a training of `SentimentModel` was like, and for how long it should have gone on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..training.epochs import FitResult


@dataclass(frozen=True)
class SentimentResult(FitResult):
    """What a training of `SentimentModel` was like.

    Attributes
    ----------
    word_vectors : str
        Where the first vectors of the words came from.
    macro_f1 : list of float
        Of the texts held back, after each epoch; empty if none were.
    refitted : int
        For how many epochs it was trained anew on all texts; 0 if it was not.
    """

    word_vectors: str = ""
    macro_f1: list[float] = field(default_factory=list)
    refitted: int = 0

    @property
    def verdict(self) -> str:
        """What the curves say, in plain words, and what it began and ended with."""
        again = f" Then trained anew on all texts for {self.refitted} epochs." * bool(self.refitted)
        return f"{super().verdict}{again} Word vectors: {self.word_vectors}."


def long_enough(scores: Sequence[float], count: int) -> int:
    """Return the last epoch that is no worse than the best by a standard error of the score.

    The loss turns long before the classes that it leads to (it minds being too sure), and the
    scores of few texts are too noisy to tell late epochs apart; the last of them has the smallest
    steps behind it.

    Examples
    --------
    >>> long_enough([0.4, 0.6, 0.62, 0.6, 0.5], count=300)
    4
    """
    best = max(scores)
    error = math.sqrt(best * (1 - best) / count)
    return max(n for n, score in enumerate(scores, 1) if score >= best - error)
