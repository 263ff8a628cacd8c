"""Work beside everything else: the last one wins, nothing of a cancelled one is shown."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.widgets.background import Background


def steps_of(work: int, size: int) -> Generator[tuple[int, int]]:
    for step in range(size):
        yield work, step


def unexpected(error: Exception) -> None:
    pytest.fail(f"{error!r}")


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_the_last_work_is_done_whole_and_none_goes_on_after_a_later_one(sizes: list[int]) -> None:
    shown: list[tuple[int, int]] = []
    background = Background(shown.append, unexpected)
    for n, size in enumerate(sizes):
        background.start(steps_of(n, size))
    assert background.wait(60)
    last = len(sizes) - 1
    assert [step for n, step in shown if n == last] == list(range(sizes[last]))
    assert [n for n, _ in shown] == sorted(n for n, _ in shown)
    assert not background.is_busy


def test_cancelled_work_is_closed_and_shows_no_more() -> None:
    shown: list[int] = []
    closed, go = threading.Event(), threading.Event()

    def work() -> Generator[int]:
        try:
            yield 1
            go.wait(60)
            yield 2
        finally:
            closed.set()

    background = Background(shown.append, unexpected)
    background.start(work())
    while not shown:
        pass
    background.cancel()
    go.set()
    assert closed.wait(60)
    assert shown == [1]


def test_what_fails_is_told_and_the_next_work_is_done() -> None:
    failures: list[Exception] = []
    shown: list[int] = []
    background = Background(shown.append, failures.append)

    def bad() -> Generator[int]:
        yield 1
        raise ValueError("too long")

    background.start(bad())
    assert background.wait(60)
    assert [str(error) for error in failures] == ["too long"]
    background.start(n for n in [5])
    assert background.wait(60)
    assert shown == [1, 5]


def test_work_may_start_other_work() -> None:
    shown: list[int] = []
    background: Background

    def show(item: int) -> None:
        shown.append(item)
        if item == 1:
            background.start(n for n in [7, 8])

    background = Background(show, unexpected)
    background.start(n for n in [1, 2, 3])
    assert background.wait(60)
    assert shown == [1, 7, 8]


BUSY = """
import torch
from lstmwidgets import LSTM
from lstmwidgets.analysis import ablation
from lstmwidgets.widgets import GateLab, GradientFlow

x = torch.randn(1500, 3)
flow, lab = GradientFlow(LSTM(3, 64), x), GateLab(LSTM(3, 64), x)
lab.add("silent", ablation(1))
lab.rank(wait=False)
"""


def test_python_ends_in_the_midst_of_work() -> None:
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
