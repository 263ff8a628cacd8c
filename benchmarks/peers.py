"""deep-river beside ours, on River's own data sets: ``python -m benchmarks.peers``.

Every event is predicted, scored, and then learned, the first one included; the score is the mean
absolute error of regressions and the accuracy of classifications. Ours is `LSTMRegressor(seed=…)`
and `LSTMClassifier(seed=…)`, nothing else set, on the events as River gives them. Theirs, in an
environment of its own with an older River and the same torch, each with its sizes, optimizer and
learning rate at the defaults of deep-river unless it says otherwise, is

- as given: `LSTMRegressor` and `LSTMClassifier`;
- with scalers: the same behind `StandardScaler`, and for regressions in `TargetStandardScaler`;
- forecaster, with scalers: `LSTMForecaster`, one step ahead, which reads the last ten targets
  besides the features (regressions only: ours reads past targets, their regressor does not);
- with scalers, tuned: that forecaster, or the classifier, with Adam at a learning rate of 0.01, by
  and large the best for them, on these very data sets, of 0.001, 0.003, 0.01 and 0.03.

Scores are medians over the seeds, with the range. A time is that of predicting and learning one
event, scalers included, on a single thread; all contestants take turns, never two at once, and
"times ours" is taken seed by seed. deep-river reads numbers only: for it alone, datetimes are
replaced beforehand by sine and cosine of hour, weekday and month, free of charge.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import groupby, islice
from operator import attrgetter, truediv
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor
from .peers_worker import CLASSIFICATION, REGRESSION, VARIANTS, Event, prequential

PYTHON = Path(".venv-peers/bin/python")
WORKER = Path(__file__).with_name("peers_worker.py")
OURS = "ours"
KEYS = ("score", "microseconds")
SEEDS = (1, 2, 3)
EVENTS = 10_000
TASKS = {
    "WaterFlow": REGRESSION,
    "AirlinePassengers": REGRESSION,
    "TrumpApproval": REGRESSION,
    "ChickWeights": REGRESSION,
    "Phishing": CLASSIFICATION,
    "ImageSegments": CLASSIFICATION,
    "Shuttle": CLASSIFICATION,
}


@dataclass(frozen=True)
class Result:
    """What one contestant did on one data set: a score and a time for every seed."""

    data: str
    task: str
    name: str
    scores: tuple[float, ...]
    microseconds: tuple[float, ...]

    @property
    def score(self) -> float:
        """Median of the scores."""
        return median(self.scores)

    @property
    def loss(self) -> float:
        """The error, or what the accuracy lacks: less is better."""
        return self.score if self.task == REGRESSION else 1 - self.score

    def times(self, ours: Result) -> float:
        """Return how many times as long as ours it takes."""
        return median(map(truediv, self.microseconds, ours.microseconds))


class Peer:
    """The worker: a process that computes only while it is asked something."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, "-P", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.versions = self._answer()

    def ask(self, **job: Any) -> dict[str, Any]:
        """Return the result of a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the peer's process ended early; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """Run the data sets that are named, or all."""
    options = _options()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON} is missing; `make bench-peers` builds it")
    keep_to_one_thread()
    peer = Peer(PYTHON)
    versions = {name: version(name) for name in ("lstmwidgets", "river", "torch")}
    machine = {
        "machine": f"{processor()}, single thread",
        "ours": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "theirs": ", ".join(f"{name} {number}" for name, number in peer.versions.items()),
    }
    for name, text in machine.items():
        console.print(f"{name}: {text}")
    console.print("\n" + __doc__.partition("\n\n")[2], markup=False)
    results: list[Result] = []
    notes: list[str] = []
    with console.status("") as status:
        for data in options.sets:
            events, note = _events(data, options.events)
            notes += note
            if events:
                status.update(f"{data}, {len(events):,} events")
                results += _results(data, events, peer)
    peer.close()
    groups = [list(group) for _, group in groupby(results, key=attrgetter("data"))]
    console.print(_table(groups))
    for line in (*notes, "", *(_verdict(*group) for group in groups)):
        console.print(line)
    if options.json:
        records = [asdict(result) for result in results]
        record = {"machine": machine, "notes": notes, "results": records}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--sets", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME")
    parser.add_argument(
        "--events",
        type=int,
        default=EVENTS,
        metavar="N",
        help="no more than the first N of each data set (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    options = parser.parse_args()
    if options.events < 1:
        parser.error(f"--events must be at least 1, got {options.events}")
    return options


def _events(data: str, limit: int) -> tuple[list[Event], list[str]]:
    """Return the events and what is to be said about them."""
    from river import datasets

    source = getattr(datasets, data, None)
    if source is None:
        return [], [f"{data}: left out, this River does not ship it."]
    stream = source()
    events = list(islice(stream, limit))
    notes = []
    if len(events) < stream.n_samples:
        notes.append(f"{data}: the first {len(events):,} of {stream.n_samples:,} events.")
    if any(isinstance(value, datetime) for value in events[0][0].values()):
        notes.append(f"{data}: deep-river gets sines and cosines in place of the datetime.")
    return events, notes


def _results(data: str, events: list[Event], peer: Peer) -> list[Result]:
    """Return our result and theirs: all take turns, one seed after another."""
    from lstmwidgets import online

    task = TASKS[data]
    ours = online.LSTMRegressor if task == REGRESSION else online.LSTMClassifier
    answers: dict[str, list[dict[str, Any]]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.json")
        path.write_text(json.dumps([(_numbers(x), y) for x, y in events]), encoding="utf-8")
        for seed in SEEDS:
            answers.setdefault(OURS, []).append(prequential(ours(seed=seed), events, task))
            for variant in VARIANTS[task]:
                answer = peer.ask(events=str(path), task=task, variant=variant, seed=seed)
                answers.setdefault(variant, []).append(answer)
    return [
        Result(data, task, name, *(tuple(one[key] for one in some) for key in KEYS))
        for name, some in answers.items()
    ]


def _numbers(x: dict[str, Any]) -> dict[str, float]:
    """Return the features with numbers in place of datetimes."""
    numbers: dict[str, float] = {}
    for key, value in x.items():
        if not isinstance(value, datetime):
            numbers[key] = value
            continue
        hour = value.hour + value.minute / 60
        turns = {"hour": hour / 24, "weekday": value.weekday() / 7, "month": (value.month - 1) / 12}
        for name, turn in turns.items():
            numbers[f"{key} {name} (sin)"] = math.sin(2 * math.pi * turn)
            numbers[f"{key} {name} (cos)"] = math.cos(2 * math.pi * turn)
    return numbers


def _table(groups: list[list[Result]]) -> Table:
    """Return a section for each data set and a row for each contestant."""
    table = Table("data set", "metric", "whose", "median (range)", "µs an event", "times ours")
    for group in groups:
        for row, result in enumerate(group):
            metric = "MAE" if result.task == REGRESSION else "accuracy"
            table.add_row(
                *(("", "") if row else (result.data, metric)),
                result.name if result is group[0] else f"theirs {result.name}",
                f"{_short(result.score)} "
                f"({_short(min(result.scores))}..{_short(max(result.scores))})",
                f"{median(result.microseconds):,.0f}",
                f"{result.times(group[0]):.3g}",
            )
        table.add_section()
    return table


def _short(score: float) -> str:
    return f"{score:.4f}" if score < 1 else f"{score:.4g}"


def _verdict(ours: Result, *theirs: Result) -> str:
    """Say who is ahead: ours, or the best and the fastest of theirs."""
    best = min(theirs, key=attrgetter("loss"))
    scores = ours.scores, best.scores
    if max(map(min, scores)) <= min(map(max, scores)):
        error = "[yellow]level[/]"  # the seeds' ranges overlap
    else:
        error = "[green]ahead[/]" if ours.loss < best.loss else "[red]behind[/]"
    times = min(one.times(ours) for one in theirs)
    return (
        f"{ours.data}: {error}, {_short(ours.score)} against {_short(best.score)} (theirs "
        f"{best.name}); [{'green' if times > 1 else 'red'}]{times:.3g} times[/] as fast as "
        "their fastest"
    )


if __name__ == "__main__":
    main()
