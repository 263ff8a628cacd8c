"""The tasks that LSTM was made for, at the papers' own criteria.

Each net is trained until it meets the criterion of Hochreiter & Schmidhuber 1997, "Long Short-Term
Memory", or has seen the most sequences that a trial gets. Reber (section 5.1): every symbol that
may come is likelier than all that may not, at every step of 256 training and 256 other strings;
looked at after each 256 sequences. Adding (5.4): the last 2,000 training sequences had an absolute
error below 0.04, and on average below 0.01. Temporal order (5.6): the last 2,000 had no output
0.3 or more off, and an average error below 0.1. A sequence is judged before the net learns from it.
Wrong are those of 2,560 fresh sequences afterwards (of Reber none can be), on average.

What differs from 1997: full backpropagation through time, Adam, batches of 16, forget gates (that
begin open), one gate of each kind for each unit rather than for two, linear or softmax outputs
instead of logistic ones. What is kept: initial weights within ±0.1 (Reber ±0.2) and input gates
that begin closed, one more than the other (Reber: output gates).
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from . import delays
from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

if TYPE_CHECKING:  # it imports torch, which the number of threads comes before
    from .trials import Outcome

PUBLISHED = {
    "reber": ("97-100 %", "8,440-39,740", ""),
    "adding": ("10 trials", "74,000", "1"),
    "order": ("20 trials", "31,390", "1"),
    "order of 3": ("10 trials", "571,100", "2"),
}
"""Trials, sequences and wrong ones of Tables 1 (its five LSTMs), 7 (T = 100) and 9 of the paper."""

DELAYS = "delays"


def main() -> None:
    """Run all trials and print what became of them."""
    options = _options()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    keep_to_one_thread()
    tasks = options.task or [*PUBLISHED, DELAYS]
    record: dict[str, Any] = {"machine": processor()}
    console.print(f"{processor()}, single thread")
    if set(tasks) & set(PUBLISHED):
        console.print(f"\n{__doc__}", markup=False)
        outcomes = _run([name for name in PUBLISHED if name in tasks], options.seeds, console)
        console.print(_table(outcomes))
        record["outcomes"] = [outcome._asdict() for outcome in outcomes]
    if DELAYS in tasks:
        console.print(f"\n{delays.__doc__}", markup=False)
        of_delays = delays.run(2 * options.seeds, console)
        console.print(delays.table(of_delays))
        record[DELAYS] = [outcome.record() for outcome in of_delays]
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _run(names: list[str], seeds: int, console: Console) -> list[Outcome]:
    from .trials import learn

    outcomes = []
    with console.status("") as status:
        for name in names:
            for seed in range(seeds):
                status.update(f"{name}, seed {seed}")
                outcomes.append(learn(name, seed))
    return outcomes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classics")
    parser.add_argument(
        "--task", action="append", choices=(*PUBLISHED, DELAYS), help="only this; repeatable"
    )
    parser.add_argument(
        "--seeds", type=int, default=10, metavar="N", help="twice as many of delays"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes there")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("there must be at least one seed")
    return options


def _table(outcomes: list[Outcome]) -> Table:
    titles = "task", "weights", "solved", "sequences", "least..most", "wrong", "s"
    table = Table(*titles, "published", "sequences", "wrong")
    for name, group in groupby(outcomes, key=lambda one: one.task):
        some = list(group)
        took = [one.sequences for one in some if one.sequences is not None]
        wrong = [one.wrong for one in some if one.wrong is not None]
        table.add_row(
            name,
            str(some[0].weights),
            f"{len(took)} of {len(some)}",
            f"{mean(took):,.0f}" if took else "",
            f"{min(took):,}..{max(took):,}" if took else "",
            f"{mean(wrong):.1f}" if wrong else "",
            f"{mean(one.seconds for one in some):.0f}",
            *PUBLISHED[name],
        )
    return table


if __name__ == "__main__":
    main()
