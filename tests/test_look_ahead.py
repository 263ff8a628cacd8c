"""Forecasts are scored as they come true, as a loop by hand would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import datasets, time_series

from lstmwidgets.analysis.look_ahead import LookAhead
from lstmwidgets.analysis.prequential import Prequential
from lstmwidgets.online import LSTMForecaster, LSTMRegressor

numbers = st.floats(-100, 100)


@given(
    st.lists(st.tuples(numbers, st.booleans(), st.lists(numbers, min_size=3, max_size=3))),
    st.sampled_from([0.5, 0.9]),
)
def test_errors_and_margins_are_those_of_a_loop_by_hand(
    events: list[tuple[float, bool, list[float]]], coverage: float
) -> None:
    ahead = LookAhead(3, coverage)
    issued: list[tuple[int, list[float], float | None]] = []
    errors: list[list[float]] = [[], [], []]
    naive: list[list[float]] = [[], [], []]
    last = None
    for step, (target, issues, values) in enumerate(events):
        for first, forecast, before in issued:
            if 0 <= step - first < 3:
                errors[step - first].append(abs(forecast[step - first] - target))
                if before is not None:
                    naive[step - first].append(abs(before - target))
        ahead.score(step, target)
        last = target
        if issues:
            issued.append((step + 1, values, last))
            ahead.issue(step + 1, values, last)
    for told, known in zip(ahead.errors(), (errors, naive), strict=True):
        for error, past in zip(told, known, strict=True):
            assert error == pytest.approx(np.mean(past) if past else math.nan, nan_ok=True)
    for margin, past in zip(ahead.margins(), errors, strict=True):
        rank = math.ceil(coverage * (len(past) + 1)) - 1
        expected = sorted(past)[rank] if rank < len(past) else math.nan
        assert margin == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "model",
    [
        LSTMForecaster(hidden_size=4, seed=1),
        time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.5, seasonality=12),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_run_of_a_forecaster_looks_ahead(model: object) -> None:
    run = Prequential(model, [y for _, y in datasets.AirlinePassengers()], horizon=5)
    while run.advance():
        run.look_ahead()
    assert run.ahead is not None
    assert run.ahead.fan is not None
    assert run.ahead.fan.step == run.steps
    mae, _ = run.ahead.errors()
    assert np.isfinite(mae).all()
    if isinstance(model, LSTMForecaster):  # one step ahead is what is predicted anyway
        assert mae[0] == pytest.approx(run.metric.get(), rel=0.02)


def test_what_predicts_no_series_does_not_look_ahead() -> None:
    run = Prequential(LSTMRegressor(4), datasets.AirlinePassengers(), horizon=5)
    assert run.ahead is None
    run.look_ahead()
