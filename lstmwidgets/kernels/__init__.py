"""Compiled loops over packed weights. Importing a module of this package loads Numba (0.6 s)."""

from dataclasses import dataclass

NEGLIGIBLE = 1e-30
"""Moments and traces that have decayed below this are zero: so small numbers mean nothing, and the
processor takes a hundred times as long for those below 1e-38."""

LARGEST = 1e30
"""Numbers beyond this size count as missing: their squares leave float64's useful range."""

LAYER_NORM_EPSILON = 1e-5
"""Added to a variance before its root is taken; the value of `torch.nn.LayerNorm`."""


@dataclass
class Compiling:
    """How much this process has compiled, where the machine code was not found on disk.

    Attributes
    ----------
    kernels : int
        How many kernels.
    seconds : float
        How long that took.
    """

    kernels: int = 0
    seconds: float = 0.0


COMPILING = Compiling()
"""Of this process."""
