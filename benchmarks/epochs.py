"""Whole epochs of `lstmwidgets.training` beside bare PyTorch loops: fused AdamW, clipping in both.

Against the bare loop: 20 batches of 64 sequences of 100 steps, 10 inputs, 128 hidden units. Both
loops take the same sequences in a new order each epoch; after one epoch from the same weights and
order the two losses must agree before anything is timed.

Bucketing: a table of sentences (column `text`, their words; the path is the environment variable
SENTENCES, or ../shared/data/review_sentences.csv), 50 numbers a word, 64 hidden units, batches of
32. "Padded" gives every batch the length of the longest sentence, as a fixed tensor of all
sentences does; "random batches" are padded to the longest sentence of the batch.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lstmwidgets.models import SequenceModel
from lstmwidgets.training import iter_fit

from .timing import Contestant, Figure, Target, Targets, race, ratio

BATCH, TIME, INPUTS, HIDDEN, BATCHES = 64, 100, 10, 128, 20
SENTENCES = Path(os.environ.get("SENTENCES", "../shared/data/review_sentences.csv"))
VOCABULARY, WORD, READER, SMALL = 5000, 50, 64, 32

LOOP, FIT = "bare loop on nn.LSTM", "fit"
EPOCH, READING = "epoch of 1,280 sequences", "epoch of real sentences"
BUCKETED, RANDOM, PADDED = "bucketed", "random batches", "padded to the longest"

TARGETS: Targets = {
    (EPOCH, f"{FIT} / {LOOP}"): Target("≤", 1.1),
    (READING, f"{PADDED} / {BUCKETED}"): Target("≥", 2),
}


def figures() -> Iterator[Figure]:
    """Yield the figures: the loop against a bare one, and bucketing against padding."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH * BATCHES, TIME, INPUTS, generator=generator)
    y = x.mean((1, 2))[:, None] * 10
    model = SequenceModel(INPUTS, hidden_size=HIDDEN)
    bare = BareLoop(model, x, y)
    trained = _Epochs(model, [*x], y, bucket=True)
    _check_same_loss(trained, bare)
    yield from _compare(EPOCH, FIT, LOOP, [Contestant(LOOP, bare, [None]), trained.contestant(FIT)])
    if not SENTENCES.exists():
        print(f"no sentences: {SENTENCES} does not exist; set SENTENCES to a csv file")
        return
    yield from _reading()


def _reading() -> Iterator[Figure]:
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        texts = [row["text"].split() for row in csv.DictReader(file)]
    words = sorted({word for text in texts for word in text})
    numbers = {word: 1 + n % (VOCABULARY - 1) for n, word in enumerate(words)}
    tokens = [[numbers[word] for word in text] for text in texts if text]
    labels = [len(one) % 3 for one in tokens]
    contestants = [
        _Epochs(_reader(), tokens, labels, bucket=True).contestant(BUCKETED),
        _Epochs(_reader(), tokens, labels, bucket=False).contestant(RANDOM),
    ]
    longest = max(map(len, tokens))
    padded = torch.zeros(len(tokens), longest, dtype=torch.int64)
    for row, one in zip(padded, tokens, strict=True):
        row[: len(one)] = torch.tensor(one)
    lengths = torch.tensor([len(one) for one in tokens])
    loop = PaddedLoop(_reader(), padded, torch.tensor(labels), lengths)
    contestants.append(Contestant(PADDED, loop, [None]))
    times = race(contestants, rounds=7)
    yield ratio(READING, times, PADDED, BUCKETED)
    yield ratio(READING, times, RANDOM, BUCKETED)
    yield from _milliseconds(READING, times)
    yield Figure(READING, "mean words a sentence", "words", (float(lengths.double().mean()),))
    yield Figure(READING, "words of the longest", "words", (float(longest),))


def _compare(case: str, over: str, under: str, contestants: list[Contestant]) -> Iterator[Figure]:
    times = race(contestants, rounds=15)
    yield ratio(case, times, over, under)
    yield from _milliseconds(case, times)


def _milliseconds(case: str, times: dict[str, tuple[float, ...]]) -> Iterator[Figure]:
    for name, samples in times.items():
        yield Figure(case, name, "ms", tuple(microseconds / 1e3 for microseconds in samples))


class _Epochs:
    """Epochs of `lstmwidgets.training`, one a call."""

    def __init__(self, model: SequenceModel, data: object, targets: object, bucket: bool) -> None:
        self._run = iter_fit(
            model,
            data,
            targets,
            epochs=10**6,
            batch_size=BATCH if model.embedding is None else SMALL,
            lr=1e-3,
            patience=None,
            scale=False,
            bucket=bucket,
            device="cpu",
            seed=0,
        )

    def __call__(self, _: object = None) -> float:
        """Run an epoch and return its loss."""
        return next(self._run).train_loss

    def contestant(self, name: str) -> Contestant:
        """Return it as one that takes turns with others."""
        return Contestant(name, self, [None])


class BareLoop:
    """What somebody writes by hand: `torch.nn.LSTM`, a linear head, AdamW and clipping."""

    def __init__(self, like: SequenceModel, x: Tensor, y: Tensor) -> None:
        self.lstm = nn.LSTM(INPUTS, HIDDEN, batch_first=True)
        self.lstm.load_state_dict(like.lstm.state_dict())
        self.head = nn.Linear(HIDDEN, 1)
        self.head.load_state_dict(like.head.state_dict())
        self.weights = [*self.lstm.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.weights, lr=1e-3, weight_decay=0.0, fused=True)
        self.x, self.y = x, y
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, _: object = None) -> float:
        """Run an epoch in random order and return its mean loss."""
        return self.epoch(torch.randperm(len(self.x), generator=self.generator).split(BATCH))

    def epoch(self, batches: object) -> float:
        """Run an epoch over these batches and return its mean loss."""
        total = torch.zeros(())
        for chosen in batches:
            output, _ = self.lstm(self.x[chosen])
            loss = nn.functional.mse_loss(self.head(output[:, -1]), self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.weights, 1.0)
            self.optimizer.step()
            total += loss.detach()
        return float(total) / BATCHES


class PaddedLoop:
    """A loop over a tensor of all sentences, padded to the longest of them."""

    def __init__(self, model: SequenceModel, x: Tensor, y: Tensor, lengths: Tensor) -> None:
        self.model, self.x, self.y, self.lengths = model, x, y, lengths
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=1e-3, weight_decay=0.0, fused=True
        )
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, _: object = None) -> None:
        """Run an epoch in random order."""
        model = self.model.train()
        for chosen in torch.randperm(len(self.x), generator=self.generator).split(SMALL):
            output, _ = model.run_padded(self.x[chosen], lengths=self.lengths[chosen])
            loss = nn.functional.cross_entropy(output, self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            self.optimizer.step()


def _reader() -> SequenceModel:
    return SequenceModel(
        None,
        3,
        vocabulary_size=VOCABULARY,
        embedding_size=WORD,
        hidden_size=READER,
        task="classification",
    )


def _check_same_loss(trained: _Epochs, bare: BareLoop) -> None:
    """Raise unless one epoch is the same in both, the order aside."""
    ours, theirs = trained(), bare()
    if not np.isclose(ours, theirs, rtol=0.1):
        raise AssertionError(f"the losses of one epoch differ: {ours} and {theirs}")
