"""Positive, neutral or negative: sentences of product reviews (Hutto & Gilbert 2014).

3,087 sentences of 240 reviews are to train on, 621 of 60 others to test: their file's own split. A
model is given texts and labels of the training sentences and nothing else but GloVe's vectors.

Options are chosen by five-fold cross-validation inside the training sentences, all sentences of a
review in one fold (``--choose`` does it again, and prints what each came to). Macro F1 is the mean
over the three classes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

PATH = Path(__file__).resolve().parents[2] / "shared" / "data" / "review_sentences.csv"
TARGET = 0.61
FOLDS = 5
GRID: dict[str, tuple[Any, ...]] = {
    "hidden_size": (64, 128),
    "pooling": ("attention", "max"),
    "vector_dropout": (0.3, 0.5),
}
"""What is tried, each with each; all else is as `SentimentModel` has it."""

CLASSES = ("negative", "neutral", "positive")
NEUTRAL = 0.05
"""VADER's authors call a compound score nearer to 0 neutral."""


class Sentences(NamedTuple):
    """Texts, their labels, and the review that each is from."""

    texts: list[str]
    labels: list[str]
    reviews: list[str]

    def take(self, places: Sequence[int]) -> Sentences:
        """Return some of them."""
        return Sentences(*([column[n] for n in places] for column in self))


class Outcome(NamedTuple):
    """How a classifier did: a row of the table."""

    name: str
    accuracy: float
    macro_f1: float
    seconds: float


Classifier = Callable[[Sentences, list[str]], Sequence[str]]
"""Learns from sentences, and labels texts."""


def read(path: Path) -> tuple[Sentences, Sentences]:
    """Return the training and the test sentences."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    names = ("text", "label", "review")
    first, second = (Sentences(*([row[name] for row in part] for name in names)) for part in parts)
    return first, second


def sentiment_model(seed: int, **options: Any) -> Classifier:
    """Return the LSTM with GloVe's vectors."""

    def classify(training: Sentences, texts: list[str]) -> Sequence[str]:
        from lstmwidgets.sentiment import SentimentModel

        model = SentimentModel(word_vectors="glove-50d", device="cpu", seed=seed, **options)
        labels: Sequence[str] = model.fit(training.texts, training.labels).predict(texts)
        return labels

    return classify


def bag_of_words(training: Sentences, texts: list[str]) -> Sequence[str]:
    """Label by a logistic regression on TF-IDF of words and pairs of them, and of characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    regression = LogisticRegression(C=3, max_iter=2000, class_weight="balanced")
    model = make_pipeline(make_union(words, characters), regression)
    labels: Sequence[str] = model.fit(training.texts, training.labels).predict(texts)
    return labels


def vader(_: Sentences, texts: list[str]) -> Sequence[str]:
    """Label by the lexicon of VADER, which has learned nothing here."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    scores = map(SentimentIntensityAnalyzer().polarity_scores, texts)
    return [
        CLASSES[1 + (one["compound"] >= NEUTRAL) - (one["compound"] <= -NEUTRAL)] for one in scores
    ]


def majority(training: Sentences, texts: list[str]) -> Sequence[str]:
    """Give all the most frequent label."""
    return [max(CLASSES, key=training.labels.count)] * len(texts)


def judge(name: str, classify: Classifier, training: Sentences, test: Sentences) -> Outcome:
    """Let a classifier learn, and score it; the time is of both."""
    from sklearn.metrics import accuracy_score, f1_score

    begin = perf_counter()
    labels = classify(training, test.texts)
    seconds = perf_counter() - begin
    macro = f1_score(test.labels, labels, average="macro", zero_division=0)
    return Outcome(name, float(accuracy_score(test.labels, labels)), float(macro), seconds)


def cross_validated(training: Sentences, classify: Classifier) -> float:
    """Return the macro F1 of all training sentences, each labelled by those of other reviews."""
    from sklearn.metrics import f1_score

    reviews = sorted(set(training.reviews), key=int)
    shuffled = np.random.default_rng(0).permutation(len(reviews))
    fold_of = {reviews[place]: n % FOLDS for n, place in enumerate(shuffled)}
    folds = np.array([fold_of[review] for review in training.reviews])
    labels = np.empty(len(folds), dtype=object)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        kept = training.take(np.flatnonzero(folds != fold).tolist())
        labels[held] = classify(kept, training.take(held.tolist()).texts)
    return float(f1_score(training.labels, labels.tolist(), average="macro"))


def choose(training: Sentences, console: Console) -> dict[str, Any]:
    """Return the options of the grid with the best macro F1, and print all of them."""
    table = Table(*GRID, "macro F1")
    scores: list[tuple[float, dict[str, Any]]] = []
    with console.status("") as status:
        for values in product(*GRID.values()):
            options = dict(zip(GRID, values, strict=True))
            status.update(", ".join(f"{name} {value}" for name, value in options.items()))
            score = cross_validated(training, sentiment_model(0, **options))
            scores.append((score, options))
            table.add_row(*map(str, values), f"{score:.4f}")
    console.print(table)
    return max(scores, key=lambda one: one[0])[1]


def main() -> None:
    """Train from each seed, score all classifiers, and print what became of them."""
    options = _options()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    if not options.data.exists():
        console.print(f"skipped: there is no {options.data}; name the file by --data")
        return
    keep_to_one_thread()
    console.print(f"{processor()}, single thread\n\n{__doc__}", markup=False)
    training, test = read(options.data)
    chosen = choose(training, console) if options.choose else {}
    ours = [
        judge(f"SentimentModel, seed {seed}", sentiment_model(seed, **chosen), training, test)
        for seed in range(options.seeds)
    ]
    others = [judge("TF-IDF, logistic regression", bag_of_words, training, test)]
    if find_spec("vaderSentiment"):
        others.append(judge("VADER's lexicon", vader, training, test))
    else:
        console.print("left out: VADER's lexicon, whose package vaderSentiment is not installed")
    others.append(judge("most frequent class", majority, training, test))
    console.print(_table(ours, others))
    if options.json:
        outcomes = [one._asdict() for one in (*ours, *others)]
        record = {"machine": processor(), "options": chosen, "outcomes": outcomes}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentences")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--choose", action="store_true", help="choose the options again")
    parser.add_argument("--data", type=Path, default=PATH, metavar="PATH", help="the sentences")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes there")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("there must be at least one seed")
    return options


def _table(ours: list[Outcome], others: list[Outcome]) -> Table:
    table = Table("test sentences", "macro F1", "", "accuracy", "s to train and label")
    for one in ours:
        table.add_row(*_cells(one))
    scores, accuracies = [one.macro_f1 for one in ours], [one.accuracy for one in ours]
    spread = f" ± {stdev(scores):.4f}" if len(scores) > 1 else ""
    verdict = "[green]met[/]" if mean(scores) >= TARGET else "[red]missed[/]"
    table.add_section()
    table.add_row(
        "SentimentModel, mean",
        f"{mean(scores):.4f}{spread}",
        f"≥ {TARGET} {verdict}",
        f"{mean(accuracies):.4f}",
        f"{sum(one.seconds for one in ours):.1f} together",
    )
    table.add_section()
    for one in others:
        table.add_row(*_cells(one))
    return table


def _cells(one: Outcome) -> tuple[str, ...]:
    return one.name, f"{one.macro_f1:.4f}", "", f"{one.accuracy:.4f}", f"{one.seconds:.1f}"


if __name__ == "__main__":
    main()
