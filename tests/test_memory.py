"""A stream may go on for ever: nothing grows with its events, and kernels allocate nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.learner import OnlineLearner
from tests.family import FAMILY, Member, numbers

SLACK = 2_000
"""Bytes: whole numbers that count events get longer, and dictionaries are rehashed."""


def long_stream(member: Member, events: int) -> Iterator[tuple[Any, Any]]:
    """Yield events out of a small pool, with ever new words in the texts."""
    pool = member.events(60)
    for n in range(events):
        x, y = pool[n % 60]
        yield (f"{x} word{n}" if member.reads_text else x), y


def measured(member: Member, marks: tuple[int, int], **options: Any) -> list[int]:
    """Return the memory, in bytes, that a model takes after so many events."""
    if member.reads_text:
        options["vocabulary"] = 100
    model, sizes = member.make(gradient="eligibility", **options), []
    for count, event in enumerate(long_stream(member, marks[-1]), start=1):
        member.learn(model, event)
        if count in marks:
            sizes.append(model._raw_memory_usage)
            said = member.predict(model, event[0])
            assert all(map(math.isfinite, numbers(said)))
    return sizes


def each(function: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)(function)


@each
def test_memory_does_not_grow_over_20_000_events(member: Member) -> None:
    early, late = measured(member, (2_000, 20_000), hidden_size=2)
    assert late <= early + SLACK


@pytest.mark.slow
@pytest.mark.parametrize("member", FAMILY[:2], ids=lambda member: member.name)
def test_memory_does_not_grow_over_a_million_events(member: Member) -> None:
    early, late = measured(member, (10_000, 1_000_000), hidden_size=8)
    assert late <= early + SLACK


def test_what_is_kept_of_every_event_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure sees what it is there to see."""
    member = FAMILY[0]
    learn = member.kind.learn_one

    def hoarding(self: Any, x: Any, y: Any) -> None:
        self.__dict__.setdefault("_hoard", []).append(x)
        learn(self, x, y)

    monkeypatch.setattr(member.kind, "learn_one", hoarding)
    early, late = measured(member, (1_000, 3_000), hidden_size=2)
    assert late > early + SLACK


@pytest.fixture
def allocations() -> Iterator[Callable[[], tuple[int, int]]]:
    """Return a function that counts what compiled code has allocated so far."""

    @njit
    def nothing(array: Any) -> None:
        """Numba's runtime starts with the first function that takes an array."""

    nothing(np.zeros(1))
    _nrt_python.memsys_enable_stats()

    def counted() -> tuple[int, int]:
        stats = rtsys.get_allocation_stats()
        return stats.alloc, stats.mi_alloc

    yield counted
    _nrt_python.memsys_disable_stats()


@njit
def wasteful(array: Any) -> float:
    return (array + 1).sum()


@pytest.mark.parametrize("rule", ["tbptt", "eligibility"])
def test_kernels_allocate_nothing(rule: str, allocations: Callable[[], tuple[int, int]]) -> None:
    learner = OnlineLearner(["a", "b", "c"], 6, 2, gradient=rule, window=4)
    regressor = LSTMRegressor(6, gradient=rule, window=4, seed=1)
    x, y = np.ones(3, np.float32), np.ones(1, np.float32)
    event = {"a": 1.0, "b": 2.0}
    calls: list[Callable[[], object]] = [
        lambda: learner.learn(x, y),
        lambda: learner.advance(x),
        lambda: learner.predict(x),
        lambda: regressor.learn_one(event, 1.0),
        lambda: regressor.predict_one(event),
    ]
    for call in calls:
        call()
        before = allocations()
        for _ in range(1_000):
            call()
        assert allocations() == before
    wasteful(x)
    before = allocations()
    wasteful(x)
    assert allocations()[0] == before[0] + 2  # a handle, and the sum's terms
