"""Buttons and readings of a player, and what widgets have in common that play."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from .pane import Pane
from .player import FAILED, FINISHED, PLAYING, READY, STOPPED, Player
from .threads import Button, Dropdown

SPEEDS = {1.0: "1", 5.0: "5", 20.0: "20", 100.0: "100", 1000.0: "1,000", math.inf: "at full speed"}
"""Steps a second that can be chosen; others can be set in Python."""

READING = 0.25
"""Seconds between two updates of the reading beside the buttons."""

UNSEEN = 10.0
"""Seconds without a view, after there was one, until a player ends: its cell was deleted.

Loading a page anew takes less.
"""


class PlayerWidget(ipywidgets.VBox):  # type: ignore[misc]
    """A picture with a player: what `LiveStream` and other widgets that play have in common.

    Everything that the buttons do can be done in Python as well. `pause`, `step` and `stop` return
    when the event in progress is done (after five seconds at the latest), so that the model can be
    used then.

    Attributes
    ----------
    pane : Pane
        The picture.
    """

    unit = "events"

    def __init__(self, pane: Pane, player: Player, extras: Sequence[Any] = ()) -> None:
        self.pane = pane
        self.player = player
        self._reading_due = 0.0
        self._counted = (time.monotonic(), 0)
        self._play = _button("▶ Play", "Play or pause")
        self._step = _button("Step", f"Take one of the {self.unit}")
        self._stop = _button("■ Stop", "End; playing again starts from the beginning")
        self._speed = Dropdown(
            description="Speed",
            options=_speeds(player.speed),
            value=player.speed,
            layout={"width": "170px"},
            style={"description_width": "46px"},
            tooltip=f"{self.unit.capitalize()} a second",
        )
        self._reading = ipywidgets.HTML()
        self._message = ipywidgets.HTML()
        self._play.on_click(lambda _: self._toggle())
        self._step.on_click(lambda _: self._begin_step(1))
        self._stop.on_click(lambda _: player.stop())
        self._speed.observe(self._speed_chosen, "value")
        pane.observe(self._views_changed, "views")
        buttons = [self._play, self._step, self._stop, self._speed, *extras, self._reading]
        bar = ipywidgets.HBox(
            buttons, layout={"flex_flow": "row wrap", "align_items": "center", "overflow": "hidden"}
        )
        super().__init__([bar, self._message, pane])
        self.show_state()

    @property
    def state(self) -> str:
        """``"ready"``, ``"playing"``, ``"paused"``, ``"finished"``, ``"stopped"``, ``"failed"``."""
        return self.player.state

    @property
    def position(self) -> int:
        """How many events have gone through."""
        raise NotImplementedError

    @property
    def total(self) -> int | None:
        """How many there are, if that is known."""
        return None

    @property
    def speed(self) -> float:
        """Events a second (in a text source words); infinite for as fast as possible."""
        return self.player.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not isinstance(speed, int | float) or not speed > 0:
            raise ValueError(f"speed must be above 0 (math.inf for full speed), got {speed!r}")
        self.player.speed = float(speed)
        self._speed.options = _speeds(float(speed))
        self._speed.value = float(speed)

    def play(self) -> None:
        """Go on until told otherwise or until the end; after the end, from the beginning."""
        if self._prepare():
            self.player.play()

    def pause(self) -> None:
        """Rest. Returns when the event in progress is done."""
        self.player.pause()
        self.player.wait()

    def step(self, n: int = 1) -> None:
        """Take so many events and rest. Returns when they are done."""
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be a whole number above 0, got {n!r}")
        self._begin_step(n)
        self.player.wait(None)

    def stop(self) -> None:
        """End. Playing again starts from the beginning; the model keeps what it has learned."""
        self.player.stop()
        self.player.wait()

    def save_html(self, path: str | Path, title: str = "lstmwidgets") -> None:
        """Write the picture as one page that zooms and hovers offline; see `Pane.save_html`."""
        self.pane.save_html(path, title)

    def close(self) -> None:
        """End the player and take the widget out of all pages."""
        if "player" not in vars(self):  # the constructor has raised
            return
        self.player.stop()
        self.player.wait()
        bar, message, pane = self.children
        for part in (*bar.children, bar, message):
            _close(part)
        pane.close()
        self.layout.close()
        super().close()

    def show_state(self) -> None:
        """Show what the player is doing."""
        state = self.player.state
        self._play.description = "❚❚ Pause" if state == PLAYING else "▶ Play"
        self._stop.disabled = state in (STOPPED, FINISHED)
        self._message.value = self._words()
        self.show_reading(at_once=True)

    def show_reading(self, *, at_once: bool = False) -> None:
        """Show how far the player is, four times a second at most."""
        now = time.monotonic()
        if now < self._reading_due and not at_once:
            return
        self._reading_due = now + READING
        position, total = self.position, self.total
        of_all = "" if total is None else f" of {total:,}"
        bar = ""
        if total:
            bar = (
                f'<progress aria-label="{self.unit} played" max="{total}" value="{position}" '
                'style="width: 9em; vertical-align: middle"></progress> '
            )
        before, counted = self._counted
        rate = ""
        if self.player.state == PLAYING and now > before + READING / 2 and position > counted:
            rate = f" · {(position - counted) / (now - before):,.0f} a second"
        self._counted = (now, position)
        self._reading.value = (
            '<span style="font-variant-numeric: tabular-nums; white-space: nowrap">'
            f"{bar}{position:,}{of_all} {self.unit}{rate}</span>"
        )

    def _note(self) -> str:
        """Say what the picture leaves out."""
        return ""

    def _prepare(self) -> bool:
        """Get ready for playing; return whether that was possible."""
        return True

    def _words(self) -> str:
        player = self.player
        if player.error:
            details = ""
            if player.details:
                details = (
                    "<details><summary>Traceback</summary>"
                    f'<pre style="overflow-x: auto">{escape(player.details)}</pre></details>'
                )
            ended = "The player has ended. " if player.state == FAILED else ""
            return (
                '<div role="alert" style="border-left: 4px solid #d55e00; padding: 4px 12px; '
                f'line-height: 1.4">{ended}<b>{escape(player.error)}</b>{details}</div>'
            )
        if player.state == FINISHED and not self.position:
            return f"The source has no {self.unit}: there is nothing to play."
        if player.state == READY:
            return f"Press play, or take the {self.unit} step by step."
        return escape(self._note())

    def _begin_step(self, n: int) -> None:
        if self._prepare():
            self.player.step(n)

    def _toggle(self) -> None:
        if self.player.state == PLAYING:
            self.player.pause()
        else:
            self.play()

    def _speed_chosen(self, change: Any) -> None:
        if change["new"] != self.player.speed:
            self.player.speed = change["new"]

    def _views_changed(self, change: Any) -> None:
        if change["old"] and not change["new"]:
            timer = threading.Timer(UNSEEN, self._end_unseen)
            timer.daemon = True
            timer.start()

    def _end_unseen(self) -> None:
        if not self.pane.views:
            self.player.leave()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        self.pane.refresh()
        return super()._repr_mimebundle_(**options)


def _close(widget: Any) -> None:
    """Close a widget and those that ipywidgets has made for it only."""
    for name in ("layout", "style"):
        if widget.has_trait(name):
            getattr(widget, name).close()
    widget.close()


def _button(description: str, tooltip: str) -> Any:
    return Button(description=description, tooltip=tooltip, layout={"width": "86px"})


def _speeds(given: float) -> list[tuple[str, float]]:
    named = SPEEDS | ({} if given in SPEEDS else {given: f"{given:,g}"})
    return [
        (name if math.isinf(speed) else f"{name} a second", speed)
        for speed, name in sorted(named.items())
    ]
