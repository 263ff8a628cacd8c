"""SequenceModel: poolings against their definitions, padding that reaches nothing, and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lstmwidgets import LSTM, load, save
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel

POOLINGS = ("last", "mean", "max", "attention", None)

every_cell = pytest.mark.parametrize("cell", CELLS)
every_pooling = pytest.mark.parametrize("pooling", POOLINGS)


def number_model(
    pooling: str | None = "last", cell: str = "standard", **more: Any
) -> SequenceModel:
    """Return a model in float64 that takes 3 numbers a step, with a scaling that matters."""
    model = SequenceModel(
        3, 2, hidden_size=5, pooling=pooling, cell=cell, dtype=torch.float64, **more
    )
    model.input_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    model.input_scale.copy_(torch.tensor([2.0, 0.5, 3.0]))
    model.target_mean.copy_(torch.tensor([10.0, -4.0]))
    model.target_scale.copy_(torch.tensor([3.0, 0.2]))
    return model


def drawn(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# --- what it computes -------------------------------------------------------------------------


@every_pooling
def test_outputs_and_gradients_are_those_of_plain_pytorch(pooling: str | None) -> None:
    model, x = number_model(pooling), drawn((4, 7, 3))
    plain = nn.LSTM(3, 5, batch_first=True, dtype=torch.float64)
    plain.load_state_dict(model.lstm.state_dict())

    output, _ = model(x)

    hidden, _ = plain((x - model.input_mean) / model.input_scale)  # (B, T, H)
    match pooling:
        case "last":
            pooled = hidden[:, -1]
        case "mean":
            pooled = hidden.mean(1)
        case "max":
            pooled = hidden.max(1).values
        case "attention":
            assert model.attention is not None
            score = torch.einsum("bth,h->bt", hidden, model.attention.weight[0])
            share = (score + model.attention.bias).exp()
            share = share / share.sum(1, keepdim=True)
            pooled = torch.einsum("bt,bth->bh", share, hidden)
        case _:
            pooled = hidden
    wanted = nn.functional.linear(pooled, model.head.weight, model.head.bias)
    wanted = wanted * model.target_scale + model.target_mean
    torch.testing.assert_close(output, wanted)
    ours = torch.autograd.grad(output.square().sum(), [*model.lstm.parameters()])
    theirs = torch.autograd.grad(wanted.square().sum(), [*plain.parameters()])
    torch.testing.assert_close(ours, theirs)


@every_cell
@every_pooling
def test_padding_influences_nothing(pooling: str | None, cell: str) -> None:
    model = number_model(pooling, cell, num_layers=2)
    lengths = [5, 1, 9, 3]
    sequences = [drawn((steps, 3), steps) for steps in lengths]
    x = torch.full((4, 9, 3), torch.nan, dtype=torch.float64)
    for row, one in zip(x, sequences, strict=True):
        row[: len(one)] = one
    alone = [model(one[None]) for one in sequences]

    output, state = model(x, lengths=torch.tensor(lengths))
    padded, _ = model.run_padded(
        model.standardised(x.nan_to_num(7.0)), lengths=torch.tensor(lengths)
    )

    padded = padded * model.target_scale + model.target_mean
    for n, (wanted, end) in enumerate(alone):
        steps = slice(None) if pooling is not None else slice(lengths[n])
        torch.testing.assert_close(output[n][steps], wanted[0])
        torch.testing.assert_close(padded[n][steps], wanted[0])
        for ours, theirs in zip(state, end, strict=True):
            torch.testing.assert_close(ours[:, n], theirs[:, 0])
    if pooling is None:
        assert not output[1, 1:].any()


@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    pooling=st.sampled_from(POOLINGS),
    cell=st.sampled_from(list(CELLS)),
    seed=st.integers(0, 100),
)
def test_sentences_together_are_as_each_alone(
    lengths: list[int], pooling: str | None, cell: str, seed: int
) -> None:
    model = SequenceModel(
        None, 3, vocabulary_size=11, embedding_size=4, hidden_size=5, task="classification",
        pooling=pooling, cell=cell, dtype=torch.float64,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    sentences = [torch.randint(1, 11, (steps,), generator=generator) for steps in lengths]
    padded = nn.utils.rnn.pad_sequence(sentences, batch_first=True)
    padded = nn.functional.pad(padded, (0, seed % 3))

    output, _ = model(padded)
    run, _ = model.run_padded(padded, lengths=torch.tensor(lengths))

    for n, sentence in enumerate(sentences):
        wanted, _ = model(sentence[None])
        steps = slice(None) if pooling is not None else slice(len(sentence))
        torch.testing.assert_close(output[n][steps], wanted[0])
        torch.testing.assert_close(run[n][steps], wanted[0])


@every_cell
def test_a_state_that_is_passed_on_continues(cell: str) -> None:
    model, x = number_model(None, cell), drawn((2, 8, 3))

    whole, end = model(x)
    first, state = model(x[:, :3])
    second, state = model(x[:, 3:], state)

    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(tuple(state), tuple(end))


def test_dropout_acts_while_training_only() -> None:
    model, x = number_model("mean", dropout=0.5), drawn((4, 7, 3))

    assert not torch.equal(model(x)[0], model(x)[0])
    model.eval()
    assert torch.equal(model(x)[0], model(x)[0])


# --- what it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of input_size .* and vocabulary_size"),
        ({"input_size": 3, "vocabulary_size": 4}, "one of input_size .* and vocabulary_size"),
        ({"input_size": 0}, "input_size must be at least 1"),
        ({"input_size": 3, "output_size": 0}, "output_size must be at least 1"),
        ({"input_size": 3, "task": "clustering"}, "task must be one of 'regression'"),
        ({"input_size": 3, "pooling": "sum"}, "pooling must be one of 'last'"),
        ({"input_size": 3, "task": "forecasting"}, "needs pooling=None"),
        ({"input_size": 3, "task": "classification"}, "output_size=, the number of classes"),
        ({"vocabulary_size": 9, "task": "forecasting", "pooling": None}, "give input_size="),
        ({"input_size": 3, "task": "next_token", "pooling": None}, "needs vocabulary_size="),
        ({"input_size": 3, "dropout": 2}, "dropout must be a probability"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceModel(**arguments)


def test_the_next_token_needs_an_output_for_each() -> None:
    model = SequenceModel(vocabulary_size=9, task="next_token", pooling=None)
    assert model.output_size == 9
    with pytest.raises(ValueError, match="an output for each of 9 tokens, got output_size=4"):
        SequenceModel(None, 4, vocabulary_size=9, task="next_token", pooling=None)


def test_inputs_of_another_kind_are_refused() -> None:
    numbers = SequenceModel(3)
    tokens = SequenceModel(vocabulary_size=5)
    with pytest.raises(ValueError, match=r"input_size = 3, got \(2, 4, 1\)"):
        numbers(torch.zeros(2, 4, 1))
    with pytest.raises(TypeError, match=r"whole numbers, the tokens, got torch\.float32"):
        tokens(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"tokens of shape \(batch, time\), got \(2,\)"):
        tokens(torch.ones(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"between 0 and 4 \(vocabulary_size=5\), got 1 to 5"):
        tokens(torch.tensor([[1, 5]]))
    with pytest.raises(ValueError, match="lengths must lie between 1 and the 4 time steps"):
        numbers(torch.zeros(2, 4, 3), lengths=torch.tensor([1, 5]))


# --- files ------------------------------------------------------------------------------------


@every_cell
@every_pooling
def test_a_saved_model_is_the_same_again(cell: str, pooling: str | None, tmp_path: Path) -> None:
    model, x = number_model(pooling, cell).eval(), drawn((2, 4, 3))
    model.classes = ["a", 3, True, None, ("b", 1.5)]

    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")

    assert torch.equal(again(x)[0], model(x)[0])
    assert again.config == model.config == json.loads(json.dumps(model.config))
    assert again.classes == model.classes
    assert again.head.weight.dtype == torch.float64
    assert not again.training
    assert isinstance(SequenceModel(**model.config).lstm, LSTM)


def test_labels_that_no_file_can_hold_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = number_model()
    save(model, path)
    before = path.read_bytes()
    model.classes = [frozenset({1}), "b"]

    with pytest.raises(TypeError, match=r"SequenceModel\.classes\.0 cannot be kept: frozenset"):
        save(model, path)

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]
