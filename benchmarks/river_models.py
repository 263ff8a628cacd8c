"""River's own models, each set up as River's documentation or its own benchmark does."""

from __future__ import annotations

from collections import deque
from typing import Any

from river import dummy, ensemble, forest, linear_model, neighbors, preprocessing, tree

LAGS = 3
"""Past targets that a regression with lags reads."""

NO_CHANGE = "last class"
LINEAR, LAGGED = "logistic regression", "logistic regression, lags"
LAST = "last value"


def classifiers(seed: int) -> dict[str, Any]:
    """Return what classifies, by name."""
    scale = preprocessing.StandardScaler
    return {
        "SRP": ensemble.SRPClassifier(seed=seed),
        "AMF": forest.AMFClassifier(seed=seed),
        "ARF": forest.ARFClassifier(seed=seed),
        "kNN": scale() | neighbors.KNNClassifier(engine=neighbors.SWINN(seed=seed)),
        "Hoeffding adaptive tree": tree.HoeffdingAdaptiveTreeClassifier(seed=seed),
        LINEAR: scale() | linear_model.SoftmaxRegression(),
        LAGGED: WithClassBefore(scale(), linear_model.SoftmaxRegression()),
        NO_CHANGE: dummy.NoChangeClassifier(),
    }


def regressors(seed: int) -> dict[str, Any]:
    """Return what predicts numbers, by name."""
    scale = preprocessing.StandardScaler
    adaptive = tree.HoeffdingAdaptiveTreeRegressor(
        grace_period=50, model_selector_decay=0.3, seed=seed
    )
    linear, bayesian = linear_model.LinearRegression, linear_model.BayesianLinearRegression
    amf = forest.AMFRegressor
    return {
        "linear regression": scale() | linear(intercept_lr=0.1),
        "linear regression, lags": WithTargetsBefore(scale() | linear(intercept_lr=0.1)),
        "Bayesian regression": bayesian(),
        "Bayesian regression, lags": WithTargetsBefore(bayesian()),
        "Hoeffding adaptive tree": scale() | adaptive,
        "SRP": scale() | ensemble.SRPRegressor(seed=seed),
        "ARF": scale() | forest.ARFRegressor(seed=seed),
        "AMF": preprocessing.MinMaxScaler() | amf(seed=seed),
        "AMF, lags": WithTargetsBefore(preprocessing.MinMaxScaler() | amf(seed=seed)),
        "kNN": neighbors.KNNRegressor(engine=neighbors.SWINN(seed=seed)),
        LAST: LastValue(),
    }


class WithClassBefore:
    """A classifier that also reads the scaled features and the class of the event before."""

    def __init__(self, scaler: Any, model: Any) -> None:
        self._scaler, self._model = scaler, model
        self._before: dict[str, float] = {}

    def predict_proba_one(self, x: dict[str, float]) -> Any:
        """Return the model's probabilities."""
        return self._model.predict_proba_one(self._scaler.transform_one(x) | self._before)

    def learn_one(self, x: dict[str, float], y: Any) -> None:
        """Learn the event, and be its follower's past."""
        self._scaler.learn_one(x)
        scaled = self._scaler.transform_one(x)
        self._model.learn_one(scaled | self._before, y)
        self._before = {f"{key}, before": value for key, value in scaled.items()}
        self._before[f"class before: {y}"] = 1.0


class WithTargetsBefore:
    """A regressor that also reads the last targets, 0 as long as there are none."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._past = deque([0.0] * LAGS, LAGS)

    def predict_one(self, x: dict[str, float]) -> float:
        """Return the model's prediction, 0 as long as it has none."""
        return float(self._model.predict_one(self._with_past(x)) or 0.0)

    def learn_one(self, x: dict[str, float], y: float) -> None:
        """Learn the event, and be its followers' past."""
        self._model.learn_one(self._with_past(x), y)
        self._past.append(y)

    def _with_past(self, x: dict[str, float]) -> dict[str, float]:
        return x | {f"target {back} before": y for back, y in enumerate(reversed(self._past), 1)}


class LastValue:
    """Repeats the last target."""

    def __init__(self) -> None:
        self._last = 0.0

    def predict_one(self, _: dict[str, float]) -> float:
        """Return the last target."""
        return self._last

    def learn_one(self, _: dict[str, float], y: float) -> None:
        """Remember a target."""
        self._last = y
