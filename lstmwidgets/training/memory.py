"""Whether a batch will fit into memory, before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from ..models import SequenceModel
from .batches import Sequences

KEPT = 8
"""Numbers that a unit keeps for the backward pass at each step, at least: 4 gates, c, its tanh, h,
and its share of a gradient."""


def check_memory(
    model: SequenceModel,
    sequences: Sequences,
    batch_size: int,
    window: int | None,
    device: torch.device,
) -> None:
    """Raise, naming the longest sequence, if a batch with it needs more memory than is free.

    Raises
    ------
    ValueError
        With the estimate and with what to do.
    """
    longest = int(sequences.lengths.argmax())
    steps = int(sequences.lengths[longest])
    rows = min(batch_size, len(sequences))
    needed = rows * min(steps, window or steps) * bytes_a_step(model)
    free = free_bytes(device)
    if free is None or needed <= free:
        return
    cut = "window=, such as window=200, a smaller batch_size, or shorter sequences"
    if model.pooling is not None:
        cut = "a smaller batch_size or shorter sequences; with pooling=None there is window="
    raise ValueError(
        f"sequence {longest} has {steps:,} steps: a batch of {rows} as long needs at least "
        f"{needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are free; use {cut}"
    )


def bytes_a_step(model: SequenceModel) -> int:
    """Return the bytes that training keeps for one step of one sequence, at least."""
    lstm = model.lstm
    numbers = lstm.input_size + KEPT * lstm.hidden_size * lstm.num_layers
    if model.pooling is None:
        numbers += 2 * model.output_size
    return numbers * model.head.weight.element_size()


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device; None where it cannot be known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    table = Path("/proc/meminfo")
    if device.type == "cpu" and table.exists():
        for line in table.read_text(encoding="ascii").splitlines():
            name, value = line.split(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    if device.type == "cpu" and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
