"""`LSTMAnomalyDetector` on the Numenta Anomaly Benchmark: ``python -m benchmarks.nab FOLDER``.

The folder is that of NAB's data, with `labels/combined_windows.json` in it; see
https://github.com/numenta/NAB. Each of its 58 series goes through a new detector, all at their
defaults with ``seed=1``: score an event, then learn it. The value is the only feature, and then the
timestamp is another one.

The scoring is NAB's (Lavin & Ahmad 2015, "Evaluating real-time anomaly detection algorithms",
ICMLA): the first 15 % of a series, 750 events at most, do not count. One threshold for all series
makes alarms of scores. The first alarm in a window around an anomaly gains up to 1, the earlier the
more; an alarm outside costs up to 0.11, least just behind a window (0.22 in the profile "few false
alarms"); a window without an alarm costs 1 (2 in the profile "few misses"). 0 is a detector without
any alarm, 100 one that alarms at the beginning of every window and nowhere else. As NAB does, each
profile takes the threshold that is best for it.

Options were chosen on tweets, AWS and artificial series; the others are told apart as "unseen".
Results of others are those that NAB publishes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstmwidgets.online import LSTMAnomalyDetector

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor

Array = NDArray[np.float64]

PROBATION, AT_MOST = 0.15, 750
STEEPNESS, FAR = 5.0, 3.0
"""Of the sigmoid that weighs alarms, and where it ends, in lengths of a window."""

PUBLISHED = {
    "ARTime": 74.9,
    "HTM": 70.1,
    "CAD OSE": 69.9,
    "Skyline": 58.2,
    "KNN-CAD": 58.0,
    "relative entropy": 54.6,
    "random cut forest": 51.7,
    "Twitter ADVec": 47.1,
    "windowed Gaussian": 39.6,
}
"""Of the standard profile."""

CHOSEN_ON = ("realTweets", "realAWSCloudwatch", "artificialNoAnomaly", "artificialWithAnomaly")


class Profile(NamedTuple):
    """What alarms gain and cost."""

    hit: float
    false: float
    miss: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "few false alarms": Profile(1.0, 0.22, 1.0),
    "few misses": Profile(1.0, 0.11, 2.0),
}


class Labelled(NamedTuple):
    """A series and where its anomalies are.

    Attributes
    ----------
    name : str
        Folder and file.
    times : list of str
        Of each event.
    values : list of float
        Of each event.
    windows : list of tuple
        First and last place of each window.
    """

    name: str
    times: list[str]
    values: list[float]
    windows: list[tuple[int, int]]


def main() -> None:
    """Score the detector, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nab")
    parser.add_argument("folder", type=Path, help="NAB's data, with labels/combined_windows.json")
    folder = parser.parse_args().folder
    if not (folder / "labels" / "combined_windows.json").exists():
        parser.error(f"{folder} has no labels/combined_windows.json; get NAB's data from GitHub")
    keep_to_one_thread()
    series = list(read(folder))
    found = {
        "the value alone": [scores(each, False) for each in track(series, "Value")],
        "value and timestamp": [scores(each, True) for each in track(series, "Timestamp")],
    }
    console = Console(width=WIDTH, highlight=False)
    console.print(f"{processor()}, single thread")
    console.print(_table(series, found))
    console.print(_worst(series, found["the value alone"]))


def read(folder: Path) -> Iterator[Labelled]:
    """Yield NAB's series."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name, spans in labels.items():
        with (folder / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        times = [row["timestamp"] for row in rows]
        windows = []
        for first, last in spans:
            inside = [n for n, time in enumerate(times) if _cut(first) <= time <= _cut(last)]
            windows.append((inside[0], inside[-1]))
        yield Labelled(name, times, [float(row["value"]) for row in rows], windows)


def _cut(time: str) -> str:
    """Return a time without fractions of a second, as the series have it."""
    return time.partition(".")[0]


def scores(series: Labelled, with_time: bool) -> Array:
    """Return the detector's score of each event."""
    model, found = LSTMAnomalyDetector(seed=1), []
    for time, value in zip(series.times, series.values, strict=True):
        x = {"value": value} | ({"time": datetime.fromisoformat(time)} if with_time else {})
        found.append(model.score_one(x))
        model.learn_one(x)
    return np.array(found)


def best(
    series: Sequence[Labelled], found: Iterable[Array], profile: Profile
) -> tuple[float, float]:
    """Return the best score that one threshold gives, and the threshold."""
    at, gains, windows = [], [], 0
    for each, own in zip(series, found, strict=True):
        worth, window = weigh(len(own), each.windows, profile)
        begin = min(int(PROBATION * len(own)), AT_MOST)
        counts = np.arange(len(own)) >= begin
        outside = counts & (window < 0)
        at.append(own[outside])
        gains.append(worth[outside])
        for n in range(len(each.windows)):
            inside = np.flatnonzero(counts & (window == n))
            inside = inside[np.argsort(-own[inside], kind="stable")]
            best_so_far = np.maximum.accumulate(worth[inside])
            at.append(own[inside])
            gains.append(np.diff(best_so_far, prepend=-profile.miss))
        windows += len(each.windows)
    thresholds, places = np.unique(-np.concatenate(at), return_inverse=True)
    sums = np.cumsum(np.bincount(places, np.concatenate(gains)))
    top = int(np.argmax(sums))
    gained = max(float(sums[top]), 0.0)
    threshold = float(-thresholds[top]) if sums[top] > 0 else np.inf
    return 100 * gained / (windows * (profile.hit + profile.miss)), threshold


def weigh(
    length: int, windows: Sequence[tuple[int, int]], profile: Profile
) -> tuple[Array, NDArray[np.int64]]:
    """Return what an alarm at each event gains or costs, and which window it is in, -1 for none."""
    worth, window = np.full(length, -profile.false), np.full(length, -1)
    ends = [*(first for first, _ in windows), length][1:]
    for n, ((first, last), end) in enumerate(zip(windows, ends, strict=True)):
        inside, behind = np.arange(first, last + 1), np.arange(last + 1, end)
        early = _sigmoid((inside - last - 1) / (last - first + 1))
        worth[inside] = profile.hit * early / _sigmoid(np.array(-1.0))
        worth[behind] = profile.false * _sigmoid((behind - last) / (last - first))
        window[inside] = n
    return worth, window


def _sigmoid(place: Array) -> Array:
    """Return what an alarm is worth so many window lengths behind the end of one."""
    value: Array = 2 / (1 + np.exp(STEEPNESS * np.minimum(place, FAR))) - 1
    return np.where(place > FAR, -1.0, value)


def _table(series: Sequence[Labelled], found: dict[str, list[Array]]) -> Table:
    table = Table("detector", "series", *PROFILES)
    unseen = [not each.name.startswith(CHOSEN_ON) for each in series]
    everything, others = [True] * len(series), [not one for one in unseen]
    for what, all_scores in found.items():
        for which, chosen in (("all", everything), ("chosen on", others), ("unseen", unseen)):
            some = [each for each, one in zip(series, chosen, strict=True) if one]
            own = [each for each, one in zip(all_scores, chosen, strict=True) if one]
            row = [f"{best(some, own, profile)[0]:.1f}" for profile in PROFILES.values()]
            table.add_row(f"LSTMAnomalyDetector, {what}" if which == "all" else "", which, *row)
        table.add_section()
    for name, score in PUBLISHED.items():
        table.add_row(f"{name} (published)", "all", str(score))
    return table


def _worst(series: Sequence[Labelled], found: Sequence[Array]) -> Table:
    """Return the ten series that lose the most at the threshold that is best for all."""
    profile = PROFILES["standard"]
    _, threshold = best(series, found, profile)
    rows = [
        (*account(each, own, threshold, profile), each.name)
        for each, own in zip(series, found, strict=True)
    ]
    table = Table("series that lose the most", "lost", "windows missed", "false alarms")
    for lost, missed, false, name in sorted(rows, reverse=True)[:10]:
        table.add_row(name, f"{lost:.2f}", str(missed), str(false))
    return table


def account(
    series: Labelled, own: Array, threshold: float, profile: Profile
) -> tuple[float, int, int]:
    """Return what a series loses against perfect alarms, windows missed, and false alarms."""
    worth, window = weigh(len(own), series.windows, profile)
    alarm = (own >= threshold) & (np.arange(len(own)) >= min(int(PROBATION * len(own)), AT_MOST))
    hits = [worth[alarm & (window == n)] for n in range(len(series.windows))]
    missed = sum(len(some) == 0 for some in hits)
    gained = sum(some.max() if len(some) else -profile.miss for some in hits)
    gained += worth[alarm & (window < 0)].sum()
    lost = profile.hit * len(series.windows) - float(gained)
    return lost, missed, int((alarm & (window < 0)).sum())


if __name__ == "__main__":
    main()
