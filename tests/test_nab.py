"""The scorer of NAB agrees with a count of alarms at every threshold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.nab import PROFILES, Labelled, account, best, read, weigh

LEVELS = [0.0, 0.2, 0.5, 0.9, 1.0]


@st.composite
def labelled(draw: Any) -> tuple[Labelled, Any]:
    length = draw(st.integers(20, 60))
    begins = sorted(draw(st.lists(st.integers(0, length - 9), max_size=3, unique=True)))
    begins = [n for k, n in enumerate(begins) if not k or n > begins[k - 1] + 8]
    windows = [(n, n + draw(st.integers(1, 7))) for n in begins]
    found = draw(st.lists(st.sampled_from(LEVELS), min_size=length, max_size=length))
    return Labelled("", [""] * length, [0.0] * length, windows), np.array(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(labelled(), min_size=1, max_size=4), st.sampled_from(sorted(PROFILES)))
def test_the_best_threshold_is_the_best_of_all(given_: Any, name: str) -> None:
    profile, (series, found) = PROFILES[name], zip(*given_, strict=True)
    windows = sum(len(each.windows) for each in series)
    if not windows:
        return
    worst = (profile.hit + profile.miss) * windows
    scores = {}
    for threshold in [*LEVELS, np.inf]:
        pairs = zip(series, found, strict=True)
        lost = sum(account(*pair, threshold, profile)[0] for pair in pairs)
        scores[threshold] = 100 * (1 - lost / worst)
    score, threshold = best(series, found, profile)
    assert score == pytest.approx(max(scores.values()), abs=1e-9)
    assert scores[threshold] == pytest.approx(score, abs=1e-9)


def test_alarms_are_worth_what_the_paper_says() -> None:
    profile = PROFILES["standard"]
    worth, window = weigh(100, [(40, 49)], profile)
    assert worth[40] == pytest.approx(1.0)  # at the beginning of a window
    assert worth[49] == pytest.approx(math.tanh(0.25) / math.tanh(2.5))  # the same sigmoid
    assert np.all(np.diff(worth[40:50]) < 0)
    assert worth[50] == pytest.approx(-0.11 * math.tanh(2.5 / 9))  # a ninth of a window behind
    assert worth[0] == worth[99] == -0.11
    assert window.tolist() == [-1] * 40 + [0] * 10 + [-1] * 50


def test_a_detector_without_alarms_has_0_and_a_perfect_one_100() -> None:
    series = Labelled("", [""] * 100, [0.0] * 100, [(40, 49)])
    perfect = np.zeros(100)
    assert best([series], [perfect], PROFILES["standard"]) == (0.0, np.inf)
    perfect[40] = 1.0
    assert best([series], [perfect], PROFILES["few misses"]) == (100.0, 1.0)
    perfect[3] = 2.0  # in the first 15 %, which do not count
    assert best([series], [perfect], PROFILES["standard"]) == (100.0, 1.0)


def test_windows_are_read_as_nab_writes_them(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "some").mkdir()
    times = [f"2014-04-01 00:{n:02}:00" for n in range(20)]
    rows = "".join(f"{time},{n}.5\n" for n, time in enumerate(times))
    (tmp_path / "some" / "a.csv").write_text(f"timestamp,value\n{rows}")
    spans = {"some/a.csv": [[f"{times[4]}.000000", f"{times[9]}.000000"]]}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(spans))
    (series,) = read(tmp_path)
    assert series == Labelled("some/a.csv", times, [n + 0.5 for n in range(20)], [(4, 9)])
