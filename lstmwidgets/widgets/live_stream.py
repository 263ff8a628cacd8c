"""A model that predicts and learns while one looks on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..analysis.prequential import Prequential
from ..analysis.recording import Recording, as_recording
from ..analysis.replay import Replay
from ..analysis.tasks import Metric
from ..plots.live_run import LivePicture
from ..plots.style import THEMES
from ..trace import Trace
from .controls import PlayerWidget
from .pane import Pane
from .player import FINISHED, STOPPED, Player
from .threads import Checkbox


class LiveStream(PlayerWidget):
    """Plays a stream through a model: predict, compare, learn, event by event.

    Above, what the model predicts for each event and what then comes: numbers with an interval
    that holds 90 % of the truth, probabilities of classes, or anomaly scores. Dashed lines mark
    where ADWIN saw the error change. Then the metric over the whole run beside a naive forecast's.
    If the model is one of `lstmwidgets.online`, cell state and gates of its top layer follow below,
    column by column with the events above them. A source of texts is played word by word.

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
        Events a second, in a source of texts words; ``math.inf`` for as fast as the model can. May
        be set anew at any time.
    learning : bool
        Whether the model learns. May be set anew at any time. Without it, the state of the models
        in `lstmwidgets.online` goes on all the same.
    coverage : float
        Share of targets that the interval shall hold.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    run : Prequential
        What is played, with its `rows`, `metric` and `drifts`.
    error : str
        What went wrong; empty if nothing did. It is shown above the picture as well.

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
        theme: str = "auto",
    ) -> None:
        self.run: Prequential | Replay
        if isinstance(model, Recording | Trace | str | Path):
            self.run = Replay(as_recording(model), window=window, coverage=coverage)
            model = None
        else:
            source = _checked(source)
            self.run = Prequential(model, source, metric=metric, window=window, coverage=coverage)
            self.run.learning = learning
        self._source = source
        self._total = _length(self.run.source if isinstance(self.run, Replay) else source)
        self._again = False
        self._guests: list[Any] = []
        self._picture = LivePicture(self.run)
        self._learn = Checkbox(
            value=learning,
            description="Learn",
            indent=False,
            layout={"width": "76px"},
            tooltip="Whether the model learns from the events",
        )
        self._learn.observe(self._learning_chosen, "value")
        player = Player(self._advance, self._show, self._changed, model=model)
        pane = Pane(self._picture.layout, theme=theme, themes=THEMES)
        super().__init__(pane, player, [self._learn] if model is not None else [])
        self.speed = speed

    @property
    def model(self) -> Any:
        """The model that is played; None if a recording is."""
        return getattr(self.run, "model", None)

    @property
    def position(self) -> int:
        """How many events have gone through."""
        return self.run.events

    @property
    def total(self) -> int | None:
        """How many events there are, if the source knows."""
        return self._total

    @property
    def error(self) -> str:
        """What went wrong; empty if nothing did."""
        return self.player.error

    @property
    def learning(self) -> bool:
        """Whether the model learns."""
        return isinstance(self.run, Prequential) and self.run.learning

    @learning.setter
    def learning(self, learning: bool) -> None:
        self._learn.value = bool(learning)

    def recording(self) -> Recording:
        """Return cell state and gates of the last `window` events, to look at or to save."""
        return self.run.recording()

    def share_with(self, widget: Any) -> None:
        """Let another widget show the same run, frame by frame.

        Parameters
        ----------
        widget : CellInspector or StateHeatmap
            Or anything with a method `show` that takes a `Recording`.
        """
        if not callable(getattr(widget, "show", None)):
            raise TypeError(f"expected a widget with a method show, got {type(widget).__name__}")
        self._guests.append(widget)

    def _prepare(self) -> bool:
        if self.player.state in (STOPPED, FINISHED) and self.run.steps:
            if self._source is not None and iter(self._source) is self._source:
                self.player.error = (
                    "The source has been read, and can be read only once: make a new widget with a "
                    "new source."
                )
                self.show_state()
                return False
            self._again = True
        return True

    def _advance(self, until: float = 0.0) -> bool:
        if self._again:
            self._again = False
            if isinstance(self.run, Replay):
                self.run.begin()
            else:
                getattr(self.run.model, "reset_stream", lambda: None)()
                self.run.begin(self._source or ())
        return self.run.advance(until)

    def _show(self) -> None:
        with self.pane:
            self._picture.update()
        if self._guests and self.run.kept:
            recording = self.recording()
            for guest in self._guests:
                guest.show(recording)
        self.show_reading()

    def _changed(self) -> None:
        self.show_state()

    def _note(self) -> str:
        return self._picture.note

    def _learning_chosen(self, change: Any) -> None:
        if isinstance(self.run, Prequential):
            self.run.learning = change["new"]


def _checked(source: Iterable[Any] | None) -> Iterable[Any]:
    if source is None:
        raise TypeError("a model needs a source to play: LiveStream(model, source)")
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise TypeError(
            "source must be an iterable of events, as River's data sets are, "
            f"got {type(source).__name__}"
        )
    return source


def _length(source: Any) -> int | None:
    """Return how many events a source has, if it knows."""
    samples = getattr(source, "n_samples", None)  # River's data sets
    if isinstance(samples, int):
        return samples
    try:
        return len(source)
    except TypeError:
        return None
