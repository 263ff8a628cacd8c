"""What all estimators and steppers predict over seeded events, to be compared between two versions.

``python -m benchmarks.record PATH`` writes the predictions of this version to a file;
``python -m benchmarks.record PATH --against OTHER`` writes them and says how far they are from
those that another version wrote. Events bring missing values, texts and outliers, and new features
and classes in the course of the stream.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstmwidgets import LSTM
from lstmwidgets.online import (
    FrozenRegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
    StreamSlots,
)

EVENTS = 2_000
BEGINNING = 200
"""Events over which predictions are compared one by one; later, float32's roundings have grown."""

CELLS = ("standard", "peephole", "full_gate_recurrence", "coupled", "layer_norm")
TRACED = ("standard", "peephole", "coupled")
WORDS = [
    *("good", "bad", "fine", "awful", "the", "a", "is", "was"),
    *("not", "very", "film", "story", "end", "lovely", "boring", "nice"),
]

Numbers = NDArray[np.float64]
Event = tuple[dict[str, Any], float]


def main() -> None:
    """Record, and compare if another record is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--only", default="", help="cases whose names have this in them")
    options = parser.parse_args()
    chosen = {name: make for name, make in cases(options.events).items() if options.only in name}
    record = {name: make() for name, make in track(chosen.items(), "Cases", len(chosen))}
    with options.path.open("wb") as file:  # by a path, NumPy would add an ending to its name
        np.savez(file, **record)
    if options.against:
        with np.load(options.against) as other:
            Console(width=110).print(compared(record, dict(other)))


def compared(record: dict[str, Numbers], other: dict[str, Numbers]) -> Table:
    """Return a table of how far predictions and errors are apart, in spreads of the predictions."""
    table = Table("case", f"first {BEGINNING}: largest, in spreads", "all: mean error, ratio - 1")
    for name in record:
        (ours, errors), (theirs, other_errors) = record[name], other[name]
        beginning = slice(0, BEGINNING)
        spread = np.nanstd(theirs[beginning]) or 1.0
        apart = np.nanmax(np.abs(ours[beginning] - theirs[beginning])) / spread
        same = np.array_equal(np.isnan(ours), np.isnan(theirs))
        mean = np.nanmean(np.abs(other_errors))
        change = np.nanmean(np.abs(errors)) / mean - 1 if mean > 0 else 0.0
        table.add_row(name, f"{apart:.1e}" if same else "NaN elsewhere", f"{change:+.5%}")
    return table


def cases(events: int) -> dict[str, Callable[[], Numbers]]:
    """Return what makes each case's predictions and errors, (2, events)."""
    numbers = partial(regression, numeric_events(events))
    classes = partial(classification, class_events(events))
    series = partial(forecasting, numeric_events(events))
    odd = partial(detection, numeric_events(events))
    texts = partial(reading, text_events(events // 4))
    made: dict[str, Callable[[], Numbers]] = {}
    rules = [("tbptt", cell) for cell in CELLS] + [("eligibility", cell) for cell in TRACED]
    for gradient, cell in rules:
        options = {"cell": cell, "gradient": gradient, "window": 8, "hidden_size": 12, "seed": 3}
        label = f"{cell}, {gradient}"
        made[f"regressor, {label}"] = partial(numbers, options)
        made[f"regressor, two layers, {label}"] = partial(numbers, options | {"num_layers": 2})
        made[f"forecaster, {label}"] = partial(series, options | {"seasonality": 12})
        made[f"classifier, {label}"] = partial(classes, options)
        made[f"detector, {label}"] = partial(odd, options)
        made[f"text, {label}"] = partial(texts, options)
        made[f"slots, {label}"] = partial(taking_turns, numeric_events(events), options)
        made[f"frozen, {label}"] = partial(frozen, numeric_events(events), options)
    plain = {"window": 8, "hidden_size": 12, "seed": 3}
    for name, option in {
        "absolute": {"loss": "absolute"},
        "squared": {"loss": "squared"},
        "quantile": {"loss": "quantile", "quantile": 0.9},
        "sgd": {"optimizer": "sgd"},
        "adamw": {"optimizer": "adamw"},
        "RMSprop": {"optimizer": torch.optim.RMSprop},
        "unscaled": {"scale": False},
        "no lag": {"target_lag": False},
        "alone": {"experts": False},
    }.items():
        made[f"regressor, {name}"] = partial(numbers, plain | option)
    for cell in CELLS:
        for dtype in (torch.float32, torch.float64):
            kind = str(dtype).removeprefix("torch.")
            made[f"stepper, {cell}, {kind}"] = partial(stepping, cell, dtype, events)
    return made


def numeric_events(count: int) -> list[Event]:
    """Return features and a target that follows them and its own past, in all its oddity."""
    random = np.random.default_rng(0)
    events, y = [], 0.0
    for n in range(count):
        x: dict[str, Any] = {name: float(random.normal()) for name in "abc"}
        x["wave"] = math.sin(n / 9)
        if n >= count // 8:
            x["kind"] = "uvw"[n % 3]
        if n >= count // 4:
            x["late"] = float(random.normal())
        if n % 17 == 5:
            x["b"] = math.nan
        if n % 29 == 7:
            del x["c"]
        driven = x["a"] + x["wave"] * (2 if x.get("kind") == "u" else 1)
        y = 0.7 * y + driven + 0.1 * float(random.normal()) + (40 if n % 301 == 300 else 0)
        events.append((x, y if n % 53 != 20 else math.nan))
    return events


def class_events(count: int) -> list[tuple[dict[str, Any], Any]]:
    """Return features and labels, of which new ones come in the course of the stream."""
    events, last = [], 0.0
    for n, (x, y) in enumerate(numeric_events(count)):
        last = last if math.isnan(y) else y
        labels = ["low", "high"] if n < count // 3 else ["low", "high", "odd", 7]
        label = labels[int(abs(last) * 1.3) % len(labels)]
        events.append((x, None if math.isnan(y) else label))
    return events


def text_events(count: int) -> list[tuple[str, str]]:
    """Return short texts whose tone depends on the words' order."""
    random = np.random.default_rng(1)
    events = []
    for n in range(count):
        words = list(random.choice(WORDS[: 8 + 8 * (n > count // 3)], 3 + n % 5))
        tone = ("good" in words or "fine" in words) != ("not" in words)
        events.append((" ".join(words), "up" if tone else "down"))
    return events


def regression(events: list[Event], options: dict[str, Any]) -> Numbers:
    """Return predictions of a regressor and their errors."""
    model, said = LSTMRegressor(**options), []
    for n, (x, y) in enumerate(events):
        said.append(model.predict_one(x))
        if n % 101 == 100:
            model.step_one(x)
        elif n % 103 == 102:
            model.observe_one(x, y)
        else:
            model.learn_one(x, y)
    return _with_errors(said, events)


def taking_turns(events: list[Event], options: dict[str, Any]) -> Numbers:
    """Return predictions for three streams that take turns in a regressor."""
    streams = StreamSlots(LSTMRegressor(**options), 3)
    slots = [n * n % 3 for n in range(len(events))]
    xs, ys = [x for x, _ in events], [None if math.isnan(y) else y for _, y in events]
    return _with_errors(list(_learn_many(streams)(slots, xs, ys)), events)


def _learn_many(streams: Any) -> Any:
    return getattr(streams, "predict_learn_many", None) or streams.learn_many


def frozen(events: list[Event], options: dict[str, Any]) -> Numbers:
    """Return what a regressor that has learned half of the events serves to three streams."""
    model = LSTMRegressor(**options)
    half = len(events) // 2
    for x, y in events[:half]:
        model.learn_one(x, y)
    served = FrozenRegressor(model, 3)
    serve = served.observe_many if hasattr(served, "observe_many") else served.predict_many
    slots = [n * n % 3 for n in range(half)]
    rest = events[half : 2 * half]
    xs, ys = [x for x, _ in rest], [y for _, y in rest]
    return _with_errors(list(serve(slots, xs, ys)), rest)


def forecasting(events: list[Event], options: dict[str, Any]) -> Numbers:
    """Return forecasts one step ahead, and now and then three with their intervals."""
    model, said = LSTMForecaster(**options), []
    for n, (x, y) in enumerate(events):
        if n % 25 == 24:
            (low, high), *_ = model.forecast_interval(3, [x] * 3)
            forecasts = model.forecast(3, [x] * 3)
            bounded = low + high if math.isfinite(low) else 0.0
            said.append(forecasts[0] + 1e-3 * (forecasts[2] + bounded))
        else:
            said.append(model.forecast(1, [x])[0])
        model.learn_one(y, x)
    return _with_errors(said, events)


def classification(events: list[tuple[dict[str, Any], Any]], options: dict[str, Any]) -> Numbers:
    """Return the probability of the label that came, NaN before it is known."""
    model, said = LSTMClassifier(**options), []
    for x, y in events:
        said.append(model.predict_proba_one(x).get(y, math.nan))
        model.learn_one(x, y)
    return np.array([said, [1 - p for p in said]])


def detection(events: list[Event], options: dict[str, Any]) -> Numbers:
    """Return scores."""
    model, said = LSTMAnomalyDetector(**options), []
    for n, (x, _) in enumerate(events):
        said.append(model.score_one(x))
        if n % 101 == 100:
            model.step_one(x)
        else:
            model.learn_one(x)
    return np.array([said, said])


def reading(events: list[tuple[str, str]], options: dict[str, Any]) -> Numbers:
    """Return the probability of the label that came."""
    model, said = LSTMTextClassifier(**options), []
    for x, y in events:
        said.append(model.predict_proba_one(x).get(y, math.nan))
        model.learn_one(x, y)
    return np.array([said, [1 - p for p in said]])


def stepping(cell: str, dtype: torch.dtype, count: int) -> Numbers:
    """Return the sums of a stepper's outputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        lstm = LSTM(5, 9, 2, cell=cell, dtype=dtype)
    stepper, random = lstm.stepper(), np.random.default_rng(0)
    said = [float(stepper.step(row).sum()) for row in random.normal(size=(count, 5))]
    return np.array([said, said])


def _with_errors(said: list[float], events: list[Event]) -> Numbers:
    return np.array([said, [p - y for p, (_, y) in zip(said, events, strict=True)]])


if __name__ == "__main__":
    main()
