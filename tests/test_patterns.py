"""Patterns are found as by going through all places one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets import load, save
from lstmwidgets.analysis import QUANTITIES, Condition, Match, Pattern, PatternSearch, Recording
from lstmwidgets.online import LSTMClassifier
from lstmwidgets.widgets import LiveStream

VALUES = [-1.0, -0.3, 0.0, 0.2, 0.3, np.nan]


def recorded(values: Any, labels: Sequence[str] | None = None, first: int = 0) -> Recording:
    """Return a recording of one layer with the same values, (T, H), for each quantity."""
    values = np.asarray(values, np.float32)[:, None]
    steps = np.arange(first, first + len(values))
    labels = tuple(labels or (f"event {n}" for n in steps))
    return Recording(dict.fromkeys(QUANTITIES, values), labels, steps)


# --- one by one ----------------------------------------------------------------------------------


def is_on(value: float, threshold: float, side: str) -> bool:
    threshold = float(np.float32(threshold))
    return (side != "below" and value >= threshold) or (side != "above" and value <= -threshold)


def on_along(on: list[set[int]], first: int, last: int, before: int, after: int) -> set[int]:
    """Return the units that are on from step to step, and off beside."""
    units = set.intersection(*on[first : last + 1])
    beside = [*on[max(0, first - before) : first], *on[last + 1 : last + 1 + after]]
    return units.difference(*beside)


def runs_at(on: list[set[int]], wanted: set[int], level: int) -> list[tuple[int, int]]:
    """Return the maximal runs of steps at which so many of the wanted units are on."""
    runs, first = [], None
    for step, units in enumerate([*on, set[int]()]):
        enough = len(units & wanted) >= level
        if enough and first is None:
            first = step
        elif not enough and first is not None:
            runs.append((first, step - 1))
            first = None
    return runs


def one_by_one(
    recordings: Sequence[Recording],
    pattern: Pattern,
    meets: Sequence[Sequence[bool]] | None,
    order: str,
    least: int | None,
    shortest: int,
) -> tuple[list[int], list[Match]]:
    """Return the hypothesis and all matches, by definition."""
    ons = [
        [
            {
                unit
                for unit, value in enumerate(row)
                if is_on(value, pattern.threshold, pattern.side)
            }
            for row in recording.layers[pattern.quantity][:, pattern.layer].tolist()
        ]
        for recording in recordings
    ]
    begin = int(recordings[pattern.recording].steps[0])
    brush = (pattern.first - begin, pattern.last - begin)
    beside = (pattern.before, pattern.after)
    wanted = on_along(ons[pattern.recording], *brush, *beside)
    least = math.ceil(len(wanted) / 2) if least is None else least
    found = []
    for n, on in enumerate(ons):
        runs = {run for level in range(1, len(wanted) + 1) for run in runs_at(on, wanted, level)}
        for first, last in runs:
            if n == pattern.recording and first <= brush[1] and last >= brush[0]:
                continue
            if meets is not None and not any(meets[n][first : last + 1]):
                continue
            units = on_along(on, first, last, *beside)
            shared, extra = len(units & wanted), len(units - wanted)
            if last - first + 1 >= shortest and shared >= max(1, least):
                found.append(Match(n, first, last, last - first + 1, shared, extra))
    by_overlap = [lambda m: -m.shared, lambda m: m.extra, lambda m: -m.length]
    keys = by_overlap if order == "overlap" else [by_overlap[2], *by_overlap[:2]]
    found.sort(key=lambda m: (*(key(m) for key in keys), m.recording, m.first))
    kept: list[Match] = []
    for match in found:
        same = [other for other in kept if other.recording == match.recording]
        if all(match.last < other.first or match.first > other.last for other in same):
            kept.append(match)
    starts = [int(recording.steps[0]) for recording in recordings]
    moved = [
        m._replace(first=m.first + starts[m.recording], last=m.last + starts[m.recording])
        for m in kept
    ]
    return sorted(wanted), moved


@st.composite
def searches(draw: Any) -> dict[str, Any]:
    units = draw(st.sampled_from([1, 2, 5, 64, 67]))
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    share = draw(st.sampled_from([0.3, 0.6, 0.9]))
    weights = np.array([1 - share, 1 - share, 1 - share, 1 - share, 4 * share, 0.1])
    recordings = [
        recorded(
            random.choice(VALUES, size=(length, units), p=weights / weights.sum()),
            first=draw(st.sampled_from([0, 30])),
        )
        for length in lengths
    ]
    recording = draw(st.integers(0, len(lengths) - 1))
    first = draw(st.integers(0, lengths[recording] - 1))
    last = min(first + draw(st.sampled_from([0, 0, 1, 2, 20])), lengths[recording] - 1)
    begin = int(recordings[recording].steps[0])
    pattern = Pattern(
        begin + first,
        begin + last,
        recording,
        draw(st.sampled_from(QUANTITIES)),
        threshold=draw(st.sampled_from([0.0, 0.2, 0.3])),
        side=draw(st.sampled_from(["above", "below", "magnitude"])),
        before=draw(st.sampled_from([0, 0, 1, 2])),
        after=draw(st.sampled_from([0, 0, 1, 2])),
    )
    return {
        "recordings": recordings,
        "pattern": pattern,
        "order": draw(st.sampled_from(["overlap", "length"])),
        "least": draw(st.none() | st.integers(0, 3)),
        "shortest": draw(st.integers(1, 3)),
        "meets": draw(st.none() | st.integers(0, 9)),
    }


@settings(max_examples=300)
@given(searches())
def test_matches_are_those_of_going_through_all_places(search: dict[str, Any]) -> None:
    recordings, digit = search["recordings"], search.pop("meets")
    condition = None if digit is None else Condition(str(digit))
    holds = None
    if digit is not None:
        holds = [[str(digit) in label for label in each.labels] for each in recordings]
    units, matches = one_by_one(meets=holds, **search)
    searcher = PatternSearch(recordings)
    options = {name: search[name] for name in ("order", "least", "shortest")}
    found = searcher.find(search["pattern"], condition, most=3, **options)
    assert found.units.tolist() == units
    assert found.matches == tuple(matches[:3])
    assert found.total == len(matches)
    again = searcher.find(search["pattern"], condition, most=100, **options)  # with what it keeps
    assert again.matches == tuple(matches)


def test_what_is_kept_of_a_threshold_is_not_used_for_another() -> None:
    random = np.random.default_rng(0)
    recording = recorded(random.normal(size=(50, 4)))
    searcher = PatternSearch([recording])
    for side in ("above", "below", "magnitude"):
        for threshold in (0.0, 0.5, 1.0, 0.5):
            pattern = Pattern(10, 10, threshold=threshold, side=side)
            expected = PatternSearch([recording]).find(pattern)
            assert searcher.find(pattern).matches == expected.matches


# --- conditions ----------------------------------------------------------------------------------


def steps_of(labels: Sequence[str], text: str) -> list[bool]:
    """Say at which labels a text stands, character by character."""
    gap = "" if all(len(label) <= 1 for label in labels) else " "
    letters = [(n, letter) for n, label in enumerate(labels) for letter in label.casefold() + gap]
    letters = letters[: len(letters) - len(gap)]
    found = [False] * len(labels)
    size = len(text.casefold())
    for start in range(len(letters) - size + 1):
        window = letters[start : start + size]
        if "".join(letter for _, letter in window) == text.casefold():
            for n, _ in window:
                found[n] = True
    return found


@settings(max_examples=200)
@given(
    st.lists(st.text("aAbß ", max_size=3), min_size=1, max_size=8),
    st.text("abSß ", min_size=1, max_size=4),
)
def test_a_text_is_found_where_its_letters_are(labels: list[str], text: str) -> None:
    recording = recorded(np.zeros((len(labels), 1)), labels)
    assert Condition(text).holds(recording).tolist() == steps_of(labels, text)


def test_numbers_are_found_in_a_range_and_words_in_their_category() -> None:
    recording = recorded(np.ones((5, 1)), list("abcab"))
    columns = {"target": np.array([1.0, 2.0, np.nan, 3.0, 2.5])}
    recording = replace(recording, columns=columns, categories={"tag": ("V", "N", "N", "V", "N")})
    in_range = Condition(column="target", low=2, high=2.5)
    assert in_range.holds(recording).tolist() == [False, True, False, False, True]
    both = Condition("b", "target", low=2.5)
    assert both.holds(recording).tolist() == [False, False, False, False, True]
    assert Condition("n", "tag").holds(recording).tolist() == [False, True, True, False, True]
    found = PatternSearch([recording]).find(condition=Condition("n", "tag"))
    assert [(m.first, m.last) for m in found.matches] == [(1, 2), (4, 4)]
    assert found.units.size == 0
    assert found.to_dataframe()["overlap"].isna().all()


# --- what goes in and comes out ------------------------------------------------------------------


def test_rows_of_a_table_are_the_matches() -> None:
    on = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0]])
    table = PatternSearch([recorded(on)]).find(Pattern(0, 0)).to_dataframe()
    assert table["first"].tolist() == [2, 4]
    assert table["shared"].tolist() == [2, 1]
    assert table["overlap"].tolist() == [2 / 3, 1 / 2]
    assert not len(PatternSearch([recorded(on)]).find(Pattern(1, 1)).to_dataframe())


def test_progress_goes_up() -> None:
    values = np.zeros((400_000, 1, 100), np.float32)
    recording = Recording(
        dict.fromkeys(QUANTITIES, values), ("",) * len(values), np.arange(len(values))
    )
    told = list(PatternSearch([recording, recording]).run(Pattern(0, 3)))
    assert len(told) >= 2
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 1


def test_bad_input_says_what_to_do() -> None:
    recording = recorded(np.zeros((5, 2)), first=10)
    search = PatternSearch([recording, recorded(np.zeros((5, 3)))])
    with pytest.raises(ValueError, match="give one recording or more"):
        PatternSearch([])
    with pytest.raises(ValueError, match="equally large layers only, got layers of 2 and 3 units"):
        search.find(Pattern(10, 12))
    search = PatternSearch([recording])
    for first, last in ((9, 12), (12, 15), (12, 11)):
        with pytest.raises(ValueError, match="steps from 10 to 14, the first not after the last"):
            search.find(Pattern(first, last))
    with pytest.raises(ValueError, match="recording must be from 0 to 0, got 1"):
        search.find(Pattern(10, 11, recording=1))
    with pytest.raises(ValueError, match="layer must be from 0 to 0"):
        search.find(Pattern(10, 11, layer=1))
    with pytest.raises(ValueError, match="give a pattern, a condition or both"):
        search.find()
    with pytest.raises(ValueError, match="order must be one of 'overlap', 'length', got 'best'"):
        search.find(Pattern(10, 11), order="best")
    with pytest.raises(ValueError, match="column must be one of"):
        search.find(condition=Condition(column="target"))
    with pytest.raises(ValueError, match="threshold must be a finite number, got nan"):
        Pattern(0, 1, threshold=math.nan)
    with pytest.raises(ValueError, match="before must be a number of steps, 0 or more, got -1"):
        Pattern(0, 1, before=-1)
    with pytest.raises(ValueError, match="side must be one of"):
        Pattern(0, 1, side="on")
    with pytest.raises(ValueError, match="a condition needs a text, a column or both"):
        Condition()
    with pytest.raises(ValueError, match="low at most high, got 2 and 1"):
        Condition(column="a", low=2, high=1)


def test_a_recording_keeps_its_categories(tmp_path: Any) -> None:
    recording = replace(recorded(np.zeros((3, 2)), list("abc")), categories={"tag": ("x", "y", "")})
    save(recording, tmp_path / "recording.safetensors")
    assert load(tmp_path / "recording.safetensors").categories == {"tag": ("x", "y", "")}
    assert recording.tail(2).categories == {"tag": ("y", "")}
    with pytest.raises(ValueError, match="expected tag for each of 3 steps, got 1"):
        replace(recording, categories={"tag": ("x",)})


def test_classes_of_a_live_stream_are_categories() -> None:
    events = [({"a": float(n % 3)}, f"class {n % 3}") for n in range(60)]
    live = LiveStream(LSTMClassifier(4, seed=1), events, window=40)
    live.step(60)
    recording = live.recording()
    assert recording.categories["target"] == tuple(f"class {n % 3}" for n in range(20, 60))
    rows = [row.prediction for row in live.run.rows]
    expected = tuple(max(row, key=row.get) for row in rows)
    assert recording.categories["prediction"] == expected
    live.close()
