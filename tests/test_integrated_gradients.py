"""Contributions of words against a plain sum over the path, and what they are computed from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets import SequenceModel
from lstmwidgets.pooling import POOLINGS, pool, pool_prefixes
from lstmwidgets.sentiment.integrated_gradients import FINE, MIDDLE, POINTS, ROUGH, Path
from lstmwidgets.sentiment.merging import merged, separated
from lstmwidgets.sentiment.reading import drained, explained
from lstmwidgets.sentiment.word_counts import WordCounts
from lstmwidgets.text import UNKNOWN, Vocabulary

WORDS = ("good", "bad", "not", "so", "film", "!")
VOCABULARY = Vocabulary(list(WORDS))


def classifier(
    seed: int = 0, classes: int = 3, sharp: float = 3.0, **options: Any
) -> SequenceModel:
    """Return a classifier that is sure of what it says."""
    torch.manual_seed(seed)
    options = {"pooling": "attention", "hidden_size": 6, "embedding_size": 4} | options
    model = SequenceModel(
        None, classes, vocabulary_size=len(WORDS) + 2, task="classification", **options
    )
    with torch.no_grad():
        model.head.weight *= sharp
        model.embedding.weight *= sharp  # type: ignore[union-attr]
    return model


def counted() -> WordCounts:
    texts = [["so", "good"], ["so", "bad"], ["not", "bad"], ["not", "good"], ["good", "film", "!"]]
    return WordCounts.fit(texts, [1, 0, 2, 0, 1], weight=0.9, class_weight=None)


def summed(model: SequenceModel, counts: WordCounts | None, words: list[str]) -> np.ndarray:
    """Return each word's contribution by a sum over 1,000 places of the path, (T, K)."""
    assert model.embedding is not None
    rows = torch.from_numpy(VOCABULARY.encode(words))
    end = model.embedding(rows).detach().double()
    unknown = torch.from_numpy(VOCABULARY.encode([UNKNOWN] * len(words)))
    begin = model.embedding(unknown).detach().double()
    model = model.double()
    added = torch.zeros(len(words), 3, dtype=torch.float64)
    offset = torch.zeros(3, dtype=torch.float64)
    if counts is not None:
        added, offset = torch.from_numpy(counts.added(words, 3)), torch.from_numpy(counts.offset(3))
    count = 1000
    places = ((torch.arange(count, dtype=torch.float64) + 0.5) / count)[:, None, None]
    x = (begin + places * (end - begin)).requires_grad_()
    y = (places * added).requires_grad_()
    shares = (model.outputs(model.lstm(x)[0]) + offset + y.sum(1)).softmax(-1)
    total = np.zeros((len(words), 3))
    for k in range(3):
        by_x, by_y = torch.autograd.grad(shares[:, k].sum(), (x, y), retain_graph=True)
        part = (by_x * (end - begin)).sum(-1) + (by_y * added).sum(-1)
        total[:, k] = part.mean(0).numpy()
    model.float()
    return total


@pytest.mark.parametrize("counts", [None, counted()], ids=["network", "with counts"])
@pytest.mark.parametrize(
    "options",
    [
        *({"pooling": pooling} for pooling in POOLINGS),
        *({"cell": cell} for cell in ("peephole", "full_gate_recurrence", "coupled")),
        {"num_layers": 2},
        {"classes": 3, "attention_heads": 3},
    ],
    ids=str,
)
def test_contributions_are_those_of_a_plain_sum(
    options: dict[str, Any], counts: WordCounts | None
) -> None:
    words = ["not", "so", "good", "film", "zebra", "bad", "bad", "!"]
    model = classifier(**options)
    explanation = explained(model, VOCABULARY, counts, words)
    np.testing.assert_allclose(
        explanation.contributions, summed(model, counts, words), atol=2e-3, rtol=1e-2
    )
    if counts is None:
        assert not explanation.contributions[4].any()  # it is unknown to begin with


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([*WORDS, "zebra"]), min_size=1, max_size=30),
    st.integers(0, 99),
    st.floats(0.1, 30),
    st.integers(1, 3),
    st.booleans(),
)
def test_contributions_add_up_to_the_change(
    words: list[str], seed: int, sharp: float, members: int, with_counts: bool
) -> None:
    model = merged([classifier(seed + n, sharp=sharp) for n in range(members)])
    found = explained(model, VOCABULARY, counted() if with_counts else None, words)
    change = found.probabilities[-1] - found.baseline
    error = np.abs(found.contributions.sum(0) - change).max()
    assert error <= 0.01 * max(0.05, np.abs(change).max())
    assert found.contributions.sum(1) == pytest.approx(0, abs=1e-6)


@given(st.integers(1, 12), st.integers(0, 99), st.sampled_from(POOLINGS), st.integers(1, 3))
def test_beginnings_are_pooled_as_sequences_that_end_there(
    steps: int, seed: int, pooling: str, heads: int
) -> None:
    torch.manual_seed(seed)
    hidden = 10 * torch.randn(steps, 6)
    attention = torch.nn.Linear(6, heads) if pooling == "attention" else None
    wanted = [pool(pooling, hidden[None, : t + 1], None, attention)[0] for t in range(steps)]
    found = pool_prefixes(pooling, hidden, attention)
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["standard", "peephole", "full_gate_recurrence", "coupled"])
@pytest.mark.parametrize("layers", [1, 2])
def test_merged_networks_run_apart_as_they_run_together(cell: str, layers: int) -> None:
    model = merged([classifier(n, cell=cell, num_layers=layers) for n in range(3)])
    x = torch.randn(2, 7, 12)
    apart = separated(model)
    assert [lstm.hidden_size for lstm in apart] == [6, 6, 6]
    found = [lstm(part)[0] for lstm, part in zip(apart, x.chunk(3, -1), strict=True)]
    torch.testing.assert_close(torch.cat(found, -1), model.lstm(x)[0])
    with torch.no_grad():
        model.lstm.weight_hh_l0[0, -1] = 1e-3  # it has heard of another's unit
    assert separated(model) == [model.lstm]


def test_the_rules_of_quadrature_are_exact_for_polynomials() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(3)
    np.testing.assert_allclose(POINTS[ROUGH > 0], nodes, atol=1e-15)
    np.testing.assert_allclose(ROUGH[ROUGH > 0], weights)
    for rule, degree in ((ROUGH, 5), (MIDDLE, 11), (FINE, 23)):
        for power in range(degree + 1):
            exact = 2 / (power + 1) if power % 2 == 0 else 0
            assert rule @ POINTS**power == pytest.approx(exact, abs=1e-15)


class Step:
    """Jumps from the first class to the second where the vectors' sum passes a place."""

    hidden_size = 1

    def __init__(self, steepness: float) -> None:
        self.steepness = steepness

    def hidden(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        z = self.steepness * (hidden.sum((1, 2)) - 0.3)
        return torch.stack([-z, z], 1)


@pytest.mark.parametrize("steepness", [1, 30, 1e3, 1e9])
def test_where_the_output_jumps_contributions_add_up_as_well(steepness: float) -> None:
    shares = np.array([0.5, 0.25, 0.125, 0.125])
    way = torch.from_numpy(shares)[:, None]
    none = np.zeros((4, 2))
    path = Path(Step(steepness), torch.zeros(4, 1).double(), way, none[0], none)
    found = drained(path.contributions())
    first, last = path.probabilities((0, 1))
    np.testing.assert_allclose(found.sum(0), last - first, atol=5e-3)
    if steepness < 1e9:  # else no slope tells of the jump, and all share alike
        np.testing.assert_allclose(found, shares[:, None] * (last - first), atol=5e-3)
