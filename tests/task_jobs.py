"""A job of every task, with data to run it on."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

WORDS = ("fine", "bad", "slow", "warm", "cold", "new", "old", "great", "loud", "dull")

PIPELINE = """
from river import forest, preprocessing

def flow():
    return preprocessing.StandardScaler() | forest.ARFRegressor(n_models=3, max_depth=3, seed=1)
"""
"""A model of River's, for `--model models.py:flow`.

Trees that grow without end would take longer to keep than a tenth of a second, which is how often
these jobs make checkpoints.
"""


def write_shifts(path: Path, events: int) -> Path:
    """Write events of eight sensors, each with one of three classes, that depends on the last."""
    draw = random.Random(0)
    rows, last = ["number,sensor,load,mode,flow"], dict.fromkeys(range(8), "low")
    for n in range(events):
        sensor, load = draw.randrange(8), draw.random()
        chosen = "high" if load > 0.7 else "low" if load < 0.3 else last[sensor]
        last[sensor] = chosen if draw.random() > 0.1 else "unknown"
        mode = "" if n % 50 == 7 else ("day" if n % 24 > 6 else "night")
        rows.append(f"{n},s{sensor},{load:.4f},{mode},{last[sensor] if n % 41 else ''}")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_late(path: Path, events: int) -> Path:
    """Write the same with every third class some rows later."""
    header, *rows = write_shifts(path, events).read_text().splitlines()
    planned: list[tuple[float, str]] = []
    for n, row in enumerate(rows):
        number, sensor, load, mode, flow = row.split(",")
        if n % 3 or not flow:
            planned.append((n, row))
        else:
            planned.append((n, f"{number},{sensor},{load},{mode},"))
            planned.append((n + 0.5 + n % 9, f"{number},{sensor},,,{flow}"))
    path.write_text("\n".join([header, *(row for _, row in sorted(planned))]) + "\n")
    return path


def write_series(path: Path, events: int) -> Path:
    """Write two series with a season of eight, in turns, some values missing."""
    draw = random.Random(0)
    rows = ["sensor,load,flow"]
    for n in range(events):
        wave = math.sin(n // 2 * math.pi / 4) + 0.1 * draw.gauss(0, 1) + n % 2
        rows.append(f"s{n % 2},{draw.random():.4f},{'' if n % 37 == 5 else round(wave, 4)}")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_planted(path: Path, events: int) -> Path:
    """Write two features of two sensors, with a jump planted every 400 events."""
    draw = random.Random(0)
    rows = ["sensor,level,load,odd"]
    for n in range(events):
        odd = n % 400 == 399
        level = math.sin(n // 2 / 5) + draw.gauss(0, 0.05) + 4 * odd
        rows.append(f"s{n % 2},{level:.4f},{draw.random():.4f},{int(odd)}")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_texts(path: Path, events: int) -> Path:
    """Write texts whose class a word in them says."""
    draw = random.Random(0)
    rows = ["text,flow"]
    for _ in range(events):
        words = draw.choices(WORDS, k=6)
        rows.append(f"{' '.join(words)},{'good' if 'great' in words else 'no'}")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_numbers(path: Path, events: int) -> Path:
    """Write numbers of three sensors to be predicted."""
    draw = random.Random(0)
    rows = ["sensor,load,temp,flow"]
    for n in range(events):
        load, temp = draw.random(), draw.gauss(20, 3)
        rows.append(f"s{n % 3},{load:.4f},{temp:.3f},{3 * load + temp / 10 + n % 3:.4f}")
    path.write_text("\n".join(rows) + "\n")
    return path


class TaskJob(NamedTuple):
    """A job.

    Attributes
    ----------
    write : callable
        Writes so many events to a file.
    options : dict
        Of the command, beside those that all have.
    rate : int
        About how many events a second it does on a fast machine.
    """

    write: Callable[[Path, int], Path]
    options: dict[str, Any]
    rate: int


KEYED: dict[str, Any] = {"key": "sensor", "hot_keys": 3, "window": 3}
OF_A_MODEL: dict[str, Any] = dict.fromkeys(("hidden_size", "seed", "window"))

JOBS = {
    "regression": TaskJob(write_numbers, {}, 15_000),
    "classification": TaskJob(write_shifts, {"drop": "sensor,number"}, 6_000),
    "classification, keys, late": TaskJob(
        write_late, KEYED | {"id": "number", "wait_events": 200}, 6_000
    ),
    "forecast": TaskJob(write_series, {"horizon": 6, "drop": "sensor"}, 3_000),
    "forecast, keys, interval": TaskJob(
        write_series, KEYED | {"horizon": 2, "coverage": 0.8, "hot_keys": 1}, 250
    ),
    "anomaly": TaskJob(
        write_planted, {"target": None, "alarms": 0.01, "drop": "sensor,odd"}, 10_000
    ),
    "anomaly, keys, labels": TaskJob(
        write_planted, KEYED | {"target": "odd", "task": "anomaly", "alarms": 0.001}, 1_500
    ),
    "text": TaskJob(write_texts, {"text_column": "text"}, 3_000),
    "river": TaskJob(write_numbers, OF_A_MODEL | {"drop": "sensor"}, 2_500),
    "river, keys": TaskJob(write_numbers, OF_A_MODEL | {"key": "sensor", "hot_keys": 2}, 3_000),
    "river, keys, shared": TaskJob(
        write_numbers, OF_A_MODEL | {"key": "sensor", "shared": True}, 2_500
    ),
}
"""By name; those of River need `PIPELINE` as a file."""


def prepared(name: str, folder: Path, seconds: float) -> tuple[Path, dict[str, Any]]:
    """Write a job's data for about so many seconds; return them and its options."""
    job = JOBS[name]
    options = dict(job.options)
    if name.startswith("river"):
        (folder / "models.py").write_text(PIPELINE)
        options["model"] = f"{folder / 'models.py'}:flow"
    return job.write(folder / "data.csv", int(job.rate * seconds)), options
