"""All contestants on a stream of events: ours, River's, deep-river's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from lstmwidgets.online import LSTMClassifier, LSTMRegressor

from . import river_models, scores
from .peer import Peers, Record
from .peers_worker import REGRESSION, VARIANTS, prequential
from .tabular import Stream

OURS = "ours"
SEEDS = (1, 2, 3)
"""Of ours; the others have the first only, for they take their time."""


def contest(peers: Peers | None, stream: Stream) -> Iterator[Record]:
    """Yield each contestant's figures, of ours the medians over seeds; without peers, ours only."""
    ours = LSTMRegressor if stream.task == REGRESSION else LSTMClassifier
    yield _record(
        stream, OURS, [prequential(ours(seed=n), stream.events, stream.task) for n in SEEDS]
    )
    if not peers:
        return
    plain = stream.numbers()
    make = river_models.regressors if stream.task == REGRESSION else river_models.classifiers
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # some overflow
        for name, model in make(SEEDS[0]).items():
            yield _record(stream, name, [prequential(model, plain.events, stream.task)])
    yield from _networks(peers, plain)


def _networks(peers: Peers, stream: Stream) -> Iterator[Record]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.json")
        path.write_text(json.dumps(stream.events), encoding="utf-8")
        for variant in VARIANTS[stream.task]:
            job = {"events": str(path), "task": stream.task, "variant": variant}
            yield _record(stream, variant, [peers.networks.ask(seed=SEEDS[0], **job)])


def _record(stream: Stream, name: str, runs: list[dict[str, Any]]) -> Record:
    """Return the medians of some runs."""
    targets = [y for _, y in stream.events]
    score = scores.of_numbers if stream.task == REGRESSION else scores.of_classes
    figures = [score(run["predictions"], targets) for run in runs]
    figures = [
        each | {"microseconds": run["microseconds"]}
        for each, run in zip(figures, runs, strict=True)
    ]
    medians = {key: median(each[key] for each in figures) for key in figures[0]}
    where = {"data": stream.name, "events": len(targets), "contestant": name}
    return {**where, **medians, "runs": figures}
