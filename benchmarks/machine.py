"""What figures depend on: the processor, and how many threads may use it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def keep_to_one_thread() -> None:
    """Do it before NumPy and torch are imported: their libraries look only then."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)


def processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
