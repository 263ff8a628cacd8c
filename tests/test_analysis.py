"""What pictures show is computed right."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lstmwidgets.analysis import QUANTITIES, Recording, Thinned, order_units
from lstmwidgets.analysis.excerpt import Excerpt, box_means
from lstmwidgets.analysis.ordering import ORDERS


def test_units_in_groups_come_out_in_groups() -> None:
    random = np.random.default_rng(0)
    causes = random.normal(size=(500, 3))
    group = random.permutation(np.repeat([0, 1, 2], 8))
    activity = causes[:, group] + 0.3 * random.normal(size=(500, 24))
    ordered = group[order_units(activity)]
    assert np.count_nonzero(np.diff(ordered)) == 2


def test_shifted_waves_come_out_in_the_order_of_their_shift() -> None:
    t = np.linspace(0, 40 * np.pi, 4000)
    shift = np.random.default_rng(1).permutation(20)
    order = order_units(np.sin(t[:, None] + 2 * np.pi * shift / 20))
    around = np.diff(shift[order]) % 20
    assert set(around) in ({1}, {19})


def activity_of(steps: int, units: int, still: int, missing: int) -> NDArray[np.float64]:
    """Return noise in which some units never move and the first steps are missing."""
    activity = np.random.default_rng(units).normal(size=(steps, units))
    activity[:, :still] = 1.0
    activity[:missing] = np.nan
    return activity


@given(st.integers(0, 12), st.integers(0, 9), st.integers(0, 3), st.sampled_from([*ORDERS]))
def test_it_is_always_a_permutation(steps: int, units: int, still: int, by: str) -> None:
    order = order_units(activity_of(steps, units, still, steps // 4), by)
    assert sorted(order) == list(range(units))


@given(st.integers(2, 12), st.integers(0, 9), st.integers(0, 3), st.sampled_from([*ORDERS]))
def test_units_that_never_move_come_last(steps: int, units: int, still: int, by: str) -> None:
    order = order_units(activity_of(steps, units, still, 0), by)
    expected = list(range(min(still, units)))
    assert order[units - len(expected) :].tolist() == expected or by == "number"


@given(st.integers(1, 12), st.integers(0, 9), st.integers(0, 4))
def test_peaks_come_one_after_the_other(steps: int, units: int, missing: int) -> None:
    activity = activity_of(steps + missing, units, 0, missing)
    if steps > 1:
        peaks = np.abs(activity[missing:]).argmax(axis=0)
        assert order_units(activity, "peak").tolist() == sorted(
            range(units), key=peaks.tolist().__getitem__
        )


@given(st.integers(2, 14), st.integers(1, 5))
def test_every_group_of_average_linkage_is_one_block(units: int, causes: int) -> None:
    random = np.random.default_rng(units * 10 + causes)
    activity = random.normal(size=(60, causes))[:, random.integers(0, causes, units)]
    activity += random.normal(size=(60, units))
    order = order_units(activity, "cluster")
    near = np.corrcoef(activity.T).reshape(units, units)
    groups = [[unit] for unit in range(units)]
    while len(groups) > 1:  # by brute force
        pairs = [(a, b) for a in range(len(groups)) for b in range(a)]
        a, b = max(pairs, key=lambda pair: near[np.ix_(groups[pair[0]], groups[pair[1]])].mean())
        joined = groups.pop(a)
        groups[b] += joined
        place = np.flatnonzero(np.isin(order, groups[b]))
        assert np.ptp(place) + 1 == len(place)


def test_neighbours_are_as_alike_as_blocks_allow() -> None:
    """Three pairs of units: of all orders that keep pairs together, the best one is found."""
    random = np.random.default_rng(3)
    pairs = np.repeat(random.normal(size=(200, 3)), 2, axis=1)
    activity = (pairs + 0.5 * random.normal(size=(200, 6)))[:, [0, 2, 4, 1, 3, 5]]
    near = np.corrcoef(activity.T)

    def alike(order: tuple[int, ...]) -> float:
        return float(near[order[:-1], order[1:]].sum())

    found = tuple(order_units(activity, "cluster").tolist())
    first, second = closest_two([(0, 3), (1, 4), (2, 5)], near)
    allowed = [
        order
        for order in permutations(range(6))
        if are_blocks(order, [(0, 3), (1, 4), (2, 5), (*first, *second)])
    ]
    assert alike(found) == pytest.approx(max(map(alike, allowed)))
    assert alike(found) > min(map(alike, allowed)) + 0.01


def closest_two(groups: list[tuple[int, ...]], near: NDArray[np.float64]) -> Any:
    return max(combinations(groups, 2), key=lambda two: near[np.ix_(*two)].mean())


def are_blocks(order: tuple[int, ...], groups: list[tuple[int, ...]]) -> bool:
    places = [[order.index(unit) for unit in group] for group in groups]
    return all(max(place) - min(place) + 1 == len(place) for place in places)


def test_units_that_are_all_alike_are_all_there() -> None:
    activity = np.tile(np.arange(5.0)[:, None], (1, 7))
    assert sorted(order_units(activity, "cluster")) == list(range(7))


def test_the_order_must_be_known() -> None:
    with pytest.raises(
        ValueError, match=r"by must be one of 'similarity', 'cluster', .* got 'size'"
    ):
        order_units(np.zeros((2, 2)), "size")


def test_activity_needs_two_axes() -> None:
    with pytest.raises(ValueError, match=r"axes \(time, unit\), got shape \(3,\)"):
        order_units(np.zeros(3))


@given(st.integers(1, 90), st.integers(1, 12), st.integers(1, 20), st.integers(1, 6))
def test_an_excerpt_is_what_was_recorded_within_bounds(
    steps: int, units: int, most_steps: int, most_units: int
) -> None:
    random = np.random.default_rng(units)
    layers = {name: random.normal(size=(steps, 1, units)).astype("f4") for name in QUANTITIES}
    recording = Recording(layers, tuple(map(str, range(steps))), np.arange(steps))
    excerpt = Excerpt.of(recording, most_steps=most_steps, most_units=most_units)
    spread = layers["cell"][:: excerpt.every, 0].std(axis=0)
    assert len(excerpt.steps) == len(excerpt.labels) <= most_steps
    assert excerpt.labels == tuple(map(str, excerpt.steps))
    np.testing.assert_array_equal(
        excerpt.values("hidden"), layers["hidden"][excerpt.steps][:, 0, excerpt.units]
    )
    rest = np.delete(spread, excerpt.units)
    assert len(excerpt.units) == min(units, most_units)
    assert not rest.size or rest.max() <= spread[excerpt.units].min()
    assert len(list(excerpt.notes())) == (excerpt.every > 1) + (units > most_units)


def test_means_in_a_box_leave_out_what_is_missing() -> None:
    values = np.arange(12.0).reshape(4, 3)
    values[1, 1] = np.nan
    known = np.array([3.0, 6.0, 7.0])
    means = box_means({"cell": values}, slice(1, 3), slice(0, 2))
    assert means["cell"] == pytest.approx((known.mean(), known.std()))
    assert np.isnan(box_means({"cell": values}, slice(1, 2), slice(1, 2))["cell"]).all()


@given(st.integers(2, 40), st.integers(0, 3000))
def test_thinning_keeps_every_kth_item_within_its_room(capacity: int, length: int) -> None:
    thinned: Thinned[int] = Thinned(capacity)
    for n in range(length):
        if thinned.wants(n):
            thinned.append(n)
    assert list(thinned.items) == list(range(0, length, thinned.stride))
    assert len(thinned.items) < capacity or length < 2
    assert length <= capacity or len(thinned.items) >= capacity // 2


def test_thinning_needs_room() -> None:
    with pytest.raises(ValueError, match="at least 2, got 1"):
        Thinned(1)
