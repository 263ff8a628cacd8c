"""Units whose gates are pinned open or shut, and units that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_lengths, check_probability
from ..trace import Trace

GATES = ("input_gate", "forget_gate", "output_gate")

SHUT, OPEN = 0.1, 0.9
"""A gate is saturated to the left below the one, to the right above the other (Karpathy, Johnson &
Fei-Fei 2016, section 4.2)."""

PINNED = 0.95
"""A unit whose gate is saturated on one side at this share of all steps is pinned there."""

SILENT = 0.01
"""A unit whose hidden output never leaves ± this is dead."""


@dataclass(frozen=True, eq=False)
class Saturation:
    """How often the gates of each unit were saturated, and how far its hidden output went.

    Attributes
    ----------
    shut, open : mapping of str to Tensor
        For each of ``"input_gate"``, ``"forget_gate"`` and ``"output_gate"`` the share of steps at
        which it was below 0.1, or above 0.9, (L, H).
    largest : Tensor
        Largest absolute hidden output, (L, H).
    steps : int
        How many steps of all sequences were counted.

    References
    ----------
    Karpathy, Johnson & Fei-Fei (2016), "Visualizing and understanding recurrent networks", ICLR
    workshop, arXiv:1506.02078, section 4.2: the thresholds 0.1 and 0.9, and the share of steps.
    From which share on a unit counts as pinned, and when as dead, is this library's choice.
    """

    shut: Mapping[str, Tensor]
    open: Mapping[str, Tensor]
    largest: Tensor
    steps: int

    def pinned_open(self, gate: str, share: float = PINNED) -> float:
        """Return the share of units whose gate was saturated open at so many of the steps.

        Parameters
        ----------
        gate : str
            ``"input_gate"``, ``"forget_gate"`` or ``"output_gate"``.
        share : float
            Of the steps, from 0 to 1.
        """
        return _mean(self.open[gate] >= share)

    def pinned_shut(self, gate: str, share: float = PINNED) -> float:
        """Return the share of units whose gate was saturated shut; see `pinned_open`."""
        return _mean(self.shut[gate] >= share)

    def dead(self, silent: float = SILENT) -> float:
        """Return the share of units whose hidden output stayed within ± `silent` at all steps."""
        return _mean(self.largest <= silent)


def saturation(
    trace: Trace, *, lengths: Tensor | None = None, shut: float = SHUT, open_: float = OPEN
) -> Saturation:
    """Count how often each gate was saturated over the steps of a trace.

    Parameters
    ----------
    trace : Trace
        Of `LSTM.trace`.
    lengths : Tensor, optional
        True length of each padded sequence, (B,), from 1 to T. What comes after does not count.
    shut, open_ : float
        Saturated is what lies below the one, or above the other.

    Returns
    -------
    Saturation
        Of each layer and unit.

    Examples
    --------
    >>> from lstmwidgets import LSTM
    >>> lstm = LSTM(3, 8)
    >>> with torch.no_grad():
    ...     _ = lstm.bias_ih_l0[8:10].fill_(20.0)  # the forget gates of two units
    >>> found = saturation(lstm.trace(torch.randn(4, 10, 3)))
    >>> found.pinned_open("forget_gate"), found.pinned_shut("forget_gate"), found.steps
    (0.25, 0.0, 40)
    """
    check_probability("shut", shut)
    check_probability("open_", open_)
    batch, steps = trace.hidden.shape[1:3]
    count = batch * steps
    counted = torch.ones(batch, steps, dtype=torch.bool, device=trace.hidden.device)
    if lengths is not None:
        lengths = check_lengths(lengths, batch, steps).to(counted.device)
        counted = torch.arange(steps, device=counted.device) < lengths[:, None]
        count = int(lengths.sum())
    mask = counted[:, :, None]  # (B, T, 1)
    gates = {name: getattr(trace, name) for name in GATES}

    def share(saturated: Tensor) -> Tensor:
        return (saturated & mask).sum((1, 2)) / count

    return Saturation(
        shut={name: share(gate < shut) for name, gate in gates.items()},
        open={name: share(gate > open_) for name, gate in gates.items()},
        largest=(trace.hidden.abs() * mask).amax((1, 2)).detach(),
        steps=count,
    )


def _mean(units: Tensor) -> float:
    return float(units.float().mean())
