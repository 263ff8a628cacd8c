"""What pictures show is computed right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.analysis import Thinned, order_units


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


@given(st.integers(0, 12), st.integers(0, 9), st.integers(0, 3))
def test_it_is_always_a_permutation(steps: int, units: int, still: int) -> None:
    activity = np.random.default_rng(steps).normal(size=(steps, units))
    activity[:, :still] = 1.0
    activity[: steps // 4] = np.nan
    assert sorted(order_units(activity)) == list(range(units))


def test_activity_needs_two_axes() -> None:
    with pytest.raises(ValueError, match=r"axes \(time, unit\), got shape \(3,\)"):
        order_units(np.zeros(3))


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
