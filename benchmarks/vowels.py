"""Who is speaking: JapaneseVowels (Kudo, Toyama & Shimbo 1999).

Nine men said two vowels; an utterance is 7 to 29 steps of 12 cepstral coefficients. 270 utterances,
30 of each man, are to train on, 370 to test. The data come with the package aeon.

Options are chosen by five-fold cross-validation inside the training utterances (``--choose`` does
it again, and prints what each came to). The test utterances are looked at once: by the models that
the chosen options give from each seed, trained on all training utterances for all their epochs.
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from .__main__ import WIDTH
from .japanese_vowels import Labelled, japanese_vowels
from .machine import keep_to_one_thread, processor

AIM = 0.97
FOLDS = 5
GRID: dict[str, tuple[Any, ...]] = {
    "pooling": ("last", "mean", "max", "attention"),
    "dropout": (0.2, 0.5),
    "hidden_size": (64, 128),
}
"""What is tried, each with each."""

CHOSEN: dict[str, Any] = {"pooling": "last", "dropout": 0.2, "hidden_size": 128}
"""What did best in the cross-validation."""

TRAINING: dict[str, Any] = {
    "epochs": 60,
    "batch_size": 16,
    "lr": 5e-3,
    "schedule": "cosine",
    "label_smoothing": 0.1,
}


class Outcome(NamedTuple):
    """How a model did: the numbers of the table."""

    seed: int
    accuracy: float
    errors: int
    seconds: float


def train(utterances: Labelled, options: dict[str, Any], seed: int) -> tuple[Any, float]:
    """Return a model that was trained on these utterances, and the seconds it took."""
    import torch

    from lstmwidgets.models import SequenceModel
    from lstmwidgets.training import fit

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights
        model = SequenceModel(12, len(set(utterances.labels)), task="classification", **options)
    result = fit(
        model, *utterances, **TRAINING, patience=None, seed=seed, device="cpu", progress=False
    )
    return model, result.seconds


def accuracy(model: Any, utterances: Labelled) -> float:
    """Return the share of utterances that are given to the right speaker."""
    from lstmwidgets.training import predict

    return float(np.mean(predict(model, utterances.sequences) == np.array(utterances.labels)))


def cross_validated(utterances: Labelled, options: dict[str, Any], seed: int = 0) -> list[float]:
    """Return the accuracy of each fold; every speaker is in all folds alike."""
    labels = np.array(utterances.labels)
    folds = np.empty(len(labels), np.int64)
    random = np.random.default_rng(seed)
    for label in sorted(set(utterances.labels)):
        places = random.permutation(np.flatnonzero(labels == label))
        folds[places] = np.arange(len(places)) % FOLDS
    scores = []
    for fold in range(FOLDS):
        parts = [
            Labelled([utterances.sequences[n] for n in places], labels[places].tolist())
            for places in (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
        ]
        model, _ = train(parts[0], options, seed)
        scores.append(accuracy(model, parts[1]))
    return scores


def choose(utterances: Labelled, console: Console) -> dict[str, Any]:
    """Return the options of the grid with the best mean accuracy, and print all of them."""
    table = Table(*GRID, "accuracy", "worst fold")
    scores: list[tuple[float, dict[str, Any]]] = []
    with console.status("") as status:
        for values in product(*GRID.values()):
            options = dict(zip(GRID, values, strict=True))
            status.update(", ".join(f"{name} {value}" for name, value in options.items()))
            folds = cross_validated(utterances, options)
            scores.append((mean(folds), options))
            table.add_row(*map(str, values), f"{mean(folds):.4f}", f"{min(folds):.4f}")
    console.print(table)
    return max(scores, key=lambda one: one[0])[1]


def main() -> None:
    """Train from each seed, and print what became of it."""
    options = _options()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    if not find_spec("aeon"):
        console.print("skipped: the data come with the package aeon, which is not installed")
        return
    keep_to_one_thread()
    console.print(f"{processor()}, single thread\n\n{__doc__}", markup=False)
    training, test = japanese_vowels()
    chosen = choose(training, console) if options.choose else CHOSEN
    console.print(", ".join(f"{name} {value}" for name, value in {**chosen, **TRAINING}.items()))
    outcomes = []
    for seed in range(options.seeds):
        model, seconds = train(training, chosen, seed)
        score = accuracy(model, test)
        outcomes.append(Outcome(seed, score, round((1 - score) * len(test.labels)), seconds))
    console.print(_table(outcomes, len(test.labels)))
    if options.json:
        record = {
            "machine": processor(),
            "options": {**chosen, **TRAINING},
            "outcomes": [outcome._asdict() for outcome in outcomes],
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vowels")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--choose", action="store_true", help="choose the options again")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes there")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("there must be at least one seed")
    return options


def _table(outcomes: list[Outcome], tested: int) -> Table:
    table = Table("seed", "test accuracy", f"errors of {tested}", "s to train")
    for one in outcomes:
        table.add_row(str(one.seed), f"{one.accuracy:.4f}", str(one.errors), f"{one.seconds:.1f}")
    scores = [one.accuracy for one in outcomes]
    spread = f" ± {stdev(scores):.4f}" if len(scores) > 1 else ""
    verdict = "[green]met[/]" if mean(scores) >= AIM else "[red]missed[/]"
    table.add_section()
    table.add_row("mean", f"{mean(scores):.4f}{spread}", f"≥ {AIM} {verdict}", "")
    return table


if __name__ == "__main__":
    main()
