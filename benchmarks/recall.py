"""What came some events ago, recalled by a classifier that learns online.

An event is a symbol, each as likely as the others whatever came before. Its label is the symbol
of some events before or, of bits, whether the number of ones among the last five is odd: the
event itself says nothing about it, and nothing but remembering does. Accuracy is that of
`LSTMClassifier(experts=False, seed=…)`, of the LSTM alone, predicting before it learns, over the
first and the last 5,000 events; medians over the seeds, and the worst. "echo" is that option. For
the parity the label before is worth much, so that it is asked again without (`target_lag=False`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

Stream = Iterator[tuple[dict[str, Any], str]]

PART = 5_000
SYMBOLS = "abcdefgh"


class Outcome(NamedTuple):
    """How one net did: accuracy over the first and the last events, and µs an event."""

    first: float
    last: float
    microseconds: float


def recalled(symbols: int, lag: int, count: int, seed: int) -> Stream:
    """Yield events of so many symbols, labelled by the symbol ``lag`` events before."""
    drawn = np.random.default_rng(seed).integers(symbols, size=count + lag).tolist()
    for before, now in zip(drawn, drawn[lag:], strict=False):
        yield {"symbol": SYMBOLS[now]}, SYMBOLS[before]


def parity(length: int, count: int, seed: int) -> Stream:
    """Yield bits, labelled by whether the number of ones among the last ``length`` is odd."""
    bits = np.random.default_rng(seed).integers(2, size=count + length - 1)
    sums = np.convolve(bits, np.ones(length, np.int64), "valid")
    for now, total in zip(bits[length - 1 :].tolist(), sums.tolist(), strict=True):
        yield {"bit": now}, ("even", "odd")[total % 2]


class Task(NamedTuple):
    """A name, what makes its stream from a number of events and a seed, and options."""

    name: str
    stream: Callable[[int, int], Stream]
    options: dict[str, Any]


TASKS = (
    Task("of four classes, five events ago", lambda n, seed: recalled(4, 5, n, seed), {}),
    Task("of eight classes, five events ago", lambda n, seed: recalled(8, 5, n, seed), {}),
    Task("of two classes, ten events ago", lambda n, seed: recalled(2, 10, n, seed), {}),
    Task("parity of five", lambda n, seed: parity(5, n, seed), {}),
    Task(
        "parity of five, label before unread",
        lambda n, seed: parity(5, n, seed),
        {"target_lag": False},
    ),
)


def learn(stream: Stream, seed: int, **options: Any) -> Outcome:
    """Let a net predict and learn a stream."""
    from lstmwidgets.online import LSTMClassifier

    model = LSTMClassifier(experts=False, seed=seed, **options)
    hits = []
    begin = perf_counter()
    for x, y in stream:
        said = model.predict_proba_one(x)
        hits.append(bool(said) and max(said, key=said.__getitem__) == y)
        model.learn_one(x, y)
    microseconds = 1e6 * (perf_counter() - begin) / len(hits)
    return Outcome(float(np.mean(hits[:PART])), float(np.mean(hits[-PART:])), microseconds)


def main() -> None:
    """Run all nets and print how they did."""
    options = _options()
    keep_to_one_thread()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    console.print(f"{processor()}, single thread\n\n{__doc__}", markup=False)
    learn(recalled(2, 1, 100, 0), 0)  # compiles
    first, last = f"first {PART:,}", f"last {PART:,} of {options.events:,}"
    table = Table("label", "echo", first, "worst", last, "worst", "µs an event")
    for task, echo in track([*product(TASKS, (0.0, *options.echo))], "Nets"):
        outcomes = [
            learn(task.stream(options.events, seed), seed, echo=echo, **task.options)
            for seed in range(1, options.seeds + 1)
        ]
        firsts, lasts, times = zip(*outcomes, strict=True)
        accuracies = (median(firsts), min(firsts), median(lasts), min(lasts))
        table.add_row(
            task.name, f"{echo:g}", *(f"{a:.3f}" for a in accuracies), f"{median(times):.0f}"
        )
    console.print(table)


def _options() -> argparse.Namespace:
    from lstmwidgets.online import LSTMClassifier

    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--events", type=int, default=30_000, metavar="N")
    parser.add_argument(
        "--echo",
        type=float,
        nargs="+",
        default=[LSTMClassifier().echo],
        metavar="SHARE",
        help="beside 0 (default: that of LSTMClassifier)",
    )
    options = parser.parse_args()
    if options.seeds < 1 or options.events < PART:
        parser.error(f"there must be at least one seed, and {PART} events")
    return options


if __name__ == "__main__":
    main()
