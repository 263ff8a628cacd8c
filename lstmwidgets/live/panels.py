"""Which panels a picture has: data that the page reads, one mapping a panel."""

from __future__ import annotations

from typing import Any

from river.metrics.base import Metrics

from ..analysis.live_run import CLASSES, NUMBERS, SCORES, Run
from ..analysis.titles import MAPS, metric_title

INPUT = 26
"""Pixels for the row of an input."""


def live_panels(run: Run) -> list[dict[str, Any]]:
    """Return the panels of a run, from above.

    Each has a ``kind``, which names the code that draws it, an ``id``, a ``title`` and a ``height``
    in pixels; the rest belongs to the kind.

    Parameters
    ----------
    run : Run
        Of which they are.
    """
    panels: list[dict[str, Any]] = []
    if run.kind == NUMBERS:
        panels.append(
            {
                "id": "prediction",
                "kind": "lines",
                "title": "Prediction and truth",
                "height": 150,
                "lines": [
                    {"column": "target", "label": "truth", "colour": "truth", "width": 3},
                    {
                        "column": "prediction",
                        "label": "prediction",
                        "colour": "model",
                        "width": 1.6,
                    },
                ],
                "ahead": run.ahead is not None,
                "band": {
                    "from": "lower",
                    "to": "upper",
                    "label": f"{run.coverage:.0%} interval",
                },
            }
        )
    elif run.kind == CLASSES:
        title = "Probability of each class, and above it the true one"
        panels.append({"id": "classes", "kind": "classes", "title": title, "height": 150})
    elif run.kind == SCORES:
        panels.append(
            {
                "id": "score",
                "kind": "lines",
                "title": "Anomaly score",
                "height": 150,
                "lines": [
                    {"column": "prediction", "label": "score", "colour": "model", "width": 1.6}
                ],
                "marks": {"where": "target", "on": "prediction", "label": "known anomaly"},
            }
        )
    if run.inputs:
        panels.append(
            {
                "id": "inputs",
                "kind": "inputs",
                "title": "Inputs",
                "height": INPUT * len(run.inputs),
                "names": list(run.inputs),
            }
        )
    if run.hidden_size is not None:
        panels += [
            {
                "id": name,
                "kind": "heatmap",
                "title": title,
                "height": 56,
                "signed": name == "cell",
                "short": title.partition(":")[0],
            }
            for name, title in MAPS.items()
        ]
    if run.scored:
        metrics = list(run.metric) if isinstance(run.metric, Metrics) else [run.metric]
        for place, metric in enumerate(metrics):
            panels.append(
                {
                    "id": "error" if place == 0 else f"error {place}",
                    "kind": "curve",
                    "title": f"{metric_title(metric)} so far",
                    "height": 84,
                    "naive": run.naive,
                    "place": place,
                }
            )
    if run.ahead is not None:
        panels.append(
            {
                "id": "horizons",
                "kind": "horizons",
                "title": "Mean absolute error by steps ahead",
                "height": 84,
                "naive": run.naive,
            }
        )
    return panels
