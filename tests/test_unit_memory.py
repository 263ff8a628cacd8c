"""Half-lives, writes, wipes and correlations against simulated decays, plain loops and pandas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from lstmwidgets import LSTM
from lstmwidgets.analysis import (
    QUANTITIES,
    STATES,
    Memory,
    Recording,
    Thresholds,
    lagged_correlations,
)
from lstmwidgets.analysis.lags import as_columns

GATES = st.one_of(st.floats(0.01, 0.9999), st.sampled_from([0.0, 1.0]))
SEEDS = st.integers(0, 2**31)


def recorded(forget: Any, *, stride: int = 1, **others: Any) -> Recording:
    """Return a recording of one layer with these forget gates (T, H); all else is 0.5."""
    gates = np.asarray(forget, np.float32)[:, None]
    layers = {name: np.full_like(gates, 0.5) for name in QUANTITIES} | {"forget_gate": gates}
    layers |= {name: np.asarray(value, np.float32)[:, None] for name, value in others.items()}
    steps = np.arange(len(gates)) * stride
    return Recording(layers, tuple(f"step {n}" for n in steps), steps, stride=stride)


def played(cells: np.ndarray, seed: int = 0) -> Recording:
    """Return a recording of drawn gates in which the cell is what the gates make of it."""
    random = np.random.default_rng(seed)
    i, f, o = random.uniform(size=(3, *cells.shape)).astype(np.float32) ** 2
    g = random.uniform(-1, 1, size=cells.shape).astype(np.float32)
    c = np.zeros_like(g)
    for t in range(len(c)):
        c[t] = f[t] * (c[t - 1] if t else 0) + i[t] * g[t]
    return recorded(f, input_gate=i, candidate=g, output_gate=o, cell=c)


# --- half-lives ----------------------------------------------------------------------------------


@given(st.lists(GATES, min_size=1, max_size=40))
def test_a_lifetime_ends_where_a_simulated_content_is_halved(gates: list[float]) -> None:
    gates = np.float32(gates).tolist()
    memory = Memory.of(recorded(np.array(gates)[:, None]))
    for step in range(len(gates)):
        content, lasted = 1.0, len(gates) - 1 - step
        for steps, gate in enumerate(gates[step + 1 :], 1):
            before, content = content, content * gate
            if abs(content - 0.5) < 1e-6:  # either side would be right
                break
            if content < 0.5:
                lasted = steps - 1 + math.log(before / 0.5) / math.log(before / max(content, 1e-38))
                break
        else:
            assert memory.censored[step, 0]
        if abs(content - 0.5) >= 1e-6:
            assert memory.censored[step, 0] == (content > 0.5)
            assert memory.lifetimes[step, 0] == pytest.approx(lasted, abs=1e-2)


@given(st.floats(0.3, 0.98), st.integers(1, 3))
def test_where_the_forget_gate_is_constant_both_half_lives_are_those_of_its_decay(
    gate: float, stride: int
) -> None:
    memory = Memory.of(recorded(np.full((200, 1), gate), stride=stride))
    half_life = math.log(2) / -math.log(np.float32(gate))
    assert memory.decay_half_life[0] == pytest.approx(half_life, rel=1e-5)
    assert memory.half_life[0] == pytest.approx(half_life, rel=1e-5)


@given(st.lists(st.floats(0.05, 0.9999), min_size=2, max_size=30))
def test_the_half_life_of_the_mean_decay_is_that_of_what_goes_through_all_steps(
    gates: list[float],
) -> None:
    memory = Memory.of(recorded(np.array(gates)[:, None]))
    left = math.prod(np.float32(gates).tolist())
    assert 0.5 ** (len(gates) / memory.decay_half_life[0]) == pytest.approx(left, rel=1e-4)


@given(st.integers(1, 60), SEEDS)
def test_the_median_lifetime_is_kaplan_and_meiers(steps: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    gates = random.choice([0.2, 0.9, 0.99, 1.0], size=(steps, 3))
    memory = Memory.of(recorded(gates))
    for unit in range(3):
        times, censored = memory.lifetimes[:, unit], memory.censored[:, unit]
        data = stats.CensoredData.right_censored(times, censored)
        surviving = stats.ecdf(data).sf
        halved = surviving.quantiles[surviving.probabilities <= 0.5 + 1e-12]
        assert memory.half_life[unit] == pytest.approx(halved[0] if len(halved) else math.inf)


def test_a_unit_that_is_wiped_now_and_then_outlives_one_that_always_leaks() -> None:
    keeper, leaker = np.full(400, 0.999), np.full(400, 0.8)
    keeper[::40] = 1e-6
    memory = Memory.of(recorded(np.stack([leaker, keeper], axis=1)))
    assert memory.half_life[1] > 15 > 4 > memory.half_life[0]
    assert memory.decay_half_life[1] < memory.decay_half_life[0]
    assert memory.order().tolist() == [1, 0]
    assert memory.order("decay").tolist() == [0, 1] == memory.order("number").tolist()
    with pytest.raises(ValueError, match="order must be one of 'half-life', 'decay', 'number'"):
        memory.order("size")


def test_nothing_is_said_of_what_lies_behind_a_gap() -> None:
    gates = np.full((20, 2), 0.9)
    gates[5, 0] = np.nan
    recording = recorded(gates)
    memory = Memory.of(replace(recording, steps=np.r_[:12, 30:38]))
    assert memory.lifetimes[:, 0].max() == pytest.approx(math.log(0.5) / math.log(0.9))
    assert memory.censored[:5, 0].all()
    assert memory.lifetimes[2, 0] == 2
    assert memory.lifetimes[9, 1] == 2
    assert np.isnan(memory.before[12]).all()
    assert memory.decay_half_life == pytest.approx(math.log(0.5) / math.log(0.9))


def test_what_was_set_to_zeros_is_forgotten(make_lstm: Callable[..., LSTM]) -> None:
    lstm = make_lstm(3, 5)
    parts = [Recording.from_trace(lstm.trace(torch.randn(1, 10, 3).double())) for _ in range(2)]
    layers = {name: np.concatenate([part.layers[name] for part in parts]) for name in QUANTITIES}
    memory = Memory.of(Recording(layers, ("",) * 20, np.arange(20)))
    assert np.flatnonzero((memory.forget == 0).all(axis=1)).tolist() == [10]
    assert (memory.lifetimes[:10] <= np.arange(10, 0, -1)[:, None]).all()
    np.testing.assert_array_equal(memory.forget[11:], layers["forget_gate"][11:, 0])


# --- writes, holds and wipes ---------------------------------------------------------------------


@given(SEEDS, st.floats(0, 2), st.floats(0, 1), st.floats(0, 2))
def test_events_are_those_of_a_plain_loop(
    seed: int, write: float, wipe: float, hold: float
) -> None:
    recording = played(np.zeros((30, 4)), seed)
    memory = Memory.of(recording)
    i, f, g, c = (
        recording.layers[name][:, 0].astype(float)
        for name in ("input_gate", "forget_gate", "candidate", "cell")
    )
    found = memory.events(Thresholds(write, wipe, hold))
    for unit in range(4):
        size = math.sqrt(sum(value**2 for value in c[:, unit]) / len(c))
        for step in range(len(c)):
            before = abs(c[step - 1, unit]) if step else 0.0
            margins = (
                abs(i[step, unit] * g[step, unit]) - write * size,
                wipe - f[step, unit],
                before - hold * size,
                abs(c[step, unit]) - hold * size,
            )
            if min(map(abs, margins)) < 1e-5:
                continue  # rounding decides
            written, closed, held, holds = (margin > 0 for margin in margins)
            wiped = closed and held and step > 0
            state = "holds" if holds else "holds nothing"
            state = "wiped" if wiped else "written" if written else state
            state = "overwritten" if wiped and written else state
            assert STATES[found[step, unit]] == state


def test_a_unit_that_never_holds_anything_is_neither_written_nor_wiped() -> None:
    zeros = np.zeros((5, 1))
    memory = Memory.of(recorded(zeros, cell=zeros, candidate=zeros))
    assert not memory.events(Thresholds(0, 1, 0)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"write": -1}, "write must be a number from 0, got -1"),
        ({"wipe": 1.5}, "wipe must be a number from 0 to 1, got 1.5"),
        ({"hold": math.nan}, "hold must be a number from 0, got nan"),
        ({"hold": math.inf}, "hold must be a number from 0, got inf"),
        ({"write": "much"}, "write must be a number from 0, got 'much'"),
    ],
)
def test_thresholds_that_are_none_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Thresholds(**options)


def test_a_layer_that_is_not_there_is_refused() -> None:
    recording = recorded(np.ones((3, 2)))
    with pytest.raises(ValueError, match="layer must be from 0 to 0, or -1 for the top; got 1"):
        Memory.of(recording, 1)
    with pytest.raises(ValueError, match="has no steps"):
        Memory.of(recorded(np.ones((0, 2))))


# --- what units hold -----------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(0, 8), st.floats(0, 0.5), SEEDS)
def test_correlations_are_those_of_pandas(steps: int, lags: int, holes: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = random.normal(size=(steps, 2)).astype(np.float32)
    table = pd.DataFrame({"a": random.normal(size=steps), "b": random.normal(5, 20, size=steps)})
    table = table.mask(random.uniform(size=table.shape) < holes)
    cells[random.uniform(size=cells.shape) < holes / 3] = np.nan
    found = lagged_correlations(cells, as_columns(table, steps), lags)
    assert found.names == ("a", "b")
    for unit in range(2):
        cell = pd.Series(cells[:, unit].astype(float))
        for place, name in enumerate(found.names):
            for lag in range(lags + 1):
                before = table[name].shift(lag)
                wanted = cell.corr(before, min_periods=3)
                assert found.values[unit, place, lag] == pytest.approx(
                    wanted, abs=1e-9, nan_ok=True
                )


@given(SEEDS, st.integers(1, 6))
def test_the_best_are_sorted_and_each_column_is_there_once(seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    columns = {f"x{n}": random.normal(size=30) for n in range(5)} | {"still": np.ones(30)}
    found = lagged_correlations(random.normal(size=(30, 3)), columns, 4)
    for unit in range(3):
        best = found.best(unit, most)
        assert len(best) == min(most, 5)
        assert all(abs(a.correlation) >= abs(b.correlation) for a, b in pairwise(best))
        for name, lag, correlation in best:
            row = found.values[unit, found.names.index(name)]
            assert (abs(correlation), correlation) == (np.abs(row).max(), row[lag])


def test_a_unit_that_keeps_an_input_of_some_steps_ago_is_found() -> None:
    x = np.random.default_rng(0).normal(size=300)
    cells = np.stack([np.roll(x, 3), np.roll(-x, 7)], axis=1)
    found = lagged_correlations(cells, {"x": x, "y": x[::-1]}, 10)
    assert [found.best(unit)[0][:2] for unit in (0, 1)] == [("x", 3), ("x", 7)]
    assert found.best(1)[0].correlation == pytest.approx(-1)


def test_wrong_lags_and_columns_are_refused() -> None:
    cells = np.zeros((5, 2))
    with pytest.raises(ValueError, match="lags must be a whole number from 0, got -1"):
        lagged_correlations(cells, {}, -1)
    with pytest.raises(ValueError, match="expected x for each of 5 steps, got 4"):
        lagged_correlations(cells, {"x": np.zeros(4)})


@pytest.mark.parametrize(
    "given",
    [
        {"a": [1, 2, 3], "b": [0.5, None, 2]},
        pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, 2]}),
        pl.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2]}),
        [{"a": 1, "b": 0.5}, {"a": 2}, {"a": 3, "b": 2}],
    ],
    ids=["mapping", "pandas", "polars", "events"],
)
def test_features_come_in_any_form(given: Any) -> None:
    columns = as_columns(given, 3)
    assert list(columns) == ["a", "b"]
    np.testing.assert_array_equal(columns["a"], [1, 2, 3])
    np.testing.assert_array_equal(columns["b"], [0.5, np.nan, 2])


def test_arrays_and_texts_become_columns() -> None:
    assert as_columns(None, 3) == {}
    assert list(as_columns(np.ones(3), 3)) == ["input"]
    assert list(as_columns(torch.ones(3, 2), 3)) == ["input 0", "input 1"]
    letters = as_columns({"symbol": ["B", "T", None, "T"]}, 4)
    assert list(letters) == ["symbol = B", "symbol = T"]
    np.testing.assert_array_equal(letters["symbol = T"], [0, 1, np.nan, 1])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"a": [1, 2]}, ValueError, "a value for each of the 3 steps; 'a' has 2"),
        (np.ones((3, 65)), ValueError, "65 columns, and 64 at most"),
        (np.ones((3, 2, 2)), ValueError, r"axes \(time, feature\), got shape \(3, 2, 2\)"),
        ("abc", TypeError, "columns by name, got a text"),
        ({"a": [1j, 2, 3]}, TypeError, "must be numbers"),
    ],
)
def test_features_that_do_not_fit_are_refused(
    given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        as_columns(given, 3)


@given(SEEDS)
def test_scaling_a_cell_changes_no_event(seed: int) -> None:
    recording = played(np.zeros((20, 3)), seed)
    larger = {
        name: values * np.float32(4 if name in ("cell", "candidate") else 1)
        for name, values in recording.layers.items()
    }
    memory, other = Memory.of(recording), Memory.of(replace(recording, layers=larger))
    assume((memory.size > 0).all())
    np.testing.assert_array_equal(memory.events(), other.events())
    np.testing.assert_allclose(4 * memory.size, other.size)
