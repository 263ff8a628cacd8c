"""What one may change of a model while one looks on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import traitlets

from ..analysis.tasks import last_step

SETTINGS = ("hidden_size", "cell", "lr", "gradient", "window", "seed")
"""Parameters of our estimators that a new model can have other than the one before."""


def settings_of(estimator: Any) -> dict[str, Any]:
    """Return the settings that an estimator has, by name; none if it is not one of ours."""
    return {name: getattr(estimator, name) for name in SETTINGS if hasattr(estimator, name)}


def model_with(model: Any, settings: Mapping[str, Any]) -> Any:
    """Return a new model like another one, or a pipeline's last step, but for some settings."""
    if model is last_step(model):
        return model.clone(dict(settings))
    return model.clone({list(model.steps)[-1]: dict(settings)})


class Speed(traitlets.Float[float, float]):
    """Steps a second, above zero; infinite ones are null in a page, which has no infinity."""

    def __init__(self, default: float) -> None:
        super().__init__(default, help="steps a second")
        self.tag(sync=True, to_json=_to_json, from_json=_from_json)

    def validate(self, obj: Any, value: Any) -> float:
        """Return a speed as a float; raise if it is none."""
        speed = float(super().validate(obj, value))
        if not speed > 0:
            raise ValueError(f"speed must be above 0 (math.inf for full speed), got {value!r}")
        return speed


def _to_json(speed: float, _: object) -> float | None:
    return None if math.isinf(speed) else speed


def _from_json(speed: float | None, _: object) -> float:
    return math.inf if speed is None else float(speed)
