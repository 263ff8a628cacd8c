"""What an LSTM costs: counted for any size, measured on this machine beside others."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
import traitlets
from bokeh.models import LayoutDOM

from ..analysis.contenders import missing_for_onnx
from ..analysis.cost_counts import Counts, count_costs, count_polynomials, counts_of
from ..analysis.cost_curves import KINDS, CostPoint, Workload, cost_steps, cost_table
from ..cells import CELLS
from ..checks import check_size
from ..dataframes import pandas
from ..live import joined_modules, joined_styles
from ..lstm import LSTM
from ..models import SequenceModel
from ..plots import costs_figure
from .background import Background
from .live_stream import THEMES
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js", "live/colors.js"),
    *("live/palette.js", "live/ticks.js", "live/drawing.js", "live/view.js"),
    *("widgets/cost_numbers.js", "widgets/cost_chart.js", "widgets/cost_panel.js"),
)
STYLES = ("live/live.css", "widgets/cost_panel.css")

SIZES = (8, 16, 32, 64, 128, 256)
MOST_UNITS, MOST_LAYERS = 2048, 8
MOST_SHOWN = 512
"""Where the page's slider ends, unless larger sizes are measured."""

Key = tuple[str, str, int, int, str]
"""Kind, contender, hidden size, layers and cell of a point."""

REST = 0.3
"""Seconds that a choice has to stand before it is measured: a slider passes many."""


class CostPanel(AnsweredAnywhere, WithSnapshot):
    """What an LSTM costs against its hidden size, its layers and its cell.

    Parameters, operations a step and memory are counted, for any size at once. What a step, a
    learned event and a batch take is measured on this machine, beside PyTorch's `nn.LSTM` and ONNX
    Runtime, as `lstmwidgets.analysis.measure_costs` says; points appear as they are measured, and
    are kept. A size that is chosen is measured as well.

    By keyboard: arrow keys in the charts go through the sizes, Enter chooses one.

    Parameters
    ----------
    model : LSTM, SequenceModel or estimator, optional
        Its sizes are the first choice, and what is counted of it is marked. Of an estimator of
        `lstmwidgets.online`, which has learned something, its LSTM.
    input_size, hidden_size, num_layers : int, optional
        I, H and L; by default the model's, or 10, 64 and 1.
    cell : str, optional
        As of `LSTM`; by default the model's, or ``"standard"``. PyTorch's and ONNX Runtime's LSTMs
        are of the standard cell whatever this is.
    sizes : sequence of int
        Hidden sizes that are measured.
    window : int
        Events back that learning looks.
    batch_size, steps : int
        B and T of the batch that is measured.
    measuring : bool
        Whether it measures; counts are there all the same.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    hidden_size, num_layers, cell, measuring, theme
        As above. To be set, observed and linked from Python; the page sets them as well.
    sizes : tuple of int
        Hidden sizes that are measured, in order.
    workload : Workload
        What is measured.
    own : Counts or None
        What is counted of the model itself, embedding and head included.
    error : str
        What went wrong; empty if nothing did.

    Examples
    --------
    >>> panel = CostPanel(input_size=3, hidden_size=8, sizes=[4, 8], batch_size=2, steps=5)
    >>> panel.counts.parameters
    416
    >>> panel.wait(60)  # the last line of a cell shows it: panel
    True
    >>> table = panel.to_dataframe()
    >>> table[table["contender"] == "nn.LSTM"]["hidden_size"].tolist()
    [4, 8]
    """

    _title = "What an LSTM costs"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    hidden_size = traitlets.Int(64, min=1, max=MOST_UNITS, help="units of a layer").tag(sync=True)
    num_layers = traitlets.Int(1, min=1, max=MOST_LAYERS, help="layers").tag(sync=True)
    cell = traitlets.Enum((*CELLS,), "standard", help="kind of the cell").tag(sync=True)
    measuring = traitlets.Bool(True, help="whether it measures").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _points = traitlets.List(traitlets.Dict()).tag(sync=True)
    _own = traitlets.Dict().tag(sync=True)
    _progress = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        model: Any = None,
        *,
        input_size: int | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        cell: str | None = None,
        sizes: Sequence[int] = SIZES,
        window: int = 10,
        batch_size: int = 32,
        steps: int = 50,
        measuring: bool = True,
        theme: str = "auto",
    ) -> None:
        own: dict[str, Any] = {}
        self.own = None
        if model is not None:
            given = counted_model(model)
            lstm = given if isinstance(given, LSTM) else given.lstm
            if input_size not in (None, lstm.input_size):
                raise ValueError(f"input_size: the model has {lstm.input_size}, got {input_size!r}")
            input_size = lstm.input_size
            hidden_size = lstm.hidden_size if hidden_size is None else hidden_size
            num_layers = lstm.num_layers if num_layers is None else num_layers
            cell = lstm.cell if cell is None else cell
            self.own = counts_of(given)
            own = {**self.own._asdict(), "hidden_size": lstm.hidden_size}
        inputs = Workload.input_size if input_size is None else input_size
        self.workload = Workload(inputs, window, batch_size, steps)
        self.sizes = checked_sizes(sizes)
        self._background = Background(self._take, self._failed)
        self._measured: dict[Key, CostPoint] = {}
        self._stale: set[Key] = set()  # to be measured again
        super().__init__(
            hidden_size=64 if hidden_size is None else hidden_size,
            num_layers=1 if num_layers is None else num_layers,
            cell="standard" if cell is None else cell,
            measuring=measuring,
            theme=theme,
            _about=self._describe(),
            _own=own,
        )
        self.on_msg(self._receive)
        self.observe(self._renew, ["hidden_size", "num_layers", "cell", "measuring"])
        self._renew()

    @property
    def counts(self) -> Counts:
        """Parameters, operations and memory of the LSTM that is chosen."""
        return self.counts_of(self.hidden_size)

    @property
    def points(self) -> list[CostPoint]:
        """All that has been measured, of any cell and number of layers, sizes in order."""
        return sorted(self._measured.values(), key=lambda each: each.hidden_size)

    def counts_of(self, hidden_size: int) -> Counts:
        """Return what an LSTM with the chosen layers and cell and another hidden size costs.

        Parameters
        ----------
        hidden_size : int
            H.
        """
        return count_costs(self.workload.input_size, hidden_size, self.num_layers, cell=self.cell)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is measured, at most so many seconds; say whether it is."""
        return self._background.wait(timeout)

    def measure_again(self) -> None:
        """Measure anew what was measured of the chosen cell and layers.

        What is known stays until something newer takes its place.
        """
        self._background.cancel()
        self._stale = {key for key, each in self._measured.items() if self._is_chosen(each)}
        self.measuring = True
        self._renew()

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each size and contender of the chosen cell and layers.

        Columns: ``hidden_size``, ``num_layers``, ``cell`` and ``contender``; of our LSTM
        ``parameters``, ``flops_per_step``, ``weight_bytes`` and ``state_bytes``, which are counted;
        as far as they were measured ``step_us`` and ``event_us`` in microseconds, ``batch_ms`` in
        milliseconds and ``kept_bytes``, what a batch keeps for the way back.
        """
        pd = pandas()
        return pd.DataFrame(cost_table(self._ready(), self.workload.input_size))

    def figure(self) -> LayoutDOM:
        """Return the charts of the chosen cell and layers as a Bokeh layout, for papers."""
        return costs_figure(self._ready(), self.counts_of, self.hidden_size, self.workload)

    def close(self) -> None:
        """Measure no more, and take the widget out of all pages."""
        if self.comm is None:
            return  # closed before, or never made
        self._background.cancel()
        super().close()

    def _ready(self) -> list[CostPoint]:
        """Wait for what is being measured; return what there is of the chosen cell and layers."""
        self.wait()
        if self.error:
            raise RuntimeError(self.error)
        return [each for each in self.points if self._is_chosen(each)]

    def _is_chosen(self, point: CostPoint) -> bool:
        return (point.cell, point.num_layers) == (self.cell, self.num_layers)

    def _renew(self, _: Any = None) -> None:
        """Measure what is missing of what is chosen."""
        self._background.cancel()
        with self.hold_sync():
            self.error, self._progress = "", 1.0
        if self.measuring and self._due():
            self._progress = 0.0
            self._background.start(self._work())

    def _due(self) -> list[tuple[int, str]]:
        """Return the sizes and kinds that are still to be measured, the chosen size first."""
        chosen = {key: each for key, each in self._measured.items() if self._is_chosen(each)}
        again = [each.hidden_size for key, each in chosen.items() if key in self._stale]
        known = {
            (each.hidden_size, each.kind) for key, each in chosen.items() if key not in self._stale
        }
        sizes = dict.fromkeys([self.hidden_size, *self.sizes, *again])
        wanted = [(size, kind) for size in sizes for kind in KINDS]
        return [each for each in wanted if each not in known]

    def _work(self) -> Generator[list[CostPoint] | float | None]:
        """Yield points as they are measured, and what part of it is done."""
        for _ in range(10):
            time.sleep(REST / 10)
            yield None  # another choice may have been made
        due = self._due()
        for number, each in enumerate(due):
            yield number / len(due)
            points = []
            for point in cost_steps([each], self.num_layers, self.cell, self.workload):
                if point is None:
                    yield None
                else:
                    points.append(point)
            yield points  # all of a size and kind, or none
        yield 1.0

    def _take(self, item: list[CostPoint] | float | None) -> None:
        """Show what was measured; called by the thread that measures."""
        if isinstance(item, float):
            self._progress = item
        elif item is not None:
            for point in item:
                sizes = point.hidden_size, point.num_layers
                key = point.kind, point.contender, *sizes, point.cell
                self._measured[key] = point
                self._stale.discard(key)
            self._points = [asdict(each) for each in self.points]

    def _failed(self, error: Exception) -> None:
        self.error = f"{type(error).__name__}: {error}"

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        if message.get("type") == "again":
            self.measure_again()

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides what is measured."""
        inputs = self.workload.input_size
        return {
            **asdict(self.workload),
            "sizes": list(self.sizes),
            "counts": {cell: count_polynomials(inputs, cell) for cell in CELLS},
            "threads": torch.get_num_threads(),
            "missing": missing_for_onnx(),
            "most_units": max(MOST_SHOWN, *self.sizes),
            "most_layers": MOST_LAYERS,
        }

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._ready()
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} of {self.hidden_size} units"


def counted_model(model: Any) -> LSTM | SequenceModel:
    """Return a model that `counts_of` takes: itself, or what an estimator has learned.

    Parameters
    ----------
    model : LSTM, SequenceModel or estimator
        Of an estimator, the copy of its LSTM that ``module`` is.
    """
    if isinstance(model, LSTM | SequenceModel):
        return model
    if not hasattr(model, "module"):
        raise TypeError(
            "model must be an LSTM, a SequenceModel or an estimator of lstmwidgets.online, "
            f"got {type(model).__name__}; without one, give sizes: CostPanel(hidden_size=64)"
        )
    if model.module is None:
        raise ValueError(
            f"the {type(model).__name__} has no LSTM before its first event: learn one, or give "
            "sizes: CostPanel(hidden_size=64)"
        )
    return counted_model(model.module)


def checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return hidden sizes in order, each once; raise if one of them is none."""
    for size in sizes:
        check_size("sizes", size)
        if size > MOST_UNITS:
            raise ValueError(f"sizes must be at most {MOST_UNITS}, got {size}")
    if not sizes:
        raise ValueError("sizes must have a hidden size, as in sizes=[32, 64]")
    return tuple(sorted({*map(int, sizes)}))
