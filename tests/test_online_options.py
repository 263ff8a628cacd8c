"""Options that make no sense are refused with a word on what was expected."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from lstmwidgets.online import (
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from tests.family import FAMILY, Member

SHARED = [
    ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
    ({"hidden_size": 2.5}, TypeError, "hidden_size must be a whole number, got float 2.5"),
    ({"hidden_size": True}, TypeError, "hidden_size must be a whole number, got bool True"),
    ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    ({"window": -1}, ValueError, "window must be at least 1, got -1"),
    ({"cell": "gru"}, ValueError, "cell must be one of 'standard'.*got 'gru'"),
    ({"gradient": "bptt"}, ValueError, "gradient must be one of 'tbptt', 'elig.*got 'bptt'"),
    ({"gradient": "eligibility", "cell": "layer_norm"}, ValueError, "is defined for.*'layer_norm'"),
    ({"optimizer": "adamm"}, ValueError, "optimizer must be one of 'adam'.*got 'adamm'"),
    ({"optimizer": 3}, TypeError, "optimizer must be a name or a callable, got 3"),
    ({"lr": 0}, ValueError, "lr must be a number above 0, got 0"),
    ({"lr": "fast"}, ValueError, "lr must be a number above 0, got 'fast'"),
    ({"lr": math.inf}, ValueError, "lr must be a number above 0, got inf"),
    ({"clip": math.nan}, ValueError, "clip must be a number above 0, got nan"),
]


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
@pytest.mark.parametrize(("options", "error", "message"), SHARED, ids=lambda part: str(part)[:40])
def test_wrong_options_are_refused(
    member: Member, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        member.make(**options)


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (LSTMRegressor, {"loss": "mse"}, ValueError, "loss must be one of 'absolute'.*got 'mse'"),
        (LSTMRegressor, {"quantile": 1.1}, ValueError, "quantile must be a probability.*got 1.1"),
        (LSTMForecaster, {"loss": None}, ValueError, "loss must be one of 'absolute'.*got None"),
        (LSTMForecaster, {"seasonality": 0}, ValueError, "seasonality must be at least 1, got 0"),
        (LSTMForecaster, {"seasonality": 1.5}, TypeError, "seasonality must be a whole number"),
        (LSTMTextClassifier, {"embedding_size": 0}, ValueError, "embedding_size must be at least"),
        (LSTMTextClassifier, {"vocabulary": 0}, ValueError, "vocabulary must be at least 1, got 0"),
        (
            LSTMTextClassifier,
            {"longest": "1"},
            TypeError,
            "longest must be a whole number, got str",
        ),
        (LSTMTextClassifier, {"experts": True}, TypeError, "unexpected keyword argument 'experts'"),
    ],
)
def test_wrong_options_of_one_are_refused(
    kind: type, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(**options)


def test_a_forecast_of_the_wrong_length_is_refused() -> None:
    model = LSTMForecaster(hidden_size=2, seed=1)
    for asked in (model, copy.deepcopy(model)):
        with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
            asked.forecast(0)
        with pytest.raises(
            ValueError, match="expected features of each of horizon=3 steps as xs, got 1"
        ):
            asked.forecast(3, [{}])
        with pytest.raises(ValueError, match="coverage must be a probability from 0 to 1, got 90"):
            asked.forecast_interval(1, coverage=90)
        model.learn_one(1.0)
