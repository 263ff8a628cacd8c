"""Explaining texts: of 600 and 6,000 words, and of one sentence while it is typed, and flipped.

The words are drawn from those of a few sentences that the models have learned. How long it takes
depends on the text as well: where the output jumps on the way from unknown words to the text, more
places of the way are looked at. A typed letter's picture is ready when all that a page gets of the
text, but for contributions, is in the widget's state; that of contributions when they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter, sleep
from typing import Any

import numpy as np

from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.widgets import SentimentExplorer

from .timing import Figure, Target, Targets

ROUNDS = 3
LENGTHS = (600, 6_000)
MODELS: dict[str, dict[str, Any]] = {
    "16 units, 1 member": {"hidden_size": 16, "members": 1},
    "128 units, 1 member": {"members": 1},
    "128 units, 5 members": {},
}
LETTER, ADDED, FLIPS = "letter to picture", "letter to contributions", "flips of a sentence"
SENTENCE = "what a joy it is not bad at all so good I love it ! what a mess so bad"
TARGETS: Targets = {(case, "6,000 words"): Target("≤", 5) for case in MODELS} | {
    (case, LETTER): Target("≤", 50) for case in MODELS
}

GOOD = ["so good", "I love it", "what a joy", "not bad at all !"]
BAD = ["so bad", "I hate it", "what a mess", "not good at all"]


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    texts = (GOOD + BAD) * 8
    labels = (["positive"] * len(GOOD) + ["negative"] * len(BAD)) * 8
    words = sorted({word for text in texts for word in text.split()})
    for case, options in MODELS.items():
        model = SentimentModel(word_vectors=None, epochs=4, seed=1, **options).fit(texts, labels)
        for length in LENGTHS:
            text = " ".join(np.random.default_rng(0).choice(words, length))
            times = []
            for _ in range(ROUNDS):
                begin = perf_counter()
                model.explain(text)
                times.append(perf_counter() - begin)
            yield Figure(case, f"{length:,} words", "s", tuple(times))
        yield from _typed(case, model)


def _typed(case: str, model: SentimentModel) -> Iterator[Figure]:
    """Type a sentence; yield how long each letter's picture takes, and what flips the whole."""
    explorer = SentimentExplorer(model, SENTENCE[:20])
    explorer.wait()
    letters, added = [], []
    for end in range(21, len(SENTENCE) + 1):
        before, later = explorer._reading, explorer._contributions  # noqa: SLF001
        begin = perf_counter()
        explorer.text = SENTENCE[:end]
        while explorer._reading is before:  # noqa: SLF001
            sleep(2e-4)
        letters.append(1e3 * (perf_counter() - begin))
        if end % 5 == 0:
            explorer.wait()
            assert explorer._contributions is not later  # noqa: SLF001
            added.append(1e3 * (perf_counter() - begin))
    yield Figure(case, LETTER, "ms", tuple(letters))
    yield Figure(case, ADDED, "ms", tuple(added))
    flips = []
    for _ in range(ROUNDS):
        begin = perf_counter()
        model.flips(SENTENCE)
        flips.append(1e3 * (perf_counter() - begin))
    yield Figure(case, FLIPS, "ms", tuple(flips))
