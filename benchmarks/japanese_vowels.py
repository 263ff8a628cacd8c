"""JapaneseVowels as the package aeon brings it, read without importing that package."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Labelled(NamedTuple):
    """Sequences with a class each.

    Attributes
    ----------
    sequences : list of ndarray
        Each (T, I) in float32, with its own T.
    labels : list of str
        One a sequence.
    """

    sequences: list[NDArray[np.float32]]
    labels: list[str]


def japanese_vowels() -> tuple[Labelled, Labelled]:
    """Return the training and the test utterances of JapaneseVowels (Kudo et al. 1999).

    Nine men said two vowels one after the other; the class is the man, "1" to "9". An utterance has
    7 to 29 steps of 12 cepstral coefficients. 270 are to train on, 30 of each man, and 370 to test.

    Raises
    ------
    ImportError
        If the package aeon, whose files these are, is not installed.

    References
    ----------
    M. Kudo, J. Toyama and M. Shimbo (1999). Multidimensional curve classification using
    passing-through regions. Pattern Recognition Letters 20, 1103-1111.
    """
    spec = find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "JapaneseVowels comes with the package aeon, which is not installed; its files need "
            "none of its dependencies: pip install --no-deps aeon"
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "JapaneseVowels"
    train, test = (read_ts(folder / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
    return train, test


def read_ts(path: str | os.PathLike[str]) -> Labelled:
    r"""Read labelled sequences from a file in the ``.ts`` format of the UEA archive.

    A line of it is a sequence: the channels with ``:`` between them, a channel's steps with ``,``
    between them, and the label at the end.

    Parameters
    ----------
    path : path
        Lines that begin with ``#`` or ``@`` are passed over; sequences begin after ``@data``.

    Raises
    ------
    ValueError
        If a line has no label, channels of different lengths or what is no number; or if there
        is no sequence.

    Examples
    --------
    Two sequences of two channels, with three steps and with one:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.ts")
    ...     _ = path.write_text("@data\n1,2,3:4,5,6:left\n7:8:right\n")
    ...     sequences, labels = read_ts(path)
    >>> sequences[0].tolist(), labels
    ([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], ['left', 'right'])
    """
    sequences, labels, begun = [], [], False
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(map(str.strip, lines), start=1):
            if begun and line and not line.startswith("#"):
                sequence, label = _parsed(line, f"{path}, line {number}")
                sequences.append(sequence)
                labels.append(label)
            begun = begun or line.lower() == "@data"
    if not sequences:
        raise ValueError(f"{path} has no sequences; they stand on lines of their own after @data")
    return Labelled(sequences, labels)


def _parsed(line: str, where: str) -> tuple[NDArray[np.float32], str]:
    *channels, label = line.split(":")
    if not channels or not label:
        raise ValueError(f"{where}: expected channels and a label with ':' between them")
    try:
        rows = [[float(value) for value in channel.split(",")] for channel in channels]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{where}: channels of different lengths, {[len(row) for row in rows]}")
    return np.array(rows, np.float32).T.copy(), label
