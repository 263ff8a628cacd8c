"""The peer's side of `benchmarks.peers`, run by the Python of the peer's own environment.

It says which versions it has, then takes jobs from standard input and answers each with a result,
one JSON object a line. Our side goes through the same `prequential`.
"""

from __future__ import annotations

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

REGRESSION, CLASSIFICATION = "regression", "classification"
GIVEN, SCALED = "as given", "with scalers"
FORECASTER, TUNED = "forecaster, with scalers", "with scalers, tuned"

VARIANTS = {
    REGRESSION: (GIVEN, SCALED, FORECASTER, TUNED),
    CLASSIFICATION: (GIVEN, SCALED, TUNED),
}
"""What of theirs is run; `benchmarks.peers` says what each one is."""

TUNED_RATE = 0.01
STRETCH = 32
"""Events in one sample of the time: more than any regular alternation of cheap and dear ones."""

Event = tuple[dict[str, Any], Any]
"""Features and target."""


def prequential(model: Any, events: list[Event], task: str) -> dict[str, float]:
    """Predict, score, then learn, each event in its turn.

    Parameters
    ----------
    model : object
        Has River's `predict_one` and `learn_one`.
    events : list of tuple
        Features and target of each event.
    task : str
        `REGRESSION` or `CLASSIFICATION`.

    Returns
    -------
    dict
        ``score``: mean absolute error, or share of right classes. ``microseconds`` of an event,
        predict and learn: the median of the means of every `STRETCH` events, so that what only the
        first events cost, as compiling, does not count, and all that comes again does.
    """
    scores: list[float] = []
    times: list[float] = []
    total = 0.0
    for count, (x, y) in enumerate(events, 1):
        begin = perf_counter()
        prediction = model.predict_one(x)
        model.learn_one(x, y)
        total += perf_counter() - begin
        scores.append(abs(y - prediction) if task == REGRESSION else float(prediction == y))
        if count % STRETCH == 0 or count == len(events) < STRETCH:
            times.append(total / min(count, STRETCH))
            total = 0.0
    return {"score": math.fsum(scores) / len(scores), "microseconds": median(times) * 1e6}


def build(variant: str, task: str, features: int, seed: int) -> Any:
    """Return one of deep-river's models, everything at its default but what the variant says.

    deep-river's models draw their weights before they look at their own argument `seed`, so torch
    is seeded first.
    """
    import torch
    from deep_river.classification import LSTMClassifier
    from deep_river.regression import LSTMRegressor
    from river.preprocessing import StandardScaler, TargetStandardScaler

    torch.manual_seed(seed)
    tuned: dict[str, Any] = {"lr": TUNED_RATE} if variant == TUNED else {}
    if task == CLASSIFICATION:
        if tuned:
            tuned["optimizer_fn"] = "adam"
        model = LSTMClassifier(n_features=features, seed=seed, **tuned)
        return model if variant == GIVEN else StandardScaler() | model
    if variant in (FORECASTER, TUNED):
        model = _one_step(features, seed=seed, **tuned)
    else:
        model = LSTMRegressor(n_features=features, seed=seed)
    return model if variant == GIVEN else StandardScaler() | TargetStandardScaler(model)


def _one_step(features: int, **options: Any) -> Any:
    """Return their forecaster as a regressor, which is what the scalers want to stand around."""
    from deep_river.forecasting import LSTMForecaster
    from river import base

    class OneStep(base.Regressor):
        """Forecasts one step ahead, with the features of that step."""

        def __init__(self, forecaster: LSTMForecaster) -> None:
            self.forecaster = forecaster

        def learn_one(self, x: dict[str, float], y: float) -> None:
            self.forecaster.learn_one(y, x)

        def predict_one(self, x: dict[str, float]) -> float:
            return self.forecaster.forecast(1, [x])[0]

    return OneStep(LSTMForecaster(n_features=features, **options))


def main() -> None:
    """Answer jobs until there are no more."""
    import torch

    torch.set_num_threads(1)
    _say({name: version(name) for name in ("deep-river", "river", "torch")})
    for line in sys.stdin:
        job = json.loads(line)
        events = json.loads(Path(job["events"]).read_text(encoding="utf-8"))
        model = build(job["variant"], job["task"], len(events[0][0]), job["seed"])
        _say(prequential(model, events, job["task"]))


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
