"""From texts to numbers: tokens, the vocabulary that counts them, pretrained vectors for them."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .checks import check_size
from .word_vectors import WordVectors, load_word_vectors

__all__ = [
    "PAD",
    "UNKNOWN",
    "UNKNOWN_NUMBER",
    "Tokenizer",
    "Vocabulary",
    "WordVectors",
    "load_word_vectors",
]

PAD = "<pad>"
"""Fills up short sequences; always number 0, and no word of any text."""

UNKNOWN = "<unk>"
"""Stands for every word that has no number of its own."""

UNKNOWN_NUMBER = 1
"""The number of `UNKNOWN`, always."""

EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
FLAG_LETTER = "[\U0001f1e6-\U0001f1ff]"
DRESSED = f"[{EMOJI}](?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff])?(?:[\U000e0020-\U000e007f]+)?"
"""One emoji with its skin tone, its choice of colour or not, or the tags of a region's flag."""

SYLLABLES = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
"""Scripts that put no spaces between words: kana and Han."""

JOINERS = "\u200c\u200d"
"""Zero-width characters within words of Persian or Hindi, say."""

LONGEST_RUN = 3
"""Of equal marks behind one another so many are kept: ``!!!!!`` is as good as ``!!!``."""

TIDIED = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u200b": " ", "\u00ad": "", "\ufeff": ""})
"""Apostrophes are one; a zero-width space is a space; soft hyphens and byte-order marks go."""


class Tokenizer:
    """Cuts a text into words, numbers, punctuation marks and emoji.

    Parameters
    ----------
    lower : bool
        Put all in lower case, as the words of GloVe are.

    Notes
    -----
    In the manner of the Penn Treebank, whose tokens GloVe was trained on, a negation and other
    short forms are tokens of their own: *don't* is ``do n't``, *can't* ``ca n't``, *it's* ``it
    's``. Words joined by hyphens are cut. Emoji of several code points (flags, families, skin
    tones) are one token, and so are emoticons such as ``:-(``, web addresses, numbers with commas
    or points, and runs of the same mark, of which three are kept: ``!!!``. Han characters and kana,
    which are written without spaces, are cut one by one; Thai, Lao, Khmer and Burmese are not cut
    at all. The text is brought into Unicode's normal form C first.

    Examples
    --------
    >>> Tokenizer()("I don't like it :( 3.5 stars!!! 👍🏽")
    ['i', 'do', "n't", 'like', 'it', ':(', '3.5', 'stars', '!!!', '👍🏽']
    """

    def __init__(self, *, lower: bool = True) -> None:
        self.lower = lower

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text in their order; none for a text of spaces.

        Raises
        ------
        TypeError
            If it is no string.
        """
        if not isinstance(text, str):
            raise TypeError(f"expected a text as a string, got {type(text).__name__} {text!r}")
        text = unicodedata.normalize("NFC", text).translate(TIDIED)
        found = _pattern().finditer(text.lower() if self.lower else text)
        return [match[0] if match["mark"] is None else match[0][:LONGEST_RUN] for match in found]

    def __repr__(self) -> str:
        return "Tokenizer()" if self.lower else "Tokenizer(lower=False)"


class Vocabulary:
    """Numbers tokens from 0: ``<pad>``, ``<unk>``, and then the words in the order given.

    Parameters
    ----------
    tokens : iterable of str
        Words to begin with, each once; ``<pad>`` and ``<unk>`` need not be among them.
    growing : bool
        Whether `encode` gives unknown words numbers of their own, or the number of ``<unk>``.

    Raises
    ------
    TypeError
        If tokens are no strings, or are one string.

    Examples
    --------
    >>> vocabulary = Vocabulary(["good", "bad"])
    >>> vocabulary.encode(["not", "good"])
    array([1, 2])
    >>> vocabulary.decode([3, 0])
    ['bad', '<pad>']
    >>> Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    True
    """

    def __init__(self, tokens: Iterable[str] = (), *, growing: bool = False) -> None:
        self.growing = growing
        self._tokens: list[str] = []
        self._places: dict[str, int] = {}
        for token in (PAD, UNKNOWN, *_words(tokens)):
            self.add(token)

    @classmethod
    def build(
        cls,
        token_lists: Iterable[Sequence[str]],
        min_count: int = 1,
        max_size: int | None = None,
        *,
        growing: bool = False,
    ) -> Vocabulary:
        """Return the vocabulary of texts: the most frequent words first, equals by alphabet.

        Parameters
        ----------
        token_lists : iterable of list of str
            Tokens of each text.
        min_count : int
            Words that come less often are left out.
        max_size : int, optional
            Tokens at most, ``<pad>`` and ``<unk>`` among them: rows of an embedding.
        growing : bool
            As in `Vocabulary`.

        Examples
        --------
        >>> vocabulary = Vocabulary.build([["so", "good"], ["so", "so"], ["bad"]], max_size=4)
        >>> list(vocabulary)
        ['<pad>', '<unk>', 'so', 'bad']
        """
        check_size("min_count", min_count)
        if max_size is not None:
            check_size("max_size", max_size)
            if max_size < 3:
                raise ValueError(f"max_size must be at least 3, {PAD}, {UNKNOWN} and a word")
        counts: Counter[str] = Counter()
        for tokens in token_lists:
            counts.update(_words(tokens))
        for special in (PAD, UNKNOWN):
            counts.pop(special, None)
        kept = [token for token, count in counts.items() if count >= min_count]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls(kept if max_size is None else kept[: max_size - 2], growing=growing)

    def add(self, token: str) -> int:
        """Return a token's number; a new one gets the next."""
        if not isinstance(token, str):
            raise TypeError(f"a token must be a string, got {type(token).__name__} {token!r}")
        place = self._places.setdefault(token, len(self._tokens))
        if place == len(self._tokens):
            self._tokens.append(token)
        return place

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """Return the number of each token, (T,).

        A token ``<pad>`` counts as unknown: nothing within a text may look like its end.
        """
        words = _words(tokens)
        if self.growing:
            for word in words:
                self.add(word)
        places = [self._places.get(word, 0) or UNKNOWN_NUMBER for word in words]
        return np.array(places, np.int64)

    def decode(self, places: Iterable[int] | NDArray[np.int64]) -> list[str]:
        """Return the token behind each number.

        Raises
        ------
        ValueError
            If a number is none of this vocabulary.
        """
        tokens = []
        for place in places:
            if not 0 <= place < len(self._tokens):
                raise ValueError(f"no token has number {place}; they go to {len(self) - 1}")
            tokens.append(self._tokens[place])
        return tokens

    def to_json(self) -> str:
        """Return everything as JSON, for `from_json`."""
        # In ASCII, so that halves of cut characters can be written to any file.
        return json.dumps({"tokens": self._tokens, "growing": self.growing})

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Return the vocabulary that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is something else.
        """
        try:
            saved = json.loads(text)
            made = cls(saved["tokens"], growing=saved["growing"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a vocabulary in JSON: {error}") from error
        if made._tokens != saved["tokens"] or not isinstance(saved["growing"], bool):
            raise ValueError(f"not a vocabulary in JSON: it must begin with {PAD}, {UNKNOWN}")
        return made

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._places

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self._tokens == other._tokens and self.growing == other.growing

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens{', growing' if self.growing else ''})"


def _words(tokens: Iterable[str]) -> list[str]:
    if isinstance(tokens, str):
        raise TypeError(f"expected a list of tokens, got the string {tokens!r}; tokenize it first")
    return list(tokens)


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of a token; made once, when the first text comes (10 ms)."""
    # The `re` module counts combining marks as no part of a word; most scripts of India need them.
    marks = "".join(
        char for char in map(chr, range(0x300, 0x1F000)) if unicodedata.category(char)[0] == "M"
    )
    letter = rf"[^\W_{SYLLABLES}]"
    inner = rf"(?:[^\W{SYLLABLES}]++|[{marks}{JOINERS}]++)*+"
    negated = r"n't(?!\w)"
    return re.compile(
        rf"""
        # Most words begin with a letter that nothing else begins with: this line only saves time.
        [a-gi-mo-vyz]{inner}(?!(?<=n)'t(?!\w))
        | (?:https?://|www\.)[^\s<>"]*[\w/]
        | [0-9#*]\ufe0f?\u20e3                              # keycaps
        | {FLAG_LETTER}{FLAG_LETTER} | {DRESSED}(?:\u200d{DRESSED})*
        | [:;=][-'^]?[)(\]\[]+(?!\w) | (?<![\w(])[:;=8x][-'^]?[)(\]\[dpo/\\|3*](?!\w) | <3+(?!\w)
        | \d+(?:[.,:]\d+)+
        | {letter}(?:[^\W{SYLLABLES}]|[{marks}{JOINERS}])*?(?={negated})
        | {negated} | '(?:s|m|d|re|ve|ll)(?!\w)
        | {letter}{inner} | [{SYLLABLES}][{marks}\u30fc]*
        | (?P<mark>[^\w\s{JOINERS}\ufe0e\ufe0f])(?P=mark)*   # once or repeated
        | _+
        """,
        re.VERBOSE | re.IGNORECASE,
    )
