"""The continual embedded Reber grammar, with and without forget gates.

The task of ``python -m benchmarks.reber`` is that of Gers, Schmidhuber & Cummins 2000, "Learning to
forget: continual prediction with LSTM", section 4: strings of the embedded Reber grammar follow one
another without end; nothing marks where one ends, and no state is ever reset. An event is a symbol,
its label the next one. A prediction is right if the n likeliest symbols are the n legal ones (n is
1 or 2), among them the one before each string's last: the string's second symbol once more.

A net is free of error after the symbols that come before its first 10,000 without an error, while
it goes on learning. "last 1,000" counts the errors in the last symbols that it learns from, "test"
those in the 100,000 symbols that follow in its stream, without learning; both are medians over the
seeds, and "flawless" says how many made no error in the test. A time is that of prediction and
learning, the median over all symbols.

Truncated backpropagation looks back 12 events, with 24 hidden units, a quarter of which begin as an
echo, and Adam at 0.005; the eligibility rule has 32 units and 0.015. Learning rates stay for 6,000
events, and fall by a factor of e every 6,667 from there, to a fiftieth at the lowest. "no forget
gate" is the cell of Hochreiter & Schmidhuber 1997, made of the standard one by a bias of 10,000 at
the forget gate: f is exactly 1, and the gradient that would move its weights exactly 0.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice, pairwise, product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.table import Table

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

if TYPE_CHECKING:  # it imports torch, which the number of threads comes before
    from .classical_tasks import Event

RULES: dict[str, dict[str, Any]] = {
    "tbptt": {"gradient": "tbptt", "hidden_size": 24, "window": 12, "lr": 0.005, "echo": 0.25},
    "eligibility": {"gradient": "eligibility", "hidden_size": 32, "lr": 0.015},
}
OPTIONS: dict[str, Any] = {"clip": 10.0, "scale": False, "target_lag": False}
HOLD, FALL, LEAST = 6_000, 6_667, 0.02
RUN = 10_000
STANDARD, NO_FORGET = "standard", "no forget gate"
BIAS = 1e4


class Outcome(NamedTuple):
    """How one net did: the numbers of the table."""

    rule: str
    cell: str
    seed: int
    free_from: int | None
    late_errors: int
    test_errors: int
    microseconds: float


def strings(seed: int) -> Iterator[list[Event]]:
    """Return strings of the embedded Reber grammar, without end."""
    from .classical_tasks import reber_strings

    return reber_strings(seed)


def stream(seed: int) -> Iterator[Event]:
    """Return the events of one string after another, without end."""
    return chain.from_iterable(strings(seed))


def learn(rule: str, cell: str, seed: int, symbols: int, test: int) -> Outcome:
    """Let a net learn from so many symbols of a stream, and test it on those that follow."""
    from lstmwidgets.online import LSTMClassifier

    model = LSTMClassifier(**OPTIONS, **RULES[rule], seed=seed)
    if cell == NO_FORGET:
        _fix_forget_gates(model)
    events = [*islice(stream(seed), symbols + test + 1)]
    predictions, times = [], []
    for n, (now, coming) in enumerate(pairwise(events[: symbols + 1])):
        model.lr = RULES[rule]["lr"] * max(LEAST, math.exp(-max(0, n - HOLD) / FALL))
        x: dict[Any, str] = {"symbol": now.symbol}
        begin = perf_counter()
        predictions.append(model.predict_proba_one(x))
        model.learn_one(x, coming.symbol)
        times.append(perf_counter() - begin)
    predictions += [model.step_one({"symbol": event.symbol}) for event in events[symbols:-1]]
    assert model.gates is not None
    assert (model.gates.forget_gate == 1).all() == (cell == NO_FORGET)
    errors = [not is_right(p, now.legal) for p, now in zip(predictions, events, strict=False)]
    learned, tested = errors[:symbols], sum(errors[symbols:])
    late, microseconds = sum(learned[-1000:]), 1e6 * median(times)
    return Outcome(rule, cell, seed, _free_from(learned), late, tested, microseconds)


def is_right(prediction: dict[str, float], legal: frozenset[str]) -> bool:
    """Say whether the likeliest symbols are the legal ones."""
    likeliest = sorted(prediction, key=prediction.__getitem__, reverse=True)
    return legal == set(likeliest[: len(legal)])


def _free_from(errors: Sequence[bool]) -> int | None:
    """Return how many events came before the first run without errors that is long enough."""
    start = 0
    for n, error in enumerate(errors, start=1):
        if error:
            start = n
        elif n - start == RUN:
            return start
    return None


def _fix_forget_gates(model: Any) -> None:
    """Hold f at 1; an event that is not learned makes the learner, and is forgotten again."""
    model.step_one({"symbol": "B"})
    vectors = model._learner.weights().vectors  # noqa: SLF001
    vectors[:, model.hidden_size : 2 * model.hidden_size] = BIAS  # of the blocks i, f, g, o
    model.reset_stream()


def main() -> None:
    """Run all nets and print what became of them."""
    options = _options()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    keep_to_one_thread()
    console.print(f"{processor()}, single thread\n\n{__doc__}", markup=False)
    outcomes = []
    with console.status("") as status:
        for rule, cell, seed in product(RULES, (STANDARD, NO_FORGET), range(options.seeds)):
            status.update(f"{rule}, {cell}, seed {seed}")
            outcomes.append(learn(rule, cell, seed, options.symbols, options.test))
    console.print(_table(outcomes))
    if options.json:
        record = {"machine": processor(), "outcomes": [outcome._asdict() for outcome in outcomes]}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reber")
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--symbols", type=int, default=60_000, metavar="N")
    parser.add_argument("--test", type=int, default=100_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes there")
    options = parser.parse_args()
    if min(options.seeds, options.symbols, options.test) < 1:
        parser.error("all of these must be at least 1")
    return options


def _table(outcomes: list[Outcome]) -> Table:
    titles = "rule", "cell", "free of error", "after (median)", "worst", "last 1,000", "test"
    table = Table(*titles, "flawless", "µs a symbol")
    for (rule, cell), group in groupby(outcomes, key=lambda one: (one.rule, one.cell)):
        some = list(group)
        after = [math.inf if one.free_from is None else one.free_from for one in some]
        late, tested, times = zip(*(one[4:] for one in some), strict=True)
        flawless = f"{tested.count(0)} of {len(some)}"
        free = f"{len(some) - after.count(math.inf)} of {len(some)}"
        counts = (median(after), max(after), median(late), median(tested))
        numbers = (f"{n:,.10g}" if n < math.inf else "never" for n in counts)
        table.add_row(rule, cell, free, *numbers, flawless, f"{median(times):.1f}")
    return table


if __name__ == "__main__":
    main()
