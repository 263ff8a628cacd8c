"""The player keeps its speed, rests when told, and says what went wrong."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from lstmwidgets.widgets.player import (
    FAILED,
    FINISHED,
    FULL_SPEED_FRAMES,
    PAUSED,
    PLAYING,
    READY,
    STOPPED,
    Player,
)


class Counter:
    """Counts steps up to an end, and what was drawn."""

    def __init__(self, end: float = math.inf, pause: float = 0.0) -> None:
        self.steps = 0
        self.end = end
        self.pause = pause
        self.drawn: list[int] = []

    def advance(self, until: float = 0.0) -> bool:
        time.sleep(self.pause)
        if self.steps >= self.end:
            return False
        self.steps += 1
        return True

    def show(self) -> None:
        self.drawn.append(self.steps)

    def player(self, **options: object) -> Player:
        return Player(self.advance, self.show, **options)  # type: ignore[arg-type]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def players() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "player"}


def test_steps_are_taken_and_drawn_and_then_it_rests() -> None:
    counter = Counter()
    player = counter.player()
    assert player.state == READY
    player.step(3)
    assert player.wait(60)
    assert (counter.steps, counter.drawn[-1], player.state) == (3, 3, PAUSED)
    player.stop()


def test_it_plays_to_the_end_and_draws_the_last_step() -> None:
    counter = Counter(end=5_000)
    player = counter.player(speed=math.inf)
    player.play()
    assert player.wait(60)
    assert (counter.steps, counter.drawn[-1], player.state) == (5_000, 5_000, FINISHED)
    assert len(counter.drawn) < 500  # not each step, but frames


def test_it_keeps_its_speed_and_takes_a_new_one_at_once() -> None:
    counter = Counter()
    player = counter.player(speed=0.01)
    player.play()
    until(lambda: counter.steps == 1)  # the next would come in a hundred seconds
    player.speed = 200.0
    until(lambda: counter.steps > 20)
    player.pause()
    assert player.wait(60)
    steps = counter.steps
    time.sleep(0.05)
    assert counter.steps == steps
    assert player.state == PAUSED
    player.stop()


def test_a_slow_stretch_is_not_caught_up_in_a_rush() -> None:
    counter = Counter(pause=1.5)
    player = counter.player(speed=100.0)
    player.play()
    until(lambda: counter.steps == 1)
    counter.pause, quick_from = 0, time.monotonic()
    time.sleep(0.2)
    player.pause()
    assert player.wait(60)
    # What is due, what one second was late, and what was due while the second slow step went on.
    assert counter.steps <= 2 + 100 + 150 + 100 * (time.monotonic() - quick_from)
    player.stop()


def test_stopping_ends_the_thread_and_playing_begins_another() -> None:
    counter = Counter()
    player = counter.player(speed=math.inf)
    before = players()
    player.play()
    until(lambda: counter.steps > 10)
    player.stop()
    assert player.wait(60)
    assert player.state == STOPPED
    until(lambda: players() <= before)
    player.play()
    assert player.state == PLAYING
    player.stop()
    assert player.wait(60)


def test_playing_while_the_end_is_drawn_goes_on() -> None:
    counter = Counter()
    ending, drawing, go_on = (threading.Event() for _ in range(3))

    def show() -> None:
        counter.show()
        if ending.is_set():
            drawing.set()
            assert go_on.wait(60)

    player = Player(counter.advance, show, speed=math.inf)
    player.play()
    until(lambda: counter.steps > 10)
    player.pause()
    assert player.wait(60)
    ending.set()
    player.stop()
    assert drawing.wait(60)
    taken = counter.steps
    player.play()
    ending.clear()
    go_on.set()
    until(lambda: counter.steps > taken)
    assert player.state == PLAYING
    player.stop()
    assert player.wait(60)
    assert player.state == STOPPED


def test_leaving_ends_the_thread_and_is_a_rest() -> None:
    counter = Counter()
    player = counter.player(speed=math.inf)
    player.leave()
    assert player.state == READY
    before = players()
    player.play()
    until(lambda: counter.steps > 10)
    player.leave()
    assert player.wait(60)
    assert player.state == PAUSED
    until(lambda: players() <= before)
    player.stop()
    assert player.state == STOPPED


def test_whatever_is_raised_is_shown_and_ends_it() -> None:
    def advance(until: float) -> bool:
        raise RuntimeError("the model broke")

    player = Player(advance, lambda: None)
    player.play()
    assert player.wait(60)
    assert player.state == FAILED
    assert player.error == "RuntimeError: the model broke"
    assert "advance" in player.details


def test_a_model_has_one_player_at_a_time() -> None:
    model = object()
    first, second = Counter(), Counter()
    one = first.player(model=model, speed=math.inf)
    other = second.player(model=model, speed=math.inf)
    one.play()
    other.play()
    assert "Another widget is playing this model" in other.error
    assert second.steps == 0
    one.pause()
    assert one.wait()
    other.play()
    until(lambda: second.steps > 0)
    assert other.error == ""
    one.play()
    assert "Another widget" in one.error
    other.stop()
    assert other.wait()


def test_waiting_from_within_does_not_wait_for_itself() -> None:
    answers: list[bool] = []

    def advance(until: float) -> bool:
        answers.append(player.wait(60))
        return False

    player = Player(advance, lambda: None)
    player.play()
    assert player.wait(60)
    assert answers == [False]


def test_at_full_speed_steps_have_time_between_frames() -> None:
    dues: set[float] = set()

    def advance(until: float) -> bool:
        dues.add(until)
        time.sleep(0.001)
        return len(dues) < 6

    player = Player(advance, lambda: None, speed=math.inf)
    player.play()
    assert player.wait(60)
    frames = itertools.pairwise(sorted(dues)[1:])  # the first was due at once
    assert min(later - due for due, later in frames) > 1 / FULL_SPEED_FRAMES - 1e-6


@pytest.mark.parametrize("speed", [1.0, math.inf])
def test_many_commands_at_once_end_in_a_state_that_is_told(speed: float) -> None:
    counter = Counter()
    states: list[str] = []
    player = Player(counter.advance, counter.show, lambda: states.append(player.state), speed=speed)

    def command(seed: int) -> None:
        for n in range(50):
            (player.play, player.pause, player.step, player.stop)[(seed + n) % 4]()

    threads = [threading.Thread(target=command, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    player.stop()
    assert player.wait(60)
    until(lambda: player.state == STOPPED)
    assert states[-1] == STOPPED
    assert counter.drawn[-1:] in ([], [counter.steps])


PLAYING_TORCH = """
import itertools, math, time
import torch
from river import base
from lstmwidgets.widgets import LiveStream

class Model(base.Regressor):
    lstm = torch.nn.LSTM(200, 256)

    def predict_one(self, x):
        with torch.no_grad():
            return float(self.lstm(torch.randn(4, 50, 200))[0].sum())

    def learn_one(self, x, y):
        pass

events = (({"a": 1.0}, 1.0) for _ in itertools.count())
live = LiveStream(Model(), events, speed=math.inf)
live.playing = True
while not live.position:
    time.sleep(0.01)
"""


def test_python_ends_while_a_model_plays() -> None:
    play = [sys.executable, "-c", PLAYING_TORCH]
    done = subprocess.run(play, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
