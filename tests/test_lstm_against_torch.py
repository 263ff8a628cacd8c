"""The standard cell is `torch.nn.LSTM`: the same numbers, gradients, padding and dropout."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmwidgets import LSTM, LSTMState

INPUTS, HIDDEN, BATCH, TIME = 5, 7, 4, 9
LENGTHS = (3, 9, 1, 6)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

all_kinds = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
all_depths = pytest.mark.parametrize("layers", [1, 3])


def pair(layers: int, dtype: torch.dtype, dropout: float = 0.0) -> tuple[LSTM, nn.LSTM]:
    """Return our LSTM and PyTorch's with the same weights."""
    theirs = nn.LSTM(INPUTS, HIDDEN, layers, batch_first=True, dropout=dropout, dtype=dtype)
    ours = LSTM(INPUTS, HIDDEN, layers, dropout=dropout, dtype=dtype)
    generator = torch.Generator().manual_seed(layers)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.uniform_(-0.7, 0.7, generator=generator)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def draw(layers: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs (B, T, I) and an initial h and c (L, B, H)."""
    generator = torch.Generator().manual_seed(1)
    shapes = [(BATCH, TIME, INPUTS), (layers, BATCH, HIDDEN), (layers, BATCH, HIDDEN)]
    x, h, c = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return x, h, c


def assert_close(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float) -> None:
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=tolerance, atol=tolerance)


def weighted_sum(values: Sequence[Tensor]) -> Tensor:
    """Return a scalar in which every number has a weight of its own, so no gradient cancels."""
    generator = torch.Generator().manual_seed(2)
    weights = [torch.randn(v.shape, generator=generator, dtype=v.dtype) for v in values]
    return torch.stack([(v * w).sum() for v, w in zip(values, weights, strict=True)]).sum()


def packed(theirs: nn.LSTM, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Run PyTorch's LSTM over packed sequences; return the padded output and the final state."""
    sequence = pack_padded_sequence(
        x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
    )
    output, (h, c) = theirs(sequence, (h, c))
    return pad_packed_sequence(output, batch_first=True, total_length=TIME)[0], h, c


@all_depths
@all_kinds
def test_a_state_dict_goes_both_ways(layers: int, dtype: torch.dtype) -> None:
    ours, theirs = pair(layers, dtype)
    other = LSTM(INPUTS, HIDDEN, layers, dtype=dtype)

    theirs.load_state_dict(other.state_dict())

    assert list(other.state_dict()) == list(theirs.state_dict())
    for name, weight in other.state_dict().items():
        assert torch.equal(weight, theirs.state_dict()[name])
    x, h, c = draw(layers, dtype)
    output, state = other(x, (h, c))
    expected, last = theirs(x, (h, c))
    assert_close((output, *state), (expected, *last), TOLERANCE[dtype])
    assert not torch.allclose(output, ours(x, (h, c))[0], atol=1e-3)


@all_depths
@all_kinds
def test_the_same_seed_gives_the_same_initial_weights(layers: int, dtype: torch.dtype) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        ours = LSTM(INPUTS, HIDDEN, layers, dtype=dtype).state_dict()
        torch.manual_seed(11)
        theirs = nn.LSTM(INPUTS, HIDDEN, layers, dtype=dtype).state_dict()

    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@all_depths
@all_kinds
@pytest.mark.parametrize("given", [True, False], ids=["state given", "from zeros"])
def test_values_and_gradients_agree(layers: int, dtype: torch.dtype, given: bool) -> None:
    ours, theirs = pair(layers, dtype)
    gradients = []
    values = []
    for lstm in (ours, theirs):
        x, h, c = (part.requires_grad_() for part in draw(layers, dtype))
        output, (h_n, c_n) = lstm(x, (h, c) if given else None)
        values.append((output, h_n, c_n))
        wanted = [x, *((h, c) if given else ()), *lstm.parameters()]
        gradients.append(torch.autograd.grad(weighted_sum(values[-1]), wanted))

    assert_close(*values, TOLERANCE[dtype])
    assert_close(*gradients, 10 * TOLERANCE[dtype] if dtype == torch.float64 else 1e-5)


@all_depths
@all_kinds
def test_lengths_agree_with_packed_sequences(layers: int, dtype: torch.dtype) -> None:
    ours, theirs = pair(layers, dtype)
    values, gradients = [], []
    for lstm in (ours, theirs):
        x, h, c = (part.requires_grad_() for part in draw(layers, dtype))
        if lstm is ours:
            output, state = ours(x, (h, c), lengths=torch.tensor(LENGTHS))
            values.append((output, *state))
        else:
            values.append(packed(theirs, x, h, c))
        wanted = [x, h, c, *lstm.parameters()]
        gradients.append(torch.autograd.grad(weighted_sum(values[-1]), wanted))

    assert_close(*values, TOLERANCE[dtype])
    assert_close(*gradients, 10 * TOLERANCE[dtype] if dtype == torch.float64 else 1e-5)


@all_depths
@all_kinds
def test_lengths_agree_with_each_sequence_alone(layers: int, dtype: torch.dtype) -> None:
    ours, theirs = pair(layers, dtype)
    x, h, c = draw(layers, dtype)

    output, state = ours(x, LSTMState(h, c), lengths=torch.tensor(LENGTHS))

    for row, length in enumerate(LENGTHS):
        one = slice(row, row + 1)
        before = (h[:, one].contiguous(), c[:, one].contiguous())
        alone, last = theirs(x[one, :length], before)
        assert_close(
            (output[one, :length], state.h[:, one], state.c[:, one]),
            (alone, *last),
            TOLERANCE[dtype],
        )
        assert not output[row, length:].any()


def test_what_lies_in_the_padding_does_not_matter() -> None:
    ours, _ = pair(2, torch.float64)
    x, h, c = draw(2, torch.float64)
    lengths = torch.tensor(LENGTHS)
    output, state = ours(x, (h, c), lengths=lengths)
    spoilt = x.clone()
    for row, length in enumerate(LENGTHS):
        spoilt[row, length:] = torch.nan

    again, same = ours(spoilt, (h, c), lengths=lengths)

    assert_close((again, *same), (output, *state), 0.0)


@all_kinds
def test_dropout_between_layers_acts_in_train_mode_as_in_torch(dtype: torch.dtype) -> None:
    ours, theirs = pair(3, dtype, dropout=0.4)
    x, h, c = draw(3, dtype)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        output, state = ours(x, (h, c))
        torch.manual_seed(3)
        expected, last = theirs(x, (h, c))
        torch.manual_seed(4)
        other, _ = ours(x, (h, c))

    assert_close((output, *state), (expected, *last), TOLERANCE[dtype])
    assert not torch.allclose(output, other, atol=1e-3)


@all_kinds
def test_dropout_acts_on_padded_sequences_as_in_torch(dtype: torch.dtype) -> None:
    ours, theirs = pair(3, dtype, dropout=0.4)
    x, h, c = draw(3, dtype)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        output, state = ours(x, (h, c), lengths=torch.tensor(LENGTHS))
        torch.manual_seed(3)
        expected = packed(theirs, x, h, c)

    assert_close((output, *state), expected, TOLERANCE[dtype])


@all_kinds
def test_dropout_does_not_act_in_eval_mode(dtype: torch.dtype) -> None:
    dropping, _ = pair(3, dtype, dropout=0.4)
    plain, _ = pair(3, dtype)
    x, h, c = draw(3, dtype)
    dropping.eval()

    output, state = dropping(x, (h, c))
    expected, last = plain(x, (h, c))

    assert_close((output, *state), (expected, *last), 0.0)


@all_kinds
def test_dropout_does_not_act_on_a_single_layer(dtype: torch.dtype) -> None:
    with pytest.warns(UserWarning, match="dropout acts between layers"):
        dropping = LSTM(INPUTS, HIDDEN, dropout=0.4, dtype=dtype)
    plain = LSTM(INPUTS, HIDDEN, dtype=dtype)
    plain.load_state_dict(dropping.state_dict())
    x, h, c = draw(1, dtype)

    assert_close((dropping(x, (h, c))[0],), (plain(x, (h, c))[0],), 0.0)
