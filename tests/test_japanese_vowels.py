"""The vowels of nine men, and the reader of their files."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.japanese_vowels import japanese_vowels, read_ts

needs_aeon = pytest.mark.skipif(
    not find_spec("aeon"), reason="aeon, whose files are read, is missing"
)


@needs_aeon
def test_japanese_vowels_as_its_authors_describe_them():
    train, test = japanese_vowels()
    assert Counter(train.labels) == {str(speaker): 30 for speaker in range(1, 10)}
    assert len(test.sequences) == len(test.labels) == 370
    assert set(test.labels) == set(train.labels)
    every = train.sequences + test.sequences
    assert {one.shape[1] for one in every} == {12}
    assert (min(map(len, every)), max(map(len, every))) == (7, 29)
    assert all(one.dtype == np.float32 and np.isfinite(one).all() for one in every)


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("benchmarks.japanese_vowels.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps aeon"):
        japanese_vowels()


def test_comments_headers_and_empty_lines_are_passed_over(tmp_path):
    path = tmp_path / "some.ts"
    path.write_text("# 1,2:a\n@classLabel true a b\n@DATA\n\n# later\n1.5,-2e-3:0,7:b\n")
    sequences, labels = read_ts(path)
    assert labels == ["b"]
    np.testing.assert_array_equal(sequences[0], np.array([[1.5, 0], [-2e-3, 7]], np.float32))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@data\n1,2:3:a\n", "line 2: channels of different lengths, .2, 1."),
        ("@data\n1,2\n", "line 2: expected channels and a label"),
        ("@data\n1,2:\n", "line 2: expected channels and a label"),
        ("@data\n1,?:a\n", r"line 2: could not convert string to float: '\?'"),
        ("1,2:a\n", "has no sequences"),
    ],
)
def test_damaged_files_are_refused_with_the_line(tmp_path, text, words):
    path = tmp_path / "some.ts"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_ts(path)
