"""Measured spike delays, with gates that see the cell and without.

The task MSD of Gers, Schraudolph & Schmidhuber 2002, "Learning Precise Timing with LSTM Recurrent
Networks", JMLR 3: spikes come F or F + 1 steps after one another, and at each the output shall say
which. In the version NMSD a sequence ends at its first spike; in MSD the net has to start anew by
itself. The paper's criterion: 1,000 delays one after the other, in MSD in a single stream, with
absolute errors below 0.49. There a net is one cell, 17 weights with peepholes, learns online, with
gradients that end at the gates, and gets 10,000,000 streams and more.

Here gradients go through everything (backpropagation through time), the optimizer is Adam, and nets
learn from batches, in MSD of streams of five spikes. Both cells get the same streams and begin as
the same nets, with peepholes of 0. All trials run side by side. A net's streams are those it had
seen when it first met the criterion, which is looked at after every 100 batches.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

CELLS = ("peephole", "standard")


class Case(NamedTuple):
    """A version of the task, and nets for it.

    Parameters
    ----------
    interval : int
        F, steps.
    spikes : int
        In a training stream; 1 is NMSD.
    hidden_size : int
        Cells of a net.
    most : int
        Streams that a net gets.
    """

    interval: int
    spikes: int
    hidden_size: int
    most: int

    @property
    def version(self) -> str:
        """The paper's name of it."""
        return "NMSD" if self.spikes == 1 else "MSD"


CASES = (Case(10, 1, 1, 32_000), Case(10, 5, 1, 64_000), Case(10, 5, 4, 24_000))


class Outcome(NamedTuple):
    """What became of all trials of a case with one cell."""

    case: Case
    cell: str
    streams: list[int | None]
    seconds: float

    def record(self) -> dict[str, Any]:
        """Return what goes into a JSON file."""
        return {**self._asdict(), "case": self.case._asdict()}


def main() -> None:
    """Run all trials and print what became of them."""
    options = _options()
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    console.print(f"{processor()}, single thread\n\n{__doc__}", markup=False)
    keep_to_one_thread()
    outcomes = run(options.seeds, console)
    console.print(table(outcomes))
    if options.json:
        record = {"machine": processor(), "outcomes": [one.record() for one in outcomes]}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def run(seeds: int, console: Console) -> list[Outcome]:
    """Return what became of this many trials of each case."""
    outcomes = []
    with console.status("") as status:
        for case, cell in product(CASES, CELLS):
            status.update(f"{case.version}, {case.hidden_size} cells, {cell}")
            outcomes.append(_run(case, cell, seeds))
    return outcomes


def _run(case: Case, cell: str, seeds: int) -> Outcome:
    from .classical_tasks import SpikeDelays
    from .delay_trials import learn

    begin = perf_counter()
    task = SpikeDelays(case.interval, (0, 1), case.spikes)
    streams = learn(cell, case.hidden_size, task, seeds, case.most)
    return Outcome(case, cell, streams, perf_counter() - begin)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delays")
    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes there")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("there must be at least one seed")
    return options


def table(outcomes: list[Outcome]) -> Table:
    """Return the table of all cases."""
    titles = "version", "F", "cells of a net", "gates", "solved", "streams (median)", "of", "s"
    shown = Table(*titles)
    for case, cell, streams, seconds in outcomes:
        took = [count for count in streams if count is not None]
        shown.add_row(
            case.version,
            str(case.interval),
            str(case.hidden_size),
            cell,
            f"{len(took)} of {len(streams)}",
            f"{median(took):,.0f}" if took else "",
            f"{case.most:,}",
            f"{seconds:.0f}",
        )
    return shown


if __name__ == "__main__":
    main()
