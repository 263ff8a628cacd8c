"""How far back a recurrent layer can be taught: the gradient that reaches earlier steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..cells import CELLS
from ..dataframes import pandas
from ..lstm import LSTM
from ..trace import Trace
from .adjoints import Layer, layer_adjoints
from .plain_rnn import rnn_adjoints, rnn_outputs
from .recording import QUANTITIES
from .subject import CLASSES, UNITS, Subject, as_subject

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Array = NDArray[np.float64]

QUANTITIES_FELT = ("cell", "hidden", "input")
"""What gradients are with respect to."""

CHUNK = 128
"""Steps that are run between two looks at whether they are still wanted."""

UNITS_READ = "hidden output"
"""What is predicted without a head: the hidden output times a random unit vector."""


def gradient_flow(layer: nn.Module, x: Tensor, *, seed: int = 0) -> NDArray[np.float64]:
    """Measure how large a gradient at the last step still is at the inputs before it.

    `prediction_gradients` has the same of what a model predicts, and with respect to its states.

    Parameters
    ----------
    layer : Module
        An `LSTM` of ours or of PyTorch, or any recurrent layer that returns the outputs of all
        steps first, batch first: ``torch.nn.RNN(…, batch_first=True)``.
    x : Tensor
        Sequences, (B, T, I).
    seed : int
        Of the random direction in which the last output is pushed.

    Returns
    -------
    ndarray
        Mean norm of the gradient at the input of ``lag`` steps before the last one, for every lag
        from 0, (T,): ``|d(v h_T) / d x_{T-lag}|`` for a random unit vector v.

    References
    ----------
    Hochreiter (1991), "Untersuchungen zu dynamischen neuronalen Netzen", chapter 3.
    Hochreiter & Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), section 3.1.

    Examples
    --------
    >>> from lstmwidgets import LSTM
    >>> flow = gradient_flow(LSTM(3, 16), torch.randn(8, 50, 3))
    >>> flow.shape, bool(flow[40] < flow[0])
    ((50,), True)
    """
    if x.dim() != 3:
        raise ValueError(f"x must have the axes (batch, time, feature), got {tuple(x.shape)}")
    if getattr(layer, "batch_first", True) is False:
        raise ValueError("the layer must be made with batch_first=True")
    x = x.detach().clone().requires_grad_()
    output = layer(x)[0]
    if output.shape[:2] != x.shape[:2]:
        raise ValueError(
            "the layer must return the outputs of all steps, (batch, time, units), first, "
            f"got {tuple(output.shape)}"
        )
    last = output[:, -1]
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(last.shape, generator=generator).to(last)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    (gradient,) = torch.autograd.grad((last * direction).sum(), x)
    norms: NDArray[np.float64] = gradient.norm(dim=-1).mean(dim=0).flip(0).double().cpu().numpy()
    return norms


@dataclass(frozen=True, eq=False)
class Gradients:
    """How much a prediction feels of every step before it.

    Attributes
    ----------
    cell, hidden : ndarray
        Norm of the prediction's gradient with respect to the memory cell and to the hidden output
        of each layer after each step, by all ways from there, (L, T). A plain RNN has no cell.
    input : ndarray
        The same with respect to the input of each step, as the network reads it, (T,).
    along_cell : ndarray or None
        The part of `cell` that came along the cells alone, (L, T): the gradient where the
        prediction reads the cell, times the forget gates of all steps in between.
    labels : tuple of str
        What stood at each step, T of them; the prediction is that of the last one.
    prediction : str
        What the gradient is of.
    """

    cell: Array | None
    hidden: Array
    input: Array
    along_cell: Array | None
    labels: tuple[str, ...]
    prediction: str

    def __len__(self) -> int:
        return len(self.input)

    def __repr__(self) -> str:
        layers = len(self.hidden)
        return f"Gradients(of={self.prediction!r}, steps={len(self)}, layers={layers})"

    def norms(self, of: str, layer: int = -1) -> Array:
        """Return the curve of a quantity out of `QUANTITIES_FELT`, (T,).

        The state that a plain RNN has instead of a cell is its hidden output.
        """
        if of == "input":
            return self.input
        values = self.hidden if of == "hidden" or self.cell is None else self.cell
        curve: Array = values[layer]
        return curve

    def to_dataframe(self, layer: int = -1) -> pd.DataFrame:
        """Return a row for each step: label, steps before the prediction, and the norms."""
        pd = pandas()
        columns: dict[str, Any] = {
            "label": self.labels,
            "steps_before": np.arange(len(self) - 1, -1, -1),
            "input": self.input,
            "hidden": self.hidden[layer],
        }
        if self.cell is not None and self.along_cell is not None:
            columns |= {"cell": self.cell[layer], "along_cell": self.along_cell[layer]}
        return pd.DataFrame(columns)


def prediction_gradients(
    source: Any,
    x: Any = None,
    *,
    step: int = -1,
    output: Any = None,
    labels: Sequence[str] | None = None,
    sequence: int = 0,
) -> Gradients:
    """Measure how much a model's prediction feels of the states and inputs before it.

    Parameters
    ----------
    source, x, labels, sequence
        As `lstmwidgets.analysis.as_subject` takes them.
    step : int
        At which step the prediction is looked at; the last one by default.
    output : optional
        Which output: a class, of which the gradient is that of the logarithm of its probability, or
        the name of a number. By default the class that wins, or the first number; of an `LSTM`
        without a head a random unit vector times its hidden output.

    Returns
    -------
    Gradients
        In float64, over the steps up to the prediction.

    References
    ----------
    Hochreiter & Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), section 3.1.

    Examples
    --------
    >>> felt = prediction_gradients(LSTM(3, 16), torch.randn(50, 3))
    >>> felt.cell.shape, felt.input.shape
    ((1, 50), (50,))
    >>> bool(felt.input[0] < felt.input[-1])
    True
    """
    subject = as_subject(source, x, labels=labels, sequence=sequence)
    steps = len(subject)
    if isinstance(step, bool) or step not in range(-steps, steps):
        raise ValueError(f"step must be from 0 to {steps - 1}, or -1 for the last, got {step!r}")
    return Traced(subject).gradients(step % steps, output)


class Traced:
    """A subject and what its LSTM did, kept for gradients of one prediction after the other.

    Parameters
    ----------
    subject : Subject
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject.to(torch.float64)
        self._weights = layer_weights(self.subject.lstm)
        self._parts: list[Trace] = []
        self._layers: list[Layer] = []

    def run(self) -> Iterator[None]:
        """Run the LSTM, some steps between two yields; `gradients` runs what is left."""
        subject, state = self.subject, self.subject.state
        self._parts = []
        for begin in range(0, len(subject), CHUNK):
            with torch.no_grad():
                trace = subject.lstm.trace(subject.inputs[None, begin : begin + CHUNK], state)
            self._parts.append(trace)
            state = trace.state
            yield
        self._layers = layers_of(subject, self._parts)
        self._parts = []

    def gradients(self, step: int, output: Any = None) -> Gradients:
        """Return the gradients of the prediction at a step, from 0; see `prediction_gradients`."""
        if not self._layers:
            for _ in self.run():
                pass
        end = step + 1
        subject = self.subject
        layers = [Layer._make(part[:end] for part in layer) for layer in self._layers]
        hidden, inputs = torch.from_numpy(layers[-1].h), subject.inputs[:end]
        d_hidden, direct, prediction = read_gradient(subject, hidden, inputs, output)
        found = []
        for layer, weights in zip(reversed(layers), reversed(self._weights), strict=True):
            adjoints = layer_adjoints(subject.lstm.cell, weights, layer, d_hidden)
            found.append(adjoints)
            d_hidden = adjoints.input
        found.reverse()
        return Gradients(
            _norms([each.cell for each in found]),
            _norms([each.hidden for each in found]),
            _norms(d_hidden + direct),
            _norms([each.along_cell for each in found]),
            subject.labels[:end],
            prediction,
        )


def rnn_gradients(rnn: nn.RNN, x: Tensor, *, labels: Sequence[str] | None = None) -> Gradients:
    """Return the gradients of the last hidden output of a plain RNN, in a random direction.

    Parameters
    ----------
    rnn : torch.nn.RNN
        Of tanh, one direction and float64, with `batch_first`.
    x : Tensor
        One sequence, (T, I).
    labels : sequence of str, optional
        What stands at each step.
    """
    outputs = rnn_outputs(rnn, x)
    d_hidden = np.zeros((len(x), rnn.hidden_size))
    d_hidden[-1] = direction(rnn.hidden_size)
    found = []
    for level in range(rnn.num_layers - 1, -1, -1):
        weights = {
            name: getattr(rnn, f"{name}_l{level}").detach().numpy()
            for name in ("weight_ih", "weight_hh")
        }
        own, d_hidden = rnn_adjoints(weights, outputs[level].numpy(), d_hidden)
        found.append(own)
    named = tuple(labels or (f"step {t}" for t in range(len(x))))
    return Gradients(None, _norms(found[::-1]), _norms(d_hidden), None, named, UNITS_READ)


def layers_of(subject: Subject, traces: Sequence[Trace]) -> list[Layer]:
    """Return what each layer of a subject did, the lowest first, from traces of all its steps."""
    parts = {
        name: torch.cat([getattr(trace, name)[:, 0] for trace in traces], 1).transpose(0, 1)
        for name in QUANTITIES
    }
    return as_layers(subject, parts)


def as_layers(subject: Subject, parts: Mapping[str, Tensor]) -> list[Layer]:
    """Return the layers of a subject in float64, the lowest first, of what they did.

    Parameters
    ----------
    subject : Subject
    parts : mapping of str to Tensor
        By the names of `QUANTITIES`, each (T, L, H).
    """
    names = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
    kept = [parts[name].double().numpy() for name in names]
    h, c = (part[:, 0].double().numpy() for part in subject.state[:2])
    below: Array = subject.inputs.double().numpy()
    layers = []
    for level in range(subject.lstm.num_layers):
        own = [np.ascontiguousarray(values[:, level]) for values in kept]
        c_before = np.concatenate([c[level][None], own[4][:-1]])
        h_before = np.concatenate([h[level][None], own[5][:-1]])
        layers.append(Layer._make([*own, c_before, h_before, below]))
        below = own[5]
    return layers


def layer_weights(lstm: LSTM) -> list[Mapping[str, Array]]:
    """Return the weights of each layer by their names without its suffix."""
    names = CELLS[lstm.cell].shapes(1, 1)
    return [
        {name: getattr(lstm, f"{name}_l{layer}").detach().numpy() for name in names}
        for layer in range(lstm.num_layers)
    ]


def read_gradient(
    subject: Subject, hidden: Tensor, inputs: Tensor, output: Any = None
) -> tuple[Array, Array, str]:
    """Return the gradient of the last step's prediction as far as the readout goes.

    Returns
    -------
    d_hidden, d_input : ndarray
        With respect to the top layer's hidden outputs (T, H), and to the inputs (T, I).
    prediction : str
        What it is the gradient of.
    """
    hidden, inputs = (part.detach().requires_grad_() for part in (hidden, inputs))
    last = subject.readout(hidden, inputs)[-1]
    number, prediction = _prediction(last, subject, output)
    if not bool(number.isfinite()):
        raise ValueError(
            f"the prediction is {number.item()}, which has no gradient: look for weights that have "
            "diverged, or inputs beyond all measure"
        )
    d_hidden, d_input = torch.autograd.grad(number, (hidden, inputs), allow_unused=True)
    direct = torch.zeros_like(inputs) if d_input is None else d_input
    return d_hidden.numpy(), direct.numpy(), prediction


def direction(size: int) -> Array:
    """Return a random unit vector, the same at every call."""
    drawn = np.random.default_rng(0).standard_normal(size)
    unit: Array = drawn / np.linalg.norm(drawn)
    return unit


def _prediction(last: Tensor, subject: Subject, output: Any) -> tuple[Tensor, str]:
    """Return the number of outputs (K,) that is looked at, and what it is."""
    outputs = subject.outputs
    if output is not None and output not in outputs:
        raise ValueError(f"output must be one of {list(outputs)[:20]}, got {output!r}")
    if output is None and subject.task == UNITS:
        return last @ torch.from_numpy(direction(len(last))), UNITS_READ
    place = 0 if output is None else outputs.index(output)
    if subject.task != CLASSES:
        return last[place], str(outputs[place])
    if output is None:
        place = int(last.argmax())
    return last.log_softmax(-1)[place], f"log-probability of {outputs[place]}"


def _norms(gradients: Any) -> Array:
    """Return the norms of gradients (…, N), (…), also of those whose squares would be zero."""
    values: Array = np.asarray(gradients)
    largest = np.abs(values).max(-1, keepdims=True, initial=0)
    scaled = values / np.where(largest > 0, largest, 1)
    norms: Array = largest[..., 0] * np.sqrt((scaled**2).sum(-1))
    return norms
