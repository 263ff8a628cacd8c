"""A model that predicts and learns while one looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets
from river.metrics.base import Metric

from ..analysis.prequential import Prequential
from ..analysis.recording import Recording
from ..analysis.replay import Replay
from ..cells import CELLS
from ..live import CHART_MODULES, Feed, Frame, joined_modules, joined_styles, live_panels
from .following import Followers, run_name
from .open_pages import OpenPages
from .player import FAILED, FINISHED, PLAYING, READY, STOPPED, Player
from .settings import Speed, model_with, settings_of
from .snapshots import WithSnapshot, write_page
from .sources import is_read_once, length_of, run_of
from .threads import AnsweredAnywhere

MODULES = (*CHART_MODULES, "widgets/live_stream.js")
STYLES = ("live/live.css",)

THEMES = ("auto", "light", "dark")

READING = 0.25
"""Seconds between two updates of the traits while playing; frames carry all of it anyway."""

RESTING = 1.0
"""Seconds at rest until the saved notebook gets what is shown."""


class LiveStream(AnsweredAnywhere, WithSnapshot):
    """Plays a stream through a model: predict, compare, learn, event by event.

    Above, what the model predicts for each event and what then comes: numbers with an interval
    that holds 90 % of the truth, probabilities of classes, or anomaly scores. Dashed lines mark
    where ADWIN saw the error change. If the model is one of `lstmwidgets.online`, cell state and
    gates of its top layer follow below, column by column with the events above them. Last, the
    metric over the whole run beside a naive forecast's. A source of texts is played word by word.

    The picture follows the last event. A drag looks back, Shift and the wheel zoom; a badge says so
    and leads back. Space plays and pauses, arrow keys go through events.

    Parameters
    ----------
    model : estimator, Recording, Trace or path
        A River regressor, forecaster, classifier or anomaly detector, or a pipeline that ends in
        one. It learns while it plays; pause before you use it yourself. Or what is over and shall
        be played again: a recording, a file of one, or the trace of an `LSTM`; without a source.
    source : iterable, optional
        Events: pairs of features and target, as River's data sets give them; features alone; for a
        forecaster also plain numbers; for a text classifier pairs of text and class. May be
        endless.
    metric : Metric, optional
        Of River; by default the mean absolute error, or the accuracy.
    window : int
        How many events are in view, and are kept.
    speed : float
        Events a second, in a source of texts words; ``math.inf`` for as fast as the model can.
    learning : bool
        Whether the model learns. Without it, the state of the models in `lstmwidgets.online` goes
        on all the same.
    coverage : float
        Share of targets that the interval shall hold.
    horizon : int
        How many steps a forecaster looks ahead, beyond the last event: at each frame, scored as
        they come true. 0 for none.
    inputs : sequence of str
        Names of features that are drawn as well, in a panel of their own: numbers, a row each.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    playing, speed, learning, theme : bool, float, bool, str
        To be set, observed and linked from Python; the page sets them as well.
    position : int
        How many events have gone through; while it plays, as of a moment ago.
    total : int or None
        How many there are, if the source knows.
    state : str
        ``"ready"``, ``"playing"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``.
    error : str
        What went wrong; empty if nothing did. It is shown above the picture as well.
    folded : list of str
        Which panels are folded, such as ``"forget_gate"``.
    settings : dict
        What `begin_again` can change, as it is: ``hidden_size``, ``cell``, ``lr``, ``gradient``,
        ``window`` and ``seed`` of a model of `lstmwidgets.online`; of others nothing.
    run : Prequential or Replay
        What is played, with its `rows`, `metric` and `drifts`.
    followers : Followers
        Widgets that go along, as `CellInspector(live)` and `StateHeatmap(live)` do.

    Examples
    --------
    >>> from river import datasets
    >>> from lstmwidgets.online import LSTMRegressor
    >>> from lstmwidgets.widgets import LiveStream
    >>> live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow())
    >>> live.step(200)  # in a notebook: press play
    >>> live.position, live.state
    (200, 'paused')
    >>> live.stop()
    """

    _title = "Live stream"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    playing = traitlets.Bool(False, help="whether it goes on by itself").tag(sync=True)
    speed = Speed(20.0)
    learning = traitlets.Bool(True, help="whether the model learns").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), help="folded panels").tag(sync=True)
    position = traitlets.Int(0, help="events that have gone through").tag(sync=True)
    total = traitlets.Int(None, allow_none=True, help="how many there are").tag(sync=True)
    state = traitlets.Unicode(READY, help="what the player is doing").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong").tag(sync=True)
    settings = traitlets.Dict(help="what begin_again can change").tag(sync=True)
    _details = traitlets.Unicode("").tag(sync=True)
    _note = traitlets.Unicode("").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        model: Any,
        source: Iterable[Any] | None = None,
        *,
        metric: Metric | None = None,
        window: int = 300,
        speed: float = 20.0,
        learning: bool = True,
        coverage: float = 0.9,
        horizon: int = 12,
        inputs: Sequence[str] = (),
        theme: str = "auto",
    ) -> None:
        self.run = run_of(
            model,
            source,
            metric=metric,
            window=window,
            coverage=coverage,
            horizon=horizon,
            inputs=inputs,
        )
        if isinstance(self.run, Replay):
            model, learning = None, False
        else:
            self.run.learning = learning
        self._source = source
        self._again = self._wants_whole = self._wants_rest = False
        self._read_at = 0.0
        self._failure = ""
        self._next_model: Any = None
        self._feed = Feed(self.run)
        self.followers = Followers()
        self.player = Player(self._advance, self._show, self._changed, model=model)
        self._pages = OpenPages(gone=self.player.leave)
        super().__init__(
            speed=speed,
            learning=learning,
            theme=theme,
            total=length_of(self.run.source if isinstance(self.run, Replay) else source),
            _about={
                "panels": live_panels(self.run),
                "window": window,
                "learns": model is not None,
                "run": run_name(self.run),
                "choices": {"cell": list(CELLS), "gradient": ["tbptt", "eligibility"]},
            },
            settings=settings_of(getattr(self.run, "lstm", None)),
        )
        self.player.speed = self.speed
        self._changed()
        self.on_msg(self._receive)

    @property
    def model(self) -> Any:
        """The model that is played; None if a recording is."""
        return getattr(self.run, "model", None)

    def play(self) -> None:
        """Go on until told otherwise or until the end; after the end, from the beginning."""
        if self._prepare():
            self.player.play()
        self._changed()

    def pause(self) -> None:
        """Rest. Returns when the event in progress is done, after five seconds at the latest."""
        self.player.pause()
        self.player.wait()

    def step(self, n: int = 1) -> None:
        """Take so many events and rest. Returns when they are done.

        Raises
        ------
        RuntimeError
            If the model or the source has failed; its cause is what it failed with.
        """
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be a whole number above 0, got {n!r}")
        if self._prepare():
            self.player.step(n)
        self.player.wait(None)
        self.player.check()

    def stop(self) -> None:
        """End. Playing again starts from the beginning; the model keeps what it has learned."""
        self.player.stop()
        self.player.wait()

    def begin_again(self, **settings: Any) -> None:
        """Play the source from its beginning through a new model that has learned nothing yet.

        Parameters
        ----------
        **settings
            What shall be other than before, of those in `settings`.

        Raises
        ------
        ValueError
            If the model has no such setting, or does not take the value.
        """
        known = dict(self.settings)
        for name in settings:
            if name not in known:
                raise ValueError(f"this model has no setting {name!r}; it has {sorted(known)}")
        if self._source is None or is_read_once(self._source):
            raise ValueError(
                "the source can be read only once: make a new widget with a new source"
            )
        model = self.model if self._next_model is None else self._next_model
        self._next_model = model_with(model, settings)
        self.settings = known | settings
        self._again = True
        self.player.play()

    def recording(self) -> Recording:
        """Return cell state and gates of the last `window` events, to look at or to save."""
        return self.player.call(self.run.recording)

    def save_html(self, path: str | Path, title: str | None = None, *, plays: bool = False) -> None:
        """Write the picture as one page that one can look around in offline, without a kernel.

        Parameters
        ----------
        path : path
            Of the page; an older one is replaced once the new one is whole.
        title : str, optional
            Of the page; by default what the widget shows.
        plays : bool
            Whether the page plays the last `window` events again, as they were. It begins by
            itself, unless the reader's system asks for less motion, and can be paused and stepped
            through. Without it the picture rests.

        Raises
        ------
        ValueError
            If texts shall play, whose words a page cannot count, or if there was no event yet.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from river import datasets
        >>> from lstmwidgets.online import LSTMRegressor
        >>> from lstmwidgets.widgets import LiveStream
        >>> live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow())
        >>> live.step(200)
        >>> with TemporaryDirectory() as folder:
        ...     live.save_html(Path(folder) / "water.html", "Water flow", plays=True)
        >>> live.stop()
        """
        if not plays:
            super().save_html(path, title)
            return
        if self.run.words:
            raise ValueError("plays=True is for events; of a run over texts save the picture")
        if not self.run.steps:
            raise ValueError("nothing was played yet: call step or play before plays=True")
        write_page(path, self._page(title or self._title, plays=True))

    _closing = False

    def close(self) -> None:
        """End the player and take the widget out of all pages."""
        if self.comm is None:
            return  # closed before, or never made; ipywidgets closes again what nobody holds
        self._closing = True
        self.player.stop()
        self.player.wait()
        self.layout.close()  # ipywidgets made it for this widget only
        super().close()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        frame = self.player.call(self._send_whole)
        state, given = super()._still_state()
        return {**state, "playing": False, "_whole": frame.to_bytes()}, given

    def _what(self) -> str:
        events = "texts" if self.run.words else "events"
        return f"{type(self).__name__} after {self.run.events:,} {events}"

    @traitlets.observe("speed")
    def _speed_chosen(self, _: Any) -> None:
        self.player.speed = self.speed

    @traitlets.observe("learning")
    def _learning_chosen(self, _: Any) -> None:
        if isinstance(self.run, Prequential):
            self.run.learning = self.learning

    @traitlets.observe("playing")
    def _playing_chosen(self, _: Any) -> None:
        if self.playing == (self.player.state == PLAYING):
            return
        if self.playing:
            self.play()
        else:
            self.player.pause()

    def _prepare(self) -> bool:
        """Get ready for playing; return whether that was possible."""
        player = self.player
        if player.state not in (STOPPED, FINISHED, FAILED) or not (self.run.steps or player.error):
            return True
        if is_read_once(self._source):
            before = f"{self._failure} " if player.state == FAILED else ""
            player.error = (
                f"{before}The source has been read, and can be read only once: make a new widget "
                "with a new source."
            )
            self._changed()
            return False
        self._again = True
        return True

    def _advance(self, until: float = 0.0) -> bool:
        if self._again:
            self._again = False
            if isinstance(self.run, Replay):
                self.run.begin()
                return self.run.advance(until)
            model, self._next_model = self._next_model, None
            if model is not None:
                self.run.use(model)
                self.player.hold(model)
            self.run.task.reset()
            self.run.begin(self._source or ())
        return self.run.advance(until)

    def _show(self) -> None:
        """Send what is new; in the player's thread, or in another while there is none."""
        resting, self._wants_rest = self._wants_rest, False
        if resting:
            self._wants_whole = False
            self._whole = self._feed.whole().to_bytes()
        if isinstance(self.run, Prequential):
            self.run.look_ahead()
        wants_whole, self._wants_whole = self._wants_whole, False
        if wants_whole:
            self._send_whole()
        elif (frame := self._feed.news()) is not None:
            self._send_frame(frame)
        self.followers.catch_up(resting=resting)
        now = time.monotonic()
        if now > self._read_at + READING:
            self._read_at = now
            self.position = self.run.events

    def _send_whole(self) -> Frame:
        frame = self._feed.whole()
        self._send_frame(frame)
        return frame

    def _send_frame(self, frame: Frame) -> None:
        self.send({"type": "frame", **frame.header}, frame.buffers)

    def _changed(self) -> None:
        """Let the traits say what the player is doing."""
        player = self.player
        with self.hold_sync():
            self.position = self.run.events
            self.error, self._details = player.error, player.details
            self._note = self._words()
            if player.state == FAILED and self.state != FAILED:
                self._failure = player.error
            self.state = player.state
            self.playing = player.state == PLAYING
        if player.state != PLAYING and self._feed.seq and not self._closing:
            timer = threading.Timer(RESTING, self._keep)
            timer.daemon = True
            timer.start()

    def _keep(self) -> None:
        """Put what is shown at rest into the widget's state, which a saved notebook has."""
        if self.player.state != PLAYING and self.comm is not None:
            self._wants_rest = True
            self.player.redraw()

    def _words(self) -> str:
        if self.player.state == FINISHED and not self.run.events:
            return "The source has no events: there is nothing to play."
        if self.player.state == READY:
            return "Press play, or take the events step by step."
        units, hidden = len(self._feed.units), self.run.hidden_size or 0
        if 0 < units < hidden:
            return f"The heatmaps show the {units} of {hidden:,} units that move the most."
        return ""

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        """Take in a message of the page; the thread differs between ipykernel's versions."""
        kind = message.get("type")
        if kind == "begin":
            self._begin_again(message["settings"])
        elif kind == "step" and self._prepare():
            self.player.step(1)
        elif kind == "stop":
            self.player.stop()
        elif kind == "whole":
            self._wants_whole = True
            self.player.redraw()
        else:
            self._pages.take(message)
            self.player.interval = self._pages.interval

    def _begin_again(self, settings: dict[str, Any]) -> None:
        try:
            self.begin_again(**settings)
        except ValueError as error:
            self.player.error = str(error)
            self._changed()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        self._keep()
        return super()._repr_mimebundle_(**options)
