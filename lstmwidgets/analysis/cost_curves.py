"""What steps, learning and batches take against the hidden size, measured on this machine."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..cells import CELLS
from ..checks import check_choice, check_size
from ..lstm import LSTM
from ..online import LSTMRegressor
from .contenders import AutogradLearner, fresh_lstm, missing_for_onnx, onnx_step, torch_step
from .cost_counts import Counts, count_costs
from .drawn_weights import draw_weights
from .racing import Contestant, iter_rounds

OURS, ELIGIBILITY, TORCH, ONNX = "lstmwidgets", "eligibility rule", "nn.LSTM", "ONNX Runtime"
CONTENDERS = (OURS, ELIGIBILITY, TORCH, ONNX)
"""Who takes steps, learns events and runs batches."""

KINDS = ("step", "event", "batch")
"""What is measured: a step of one stream; an event predicted and learned; a batch forward and
backward."""

UNITS = {"step": ("step_us", 1e6), "event": ("event_us", 1e6), "batch": ("batch_ms", 1e3)}
"""The column of a kind in tables, and how many of its unit a second has."""

SAMPLE = 0.01
"""Seconds of a sample, about."""

LEAST_ROUNDS, MOST_ROUNDS, PATIENCE = 3, 9, 0.4
"""So many samples each contender gives, more than the least of them within so many seconds."""

EVENTS = 50
"""Different inputs that steps and events go through, again and again."""

NO_TRACES = ("full_gate_recurrence", "layer_norm")
"""Cells that the eligibility rule is not for."""


@dataclass(frozen=True)
class CostPoint:
    """A time that was measured.

    Attributes
    ----------
    kind : str
        ``"step"``, ``"event"`` or ``"batch"``.
    contender : str
        One of `CONTENDERS`; PyTorch's and ONNX Runtime's LSTMs are of the standard cell.
    hidden_size, num_layers : int
        H and L.
    cell : str
        The cell of our LSTM, beside which it was measured.
    seconds : float
        Median over the rounds, for one step, one event or one batch.
    kept_bytes : int
        Of a batch, what autograd keeps for the way back besides the weights; else 0.
    """

    kind: str
    contender: str
    hidden_size: int
    num_layers: int
    cell: str
    seconds: float
    kept_bytes: int = 0


@dataclass(frozen=True)
class Workload:
    """What is measured at every size.

    Parameters
    ----------
    input_size : int
        Numbers a step, I.
    window : int
        Events back that learning looks.
    batch_size, steps : int
        B and T of a batch.
    """

    input_size: int = 10
    window: int = 10
    batch_size: int = 32
    steps: int = 50

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            check_size(name, size)


def measure_costs(
    sizes: Sequence[int],
    num_layers: int = 1,
    *,
    cell: str = "standard",
    kinds: Sequence[str] = KINDS,
    workload: Workload | None = None,
) -> Iterator[CostPoint]:
    """Measure what steps, learning and batches take on this machine, size after size.

    Ours stands beside PyTorch's and, if onnx and onnxruntime are installed, ONNX Runtime's: a step
    by `LSTM.stepper` beside `torch.nn.LSTM` with sequences of one step; an event that
    `LSTMRegressor` predicts and learns beside the same truncated backpropagation by autograd; a
    batch forward and backward beside `torch.nn.LSTM`. Contenders take turns. PyTorch runs in as
    many threads as `torch.get_num_threads` says, everything else in one.

    Parameters
    ----------
    sizes : sequence of int
        Hidden sizes, H.
    num_layers : int
        L.
    cell : str
        Of our LSTM; the others' is the standard one.
    kinds : sequence of str
        Which of `KINDS`.
    workload : Workload, optional
        Inputs, window and batch; by default ``Workload()``.

    Yields
    ------
    CostPoint
        All contenders of a size and kind, then the next.

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number from 1 on, or there is no such cell or kind.

    Examples
    --------
    >>> points = [*measure_costs([4], kinds=["batch"], workload=Workload(3, 5, 2, 6))]
    >>> [(point.kind, point.contender, point.hidden_size) for point in points]
    [('batch', 'lstmwidgets', 4), ('batch', 'nn.LSTM', 4)]
    >>> all(point.seconds > 0 and point.kept_bytes > 0 for point in points)
    True
    """
    for size in sizes:
        check_size("sizes", size)
    check_size("num_layers", num_layers)
    check_choice("cell", cell, CELLS)
    for kind in kinds:
        check_choice("kinds", kind, KINDS)
    wanted = [(size, kind) for size in sizes for kind in kinds]
    found = cost_steps(wanted, num_layers, cell, workload or Workload())
    yield from (point for point in found if point is not None)


def cost_steps(
    wanted: Sequence[tuple[int, str]], num_layers: int, cell: str, workload: Workload
) -> Iterator[CostPoint | None]:
    """Do as `measure_costs`, and yield None in between, where one may stop.

    Parameters
    ----------
    wanted : sequence of (int, str)
        Hidden sizes and kinds, in the order in which they are measured.
    num_layers : int
        L.
    cell : str
        Of our LSTM.
    workload : Workload
        Inputs, window and batch.
    """
    for hidden, kind in wanted:
        yield None
        contestants = CONTESTANTS[kind](hidden, num_layers, cell, workload)
        times: dict[str, list[float]] = {one.name: [] for one in contestants}
        rounds, spent = iter_rounds(contestants, SAMPLE), 0.0
        for done in range(MOST_ROUNDS):
            if done >= LEAST_ROUNDS and spent > PATIENCE:
                break
            begin = perf_counter()
            with torch.inference_mode(kind == "step"):  # of this thread, which rests in between
                found = next(rounds)
            spent += perf_counter() - begin
            for name, seconds in found.items():
                times[name].append(seconds)
            yield None
        for one in contestants:
            kept = one.call.kept_bytes(one.inputs[0]) if isinstance(one.call, Batch) else 0
            yield CostPoint(kind, one.name, hidden, num_layers, cell, median(times[one.name]), kept)


def cost_table(points: Sequence[CostPoint], input_size: int) -> dict[str, list[Any]]:
    """Return the columns of a table, a row for each size and contender.

    Parameters
    ----------
    points : sequence of CostPoint
        Their order is that of the rows.
    input_size : int
        I.

    Returns
    -------
    dict
        The columns that `CostPanel.to_dataframe` names; NaN where there is nothing.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for point in points:
        sizes = point.hidden_size, point.num_layers, point.cell
        known = rows.setdefault((*sizes, point.contender), {})
        if point.contender == OURS and not known:
            counts = count_costs(input_size, *sizes[:2], cell=point.cell)
            known |= counts._asdict()
        column, unit = UNITS[point.kind]
        known[column] = point.seconds * unit
        if point.kind == "batch":
            known["kept_bytes"] = point.kept_bytes
    keys = ("hidden_size", "num_layers", "cell", "contender")
    table = {name: [key[n] for key in rows] for n, name in enumerate(keys)}
    names = (*Counts._fields, *(column for column, _ in UNITS.values()), "kept_bytes")
    return table | {name: [row.get(name, math.nan) for row in rows.values()] for name in names}


class Batch:
    """A batch that goes through an LSTM forward and backward.

    Parameters
    ----------
    lstm : LSTM or torch.nn.LSTM
        Its weights get no gradients.
    """

    def __init__(self, lstm: LSTM | nn.LSTM) -> None:
        self.lstm = lstm
        self.weights = tuple(lstm.parameters())

    def __call__(self, x: Tensor) -> None:
        """Compute the gradient of the sum of all outputs of x (B, T, I)."""
        output, _ = self.lstm(x)
        torch.autograd.grad(output.sum(), self.weights)

    def kept_bytes(self, x: Tensor) -> int:
        """Return how much autograd keeps for the way back, besides the weights.

        What several operations keep together counts once.

        Parameters
        ----------
        x : Tensor
            (B, T, I).
        """
        own = {weight.untyped_storage().data_ptr() for weight in self.weights}
        kept: dict[int, Tensor] = {}  # alive until they are counted, so that no place is used twice

        def pack(tensor: Tensor) -> Tensor:
            place = tensor.untyped_storage().data_ptr()
            if place not in own:
                kept[place] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self.lstm(x)
        return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _steps(hidden: int, layers: int, cell: str, workload: Workload) -> list[Contestant]:
    reference = fresh_lstm(workload.input_size, hidden, layers).eval()
    ours = _fresh(workload.input_size, hidden, layers, cell).stepper()
    xs = _inputs(workload)
    contestants = [
        Contestant(OURS, ours.step, list(xs)),
        Contestant(TORCH, torch_step(reference), torch.from_numpy(xs)[:, None, None].unbind()),
    ]
    if not missing_for_onnx():
        contestants.append(Contestant(ONNX, onnx_step(reference), list(xs[:, None, None])))
    return contestants


def _events(hidden: int, layers: int, cell: str, workload: Workload) -> list[Contestant]:
    xs = _inputs(workload).tolist()
    events: list[Event] = [
        ({f"x{n}": value for n, value in enumerate(x)}, float(np.tanh(sum(x)))) for x in xs
    ]
    window = workload.window
    autograd = AutogradLearner(workload.input_size, hidden, layers, window=window)
    ours = LSTMRegressor(hidden, layers, cell=cell, window=window, seed=0)
    contestants = [_learning(OURS, ours, events), _learning(TORCH, autograd, events)]
    if cell not in NO_TRACES:
        traces = LSTMRegressor(hidden, layers, cell=cell, gradient="eligibility", seed=0)
        contestants.insert(1, _learning(ELIGIBILITY, traces, events))
    return contestants


def _learning(name: str, model: LSTMRegressor | AutogradLearner, events: list[Event]) -> Contestant:
    def predict_and_learn(event: Event) -> None:
        x, y = event
        model.predict_one(x)
        model.learn_one(x, y)

    return Contestant(name, predict_and_learn, events)


def _batches(hidden: int, layers: int, cell: str, workload: Workload) -> list[Contestant]:
    inputs = workload.input_size
    x = torch.ones(workload.batch_size, workload.steps, inputs)
    ours = _fresh(inputs, hidden, layers, cell)
    reference = fresh_lstm(inputs, hidden, layers, batch_first=True)
    return [Contestant(OURS, Batch(ours), [x]), Contestant(TORCH, Batch(reference), [x])]


def _fresh(inputs: int, hidden: int, layers: int, cell: str) -> LSTM:
    """Return an LSTM with fresh weights; the user's random numbers are left alone."""
    lstm = LSTM(inputs, hidden, layers, cell=cell, device="meta")
    return draw_weights(lstm, 1 / math.sqrt(hidden))


def _inputs(workload: Workload) -> NDArray[np.float32]:
    """Return different inputs, (50, I)."""
    shape = EVENTS, workload.input_size
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


CONTESTANTS = {"step": _steps, "event": _events, "batch": _batches}
"""Those who are measured together, by kind."""

Event = tuple[dict[Hashable, Any], float]
