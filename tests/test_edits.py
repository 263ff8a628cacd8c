"""The fewest edits that flip a class, against brute force and true passes through the model."""

from __future__ import annotations

import csv
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.sentiment import SentimentModel, TextReader
from lstmwidgets.sentiment.edits import iter_flips
from lstmwidgets.sentiment.reading import drained
from lstmwidgets.text import UNKNOWN, Tokenizer

SENTENCES = Path(__file__).resolve().parent.parent / "notebooks" / "data" / "sentences.csv"


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:300]
    options = {"word_vectors": None, "hidden_size": 16, "members": 2, "epochs": 4, "seed": 1}
    return SentimentModel(**options).fit([r["text"] for r in rows], [r["label"] for r in rows])


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)][300:340]


def reader_of(model: SentimentModel) -> TextReader:
    return TextReader(model.model_, model.vocabulary_, model.counts_)


def test_single_deletions_are_those_of_brute_force(
    model: SentimentModel, sentences: list[str]
) -> None:
    flipped = 0
    for text in sentences:
        words = Tokenizer()(text)
        shorter = [words[:n] + words[n + 1 :] for n in range(len(words))]
        before, *labels = model.predict([text, *(" ".join(each) for each in shorter)]).tolist()
        # Deletions that leave the same text are one.
        wanted = {
            tuple(each) for each, now in zip(shorter, labels, strict=True) if now != before
        } - {tuple(words)}
        found = model.flips(text, most_edits=1, replacing=False)
        assert found.prediction == before
        assert {tuple(each.words) for each in found.found} == wanted
        assert found.tried <= len(words) + 1
        flipped += bool(wanted)
    assert flipped > 3


def test_all_that_is_found_holds_in_a_true_pass(
    model: SentimentModel, sentences: list[str]
) -> None:
    replaced = 0
    for text in sentences[:12]:
        found = model.flips(text)
        assert found.found
        numbers = [len(flip.edits) for flip in found.found]
        assert numbers == sorted(numbers)
        assert len({tuple(flip.words) for flip in found.found}) == len(numbers)
        for flip in found.found:
            assert flip.label != found.prediction
            shares = reader_of(model).probabilities([flip.words])[0]
            np.testing.assert_allclose(flip.probabilities, shares, atol=1e-5)
            assert flip.label == model.classes_[shares.argmax()]
            changed = dict.fromkeys(range(len(found.words)), "")
            for edit in flip.edits:
                assert found.words[edit.place] == edit.word
                del changed[edit.place]
                replaced += edit.by is not None
            kept = [found.words[place] for place in changed]
            put = [edit.by for edit in flip.edits if edit.by is not None]
            assert sorted(flip.words) == sorted(kept + put)
    assert replaced


def test_the_gradient_finds_the_best_replacement_of_many(model: SentimentModel) -> None:
    """Among the best of all 1,000 replacements is one that the gradient has found."""
    words = Tokenizer()("The room was small and cold.")
    candidates = list(model.vocabulary_)[2:202]
    found = model.flips(" ".join(words), most_edits=1, candidates=candidates)
    start = reader_of(model).probabilities([words])[0].argmax()
    all_texts = [[*words[:n], by, *words[n + 1 :]] for n in range(len(words)) for by in candidates]
    shares = reader_of(model).probabilities(all_texts)
    flipping = np.flatnonzero(shares.argmax(1) != start)
    replacing = [flip for flip in found.found if flip.edits[0].by is not None]
    assert bool(replacing) == bool(len(flipping))
    best = shares[flipping].max()
    assert max(flip.probabilities.max() for flip in replacing) > 0.9 * best


def test_a_class_may_be_wanted(model: SentimentModel) -> None:
    text = "We loved every minute of this great trip."
    before = model.predict([text])[0]
    for label in model.classes_:
        found = model.flips(text, to=label, most_edits=3)
        assert all(flip.label == label for flip in found.found)
        if label == before:
            assert found.found == ()
            assert "nothing flips it" in repr(found)
    with pytest.raises(ValueError, match="to must be a class, got 'glad'"):
        model.flips(text, to="glad")


def test_a_table_has_a_row_for_each_flip(model: SentimentModel, sentences: list[str]) -> None:
    found = model.flips(sentences[0])
    table = found.to_dataframe()
    assert len(table) == len(found.found)
    assert table["number"].tolist() == [len(flip.edits) for flip in found.found]
    shares = table[[f"probability of {label}" for label in found.classes]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1)
    assert "→" in repr(found) or "without" in repr(found)
    nothing = model.flips("film", replacing=False)  # its only word cannot go
    assert nothing.to_dataframe().empty


@settings(max_examples=10)
@given(st.lists(st.sampled_from(["good", "bad", "not", "zebra", "!", "room"]), min_size=1))
def test_texts_side_by_side_are_read_as_alone(words: list[str]) -> None:
    model = TOY
    reader = reader_of(model)
    texts = [words, [*words, "good"], words[:1], [UNKNOWN]]
    together = reader.probabilities(texts)
    alone = [reader.read(each).probabilities[-1] for each in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    trace = reader.read(words).trace
    tokens = torch.from_numpy(model.vocabulary_.encode(words))
    wanted = model.model_.lstm.trace(model.model_.embedding(tokens)[None])  # type: ignore[misc]
    for name in ("input_gate", "forget_gate", "output_gate", "candidate", "cell", "hidden"):
        torch.testing.assert_close(getattr(trace, name), getattr(wanted, name).detach())
    torch.testing.assert_close(tuple(trace.state), tuple(wanted.state))


def test_work_tells_how_far_it_is(model: SentimentModel, sentences: list[str]) -> None:
    words = Tokenizer()(" ".join(sentences))
    assert len(words) > 256  # of deletions the likeliest go through the model
    found, shares = driven(iter_flips(reader_of(model), words))
    assert found.tried > 256
    assert shares == sorted(shares)
    explanation, shares = driven(reader_of(model).explain(words))
    assert explanation.words == words
    assert all(0 <= share <= 1 for share in shares)
    same = drained(reader_of(model).explain(words))
    np.testing.assert_array_equal(same.contributions, explanation.contributions)


def driven(steps: Generator[float, None, Any]) -> tuple[Any, list[float]]:
    """Return what work returns, and all that it has told of how far it was."""
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


TOY = SentimentModel(word_vectors=None, hidden_size=8, members=2, epochs=2, seed=1).fit(
    ["good room", "bad room", "not good !", "not bad"] * 3, ["a", "b", "b", "a"] * 3
)
