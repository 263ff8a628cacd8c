"""Runs something step by step in a thread of its own, at the speed that is wanted."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

from . import threads

FRAMES = 60
"""Most frames a second."""

FULL_SPEED_FRAMES = 30
"""The same at full speed, where a frame has little in common with the one before: a frame costs
events, by the page's work as well, which shares the machine."""

DRAWING = 0.1
"""Most of the time that may go into drawing; sending takes about as much again."""

PATIENCE = 5.0
"""Seconds that a call from Python waits for the event in progress."""

Result = TypeVar("Result")

READY, PLAYING, PAUSED, FINISHED, STOPPED, FAILED = (
    "ready",
    "playing",
    "paused",
    "finished",
    "stopped",
    "failed",
)


class Player:
    """Calls `advance` again and again in a daemon thread, and `show` now and then.

    A thread, because a widget's callbacks wait while a cell computes, and an asyncio task as well.
    Everything here that is called from elsewhere only says what is wanted; the thread does it.

    Parameters
    ----------
    advance : callable
        Takes one step, and more until a time on the clock of `time.monotonic`, which is passed and
        is past where there shall be no more; returns False at the end.
    show : callable
        Draws what is new, in the player's thread: every `interval` seconds at most, for a small
        part of the time, and whenever the player comes to rest.
    changed : callable, optional
        Called after the player's state has changed.
    model : object, optional
        What only one player may play at a time.
    speed : float
        Steps a second; infinite for as fast as possible.

    Attributes
    ----------
    state : str
        ``"ready"``, ``"playing"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``.
    error : str
        What went wrong, for people; empty if nothing did.
    details : str
        Its traceback.
    failure : Exception or None
        The exception that ended it.
    interval : float
        Least seconds between two frames; by default 1/60. May be set from any thread.
    """

    def __init__(
        self,
        advance: Callable[[float], bool],
        show: Callable[[], None],
        changed: Callable[[], None] | None = None,
        *,
        model: object | None = None,
        speed: float = 20.0,
    ) -> None:
        self._advance = advance
        self._show = show
        self._changed = _nothing if changed is None else changed
        self._model = model
        self._wanted = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._asking = 0  # calls that wait until no step is in progress
        self._between = False
        self._playing = False
        self._steps = 0  # to be taken before resting
        self._ending = False
        self._last = STOPPED  # state after the end
        self._resting = True
        self._speed = speed
        self._due = 0.0
        self._next_frame = 0.0
        self._drawn = True
        self.interval = 1 / FRAMES
        self.error = self.details = ""
        self.failure: Exception | None = None
        self.state = READY
        threads.end_before_python(self)

    @property
    def speed(self) -> float:
        """Steps a second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._wanted:
            self._speed = speed
            self._due = time.monotonic()
            self._wanted.notify_all()

    def play(self) -> None:
        """Go on until told otherwise, or until the end."""
        self._want(playing=True)

    def step(self, n: int = 1) -> None:
        """Take so many steps and rest."""
        with self._wanted:
            self._want(steps=n + self._steps)

    def pause(self) -> None:
        """Rest after the step in progress."""
        with self._wanted:
            self._playing, self._steps = False, 0
            self._wanted.notify_all()

    def stop(self) -> None:
        """End after the step in progress."""
        self._end(STOPPED)

    def leave(self) -> None:
        """End the thread as `stop` does, but as a rest: playing goes on from there."""
        if self._thread is not None:
            self._end(PAUSED)

    def end(self) -> None:
        """End the thread as `stop` does, wait for it, and draw no more: Python ends."""
        with self._wanted:
            thread, self._show, self._changed = self._thread, _nothing, _nothing
            self.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join(threads.PATIENCE)

    def hold(self, model: object) -> None:
        """Play another model from now on."""
        with self._wanted:
            if _holders.get(id(self._model)) is self:
                del _holders[id(self._model)]
                _holders[id(model)] = self
            self._model = model

    def redraw(self) -> None:
        """Call `show` soon, in the player's thread; at once if there is none."""
        with self._wanted:
            if self._thread is None:
                self._show()
            else:
                self._drawn, self._next_frame = False, 0.0
                self._wanted.notify_all()

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns that is called while no step is in progress.

        Where the step in progress takes longer than a call is ready to wait, it waits for something
        itself: the function is called all the same.
        """
        with self._wanted:
            self._asking += 1
            self._wanted.notify_all()
            own = threading.current_thread() is self._thread
            if self._thread is not None and not own:
                self._wanted.wait_for(lambda: self._between or self._thread is None, PATIENCE)
            try:
                return function()
            finally:
                self._asking -= 1
                self._wanted.notify_all()

    def _end(self, state: str) -> None:
        with self._wanted:
            self._playing, self._steps, self._ending, self._last = False, 0, True, state
            self._wanted.notify_all()
            if self._thread is not None:
                self._resting = False  # until it has ended
            elif self.state != FAILED:
                self._set(state)

    def wait(self, timeout: float | None = PATIENCE) -> bool:
        """Wait until the player rests; say whether it does."""
        if threading.current_thread() is self._thread:
            return False  # the model itself asks
        with self._wanted:
            return self._wanted.wait_for(lambda: self._resting, timeout)

    def check(self) -> None:
        """Raise RuntimeError if it has failed; its cause is what the model or the source raised."""
        if self.failure is not None:
            raise RuntimeError(self.error) from self.failure

    def _want(self, *, playing: bool = False, steps: int = 0) -> None:
        with self._wanted:
            holder = _holders.setdefault(id(self._model), self) if self._model is not None else self
            if holder is not self:
                self.error = (
                    "Another widget is playing this model. Pause or stop it there, then go on here."
                )
                self._changed()
                return
            self.error = self.details = ""
            self.failure = None
            self._playing, self._steps, self._ending = playing, steps, False
            self._due = time.monotonic()
            self._resting = False
            self._set(PLAYING)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="player", daemon=True)
                self._thread.start()
            self._wanted.notify_all()

    def _run(self) -> None:
        while True:
            last = self._take_steps()
            with self._wanted:
                if self._playing or self._steps:  # wanted again while the last picture was drawn
                    continue
                self._thread = None
                if not self._drawn:  # `redraw` was called meanwhile
                    self._show()
                self._resting = False  # even if it was: there is a new state to tell
                self._come_to_rest(last or self._last)
                return

    def _take_steps(self) -> str:
        """Step, and draw, until the end; return it: finished, failed, or empty if it was told."""
        last = ""
        try:
            while self._may_step():
                if not self._advance(self._burst()):
                    last = FINISHED
                    break
                self._drawn = False
                if time.monotonic() >= self._next_frame:
                    self._draw()
        except Exception as error:  # noqa: BLE001  # whatever a model or a source raises is shown
            last = self._failed(error)
        if last:
            self.pause()
        try:
            self._draw()
        except Exception as error:  # noqa: BLE001
            last = self._failed(error)
        return last

    def _failed(self, error: Exception) -> str:
        self.error = self.error or f"{type(error).__name__}: {error}"
        self.details = self.details or traceback.format_exc()
        self.failure = self.failure or error
        return FAILED

    def _may_step(self) -> bool:
        """Wait until the next step is due; return False when the thread shall end."""
        while True:
            with self._wanted:
                while self._asking:
                    self._between = True
                    self._wanted.notify_all()
                    self._wanted.wait()
                self._between = False
                if self._ending:
                    return False
                if self._steps:
                    self._steps -= 1
                    return True
                now = time.monotonic()
                if self._playing and self._due <= now:
                    # A second behind or more: go on from here, rather than catch up in a rush.
                    self._due = max(self._due, now - 1.0) + 1.0 / self._speed
                    return True
                if self._drawn:
                    if not self._playing:
                        self._come_to_rest(PAUSED)
                    self._wanted.wait(self._due - now if self._playing else None)
                    continue
                if self._playing and now < self._next_frame:
                    self._wanted.wait(min(self._due, self._next_frame) - now)
                    continue
            self._draw()

    def _burst(self) -> float:
        """Return until when steps may follow each other without a look at what is wanted."""
        return self._next_frame if self._playing and math.isinf(self._speed) else 0.0

    def _draw(self) -> None:
        before = time.monotonic()
        self._drawn = True
        self._show()
        cost = time.monotonic() - before
        hurried = self._playing and math.isinf(self._speed)
        least = 1 / (FULL_SPEED_FRAMES if hurried else FRAMES)
        self._next_frame = before + max(self.interval, least, cost / DRAWING)

    def _come_to_rest(self, state: str) -> None:
        if self._model is not None and _holders.get(id(self._model)) is self:
            del _holders[id(self._model)]
        if self._resting:
            return
        self._resting = True
        self._set(state)
        self._wanted.notify_all()

    def _set(self, state: str) -> None:
        self.state = state
        self._changed()


def _nothing() -> None:
    pass


_holders: dict[int, Player] = {}
"""Who plays which model now; the player keeps the model alive, so that its id is its own."""
