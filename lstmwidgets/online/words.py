"""Words of a text and their vectors, which are learned with the rest."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels.embeddings import learn_rows
from ..kernels.optimizers import ADAM, ADAMW, SGD
from ..text import UNKNOWN, Tokenizer
from .arrays import Arrays, Table, need, need_places
from .optimizers import OptimizerFactory, find_optimizer

END = "</s>"
"""Stands behind the last word of every text, so that an empty one has something to read."""

SPREAD = 0.1
"""Standard deviation of a vector's first numbers."""


def words_of(text: str, longest: int) -> list[str]:
    """Return the last tokens of a text, at most `longest`, and the end mark."""
    # A word has a character at least, and few have more than 40: no need to search all of it.
    return [*Tokenizer()(text.rstrip()[-40 * longest :])[-longest:], END]


class LearnedWords(Arrays):
    """A table of vectors that grows with the words that come, up to a limit.

    Parameters
    ----------
    size : int
        Numbers a vector, E.
    most : int
        How many words get a vector; later ones share that of `UNKNOWN`.
    optimizer : str or callable
        As of the LSTM. Where that does not run compiled, Adam learns the vectors.
    seed : int
        A word's first vector depends on it and the word only.

    Attributes
    ----------
    places : dict of str to int
        Row of each word.
    """

    ARRAYS: ClassVar[Table] = {
        "_settings": (np.float64, lambda _: (5,)),
        "_table": (np.float32, lambda own: (len(own["_steps"]), own["size"])),
        "_moments": (np.float32, lambda own: (len(own["_steps"]), 2, own["size"])),
        "_steps": (np.int64, lambda own: (np.size(own["_steps"]),)),
    }

    def __init__(self, size: int, most: int, optimizer: str | OptimizerFactory, seed: int) -> None:
        self.size = size
        self.most = most
        self.seed = seed
        self.places: dict[str, int] = {}
        found = find_optimizer(optimizer, 0.0) or find_optimizer("adam", 0.0)
        assert found is not None
        self._rule, self._settings = found
        self._table = np.zeros((0, size), np.float32)
        self._moments = np.zeros((0, 2, size), np.float32)
        self._steps = np.zeros(0, np.int64)
        self.add([UNKNOWN, END])

    def add(self, words: list[str]) -> None:
        """Give vectors to words that have none, as long as there is room."""
        for word in words:
            if word in self.places or len(self.places) >= self.most:
                continue
            place = len(self.places)
            if place == len(self._table):
                self._make_room(max(64, 2 * place))
            self.places[word] = place
            self._table[place] = self._drawn(word)

    def rows(self, words: list[str]) -> NDArray[np.int64]:
        """Return each word's row in the table, (T,); changes nothing."""
        unknown = self.places[UNKNOWN]
        return np.array([self.places.get(word, unknown) for word in words], np.int64)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of rows, (T, E): a copy."""
        return self._table[rows]

    def learn(
        self, rows: NDArray[np.int64], errors: NDArray[np.float32], lr: float, clip: float
    ) -> None:
        """Take a step for the rows (T,) whose gradients are (T, E)."""
        self._settings[0] = lr
        own = (self._table, self._moments, self._steps)
        pace = np.ones(self.size, np.float32)
        learn_rows(self._rule, self._settings, clip, *own, rows, errors, pace)

    def _make_room(self, rows: int) -> None:
        more = rows - len(self._table)
        self._table = np.pad(self._table, ((0, more), (0, 0)))
        self._moments = np.pad(self._moments, ((0, more), (0, 0), (0, 0)))
        self._steps = np.pad(self._steps, (0, more))

    def _drawn(self, word: str) -> NDArray[Any]:
        seeded = f"{self.seed} {word}".encode(errors="surrogatepass")  # halves of cut characters
        digest = hashlib.blake2b(seeded, digest_size=16).digest()
        random = np.random.default_rng(int.from_bytes(digest, "big"))
        return SPREAD * random.standard_normal(self.size)

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        places = kept["places"]
        need(kept["_rule"] in (SGD, ADAM, ADAMW) and UNKNOWN in places, "words")
        need_places(places, "words")
        need(len(places) <= np.size(kept["_steps"]), "words")
