"""A learner's first weights, and their way into a larger layout.

The first units of every layer begin as an **echo**: input and output gates open, forget gates shut,
and a random orthogonal matrix hands on among them what they show, made larger by what two gates
take from it. So they hold inputs of the last few events from the first event on, for the head to
read: the "echo state" of Jaeger 2001 ("The 'echo state' approach to analysing and training
recurrent neural networks"), orthogonal as in White, Lee & Sompolinsky 2004 ("Short-term memory in
orthogonal neural networks"). They learn as all units do, but take a part of the step only: at the
full one the noise in single events' gradients undoes the echo before there is a use for it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..kernels import parameters as layout
from ..kernels.step import COUPLED, FULL_GATE_RECURRENCE, LAYER_NORM

Array = NDArray[Any]

OPEN = 3.0
"""Bias of an echo unit's gates: they begin at 0.95, the forget gate at 0.05."""

GAIN = (1 + math.exp(-OPEN)) ** 2
"""Factor of the orthogonal matrix: what input and output gate take from a small number."""

TO_GATES, TO_CANDIDATE = 0.3, 0.5
"""Factors of an echo unit's other weights, which keep it where tanh and gates are steep."""

ECHO_PACE = 0.1
"""The part of its step that a weight of an echo unit takes."""


def draw_weights(sizes: Array, flat: Array, names: Sequence[str], seed: int) -> None:
    """Draw orthogonal recurrent and uniform input weights; biases 0, that of f 1; head 0.

    A forget gate that starts open lets the error reach back from the first event on (Gers et al.
    2000, section 3.1; Jozefowicz et al. 2015, section 4). Echo units are described above.

    Parameters
    ----------
    sizes : ndarray
        See `lstmwidgets.kernels.parameters`.
    flat : ndarray
        (P,) zeros; written.
    names : sequence of str
        The inputs' names.
    seed : int
        Weights depend on it and, those of inputs, on the names only.
    """
    kind, inputs, hidden, layers, *_ = sizes.tolist()
    rows, vectors, _, _ = layout.views(sizes, flat)
    for place, name in enumerate(names):
        rows[place] = input_row(sizes, name, seed)
    first = inputs
    for layer in range(layers):
        if layer:
            below = rows[first : first + hidden]
            below[:] = _uniform(sizes, f"below {layer}", seed, hidden)
            _soften(sizes, below)
            first += hidden
        recurrent = _generator(f"recurrent {layer}", seed)
        own = rows[first : first + hidden]
        for block in _blocks(sizes, own).values():
            block[:] = _orthogonal(recurrent, hidden)
        _soften(sizes, own)
        _echo(sizes, own, _generator(f"echo {layer}", seed))
        first += hidden
        if kind == FULL_GATE_RECURRENCE:
            gates = _uniform(sizes, f"gates {layer}", seed, 3 * hidden)
            gates[:, 2 * hidden : 3 * hidden] = 0  # the candidate has no such connection
            _soften(sizes, gates)
            rows[first : first + 3 * hidden] = gates
            first += 3 * hidden
        _fill_vector(sizes, vectors[layer], f"peephole {layer}", seed)


def input_row(sizes: Array, name: str, seed: int) -> Array:
    """Return the first weights of one input, (W,): they depend on its name and the seed only."""
    row: Array = _uniform(sizes, f"input {name}", seed, 1)[0]
    _soften(sizes, row)
    return row


def write_pace(sizes: Array, flat: Array) -> None:
    """Write the part of its step that each weight takes, (P,) or more: 1 but for echo units."""
    hidden, echo = sizes[[layout.HIDDEN, layout.ECHO]].tolist()
    flat[:] = 1
    rows, vectors, _, _ = layout.views(sizes, flat)
    for blocks in (rows, vectors):
        blocks.reshape(len(blocks), -1, hidden)[:, :, :echo] = ECHO_PACE


def _blocks(sizes: Array, rows: Array) -> dict[str, Array]:
    """Return views of the columns (…, H) of each gate and the candidate, out of (…, W)."""
    names = "fgo" if sizes[layout.KIND] == COUPLED else "ifgo"
    return dict(zip(names, np.split(rows, len(names), axis=-1), strict=True))


def _soften(sizes: Array, rows: Array) -> None:
    """Make weights to echo units, in (…, W), smaller."""
    echo = sizes[layout.ECHO]
    for name, block in _blocks(sizes, rows).items():
        block[..., :echo] *= TO_CANDIDATE if name == "g" else TO_GATES


def _echo(sizes: Array, rows: Array, generator: np.random.Generator) -> None:
    """Let candidates of echo units read echo units only, in recurrent weights (H, W)."""
    echo = int(sizes[layout.ECHO])
    candidate = _blocks(sizes, rows)["g"]
    candidate[:, :echo] = 0
    candidate[:echo, :echo] = GAIN * _orthogonal(generator, echo)


def _fill_vector(sizes: Array, vector: Array, name: str, seed: int) -> None:
    _, width, _ = layout.shapes(sizes)
    hidden = sizes[layout.HIDDEN]
    biases = _blocks(sizes, vector[:width])
    biases["f"][:] = 1
    for gate, bias in {"i": OPEN, "f": -OPEN, "o": OPEN}.items():
        biases.get(gate, vector[:0])[: sizes[layout.ECHO]] = bias
    if sizes[layout.KIND] == LAYER_NORM:
        vector[width : 13 * hidden] = 1  # normalisations begin neutral
    else:
        bound, rest = 1 / math.sqrt(hidden), vector[width:]
        rest[:] = _generator(name, seed).uniform(-bound, bound, len(rest))


def _uniform(sizes: Array, name: str, seed: int, count: int) -> Array:
    _, width, _ = layout.shapes(sizes)
    bound = 1 / math.sqrt(sizes[layout.HIDDEN])
    return _generator(name, seed).uniform(-bound, bound, (count, width))


def _orthogonal(generator: np.random.Generator, size: int) -> Array:
    """Return a random orthogonal matrix (Saxe et al. 2014, section 3)."""
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    matrix: Array = q * np.sign(np.diag(r))
    return matrix


def _generator(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def transplant(sizes: Array, flat: Array, new_sizes: Array, new_flat: Array) -> None:
    """Copy every number of a layout to its place in a larger one."""
    parts = zip(layout.views(sizes, flat), layout.views(new_sizes, new_flat), strict=True)
    for place, (old, new) in enumerate(parts):
        _transplant_part(sizes, place, old, new)


def _transplant_part(sizes: Array, place: int, old: Array, new: Array) -> None:
    if place == 0:  # new inputs' rows come after those of the old ones
        inputs = sizes[layout.INPUTS]
        new[:inputs] = old[:inputs]
        new[len(new) - len(old) + inputs :] = old[inputs:]
    else:
        new[tuple(slice(0, size) for size in old.shape)] = old


def grown_moments(
    sizes: Array, new_sizes: Array, moments: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give what an optimizer kept of every parameter the shape of the grown one."""
    before = layout.views(sizes, np.zeros(layout.count(sizes), np.float32))
    after = layout.views(new_sizes, np.zeros(layout.count(new_sizes), np.float32))
    grown: list[dict[str, Any]] = []
    for place, (old, new, kept) in enumerate(zip(before, after, moments, strict=True)):
        grown.append({})
        for name, value in kept.items():
            if isinstance(value, torch.Tensor) and value.shape == old.shape:
                larger = np.zeros(new.shape, np.float32)
                _transplant_part(sizes, place, value.numpy(), larger)
                grown[place][name] = torch.from_numpy(larger)
            elif isinstance(value, torch.Tensor) and value.ndim:
                grown[place] = {}  # of a form of its own, as Adafactor's: it begins afresh
                break
            else:
                grown[place][name] = value
    return grown
