"""What a prediction feels of the past, of a model and of networks that have not learned."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from bokeh.plotting import figure

from ..analysis.gradient_flow import QUANTITIES_FELT, Gradients, Traced
from ..analysis.rivals import RIVALS, Sizes, rival_steps
from ..analysis.subject import as_subject
from ..dataframes import pandas
from ..live import joined_modules, joined_styles
from ..plots.gradients import gradients_figure
from .background import Background
from .flow_curves import CURVES, LONGEST, OWN, curves_frame
from .following import followed
from .live_stream import THEMES
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js", "live/palette.js"),
    *("live/ticks.js", "live/store.js", "live/drawing.js", "live/tip.js", "live/view.js"),
    *("widgets/pointed_plot.js", "widgets/flow_plot.js", "widgets/flow_words.js"),
    "widgets/gradient_flow.js",
)
STYLES = ("live/live.css", "widgets/gradient_flow.css")

MOST_UNITS = 256
"""Most units of a fresh network."""

PAUSE, PAUSES = 0.05, 10
"""Seconds of a pause, and how many there are between two looks at a model that learns."""

SLIDERS = ("length", "hidden_size", "forget_bias", "weight_scale", "with_own_weights")


class GradientFlow(AnsweredAnywhere, WithSnapshot):
    """How much a prediction feels of each step before it: of a model, and of others beside it.

    The curves are the size of the gradient of a prediction with respect to the cell state, the
    hidden output or the input of each step before it, on a logarithmic scale: of the model as it
    is, and of fresh networks of every cell kind and a plain RNN, which have not learned anything.
    Sliders change the fresh ones. Dashed is what comes along the cells alone, through the product
    of the forget gates. Below, the steps themselves are shaded by what the prediction feels of
    them; a click on one asks for the prediction made there.

    By keyboard: arrow keys in the picture go through the steps, Tab reaches everything else.

    Parameters
    ----------
    source, x, labels, sequence
        As `lstmwidgets.analysis.as_subject` takes them: a model with a sequence or a text, an
        estimator, or a `LiveStream`, which is followed.
    of : str
        ``"cell"``, ``"hidden"`` or ``"input"``: what the gradient is with respect to.
    step : int
        Which prediction is looked at; by default the last one.
    output : int, optional
        Which of `subject.outputs`; by default the class that wins, or the first number.
    layer : int
        Which layer's states, 0 the lowest; by default the top one.
    length, hidden_size : int
        How many steps before the prediction fresh networks begin to read, and their units; by
        default as the model, but 100 steps at least.
    forget_bias : float
        Bias of the fresh networks' forget gates.
    weight_scale : float
        All weights of fresh networks times this; at 1 they are as PyTorch draws them.
    with_own_weights : bool
        Whether fresh networks take those of the model's weights that have the same name and shape.
    relative : bool
        Draw each curve as a share of what it is at the prediction.
    shown : sequence of str
        Which curves: ``"model"``, ``"rnn"``, ``"standard"``, ``"peephole"``,
        ``"full_gate_recurrence"``, ``"coupled"``, ``"layer_norm"``.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    of, step, output, layer, …, theme
        As above. To be set, observed and linked from Python; the page sets them as well.
    subject : Subject
        What is examined.
    curves : dict of str to Gradients
        What is known so far; `wait` waits for the rest.
    error : str
        What went wrong; empty if nothing did.
    live : LiveStream or None
        What is followed.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> flow = GradientFlow(LSTM(3, 8), torch.randn(20, 3), forget_bias=3.0)
    >>> flow.wait(60)  # the last line of a cell shows it: flow
    True
    >>> flow.ratio("rnn", "standard", 50) < 1e-3
    True
    """

    _title = "What a prediction feels of the past"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    of = traitlets.Enum(QUANTITIES_FELT, "cell", help="what it is with respect to").tag(sync=True)
    step = traitlets.Any(0, help="which prediction is looked at").tag(sync=True)
    output = traitlets.Any(None, help="which of the outputs").tag(sync=True)
    layer = traitlets.Any(0, help="which layer, 0 the lowest").tag(sync=True)
    length = traitlets.Int(100, min=1, max=LONGEST, help="steps of fresh networks").tag(sync=True)
    hidden_size = traitlets.Int(32, min=1, max=MOST_UNITS, help="their units").tag(sync=True)
    forget_bias = traitlets.Float(1.0, min=-10, max=10, help="of forget gates").tag(sync=True)
    weight_scale = traitlets.Float(1.0, min=0, max=10, help="of fresh weights").tag(sync=True)
    with_own_weights = traitlets.Bool(False, help="take the model's weights").tag(sync=True)
    relative = traitlets.Bool(True, help="as shares of the prediction's own").tag(sync=True)
    shown = traitlets.List(traitlets.Enum(CURVES), [*CURVES], help="curves shown").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _due = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)
    live: Any = None
    _news = False

    def __init__(
        self,
        source: Any,
        x: Any = None,
        *,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        of: str = "cell",
        step: int = -1,
        output: int | None = None,
        layer: int = -1,
        length: int | None = None,
        hidden_size: int | None = None,
        forget_bias: float = 1.0,
        weight_scale: float = 1.0,
        with_own_weights: bool = False,
        relative: bool = True,
        shown: Sequence[str] = CURVES,
        theme: str = "auto",
    ) -> None:
        self.subject = as_subject(source, x, labels=labels, sequence=sequence)
        self.curves: dict[str, Gradients] = {}
        self._traced: Traced | None = None
        self._background = Background(self._take, self._failed)
        self._complete = threading.Event()
        units = min(self.subject.lstm.hidden_size, MOST_UNITS)
        steps = min(max(len(self.subject) - 1, 100), LONGEST)
        super().__init__(
            of=of,
            step=_place(step, len(self.subject)),
            output=output,
            layer=_place(layer, self.subject.lstm.num_layers),
            length=steps if length is None else length,
            hidden_size=units if hidden_size is None else hidden_size,
            forget_bias=forget_bias,
            weight_scale=weight_scale,
            with_own_weights=with_own_weights,
            relative=relative,
            shown=list(shown),
            theme=theme,
            _about=self._describe(),
        )
        self.on_msg(self._receive)
        self.observe(self._own_chosen, ["step", "output"])
        self.observe(self._rivals_chosen, [*SLIDERS])
        self.observe(self._repack, ["layer"])
        self._start(CURVES)
        self.live = followed(source, labels) if x is None else None
        if self.live is not None:
            self.live.followers.add(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all curves are there, at most so many seconds; say whether they are."""
        return self._complete.wait(timeout)

    def ratio(self, one: str, other: str, steps_before: int) -> float:
        """Return a curve divided by another, so many steps before the prediction, as it is drawn.

        Parameters
        ----------
        one, other : str
            Names out of `curves`.
        steps_before : int
            0 is the step of the prediction.
        """
        values = []
        for name in (one, other):
            curve = self.curves[name].norms(self.of, self.layer)
            if not 0 <= steps_before < len(curve):
                raise ValueError(f"{name!r} has {len(curve)} steps, none {steps_before} before")
            values.append(curve[-1 - steps_before] / (curve[-1] if self.relative else 1.0))
        return float(values[0] / values[1])

    def to_dataframe(self) -> pd.DataFrame:
        """Return all curves of the layer, a row for each network and step."""
        pd = pandas()
        tables = {name: each.to_dataframe(self.layer) for name, each in self._ready().items()}
        return pd.concat(tables, names=["network"]).reset_index(level="network")

    def figure(self, *, height: int = 360) -> figure:
        """Return the picture as a figure of Bokeh's, with the curves that are shown."""
        curves = {name: each for name, each in self._ready().items() if name in self.shown}
        return gradients_figure(
            curves, of=self.of, layer=self.layer, relative=self.relative, height=height
        )

    def close(self) -> None:
        """Stop computing, and take the widget out of all pages."""
        if self.comm is None:
            return  # closed before, or never made
        self._background.cancel()
        self._complete.set()
        if self.live is not None:
            self.live.followers.remove(self)
        super().close()

    def catch_up(self) -> None:
        """Look at the model that is followed again, soon; its player calls this."""
        self._news = True
        if not self._background.is_busy:
            self._start([OWN])

    def rest(self) -> None:
        """Do the same; its player calls this."""
        self.catch_up()

    def _ready(self) -> dict[str, Gradients]:
        """Wait for all curves, and return them in their order."""
        self.wait()
        if self.error:
            raise RuntimeError(self.error)
        return self._in_order()

    def _start(self, names: Sequence[str]) -> None:
        """Compute these curves from now on, and those that were still to come."""
        self._background.cancel()  # what it takes in from now on would be of before
        due = [name for name in CURVES if name in {*names, *self._due}]
        self._due = due
        self._complete.clear()
        self._background.start(self._compute(due))

    def _compute(self, due: Sequence[str]) -> Generator[tuple[str, Gradients] | None]:
        """Yield curves as they come, and what is new of a model that is followed, now and then."""
        while due:
            if self._news:
                self._news = False
                self._look_again()
            yield from self._compute_curves(due)
            due = []
            if self._news:
                for _ in range(PAUSES):  # so that it can be cancelled in between
                    time.sleep(PAUSE)
                    yield None
                due = [OWN]

    def _compute_curves(self, due: Sequence[str]) -> Generator[tuple[str, Gradients] | None]:
        subject = self.subject
        if OWN in due:
            if self._traced is None:
                self._traced = Traced(subject)
                yield from self._traced.run()
            label = None if self.output is None else subject.outputs[self.output]
            yield OWN, self._traced.gradients(self.step, label)
        layers = subject.lstm.num_layers
        sizes = Sizes(
            self.length + 1, self.hidden_size, layers, self.forget_bias, self.weight_scale
        )
        rivals = [name for name in RIVALS if name in due]
        own = self.with_own_weights
        yield from rival_steps(subject, sizes, rivals, with_own_weights=own)

    def _look_again(self) -> None:
        """Take the model that is followed as it is now."""
        subject = as_subject(self.live)
        last = self.step == len(self.subject) - 1
        steps, layers = len(subject), subject.lstm.num_layers
        self.subject, self._traced = subject, None
        with self.hold_sync():
            self.step = steps - 1 if last else min(self.step, steps - 1)
            self.layer = min(self.layer, layers - 1)
            if self.output is not None and self.output >= len(subject.outputs):
                self.output = None
            self._about = self._describe()

    def _take(self, item: tuple[str, Gradients] | None) -> None:
        """Show a curve; called by the thread that computes."""
        if item is None:
            return
        name, gradients = item
        self.curves[name] = gradients
        frame = curves_frame({name: gradients}, self.layer)
        self.send({"type": "curves", **frame.header}, frame.buffers)
        with self.hold_sync():
            self.error = ""
            self._due = [each for each in self._due if each != name]
            if not self._due:
                self._repack()
        if not self._due:
            self._complete.set()

    def _failed(self, error: Exception) -> None:
        with self.hold_sync():
            self.error = f"{type(error).__name__}: {error}"
            self._due = []
        self._complete.set()

    def _repack(self, _: Any = None) -> None:
        """Put all curves into the widget's state, which a saved notebook has."""
        self._whole = curves_frame(self._in_order(), self.layer).to_bytes()

    def _in_order(self) -> dict[str, Gradients]:
        return {name: self.curves[name] for name in CURVES if name in self.curves}

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        subject = self.subject
        return {
            "labels": list(subject.labels),
            "outputs": [str(output) for output in subject.outputs],
            "task": subject.task,
            "layers": subject.lstm.num_layers,
            "cell": subject.lstm.cell,
            "longest": LONGEST,
            "units": MOST_UNITS,
        }

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        if message.get("type") == "hello" and self.curves:
            frame = curves_frame(self._in_order(), self.layer)
            self.send({"type": "curves", **frame.header}, frame.buffers)

    def _own_chosen(self, _: Any) -> None:
        self._start([OWN])

    def _rivals_chosen(self, _: Any) -> None:
        self._start(RIVALS)

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        return _checked("step", proposal["value"], len(self.subject))

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Any) -> int:
        return _checked("layer", proposal["value"], self.subject.lstm.num_layers)

    @traitlets.validate("output")
    def _check_output(self, proposal: Any) -> int | None:
        value = proposal["value"]
        return None if value is None else _checked("output", value, len(self.subject.outputs))

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._ready()
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} over {self.step + 1:,} steps"


def _place(place: int, count: int) -> int:
    """Return a place that may be counted from the end."""
    if isinstance(place, int) and not isinstance(place, bool) and -count <= place < 0:
        return place + count
    return place


def _checked(name: str, value: Any, count: int) -> int:
    if isinstance(value, bool) or value not in range(count):
        raise ValueError(f"{name} must be from 0 to {count - 1}, got {value!r}")
    return int(value)
