"""deep-river, run by the Python of the peers' own environment, and the loop that all go through.

It says which versions it has, then takes jobs from standard input and answers each with what was
predicted, one JSON object a line. Ours and River's go through the same `prequential`.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

REGRESSION, CLASSIFICATION = "regression", "classification"
GIVEN, SCALED = "deep-river as given", "deep-river, scaled"
OWN, TUNED = "deep-river, own benchmark's", "deep-river, tuned"
FORECASTER = "deep-river forecaster, scaled"

VARIANTS = {
    REGRESSION: (GIVEN, SCALED, FORECASTER, OWN, TUNED),
    CLASSIFICATION: (GIVEN, SCALED, OWN, TUNED),
}
"""What of theirs is run; `benchmarks.classifications` and `regressions` say what each one is."""

TUNED_RATE, OWN_RATE = 0.01, 0.001
STRETCH = 32
"""Events in one sample of the time: more than any regular alternation of cheap and dear ones."""

Event = tuple[dict[str, Any], Any]
"""Features and target."""


def prequential(model: Any, events: list[Event], task: str) -> dict[str, Any]:
    """Predict, then learn, each event in its turn.

    Parameters
    ----------
    model : object
        Has River's `learn_one`, and `predict_one` or `predict_proba_one`.
    events : list of tuple
        Features and target of each event.
    task : str
        `REGRESSION` or `CLASSIFICATION`.

    Returns
    -------
    dict
        ``predictions``: a number for each event, or pairs of class and probability.
        ``microseconds`` of the CPU for an event, predict and learn: the median of the means of
        every `STRETCH` events, so that what only the first events cost, as compiling, does not
        count, and all that comes again does.
    """
    predict = model.predict_one if task == REGRESSION else model.predict_proba_one
    predictions: list[Any] = []
    times: list[float] = []
    total = 0.0
    for count, (x, y) in enumerate(events, 1):
        begin = process_time()
        predictions.append(predict(x))
        model.learn_one(x, y)
        total += process_time() - begin
        if count % STRETCH == 0 or count == len(events) < STRETCH:
            times.append(total / min(count, STRETCH))
            total = 0.0
    if task == CLASSIFICATION:
        predictions = [list(each.items()) for each in predictions]
    return {"predictions": predictions, "microseconds": median(times) * 1e6}


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
    options: dict[str, Any] = {"n_features": features, "seed": seed}
    if task == CLASSIFICATION:
        rates = {TUNED: TUNED_RATE, OWN: OWN_RATE}
        if variant in rates:
            options |= {"optimizer_fn": "adam", "lr": rates[variant]}
        if variant == OWN:
            options |= {"hidden_size": 32, "window_size": 30, "is_feature_incremental": True}
        model = LSTMClassifier(**options)
        return model if variant == GIVEN else StandardScaler() | model
    if variant == OWN:
        options |= {"hidden_size": 64, "dropout": 0.1, "lr": OWN_RATE, "window_size": 30}
        return StandardScaler() | LSTMRegressor(is_feature_incremental=True, **options)
    if variant in (FORECASTER, TUNED):
        model = _one_step(**options, **({"lr": TUNED_RATE} if variant == TUNED else {}))
    else:
        model = LSTMRegressor(**options)
    return model if variant == GIVEN else StandardScaler() | TargetStandardScaler(model)


def _one_step(**options: Any) -> Any:
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

    return OneStep(LSTMForecaster(**options))


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
