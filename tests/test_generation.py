"""Generated tokens against the model's own forward pass, step by step."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets.cells import CELLS
from lstmwidgets.generation import generate
from lstmwidgets.models import SequenceModel


def model_of(cell: str = "standard", **more: Any) -> SequenceModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SequenceModel(
            vocabulary_size=7, task="next_token", pooling=None, hidden_size=5, cell=cell, **more
        )


@pytest.mark.parametrize("cell", CELLS)
def test_each_token_comes_from_what_the_model_says_of_all_before(cell: str) -> None:
    model, tokens = model_of(cell, num_layers=2, dropout=0.5), [3, 1, 6]

    for one in generate(model, tokens, steps=6, temperature=0.7, seed=1):
        with torch.no_grad():
            output, state = model.eval()(torch.tensor([tokens]))
            embedded = model.inputs(torch.tensor([tokens]))
            trace = model.lstm.trace(embedded)
        model.train()
        logits = output[0, -1].double() / 0.7
        logits[0] = -torch.inf
        assert np.allclose(one.probabilities, logits.softmax(0).numpy(), atol=1e-5)
        assert one.probabilities.sum() == pytest.approx(1)
        for ours, theirs in zip(one.state, state, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
        for name, gate in one.gates._asdict().items():
            torch.testing.assert_close(gate, getattr(trace, name)[:, :, -1], atol=1e-5, rtol=1e-4)
        tokens.append(one.token)


def test_drawing_follows_the_probabilities_the_temperature_and_the_seed() -> None:
    model = model_of()

    def tokens(**options: Any) -> list[int]:
        return [one.token for one in generate(model, [2], steps=40, **options)]

    assert tokens(seed=3) == tokens(seed=3) != tokens(seed=4)
    assert len(set(tokens(seed=0, temperature=100.0))) == 6
    for one in generate(model, [2], steps=5, temperature=0):
        assert one.token == one.probabilities.argmax()
    first = [next(iter(generate(model, [2], seed=n))) for n in range(2000)]
    shares = np.bincount([one.token for one in first], minlength=7) / 2000
    assert np.abs(shares - first[0].probabilities).max() < 0.04
    assert shares[0] == 0


def test_it_never_ends_unless_told_and_serves_the_weights_of_the_moment() -> None:
    model = model_of()
    endless = generate(model, [1], temperature=0)
    assert len(list(islice(endless, 50))) == 50
    with torch.no_grad():
        model.head.bias[4] += 1000
    assert next(endless).token == 4


@pytest.mark.parametrize(
    ("prompt", "options", "error", "message"),
    [
        ([], {}, ValueError, "sequence 0 is empty"),
        ([7], {}, ValueError, "the token 7 at step 0"),
        (["a"], {}, TypeError, "must be numbers, got"),
        ([1], {"steps": 0}, ValueError, "steps must be at least 1"),
        ([1], {"temperature": -1.0}, ValueError, "temperature must be a number from 0"),
    ],
)
def test_bad_arguments_are_named_at_once(
    prompt: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        generate(model_of(), prompt, **options)


def test_only_a_model_of_the_next_token_generates() -> None:
    with pytest.raises(ValueError, match="task='next_token', got 'regression'"):
        generate(SequenceModel(3), [1])
