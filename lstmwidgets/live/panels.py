"""Which panels a picture has: data that the page reads, one mapping a panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from river.metrics.base import Metrics

from ..analysis.live_run import CLASSES, NUMBERS, SCORES, Run
from ..analysis.titles import MAPS, metric_title

Panel = dict[str, Any]

PROBABILITIES = "Probability of each class, and above it the true one"

INPUT = 26
"""Pixels for the row of an input."""


def live_panels(run: Run) -> list[Panel]:
    """Return the panels of a run, from above.

    Each has a ``kind``, which names the code that draws it, an ``id``, a ``title`` and a ``height``
    in pixels; the rest belongs to the kind.

    Parameters
    ----------
    run : Run
        Of which they are.
    """
    return [*_predicted(run), *_inputs(run), *_maps(run), *_errors(run)]


def _panel(name: str, kind: str, title: str, height: int, **more: Any) -> Panel:
    return {"id": name, "kind": kind, "title": title, "height": height, **more}


def _predicted(run: Run) -> Iterator[Panel]:
    """Yield what the model predicts, and what then comes."""
    truth = {"column": "target", "label": "truth", "colour": "truth", "width": 3}
    model = {"column": "prediction", "label": "prediction", "colour": "model", "width": 1.6}
    if run.kind == NUMBERS:
        band = {"from": "lower", "to": "upper", "label": f"{run.coverage:.0%} interval"}
        more = {"lines": [truth, model], "band": band, "ahead": run.ahead is not None}
        yield _panel("prediction", "lines", "Prediction and truth", 150, **more)
    elif run.kind == CLASSES:
        yield _panel("classes", "classes", PROBABILITIES, 150)
    elif run.kind == SCORES:
        marks = {"where": "target", "on": "prediction", "label": "known anomaly"}
        lines = [model | {"label": "score"}]
        yield _panel("score", "lines", "Anomaly score", 150, lines=lines, marks=marks)


def _inputs(run: Run) -> Iterator[Panel]:
    if run.inputs:
        names = [str(name) for name in run.inputs]
        yield _panel("inputs", "inputs", "Inputs", INPUT * len(names), names=names)


def _maps(run: Run) -> Iterator[Panel]:
    if run.hidden_size is None:
        return
    for name, title in MAPS.items():
        short = title.partition(":")[0]
        yield _panel(name, "heatmap", title, 56, signed=name == "cell", short=short)


def _errors(run: Run) -> Iterator[Panel]:
    """Yield how good the predictions are, beside the naive forecast's."""
    metrics = list(run.metric) if isinstance(run.metric, Metrics) else [run.metric]
    for place, metric in enumerate(metrics if run.scored else []):
        name = "error" if place == 0 else f"error {place}"
        title = f"{metric_title(metric)} so far"
        yield _panel(name, "curve", title, 84, naive=run.naive, place=place)
    if run.ahead is not None:
        title = "Mean absolute error by steps ahead"
        yield _panel("horizons", "horizons", title, 84, naive=run.naive)
