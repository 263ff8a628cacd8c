"""The LSTM: one module that trains in batches, steps one event at a time and shows its gates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from .cells import CELLS, Weights, advance_layers
from .checks import (
    check_choice,
    check_finite,
    check_floating,
    check_input,
    check_lengths,
    check_probability,
    check_reset,
    check_size,
    check_state,
    check_state_dict,
    is_symbolic,
)
from .fused import Fused
from .running import Record, run_layers
from .state import State, stretches
from .stepper import NUMPY_DTYPES, CompiledStepper, Stepper
from .torch_stepper import TorchStepper
from .trace import Trace

StateLike = State | tuple[Tensor, ...] | None


class LSTM(nn.Module):
    r"""Stacked LSTM layers of one cell kind, with the state in your hands.

    Sizes in this page: B sequences, T time steps, I inputs, H hidden units, L layers. Axes are
    always (batch, time, feature).

    Parameters
    ----------
    input_size : int
        Numbers per step, I.
    hidden_size : int
        Units per layer, H.
    num_layers : int
        Layers on top of each other, L.
    cell : str
        ``"standard"``, the cell of `torch.nn.LSTM`;
        ``"peephole"``, gates see the memory cell (Gers et al. 2002);
        ``"full_gate_recurrence"``, gates also see the gates' last activations (Hochreiter &
        Schmidhuber 1997; Greff et al. 2017);
        ``"coupled"``, the input gate is one minus the forget gate (Greff et al. 2017);
        ``"layer_norm"``, normalised projections and cell (Ba et al. 2016).
        The equations stand in `lstmwidgets.cells`.
    dropout : float
        Probability with which a layer's output is dropped on its way to the next layer while
        training; 0 by default, as in PyTorch.
    device, dtype
        Where the weights live and in which floating-point type; PyTorch's defaults.

    Attributes
    ----------
    weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k} : Parameter
        Named, shaped and initialised (uniform in ±1/√H) as in `torch.nn.LSTM`, in the block order
        i, f, g, o; state dicts of the standard cell go both ways. The coupled cell has the blocks
        f, g, o. What else a cell has, `lstmwidgets.cells` says.

    Notes
    -----
    The standard cell's batched path is PyTorch's own operator, with cuDNN on a GPU. Other cells
    run a loop over time whose input projection is one matrix product for all steps.

    `torch.export` and `torch.onnx.export` take batches of any size, and sequences of any length
    (``dynamic_shapes=({0: Dim("batch"), 1: Dim("time")},)``) through PyTorch's ``scan``.
    `torch.jit.trace` takes any batch; a program of the standard cell takes any length, those of
    others refuse another one than they were traced with. Such programs check neither lengths nor
    tokens. `torch.compile` leaves the standard cell's operator as it is.

    Examples
    --------
    A batch of sequences, and the same thing one step at a time:

    >>> import torch
    >>> lstm = LSTM(input_size=3, hidden_size=8)
    >>> x = torch.randn(4, 10, 3)
    >>> output, state = lstm(x)
    >>> output.shape, state.c.shape
    (torch.Size([4, 10, 8]), torch.Size([1, 4, 8]))
    >>> state = lstm.initial_state(batch_size=4)
    >>> for t in range(10):
    ...     last, state = lstm.step(x[:, t], state)
    >>> torch.allclose(last, output[:, -1], atol=1e-5)
    True

    An `nn.LSTM`'s weights are read as they are, and written:

    >>> lstm.load_state_dict(torch.nn.LSTM(3, 8).state_dict())
    <All keys matched successfully>
    """

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            check_size(name, size)
        check_choice("cell", cell, CELLS)
        check_probability("dropout", dropout)
        check_floating("dtype", dtype)
        if dropout and num_layers == 1:
            warnings.warn(
                "dropout acts between layers; with num_layers=1 it does nothing", stacklevel=2
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self._cell = CELLS[cell]
        for layer in range(num_layers):
            shapes = self._cell.shapes(hidden_size if layer else input_size, hidden_size)
            for name, shape in shapes.items():
                weight = torch.empty(shape, device=device, dtype=dtype)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(weight))
        self.reset_parameters()
        before_loading: Any = self.register_load_state_dict_pre_hook
        before_loading(check_state_dict)
        if cell == "standard":
            self._fused().flatten()

    @property
    def cell(self) -> str:
        """Name of the cell kind."""
        return self._cell.name

    def reset_parameters(self) -> None:
        """Draw all weights anew: uniform in ±1/√H as `torch.nn.LSTM`; normalisations neutral."""
        bound = 1 / math.sqrt(self.hidden_size)
        for name, weight in self.named_parameters():
            if name.startswith("weight_norm"):
                nn.init.ones_(weight)
            elif name.startswith("bias_norm"):
                nn.init.zeros_(weight)
            else:
                nn.init.uniform_(weight, -bound, bound)

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step: zeros on the weights' device, in their dtype.

        Parameters
        ----------
        batch_size : int
            Number of sequences, B.

        Returns
        -------
        LSTMState or FullGateState
            Each field (L, B, H).
        """
        check_size("batch_size", batch_size)
        return self._zeros(batch_size)

    def _zeros(self, batch_size: int) -> State:
        zeros = self.weight_hh_l0.new_zeros(self.num_layers, batch_size, self.hidden_size)
        state_type = self._cell.state_type
        return state_type(*(zeros.clone() for _ in state_type._fields))

    def forward(
        self,
        x: Tensor,
        state: StateLike = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Run over whole sequences.

        Parameters
        ----------
        x : Tensor
            Inputs, (B, T, I).
        state : LSTMState or FullGateState, optional
            State before the first step, each field (L, B, H); zeros by default. A plain tuple in
            the same order will do.
        lengths : Tensor, array or list of int, optional
            True length of each padded sequence, (B,), from 1 to T. Beyond its end a sequence's
            output is zero, and its final state is the one at its end.
        reset : Tensor of bool, optional
            Where the state is put back to zeros before the step, (B, T): several sequences, or
            episodes, behind one another in one row.

        Returns
        -------
        output : Tensor
            Hidden output of the top layer, (B, T, H).
        state : LSTMState or FullGateState
            State after each sequence's last step, each field (L, B, H).

        Raises
        ------
        TypeError, ValueError
            If a type, shape, dtype or length does not fit; the message says what was expected.
        """
        state = self._checked(x, ("batch", "time", "input_size"), state)
        batch, steps, _ = x.shape
        if lengths is not None:
            lengths = check_lengths(lengths, batch, steps).to(x.device)
        if reset is None:
            return self._run(x, state, lengths)
        if is_symbolic():
            raise ValueError(
                "reset= decides where sequences are cut, which a traced or exported program cannot "
                "do; cut them before, or export step"
            )
        reset = check_reset(reset, batch, steps).to(x.device)
        if lengths is not None:  # a reset in the padding would wipe the final state
            reset = reset & (torch.arange(steps, device=x.device) < lengths[:, None])
        outputs = []
        for begin, end in stretches(reset):
            kept = ~reset[:, begin, None]  # (B, 1)
            state = type(state)(*(part.where(kept, 0) for part in state))
            within = None if lengths is None else (lengths - begin).clamp(0, end - begin)
            run = self._run if within is None or bool((within > 0).all()) else self._loop
            output, state = run(x[:, begin:end], state, within)
            outputs.append(output)
        return torch.cat(outputs, dim=1), state

    def step(self, x_t: Tensor, state: StateLike = None) -> tuple[Tensor, State]:
        """Take one step; T calls equal one `forward` over T steps.

        Parameters
        ----------
        x_t : Tensor
            The step's input, (B, I).
        state : LSTMState or FullGateState, optional
            State before the step, each field (L, B, H); zeros by default. It is not changed.

        Returns
        -------
        output : Tensor
            Hidden output of the top layer, (B, H).
        state : LSTMState or FullGateState
            State after the step, to be passed to the next call.

        Raises
        ------
        TypeError, ValueError
            If a type, shape or dtype does not fit, or if the input has a NaN or an infinity: a
            carried state would never recover from it.

        Notes
        -----
        For a stream without gradients, `stepper` is ten times faster and more. The look for NaN
        waits for the device and cannot be traced by `torch.vmap`; `forward` has no such look, nor
        have programs made by `torch.export` or `torch.jit.trace`.
        """
        state = self._checked(x_t, ("batch", "input_size"), state)
        if not is_symbolic():
            check_finite(x_t)
        output, state, _ = advance_layers(
            self._cell, self._layers(), x_t, state, self.dropout if self.training else 0.0
        )
        return output, state

    def trace(self, x: Tensor, state: StateLike = None) -> Trace:
        """Run over whole sequences and keep everything that happened inside.

        Parameters
        ----------
        x : Tensor
            Inputs, (B, T, I).
        state : LSTMState or FullGateState, optional
            State before the first step; zeros by default.

        Returns
        -------
        Trace
            Gates, candidate, cell and hidden output of every layer and step, each (L, B, T, H),
            and the final state. Gradients flow through all of them as through `forward`.

        Raises
        ------
        TypeError, ValueError
            As `forward`.
        """
        state = self._checked(x, ("batch", "time", "input_size"), state)
        record: Record = []
        _, state = self._loop(x, state, record=record)
        i, f, g, o, c, h = (torch.stack(layers) for layers in zip(*record, strict=True))
        return Trace(i, f, g, o, c, h, state, self.cell)

    def stepper(self, streams: int = 1) -> Stepper:
        """Return compiled, stateful inference on these weights.

        Parameters
        ----------
        streams : int
            How many independent states it carries.

        Returns
        -------
        Stepper
            It serves the current weights at every call, runs as in eval mode and starts from
            zeros. On a CPU with float32 or float64 weights it is compiled code; elsewhere PyTorch's
            operators do the work behind the same interface.

        Notes
        -----
        A step is compiled when the first stepper of a cell and dtype is made, which takes some
        seconds once on a machine, and is kept on disk.

        Examples
        --------
        >>> import numpy as np
        >>> lstm = LSTM(input_size=2, hidden_size=4)
        >>> stepper = lstm.stepper()
        >>> stepper.step(np.array([0.5, -1.0])).shape
        (4,)
        >>> stepper.gates.forget_gate.shape
        torch.Size([1, 1, 4])
        """
        check_size("streams", streams)
        weight = self.weight_hh_l0
        compiled = weight.device.type == "cpu" and weight.dtype in NUMPY_DTYPES
        kind = CompiledStepper if compiled else TorchStepper
        return kind(self.cell, self._parameters, streams)

    def extra_repr(self) -> str:
        """Return what differs from the default, for `repr`."""
        shown = [str(self.input_size), str(self.hidden_size)]
        if self.num_layers != 1:
            shown.append(f"num_layers={self.num_layers}")
        if self.cell != "standard":
            shown.append(f"cell={self.cell!r}")
        if self.dropout:
            shown.append(f"dropout={self.dropout}")
        return ", ".join(shown)

    def _layers(self) -> list[Weights]:
        names = self._cell.shapes(1, 1)
        return [
            {name: getattr(self, f"{name}_l{layer}") for name in names}
            for layer in range(self.num_layers)
        ]

    def _run(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        if self.cell != "standard":
            return self._loop(x, state, lengths)
        if is_symbolic():  # PyTorch's operator is for one number of steps there, and no lengths
            any_steps = torch.compiler.is_dynamo_compiling() or isinstance(x.shape[1], torch.SymInt)
            if any_steps or lengths is not None:
                return self._loop(x, state, lengths)
        return self._fused().run(x, state, lengths)

    def _fused(self) -> Fused:
        weights = [weight for layer in self._layers() for weight in layer.values()]
        return Fused(weights, self.num_layers, float(self.dropout), self.training)

    def _loop(
        self,
        x: Tensor,
        state: State,
        lengths: Tensor | None = None,
        record: Record | None = None,
    ) -> tuple[Tensor, State]:
        dropout = self.dropout if self.training else 0.0
        return run_layers(self._cell, self._layers(), x, state, lengths, dropout, record)

    def _checked(self, x: Tensor, axes: tuple[str, ...], state: StateLike) -> State:
        check_input(x, axes, self.input_size, self.weight_hh_l0)
        if state is None:
            return self._zeros(x.shape[0])
        shape = (self.num_layers, x.shape[0], self.hidden_size)
        return check_state(state, self._cell.state_type, shape, self.weight_hh_l0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.cell == "standard":
            self._fused().flatten()
        return self
