"""Compiled loops over packed weights. Importing a module of this package loads Numba (0.6 s)."""

LAYER_NORM_EPSILON = 1e-5
"""Added to a variance before its root is taken; the value of `torch.nn.LayerNorm`."""
