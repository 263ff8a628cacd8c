"""Batches against padding by hand; every sequence once an epoch; windows in order; data forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets import labels
from lstmwidgets.models import SequenceModel
from lstmwidgets.training import memory
from lstmwidgets.training.batches import IGNORED, POOL, Sequences, batches, bucketed
from lstmwidgets.training.series import as_series, as_tokens, columns

some_lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def numbered(lengths: list[int], *, every_step: bool) -> Sequences:
    """Return sequences in which every step of every sequence has a number of its own."""
    steps = sum(lengths)
    x = torch.arange(1.0, steps + 1)[:, None]
    y = torch.arange(steps) if every_step else torch.arange(len(lengths))
    return Sequences(x, y, torch.tensor(lengths), every_step)


@given(lengths=some_lengths, every_step=st.booleans(), seed=st.integers(0, 99))
def test_a_batch_is_what_padding_by_hand_gives(
    lengths: list[int], every_step: bool, seed: int
) -> None:
    sequences = numbered(lengths, every_step=every_step)
    chosen = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(seed))[:4]
    apart = sequences.x.split(lengths)

    batch = sequences.batch(chosen)

    assert batch.x.shape[1] == max(lengths[n] for n in chosen)
    for row, n in enumerate(chosen.tolist()):
        assert torch.equal(batch.x[row, : lengths[n]], apart[n])
        assert not batch.x[row, lengths[n] :].any()
        if every_step:
            assert torch.equal(batch.y[row, : lengths[n]], apart[n][:, 0].long() - 1)
            assert (batch.y[row, lengths[n] :] == IGNORED).all()
        else:
            assert batch.y[row] == n
    wanted = [lengths[n] for n in chosen]
    assert (batch.lengths is None) == (len(set(wanted)) == 1)
    assert batch.lengths is None or batch.lengths.tolist() == wanted


@given(lengths=some_lengths, size=st.integers(1, 5), seed=st.integers(0, 99), sort=st.booleans())
def test_an_epoch_has_every_sequence_once(
    lengths: list[int], size: int, seed: int, sort: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    groups = list(bucketed(torch.tensor(lengths), size, generator, sort=sort))

    assert sorted(torch.cat(groups).tolist()) == list(range(len(lengths)))
    assert max(map(len, groups)) <= size
    assert len(groups) == -(-len(lengths) // size)


def test_batches_are_alike_in_length_and_differ_from_epoch_to_epoch() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 100, (2000,), generator=generator)

    def padding(groups: list[torch.Tensor]) -> int:
        return sum(int(lengths[n].max() * len(n) - lengths[n].sum()) for n in groups)

    first, second = (list(bucketed(lengths, 8, generator)) for _ in range(2))
    random = list(bucketed(lengths, 8, generator, sort=False))

    assert padding(first) < 0.05 * padding(random)
    together = [{tuple(sorted(n.tolist())) for n in groups} for groups in (first, second)]
    assert len(together[0] & together[1]) < 0.05 * len(first)
    order = [int(lengths[n[0]]) for n in first]
    assert abs(np.corrcoef(order, range(len(order)))[0, 1]) < 0.2
    assert len(first) > 2 * POOL


@given(lengths=some_lengths, size=st.integers(1, 5), window=st.integers(1, 6))
def test_windows_follow_each_other_and_leave_nothing_out(
    lengths: list[int], size: int, window: int
) -> None:
    sequences = numbered(lengths, every_step=True)
    seen: list[float] = []
    rows: list[list[float]] = []
    for (batch,) in batches(sequences, size, torch.Generator(), window=window):
        if batch.begins:
            rows = [[] for _ in batch.x]
        ends = [batch.x.shape[1]] * len(batch.x) if batch.lengths is None else batch.lengths
        for row, x, end in zip(rows, batch.x, ends, strict=False):
            values = x[: int(end), 0].tolist()
            assert not row or values[0] == row[-1] + 1  # the same series goes on in this row
            row += values
            seen += values
    assert sorted(seen) == sequences.x[:, 0].tolist()


# --- forms of data ----------------------------------------------------------------------------

TABLE = {"a": [1.0, 2.0, 4.0], "b": [3, 5, 7]}
FORMS: dict[str, Any] = {
    "array": np.array([[[1, 3], [2, 5], [4, 7]]]),
    "tensor": torch.tensor([[[1, 3], [2, 5], [4, 7]]]),
    "bfloat16": torch.tensor([[[1, 3], [2, 5], [4, 7]]], dtype=torch.bfloat16),
    "list of arrays": [np.array([[1, 3], [2, 5], [4, 7]])],
    "list of lists": [[[1, 3], [2, 5], [4, 7]]],
    "pandas": pd.DataFrame(TABLE),
    "polars": pl.DataFrame(TABLE),
    "lazy polars": pl.LazyFrame(TABLE),
    "list of dataframes": [pd.DataFrame(TABLE)],
}


@pytest.mark.parametrize("form", FORMS)
def test_series_of_every_form_are_the_same(form: str) -> None:
    (series,) = as_series(FORMS[form], 2)

    assert np.array_equal(series, [[1, 3], [2, 5], [4, 7]])
    assert series.dtype.kind == "f"


@pytest.mark.parametrize(
    "data",
    [[[1, 2], [3]], [torch.tensor([1.0, 2]), np.array([3])], [pd.Series([1, 2]), pl.Series([3])]],
)
def test_one_number_a_step_needs_no_axis(data: Any) -> None:
    first, second = as_series(data, 1)

    assert np.array_equal(first, [[1], [2]])
    assert np.array_equal(second, [[3]])


def test_columns_can_be_taken_out_of_dataframes() -> None:
    frame = pd.DataFrame({"a": [1.0, 2], "flag": [True, False], "y": [5, 6]})

    assert np.array_equal(as_series(frame, 2, ["y"])[0], [[1, 1], [2, 0]])
    assert np.array_equal(columns([frame], ["y", "a"])[0], [[5, 1], [6, 2]])
    with pytest.raises(ValueError, match="no column 'z' in sequence 0"):
        columns(frame, ["z"])
    with pytest.raises(TypeError, match="sequence 0 is no dataframe"):
        columns([np.zeros((2, 3))], ["y"])


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "data is empty"),
        ([np.zeros((4, 2)), np.zeros((0, 2))], ValueError, "sequence 1 is empty"),
        ([np.zeros((4, 3))], ValueError, r"\(steps, input_size\) = \(T, 2\), got \(4, 3\)"),
        (np.zeros((4, 2)), ValueError, r"one sequence alone is passed as a list: \[x\]"),
        ([np.zeros((4, 2)), [[1, 2], [np.nan, 3]]], ValueError, "sequence 1 has nan at step 1"),
        ([[[1, 2], [np.inf, 3]]], ValueError, "sequence 0 has inf at step 1, column 0"),
        ([[[1, 2], [3]]], ValueError, "sequence 0 is ragged"),
        ([[["a", "b"]]], TypeError, "sequence 0 must be numbers"),
        (pd.DataFrame({"a": [1.0, None], "b": [1, 2]}), ValueError, "nan at step 1, column 0"),
        (pl.DataFrame({"a": [1.0, None], "b": [1, 2]}), ValueError, "nan at step 1, column 0"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), TypeError, "column 'b' of sequence 0"),
        ("text", TypeError, "data must be an array"),
        (7, TypeError, "data must be an array"),
    ],
)
def test_bad_series_are_named(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_series(data, 2)


def test_tokens_lose_the_padding_at_their_end() -> None:
    for data in ([[1, 0, 2], [3, 0, 0]], np.array([[1, 0, 2], [3, 0, 0]])):
        first, second = as_tokens(data, 4)
        assert first.tolist() == [1, 0, 2]
        assert second.tolist() == [3]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "data is empty"),
        ([[1], []], ValueError, "sequence 1 is empty"),
        ([[1], [0, 0]], ValueError, "sequence 1 is empty"),
        ([[1, 4]], ValueError, "sequence 0 has the token 4 at step 1; .* vocabulary_size=4"),
        ([[1, -1]], ValueError, "the token -1"),
        ([[1.5]], TypeError, "whole numbers, the tokens"),
        ([["good"]], TypeError, "Vocabulary.encode"),
        ("good", TypeError, "list of token sequences"),
    ],
)
def test_bad_tokens_are_named(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_tokens(data, 4)


# --- labels -----------------------------------------------------------------------------------


def test_labels_of_any_hashable_type() -> None:
    assert labels.classes_of([2, 1, 2]) == [1, 2]
    assert labels.classes_of(["b", 1, ("t", 2)]) == ["b", 1, ("t", 2)]
    chosen = np.array([1, 0])
    assert labels.as_array(["a", "b"], chosen).tolist() == ["b", "a"]
    assert labels.as_array([True, False], chosen).dtype == bool
    assert labels.as_array([("a", 1), 2], chosen).tolist() == [2, ("a", 1)]
    assert labels.listed(pd.Series([1, 2])) == labels.listed(np.array([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["a", "a"], ValueError, "all targets are the same label, 'a'"),
        (["a", None], ValueError, r"the label at place 1 is missing \(None\)"),
        ([1.0, float("nan")], ValueError, "the label at place 1 is missing"),
        (
            ["a", ["b"]],
            TypeError,
            "the label at place 1 is none: expected a hashable label, got list",
        ),
    ],
)
def test_bad_labels_are_named(given: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        labels.classes_of(given)


def test_a_typo_is_named_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"'positve' at place 1; did you mean 'positive'\?"):
        labels.indices(["negative", "positve"], ["negative", "positive"], "validation")


# --- memory -----------------------------------------------------------------------------------


def test_a_sequence_that_memory_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**9)
    model = SequenceModel(1, hidden_size=100, pooling=None)
    sequences = Sequences(torch.zeros(10**6 + 5, 1), torch.zeros(1), torch.tensor([5, 10**6]), True)
    where = torch.device("cpu")

    with pytest.raises(
        ValueError, match=r"sequence 1 has 1,000,000 steps: a batch of 2 .* window="
    ):
        memory.check_memory(model, sequences, 32, None, where)

    memory.check_memory(model, sequences, 32, 1000, where)


def test_free_memory_is_known_here_or_said_to_be_unknown() -> None:
    free = memory.free_bytes(torch.device("cpu"))
    assert free is None or free > 10**6
    assert memory.free_bytes(torch.device("meta")) is None
