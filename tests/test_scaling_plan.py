"""What is computed of clusters follows from service times, and the page's tables from its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clusters import Costs
from benchmarks.results import Entry
from benchmarks.scaling import COSTS, NAMES, SHUFFLED, STATE, tables
from benchmarks.scaling_plan import (
    BUCKETS_A_CORE,
    EVENTS_A_CORE,
    KEYS_A_CORE,
    LARGEST,
    best_buckets,
    plan,
    states_seconds,
    touched,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
COSTS_OF_PARTS = Costs(0.4, 0.002, 4e-6, 3e-6, 0.05, 0.004, 3e-6)


def entry(costs: Costs) -> Entry:
    """Return what is kept of a run that has measured these service times."""
    figures = [
        {"name": name, "median": getattr(costs, field) * scale}
        for field, (name, _, scale) in NAMES.items()
    ]
    figures += [{"name": STATE, "median": 336.0}, {"name": SHUFFLED, "median": 48.0}]
    return {"figures": figures}


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of a table in Markdown by the first one of each row."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {label.strip(): [cell.strip() for cell in cells] for label, *cells in lines}


def test_one_core_does_what_its_service_times_say() -> None:
    costs = COSTS_OF_PARTS
    found = plan(costs, 1)
    seconds = costs.batch + 2 * costs.task + costs.partition + EVENTS_A_CORE * 7e-6
    seconds += BUCKETS_A_CORE * costs.bucket + KEYS_A_CORE * costs.key
    assert found.seconds == pytest.approx(seconds)
    assert found.rate == pytest.approx(EVENTS_A_CORE / seconds)
    assert found.median < found.slowest < 2 * seconds
    assert np.isnan(found.recovery)


def test_cores_help_less_and_less_and_a_hot_key_sets_a_bound() -> None:
    plans = [plan(COSTS_OF_PARTS, cores) for cores in (1, 10, 100)]
    gains = [each.rate / each.cores / plans[0].rate for each in plans]
    assert 1 == gains[0] > gains[1] > gains[2] > 0.3
    share = 1 / (np.log(plans[-1].keys) + np.euler_gamma)
    assert plans[-1].hottest < 1 / (share * COSTS_OF_PARTS.predict)
    assert plans[-1].recovery > 60  # no sooner than the executor is back


def test_buckets_are_touched_as_often_as_events_fall_into_them() -> None:
    draw = np.random.default_rng(0)
    found = [len(set(draw.integers(500, size=700).tolist())) for _ in range(200)]
    assert touched(700, 500) == pytest.approx(np.mean(found), rel=0.01)


def test_the_cheapest_number_of_buckets_is_cheapest_and_holds_its_states() -> None:
    for keys in (10**6, 10**8, 10**9):
        best = best_buckets(COSTS_OF_PARTS, keys, 10**6, 336.0)
        assert keys * 336 / best < LARGEST
        for other in (best // 2, best * 2):
            if keys * 336 / other < LARGEST and 16 <= other < 1 << 24:
                cost = states_seconds(COSTS_OF_PARTS, keys, 10**6, other)
                assert states_seconds(COSTS_OF_PARTS, keys, 10**6, best) <= cost


def test_tables_are_computed_from_the_figures_of_a_run() -> None:
    cores, keys = (tables(entry(COSTS_OF_PARTS))[name] for name in ("cores", "keys"))
    assert [column.header for column in cores.columns][1:3] == ["1 core", "2 cores"]
    assert [column.header for column in keys.columns][1:] == [
        "10^6 keys",
        "10^8 keys",
        "10^9 keys",
    ]
    states = next(list(column.cells) for column in keys.columns[1:2])
    assert states[0] == "336 MB"


def test_the_page_shows_what_follows_from_its_own_service_times() -> None:
    blocks = re.findall(r"<!-- bench: (\w+) -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    shown = {name: rows(text) for name, text in blocks}
    measured = shown["scaling"]
    place = measured[""].index(COSTS)
    labels = {field: f"{name}, {unit}" for field, (name, unit, _) in NAMES.items()}
    medians = {field: float(measured[label][place].split()[0]) for field, label in labels.items()}
    costs = Costs(**{field: medians[field] / scale for field, (*_, scale) in NAMES.items()})
    for place, cell in enumerate(shown["scaling_cores"]["a micro-batch, s"]):
        cores = int(shown["scaling_cores"][""][place].split()[0].replace(",", ""))
        assert float(cell) == pytest.approx(plan(costs, cores).seconds, rel=0.06)
