"""LiveStream with values of every type: equal ones give an equal picture, odd ones a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.widgets import LiveStream
from tests.family import FAMILY, Member
from tests.test_guises import ANY, LABELS, NUMBERS, assert_helpful, disguised, event_of
from tests.test_values import OPTIONS, STRANGE

from .received import Received


def played(model: Any, events: list[Any]) -> tuple[LiveStream, Received]:
    """Return a widget whose events have gone through, and what a page gets of them."""
    live = LiveStream(model, events, horizon=2)
    Received.of(live)  # which takes in each frame as it comes
    with suppress(RuntimeError):  # which says what `live.error` does
        live.step(100)  # of texts, words
    live.close()
    return live, Received.of_whole(live._feed.whole().to_bytes())  # however frames were cut


@settings(max_examples=4)
@pytest.mark.parametrize("member", FAMILY[:4], ids=lambda member: member.name)
@given(seed=st.integers(0, 2**32))
def test_equal_events_in_another_guise_are_drawn_alike(member: Member, seed: int) -> None:
    choose = Random(seed).choice
    plain, other = [], []
    for n in range(10):
        x, y = event_of(n), list(LABELS)[n % 3] if member.has_labels else (n * 3 % 7) / 4
        guises = LABELS[y] if member.has_labels else NUMBERS
        plain.append((x, y))
        other.append((disguised(choose, x), choose(guises)(y)))
    (live, page), (twin, seen) = (played(member.make(**OPTIONS), each) for each in (plain, other))
    assert live.error == twin.error == ""
    drawn = [[row[2:] for row in each.run.rows] for each in (live, twin)]  # not the mark
    assert drawn[1] == drawn[0]
    assert repr(seen.columns) == repr(page.columns)
    assert len(seen.classes) == len(page.classes)  # each as it came first
    assert repr(twin.run.curve.items) == repr(live.run.curve.items)


PLACES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "target": lambda odd, x, y: (x, odd),
    "features": lambda odd, x, y: (odd, y),
    "feature": lambda odd, x, y: ({"a": odd}, y),
    "name": lambda odd, x, y: ({odd: 1.0}, y),
    "event": lambda odd, x, y: odd,
}


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):
        return False
    return True


@STRANGE
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_whatever_comes_is_drawn_or_refused_in_a_line(member: Member, place: str) -> None:
    events = member.events(3)
    for odd in ANY:
        if place == "name" and not is_hashable(odd):
            continue
        event = PLACES[place](odd, *events[1])
        live, page = played(member.make(**OPTIONS), [*events[:2], event, events[2]])
        if live.error:
            kind, _, message = live.error.partition(": ")
            assert re.fullmatch("TypeError|ValueError", kind), live.error
            assert_helpful(message)
        assert live.position >= 2 if live.error else live.position == 4
        assert page.next == live.run.steps
        live.run.recording()
