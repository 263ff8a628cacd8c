"""Counts of words and pairs beside the network, against their formulas."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from lstmwidgets import load, save
from lstmwidgets.online import from_model
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.sentiment.word_counts import (
    ENDS,
    NEGATIONS,
    REACH,
    STRENGTH,
    WordCounts,
    words_and_pairs,
)

TEXTS = [
    text.split()
    for text in [
        "not good bad so it film",
        "bad not . good good good bad good bad",
        ". good bad so",
        "so bad good",
        ". so it",
        "film good bad",
        "it",
        "bad so it film",
        "it film .",
        "good so",
    ]
]
NEW = [
    text.split()
    for text in ["not film so not . bad", "good not new good good", ". good new", "new", "so film"]
]


def tfidf(texts: list[list[str]], known: list[str], documents: dict[str, int]) -> np.ndarray:
    """Return the matrix by the formulas: each counts once, smoothed frequencies, length 1."""
    idf = np.array([np.log((1 + len(TEXTS)) / (1 + documents[name])) + 1 for name in known])
    rows = np.array([idf * np.isin(known, words_and_pairs(text)) for text in texts])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths, lengths, 1)


@given(st.lists(st.sampled_from(["not", "n't", ".", "!", "good", "bad", "it"]), max_size=12))
def test_what_is_marked_stands_up_to_three_words_behind_a_negation(words: list[str]) -> None:
    marked = [
        any(
            words[before] in NEGATIONS and not ENDS.intersection(words[before + 1 : t + 1])
            for before in range(max(0, t - REACH), t)
        )
        for t in range(len(words))
    ]
    spelled = ["NOT_" * one + word for one, word in zip(marked, words, strict=True)]
    pairs = [f"{first} {second}" for first, second in pairwise(spelled)]
    assert words_and_pairs(words) == spelled + pairs


@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 3.0}])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_logits_are_those_of_a_regression_on_tfidf(classes: int, class_weight) -> None:
    places = [n % classes for n in range(len(TEXTS))]
    counts = WordCounts.fit(TEXTS, places, weight=0.5, class_weight=class_weight)
    documents = Counter(name for text in TEXTS for name in set(words_and_pairs(text)))
    known = sorted(documents)
    assert counts.to_parts()["names"] == known
    regression = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight=class_weight)
    regression.fit(tfidf(TEXTS, known, documents), places)
    for texts in (TEXTS, NEW):
        found = counts(texts, classes + 1)
        assert np.abs(found.sum(1)).max() < 1e-12
        assert not found[:, classes].any()  # of a class that is new nothing is known
        expected = tfidf(texts, known, documents) @ regression.coef_.T + regression.intercept_
        if classes == 2:
            expected = np.hstack([-expected, expected]) / 2
        expected = 0.5 * (expected - expected.mean(1, keepdims=True))
        assert np.abs(found[:, :classes] - expected).max() < 1e-3  # two solutions of one problem
        alone = np.concatenate([counts([text], classes) for text in texts])
        assert np.array_equal(alone, found[:, :classes])


def test_without_scikit_learn_it_is_said_what_to_install() -> None:
    lines = "import sys; sys.modules['sklearn'] = None; import lstmwidgets.sentiment"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs scikit-learn: pip install 'lstmwidgets[text]'" in done.stderr.splitlines()[-1]


# --- word by word --------------------------------------------------------------------------------

SPOKEN = st.lists(
    st.sampled_from(("not", "good", "bad", ",", "!", "so", "zebra", "it")), max_size=9
)


@given(st.lists(st.tuples(SPOKEN, st.integers(0, 2)), min_size=6, max_size=9), SPOKEN.filter(bool))
def test_beginnings_and_parts_are_those_of_the_texts(drawn: Any, words: list[str]) -> None:
    texts = [["good", *text] for text, _ in drawn]
    places = [0, 1, *(place for _, place in drawn[2:])]
    places = [place if max(places) == 2 else min(place, 1) for place in places]
    counts = WordCounts.fit(texts, places, weight=0.7, class_weight=None)
    for classes in (3, 4):
        whole = [words[: t + 1] for t in range(len(words))]
        assert counts.beginnings(words, classes) == pytest.approx(counts(whole, classes), abs=1e-9)
        assert counts.offset(classes) == pytest.approx(counts([["?"]], classes)[0], abs=1e-9)
        parts = counts.added(words, classes)
        change = counts([words], classes)[0] - counts.offset(classes)
        assert parts.sum(0) == pytest.approx(change, abs=1e-9)
        wanted = np.zeros_like(parts)  # each word or pair: what it adds, over all of its places
        names = words_and_pairs(words)
        vectorizer, features = counts.vectorizer, counts.vectorizer.transform([words]).toarray()[0]
        coef = counts.regression.coef_
        coef = np.concatenate([-coef, coef]) / 2 if len(coef) == 1 else coef - coef.mean(0)
        for name in set(names) & set(vectorizer.vocabulary_):
            feature = vectorizer.vocabulary_[name]
            where = [n for n, other in enumerate(names) if other == name]
            where = [
                (n,) if n < len(words) else (n - len(words), n - len(words) + 1) for n in where
            ]
            for place in where:
                for t in place:
                    share = 0.7 * coef[:, feature] * features[feature] / len(where) / len(place)
                    wanted[t, : len(coef)] += share
        assert parts == pytest.approx(wanted, abs=1e-9)


# --- in a classifier ------------------------------------------------------------------------------

SENTENCES = [" ".join(text) for text in TEXTS]
LABELS = ["yes", "no", "no", "yes", "no", "no", "yes", "no", "yes", "yes"]
OPTIONS = {"word_vectors": None, "hidden_size": 4, "epochs": 2, "members": 1, "seed": 1}


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return SentimentModel(**OPTIONS, counts=0.5).fit(SENTENCES, LABELS)


def test_the_classifier_adds_them_to_the_networks_logits(model: SentimentModel) -> None:
    network = SentimentModel(**OPTIONS, counts=0.0).fit(SENTENCES, LABELS)
    assert network.counts_ is None
    places = [["no", "yes"].index(label) for label in LABELS]
    counts = WordCounts.fit(TEXTS, places, weight=0.5, class_weight="balanced")
    for texts in (TEXTS, NEW):
        sentences = list(map(" ".join, texts))
        added = np.log(model.predict_proba(sentences)) - np.log(network.predict_proba(sentences))
        expected = counts(texts, 2)
        assert np.diff(added) == pytest.approx(np.diff(expected), abs=1e-9)
        assert np.abs(expected).max() > 0.01
        for sentence, expected in zip(sentences, model.predict_proba(sentences), strict=True):
            explanation = model.explain(sentence)
            assert explanation.probabilities[-1] == pytest.approx(expected, abs=1e-6)
            change = expected - explanation.baseline
            assert explanation.contributions.sum(0) == pytest.approx(change, abs=5e-4)


def test_class_weights_by_label_reach_them() -> None:
    weights = {"yes": 5.0, "no": 0.5}
    weighted = SentimentModel(**OPTIONS, class_weight=weights).fit(SENTENCES, LABELS).counts_
    places = [["no", "yes"].index(label) for label in LABELS]
    expected = WordCounts.fit(TEXTS, places, weight=0.8, class_weight={0: 0.5, 1: 5.0})
    assert weighted is not None
    assert np.array_equal(weighted(NEW, 2), expected(NEW, 2))


@pytest.mark.parametrize("third", ["yes", "perhaps"])
def test_they_are_in_files_and_a_changed_array_is_found(third: str, tmp_path: Path) -> None:
    model = SentimentModel(**OPTIONS).fit(SENTENCES, [*LABELS[:-3], "yes", third, third])
    path, sentences = tmp_path / "model.safetensors", SENTENCES + list(map(" ".join, NEW))
    save(model, path)
    again = load(path)
    for _ in range(2):
        assert np.array_equal(again.predict_proba(sentences), model.predict_proba(sentences))
        assert repr(again.explain(SENTENCES[1])) == repr(model.explain(SENTENCES[1]))
        save(again, path)
        again = load(path)
    network = load(path).model_.state_dict()
    assert all(torch.equal(network[name], one) for name, one in model.model_.state_dict().items())
    data, coefficients = path.read_bytes(), model.counts_.to_parts()["coef"]
    assert data.count(coefficients.tobytes()) == 1
    path.write_bytes(data.replace(coefficients.tobytes(), (-coefficients).tobytes()))
    with pytest.raises(ValueError, match="changed after it had been written"):
        load(path)


def test_they_vote_on_in_a_stream_as_they_are(model: SentimentModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model.safetensors")
    ours = load(tmp_path / "model.safetensors")  # the stream changes its network
    before = ours.counts_(NEW, 2)
    stream = from_model(ours, lr=0.02)
    text = SENTENCES[2]
    tokens = ours.vocabulary_.encode(text.split())
    (expected,) = ours.predict_proba([text])
    for event in (text, tokens, tokens.tolist()):
        found = list(stream.predict_proba_one(event).values())
        assert found == pytest.approx(expected, abs=1e-6)
    for t, (_, found) in enumerate(stream.read_one(text), 1):
        (expected,) = ours.predict_proba([" ".join(text.split()[:t])])
        assert list(found.values()) == pytest.approx(expected, abs=1e-6)
    for _ in range(40):
        stream.learn_one(text, "new")
    assert stream.predict_one(text) == "new"
    assert list(ours.predict([text])) == ["new"]
    assert stream.predict_proba_one(text)["new"] == pytest.approx(
        ours.predict_proba([text])[0, 2], abs=1e-6
    )
    assert ours.explain(text).prediction == "new"
    assert np.array_equal(ours.counts_(NEW, 2), before)
    save(ours, tmp_path / "grown.safetensors")
    grown = load(tmp_path / "grown.safetensors")
    assert np.array_equal(grown.predict_proba([text]), ours.predict_proba([text]))
