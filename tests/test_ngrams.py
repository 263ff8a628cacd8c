"""Counts of words and pairs beside the LSTM, against scikit-learn's TF-IDF."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from lstmwidgets import load, save
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import from_model
from lstmwidgets.sentiment.counting import STRENGTH, with_counts
from lstmwidgets.text import Vocabulary

VOCABULARY = Vocabulary(["not", ".", "good", "bad", "so", "it", "film"])  # 2 and 3 are special
TEXTS = [
    [2, 4, 5, 6, 7, 8],
    [5, 2, 3, 4, 4, 4, 5, 4, 5],
    [3, 4, 5, 6],
    [6, 5, 4],
    [3, 6, 7],
    [8, 4, 5],
    [7],
    [5, 6, 7, 8],
    [7, 8, 3],
    [4, 6],
]
NEW = [[2, 8, 6, 2, 3, 5], [4, 2, 9, 4, 4], [3, 4, 9], [9], [9, 3], [5, 4, 3, 8, 7, 6]]


def counted(classes: int, weight: float = 0.5, **options) -> tuple[SequenceModel, SequenceModel]:
    torch.manual_seed(0)
    given = {"embedding_size": 3, "hidden_size": 4, "pooling": "max"} | options
    plain = SequenceModel(None, classes, vocabulary_size=12, task="classification", **given).eval()
    plain.classes = list("abc"[:classes])
    labels = [plain.classes[n % classes] for n in range(len(TEXTS))]
    return plain, with_counts(
        plain, VOCABULARY, list(map(np.array, TEXTS)), labels, weight, "balanced"
    )


def grams(text: list[int]) -> list[tuple]:
    words, left = [], 0
    for token in text:
        left = 0 if token == 3 else left
        words.append((token, left > 0))
        left = 3 if token == 2 else max(left - 1, 0)
    return [*((word,) for word in words), *pairwise(words)]


def padded(texts) -> torch.Tensor:
    rows = [torch.tensor(text) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_added_is_a_regression_on_tfidf(classes):
    plain, model = counted(classes)
    vectorizer = TfidfVectorizer(analyzer=grams, binary=True)
    regression = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced")
    labels = [n % classes for n in range(len(TEXTS))]
    regression.fit(vectorizer.fit_transform(TEXTS), labels)
    for texts in (TEXTS, NEW):
        added = (model(padded(texts))[0] - plain(padded(texts))[0]).detach().double().numpy()
        expected = regression.predict_log_proba(vectorizer.transform(texts))
        # Softmax forgets a constant; the weight is a half.
        difference = added - added[:, :1] - 0.5 * (expected - expected[:, :1])
        assert np.abs(difference).max() < 1e-3


def test_padding_and_the_batch_change_nothing():
    _, model = counted(3)
    together = model(padded(TEXTS + NEW))[0]
    alone = torch.cat([model(torch.tensor([text]))[0] for text in TEXTS + NEW])
    torch.testing.assert_close(together, alone)


def test_it_saves_loads_goes_online_and_grows(tmp_path):
    _, model = counted(2, pooling="attention")
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    torch.testing.assert_close(again(padded(NEW))[0], model(padded(NEW))[0])
    stream = from_model(again)
    text = TEXTS[2]
    expected = model(torch.tensor([text]))[0].softmax(1)[0].tolist()
    assert list(stream.predict_proba_one(text).values()) == pytest.approx(expected, abs=1e-6)
    for _ in range(10):
        stream.learn_one(text, "new")
    assert stream.predict_one(text) == "new"
    save(again, tmp_path / "grown.safetensors")
    grown = load(tmp_path / "grown.safetensors")
    torch.testing.assert_close(grown(padded(NEW))[0], again(padded(NEW))[0])


def test_it_needs_tokens_and_a_pooling():
    with pytest.raises(ValueError, match="ngrams= needs tokens"):
        SequenceModel(3, ngrams=5)
    with pytest.raises(ValueError, match="ngrams= needs tokens"):
        SequenceModel(vocabulary_size=5, task="next_token", pooling=None, ngrams=5)
