"""The classical tasks, against their papers' definitions worked out once more."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from benchmarks.classical_tasks import (
    NO_TARGET,
    Adding,
    Batch,
    EmbeddedReber,
    SpikeDelays,
    TemporalOrder,
    reber_strings,
)

INNER = r"B(?:(?:TS*X|PT*VP)(?:XT*VP)*(?:S|XT*VV)|PT*VV)E"
EMBEDDED = re.compile(rf"B([TP]){INNER}\1E")
TASKS = [
    Adding(),
    Adding(20),
    TemporalOrder(),
    TemporalOrder(3),
    SpikeDelays(),
    SpikeDelays(5, (0, 2, 7), 4),
]


def written(x: torch.Tensor, symbols: str) -> str:
    """Read one-hot rows."""
    assert torch.equal(x.sum(1), torch.ones(len(x)))
    return "".join(symbols[n] for n in x.argmax(1).tolist())


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_batch_is_repeatable_and_padded_with_zeros(task):
    batch, again, other = (task.batch(300, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(batch.x, again.x)
    assert torch.equal(batch.target.nan_to_num(), again.target.nan_to_num())
    assert batch.x.shape != other.x.shape or not torch.equal(batch.x, other.x)
    assert batch.x.dtype == torch.float32
    assert batch.x.shape == (300, int(batch.lengths.max()), task.input_size)
    beyond = torch.arange(batch.x.shape[1]) >= batch.lengths[:, None]
    assert not batch.x[beyond].any()
    assert batch.x[torch.arange(300), batch.lengths - 1].any(1).all()


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_generator_goes_on(task):
    draw = np.random.default_rng(1)
    first, second = task.batch(50, seed=draw), task.batch(50, seed=draw)
    assert first.x.shape != second.x.shape or not torch.equal(first.x, second.x)


@pytest.mark.parametrize("steps", [20, 100, 500])
def test_adding_as_in_the_paper(steps):
    x, lengths, target = Adding(steps).batch(3000, seed=3)
    assert {int(lengths.min()), int(lengths.max())} == {steps, steps + steps // 10}
    firsts, seconds = set(), set()
    for row, length, wanted in zip(x, lengths.tolist(), target.tolist(), strict=True):
        numbers, marks = row[:length, 0], row[:length, 1]
        assert marks[0] == marks[-1] == -1
        assert set(marks.tolist()) <= {-1, 0, 1}
        assert (marks == -1).sum() == 2
        assert numbers.abs().max() <= 1
        places = (marks == 1).nonzero()[:, 0].tolist()
        assert len(places) == 2 or (len(places) == 1 and numbers[0] == 0)
        assert wanted == pytest.approx(0.5 + float(numbers[places].sum()) / 4, abs=1e-6)
        assert places[-1] < steps // 2
        if len(places) == 2:
            assert min(places) < 10
            firsts.add(min(places))
            seconds.add(max(places))
    assert firsts >= set(range(1, 9))
    assert max(seconds) == steps // 2 - 1  # the lag to the end is then T/2
    assert float(target.mean()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("relevant", "windows"), [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])]
)
def test_temporal_order_as_in_the_paper(relevant, windows):
    task = TemporalOrder(relevant)
    x, lengths, target = task.batch(3000, seed=3)
    assert {int(lengths.min()), int(lengths.max())} == {100, 110}
    places = set()
    for row, length, wanted in zip(x, lengths.tolist(), target.tolist(), strict=True):
        text = written(row[:length], task.SYMBOLS)
        assert re.fullmatch(r"E[abcdXY]+B", text)
        found = [(n, symbol) for n, symbol in enumerate(text) if symbol in "XY"]
        assert "".join(symbol for _, symbol in found) == task.classes[wanted]
        assert all(low <= n <= high for (n, _), (low, high) in zip(found, windows, strict=True))
        places |= {n for n, _ in found}
    assert places == {n for low, high in windows for n in range(low, high + 1)}
    counts = torch.bincount(target, minlength=task.output_size)
    assert counts.min() > 3000 / task.output_size * 0.8


def test_the_classes_are_those_of_the_paper():
    """Q, R, S, U are XX, XY, YX, YY."""
    assert TemporalOrder().classes == ["XX", "XY", "YX", "YY"]
    assert TemporalOrder(3).classes[3] == "XYY"


@pytest.mark.parametrize(("interval", "delays"), [(10, (0, 1)), (3, (0, 1, 2)), (20, (0, 5))])
@pytest.mark.parametrize("spikes", [1, 7])
def test_spike_delays_as_in_the_paper(interval, delays, spikes):
    x, lengths, target = SpikeDelays(interval, delays, spikes).batch(400, seed=3)
    seen = []
    for row, length, wanted in zip(x[..., 0], lengths.tolist(), target, strict=True):
        at = row.nonzero()[:, 0] + 1  # T(n), counted from 1
        assert len(at) == spikes
        assert at[-1] == length
        gaps = torch.diff(at, prepend=torch.tensor([0]))
        late = gaps - interval
        assert torch.equal(wanted[at - 1], late.float())
        assert int((~wanted.isnan()).sum()) == spikes
        seen += late.tolist()
    assert set(seen) == set(delays)
    assert np.mean(seen) == pytest.approx(np.mean(delays), abs=max(delays) / 10)


def test_reber_batches_are_strings_of_the_grammar_with_the_next_symbols():
    task = EmbeddedReber()
    x, lengths, target, legal = task.batch(500, seed=3)
    strings = reber_strings(3)
    for n in range(500):
        length = int(lengths[n])
        text = written(x[n, :length], task.SYMBOLS)
        following = "".join(task.SYMBOLS[k] for k in target[n, :length].tolist())
        assert following[:-1] == text[1:]
        assert EMBEDDED.fullmatch(text + following[-1])
        string = next(strings)
        assert text + following[-1] == "".join(event.symbol for event in string)
        for step, event in enumerate(string[:-1]):
            allowed = {task.SYMBOLS[k] for k in legal[n, step].nonzero()[:, 0].tolist()}
            assert allowed == event.legal
        assert not x[n, length:].any()
        assert (target[n, length:] == NO_TARGET).all()
        assert not legal[n, length:].any()


def test_no_test_string_is_a_training_string():
    task = EmbeddedReber()
    train, test = task.sets(seed=1)
    texts = [
        {written(x[: int(n)], task.SYMBOLS) for x, n in zip(part.x, part.lengths, strict=True)}
        for part in (train, test)
    ]
    assert len(train.x) == len(test.x) == 256
    assert not texts[0] & texts[1]


def test_reber_is_right_if_the_legal_symbols_lead_at_every_step():
    task = EmbeddedReber()
    batch = task.batch(50, seed=5)
    perfect = batch.legal.float()
    assert task.correct(perfect, batch).all()
    for illegal in range(7):  # another symbol as likely as the legal ones, at one step
        spoilt = perfect.clone()
        spoilt[7, 3, illegal] = 1
        assert task.correct(spoilt, batch)[7] == bool(batch.legal[7, 3, illegal])
        assert task.correct(spoilt, batch).sum() >= 49
    missing = perfect.clone()
    missing[7, 0, batch.target[7, 0]] = 0  # one of the two that may come is not ahead
    assert not task.correct(missing, batch)[7]
    shortest = int(batch.lengths.argmin())
    perfect[shortest, int(batch.lengths[shortest]) :] = torch.rand(7)
    assert task.correct(perfect, batch).all()


def test_adding_is_right_below_an_error_of_4_hundredths():
    batch = Batch(torch.zeros(4, 1, 2), torch.ones(4).long(), torch.full((4,), 0.5))
    given = torch.tensor([0.5, 0.5399, 0.4601, 0.5401])
    assert Adding().correct(given, batch).tolist() == [True, True, True, False]


def test_an_order_is_right_if_no_output_is_off_by_3_tenths():
    task = TemporalOrder()
    batch = Batch(torch.zeros(3, 1, 8), torch.ones(3).long(), torch.tensor([0, 1, 1]))
    given = torch.tensor([[0.71, 0.29, 0.0, 0.0], [0.29, 0.71, 0.0, 0.0], [0.31, 0.69, 0.0, 0.0]])
    assert task.correct(given, batch).tolist() == [True, True, False]


def test_delays_are_right_below_an_error_of_49_hundredths_at_every_spike():
    nan = torch.nan
    target = torch.tensor([[nan, 1.0, nan, 0.0]] * 3)
    batch = Batch(torch.zeros(3, 4, 1), torch.full((3,), 4), target)
    given = torch.tensor([[9, 0.52, 9, 0.48], [9, 0.5, 9, 0.0], [9, 1.0, 9, 0.5]])
    assert SpikeDelays().correct(given, batch).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Adding(19), "steps must be at least 20, got 19"),
        (lambda: TemporalOrder(4), "relevant must be 2 or 3, got 4"),
        (lambda: SpikeDelays(0), "interval must be at least 1"),
        (lambda: SpikeDelays(5, (1, 1)), "at least two different"),
        (lambda: SpikeDelays(5, (-1, 1)), "whole numbers from 0"),
        (lambda: Adding().batch(0, seed=1), "size must be at least 1"),
        (
            lambda: Adding().correct(torch.zeros(3, 1), Adding().batch(3, seed=1)),
            r"shape \(3,\), got \(3, 1\)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_nets_that_learn_delays_side_by_side_learn_as_each_would_alone(monkeypatch):
    """Batches, losses and clipping of one net must not reach into another's."""
    from benchmarks import delay_trials

    monkeypatch.setattr(delay_trials, "EVERY", 10**9)
    task = SpikeDelays(4, (0, 1), 3)
    taken: list[dict[str, torch.Tensor]] = []
    adam = torch.optim.Adam

    def spy(weights, lr):
        weights = list(weights)
        taken.append(weights)
        return adam(weights, lr=lr)

    monkeypatch.setattr(torch.optim, "Adam", spy)
    delay_trials.learn("peephole", 2, task, trials=3, most=3 * delay_trials.BATCH)
    draw = np.random.default_rng(0)
    alone = [delay_trials.Net("peephole", 2, seed) for seed in range(3)]
    optimizers = [adam(net.parameters(), lr=delay_trials.LR) for net in alone]
    for _ in range(3):
        batch = task.batch(3 * delay_trials.BATCH, seed=draw)
        for n, (net, optimizer) in enumerate(zip(alone, optimizers, strict=True)):
            rows = slice(n * delay_trials.BATCH, (n + 1) * delay_trials.BATCH)
            target = batch.target[rows]
            asked = ~target.isnan()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(batch.x[rows])[asked], target[asked]
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), delay_trials.CLIP)
            optimizer.step()
    for together, *parts in zip(taken[0], *(net.parameters() for net in alone), strict=True):
        torch.testing.assert_close(
            together.detach(), torch.stack(list(parts)), rtol=1e-3, atol=1e-5
        )
