"""A training that one watches, and that does what its buttons say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import traitlets
from bokeh.models import LayoutDOM

from ..analysis.course import Course
from ..checks import check_positive, check_probability, check_size
from ..dataframes import pandas
from ..live import joined_modules, joined_styles
from ..plots.course import course_figure
from ..training import FitResult, TrainingRun
from .course_frame import course_frame
from .following import Followers
from .live_stream import THEMES, LiveStream
from .player import FAILED, FINISHED, PLAYING, READY, Player
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere
from .watched_stream import WatchedStream
from .watched_training import WatchedTraining

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js", "live/palette.js"),
    *("live/ticks.js", "live/store.js", "live/drawing.js", "live/tip.js", "live/view.js"),
    *("live/message.js", "widgets/pointed_plot.js", "widgets/course_panel.js"),
    *("widgets/course_plot.js", "widgets/training_monitor.js"),
)
STYLES = ("live/live.css", "widgets/training_monitor.css")


class TrainingMonitor(AnsweredAnywhere, WithSnapshot):
    """Runs a training, shows how it goes, and lets one pause, stop and steer it.

    Of what `iter_fit` returns one sees, epoch by epoch: losses, with the gap between them shaded
    from where overfitting begins, and the best epoch; scores; the norm of the gradient before
    clipping, and the learning rate, on logarithmic scales; the share of units whose gates are
    pinned open or shut (saturated at 95 % of all steps; see `lstmwidgets.analysis.saturation`), and
    of dead units, over a few sequences of the validation; how long it still takes. Faint behind
    losses and norms stand those of single batches. Of an online estimator one sees the same over
    its events, without what it does not have: no validation, no gradient norm, no dropout.

    The training runs in a thread while the kernel does other things; until it has ended, leave its
    model alone. Buttons and methods pause it after the batch in progress, lower the rate, set the
    dropout, or stop it with the best weights in the model. A cell that draws random numbers from
    PyTorch's global generator while it runs changes what dropout drops; while it rests, it does
    not.

    By keyboard: space plays and pauses, arrow keys in the picture go through the epochs.

    Parameters
    ----------
    source : TrainingRun, iterator of Epoch, LiveStream or estimator
        What is run: the return value of `lstmwidgets.training.iter_fit`; any other iterator of
        epochs, such as that of `SentimentModel.iter_fit`, which can be paused and stopped but not
        steered; a `LiveStream`; or an estimator of `lstmwidgets.online`, with a stream.
    stream : iterable, optional
        Events for the estimator, as of `LiveStream`.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    playing : bool
        Whether it goes on by itself. To be set, observed and linked from Python; the page sets it.
    theme : str
        As above.
    state : str
        ``"ready"``, ``"playing"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``.
    position : float
        How many epochs, or events, have passed; 3.5 in the middle of the fourth epoch.
    lr, dropout : float or None
        As they are now; None if there is none. `set_lr` and `set_dropout` change them.
    verdict : str
        In plain words how it stands, and at the end what to think of it.
    error : str
        What went wrong; empty if nothing did.

    Examples
    --------
    >>> import numpy as np
    >>> from lstmwidgets import SequenceModel, iter_fit
    >>> x = np.random.default_rng(0).normal(size=(64, 12, 1))
    >>> model = SequenceModel(input_size=1, hidden_size=8, pooling="mean")
    >>> training = iter_fit(model, x, x.mean((1, 2)), validation=0.25, lr=0.01, epochs=6, seed=0)
    >>> monitor = TrainingMonitor(training)  # in a notebook: press play
    >>> monitor.step(2)
    >>> monitor.lower_lr()
    >>> monitor.play()
    >>> monitor.wait(60)
    True
    >>> monitor.to_dataframe()["lr"].tolist()
    [0.01, 0.01, 0.005, 0.005, 0.005, 0.005]
    """

    _title = "Training of an LSTM"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    playing = traitlets.Bool(False, help="whether it goes on by itself").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    state = traitlets.Unicode(READY, help="what the player is doing").tag(sync=True)
    position = traitlets.Float(0.0, help="epochs or events that have passed").tag(sync=True)
    lr = traitlets.Float(None, allow_none=True, help="the learning rate").tag(sync=True)
    dropout = traitlets.Float(None, allow_none=True, help="the model's dropout").tag(sync=True)
    verdict = traitlets.Unicode("", help="how it stands, in words").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong").tag(sync=True)
    _details = traitlets.Unicode("").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _left = traitlets.Float(None, allow_none=True).tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self, source: Any, stream: Iterable[Any] | None = None, *, theme: str = "auto"
    ) -> None:
        self._closing, self._is_made = False, False
        self._drawn: tuple[Any, ...] | None = None
        self._watched = self._watch(source, stream)
        watched = self._watched
        is_fixed = watched.unit == "epoch" and watched.run is None
        super().__init__(
            theme=theme,
            _about={
                "unit": watched.unit,
                "total": watched.total,
                "steers": {
                    "lr": watched.lr is not None and not is_fixed,
                    "dropout": watched.dropout is not None,
                },
                "atMost": not watched.is_patient,
            },
        )
        self._is_made = True
        self.on_msg(self._receive)
        self._tell()
        self._show()

    # --- from Python ------------------------------------------------------------------------------

    def play(self) -> None:
        """Go on until the end, or until told otherwise."""
        self._watched.play()

    def pause(self) -> None:
        """Rest. Returns when the batch in progress is done, after five seconds at the latest."""
        self.player.pause()
        self.player.wait()

    def step(self, n: int = 1) -> None:
        """Run so many epochs, or a hundred times so many events, and rest. Returns then.

        Raises
        ------
        RuntimeError
            If the training has failed; its cause is what it failed with.
        """
        check_size("n", n)
        self._watched.step(n)
        self.player.wait(None)
        self.player.check()

    def stop(self) -> None:
        """End. The model gets the weights of the best epoch; an estimator keeps what it has."""
        self._watched.stop()
        self.player.wait()

    def lower_lr(self, factor: float = 0.5) -> None:
        """Multiply the learning rate, and what a schedule makes of it, from the next batch on.

        Parameters
        ----------
        factor : float
            Above 0; 0.5 halves it.
        """
        check_positive("factor", factor)
        self._steer(lambda: self._watched.set_lr(self._present_lr() * factor))

    def set_lr(self, lr: float) -> None:
        """Set the learning rate, and scale what a schedule makes of it, from the next batch on.

        Parameters
        ----------
        lr : float
            Above 0.
        """
        check_positive("lr", lr)
        self._present_lr()
        self._steer(lambda: self._watched.set_lr(lr))

    def set_dropout(self, dropout: float) -> None:
        """Let the model drop with another probability from the next batch on.

        Parameters
        ----------
        dropout : float
            From 0 to 1.

        Raises
        ------
        ValueError
            Of an online estimator, which has none.
        """
        check_probability("dropout", dropout)
        self._steer(lambda: self._watched.set_dropout(float(dropout)))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it rests, at most so many seconds; say whether it does.

        An interrupt of the cell that waits pauses the training.
        """
        try:
            return self.player.wait(timeout)
        except KeyboardInterrupt:
            self.player.pause()
            raise

    @property
    def player(self) -> Player:
        """What runs the training in its thread."""
        return self._watched.player

    @property
    def live(self) -> LiveStream | None:
        """What plays an online estimator."""
        return self._watched.live

    @property
    def training(self) -> TrainingRun | None:
        """What is steered; None of an online estimator and of other iterators of epochs."""
        return self._watched.run

    @property
    def result(self) -> FitResult:
        """Model, epochs and verdict so far, as `fit` returns them.

        Raises
        ------
        RuntimeError
            If the training has failed; its cause is what it failed with.
        ValueError
            If it is none of `iter_fit`.
        """
        if self._watched.failure is not None:
            raise RuntimeError(self.player.error) from self._watched.failure
        result = self._watched.result
        if result is None:
            raise ValueError("only a training that lstmwidgets.iter_fit returned has a result")
        return result

    @property
    def course(self) -> Course:
        """What is shown, as numbers."""
        return self.player.call(self._watched.course)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each epoch, or stretch of events.

        Columns: ``epoch``, losses, scores, ``gradient_norm``, ``lr``, ``dropout``, ``seconds``,
        ``best``, ``overfitting``, the shares of units whose gates are pinned (``forget_gate_open``
        and so on) and ``dead_units``; of an online estimator ``event``, ``error``, ``lr`` and the
        shares.
        """
        pd = pandas()
        course = self.course
        frame = pd.DataFrame(dict(course.columns))
        frame[course.unit] = frame[course.unit].astype(int)
        if course.unit == "epoch":
            frame["best"] = frame["best"].astype(bool)
            begin = course.overfits_from
            frame["overfitting"] = False if begin is None else frame["epoch"] >= begin
        return frame

    def figure(self) -> LayoutDOM:
        """Return the picture as a Bokeh layout, for papers and pages."""
        return course_figure(self.course)

    def close(self) -> None:
        """End the training, with the best weights in the model, and leave all pages."""
        if self.comm is None or self._closing:
            return
        self._closing = True
        self._watched.end()
        super().close()

    # --- inside -----------------------------------------------------------------------------------

    def _watch(self, source: Any, stream: Iterable[Any] | None) -> WatchedTraining | WatchedStream:
        if stream is not None:
            live = LiveStream(source, stream, speed=math.inf)
            return WatchedStream(live, self._show, self._tell, owned=True)
        if isinstance(getattr(source, "followers", None), Followers):
            return WatchedStream(source, self._show, self._tell)
        return WatchedTraining(source, self._show, self._tell)

    def _present_lr(self) -> float:
        if self._watched.lr is None:
            raise ValueError("there is no learning rate to change")
        return self._watched.lr

    def _steer(self, change: Callable[[], None]) -> None:
        self.player.call(change)
        self._tell()
        self.player.redraw()

    def _show(self) -> None:
        """Put what is new into the widget's state; in the player's thread, where there is one."""
        if self._closing or not self._is_made:
            return
        watched = self._watched
        stamp = (watched.position, *watched.changes, self.player.state)
        if stamp == self._drawn:
            return
        self._drawn = stamp
        course = watched.course()
        with self.hold_sync():
            self._whole = course_frame(course).to_bytes()
            self._left = watched.seconds_left()
            self.verdict = watched.words()
            self._read()

    def _read(self) -> None:
        watched = self._watched
        self.position = float(watched.position)
        self.lr, self.dropout = watched.lr, watched.dropout

    def _tell(self) -> None:
        """Let the traits say what the player is doing."""
        if self._closing or not self._is_made:
            return
        with self.hold_sync():
            self.error, self._details = self.player.error, self.player.details
            self.state = self.player.state
            self.playing = self.state == PLAYING
            if self.state in (FINISHED, FAILED):
                self.verdict = self._watched.words()
            self._read()

    @traitlets.observe("playing")
    def _playing_chosen(self, _: Any) -> None:
        if self.playing == (self.player.state == PLAYING):
            return
        if self.playing:
            self.play()
        else:
            self.player.pause()

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        """Take in a message of the page; the thread differs between ipykernel's versions."""
        kind = message.get("type")
        try:
            if kind == "step":
                self._watched.step(1)
            elif kind == "stop":
                self._watched.stop()
            elif kind == "lower":
                self.lower_lr(float(message["factor"]))
            elif kind == "dropout":
                self.set_dropout(float(message["dropout"]))
        except ValueError as error:
            self.error = str(error)
        if kind == "dropout":
            # Until it hears of its last change a page goes by what it has itself.
            self.send({"type": "edited", "session": message["session"], "edit": message["edit"]})

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._drawn = None
        self.player.call(self._show)
        state, given = super()._still_state()
        return {**state, "playing": False}, given

    def _what(self) -> str:
        return f"{type(self).__name__} after {len(self.course):,} {self._watched.unit}s"
