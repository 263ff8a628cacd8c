"""Lightning's Fabric: where a training runs, on how many devices, and in which precision.

Fabric and not Lightning's `Trainer`, nor `torch.autocast` alone: so the loop is ours, with epochs
that are yielded to who asks for them and resumed bit for bit, and the strategies are Lightning's.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import torch

from ..models import SequenceModel
from .options import STRATEGIES, Options

STARTED = "LT_CLI_USED"
"""Is ``"1"`` where Lightning's command, or `launching`, has started the processes."""


def make_fabric(options: Options, model: SequenceModel) -> Any:
    """Return a Fabric; where there are several processes they are all there afterwards.

    Parameters
    ----------
    options : Options
        Of these `device`, `devices`, `num_nodes`, `strategy` and `precision`.
    model : SequenceModel
        Whose dtype decides what ``precision="auto"`` is: ``"bf16-mixed"`` for float32 weights on
        CUDA where it can, else ``"32-true"``, which leaves weights and inputs in their dtype.

    Raises
    ------
    ImportError
        If Lightning is not installed.
    ValueError
        If several processes have to be started, and that needs `fit`.
    """
    fabric_class, strategy_class = classes()
    devices, num_nodes = placed(options)
    method = start_method(options)
    if method not in (None, "popen"):
        raise ValueError(
            f"iter_fit cannot start {count(devices) * num_nodes} processes from here: put it "
            "into a script, started by python or torchrun, or use fit"
        )
    place = None if options.device == "auto" else torch.device(options.device)
    precise: Any = options.precision
    if precise == "auto":
        cuda = torch.cuda.is_available() if place is None else place.type == "cuda"
        plain = model.head.weight.dtype == torch.float32
        mixed = cuda and plain and torch.cuda.is_bf16_supported()
        precise = "bf16-mixed" if mixed else "32-true"
    strategy: Any = "auto"
    if count(devices) * num_nodes > 1:
        start: Any = STRATEGIES[options.strategy] if STARTED in os.environ else "popen"
        more: dict[str, Any] = {_name_of_sync(): False}
        strategy = strategy_class(start_method=start or "popen", **more)
    fabric = fabric_class(
        accelerator="auto" if place is None else place.type,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precise,
    )
    if os.environ.get(STARTED) != "1":
        fabric.launch()
    if fabric.world_size > 1 and torch.distributed.get_world_size() != fabric.world_size:
        raise ValueError(
            f"{torch.distributed.get_world_size()} processes were started before, and now there "
            f"should be {fabric.world_size}: all trainings of a script need the same devices="
        )
    return fabric


def classes() -> tuple[Any, Any]:
    """Return Lightning's Fabric and its DDPStrategy."""
    try:
        from lightning.fabric import Fabric
        from lightning.fabric.strategies.ddp import DDPStrategy
    except ImportError as error:
        raise ImportError(
            "training needs Lightning, which is not installed: pip install lstmwidgets[train]"
        ) from error
    return Fabric, DDPStrategy


def placed(options: Options) -> tuple[int | list[int], int]:
    """Return the devices of a node, and how many nodes, as asked for or as torchrun says.

    Raises
    ------
    ValueError
        If torchrun has started another number of processes, or GPUs are asked for that are not.
    """
    devices, nodes = _asked(options)
    by_torchrun = torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()
    started = int(os.environ["WORLD_SIZE"]) if by_torchrun else 0
    if devices == "auto" and started:
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return local, started // local
    if devices == "auto":
        on_gpus = options.strategy != "auto" and options.device in ("auto", "cuda")
        devices = max(1, torch.cuda.device_count()) if on_gpus else 1
    if started not in (0, count(devices) * nodes):
        raise ValueError(
            f"torchrun has started {started} processes, and devices={options.devices!r} with "
            f"num_nodes={nodes} are {count(devices) * nodes}: leave devices and num_nodes out"
        )
    return devices, nodes


def _asked(options: Options) -> tuple[Any, int]:
    devices: Any = options.devices
    place = torch.device("cpu" if options.device == "auto" else options.device)
    if place.type == "cuda" and place.index is not None:
        return [place.index], options.num_nodes
    there = torch.cuda.device_count()
    if isinstance(devices, list | tuple):
        if not all(each < there for each in devices):
            raise ValueError(f"devices={devices!r} names GPUs that are not here: there are {there}")
        return list(devices), options.num_nodes
    if devices == -1 and not there:
        raise ValueError("devices=-1 is all GPUs, and there is none here")
    return there if devices == -1 else devices, options.num_nodes


def start_method(options: Options) -> str | None:
    """Return how the other processes have to be started; None if there are none, or they are there.

    ``"popen"`` runs the script again; ``"fork"`` and ``"spawn"`` call a function. They take its
    place where there is no script: in notebooks, in ``python -c``, at a prompt.

    Raises
    ------
    ValueError
        If processes cannot be forked here.
    """
    devices, nodes = placed(options)
    if "LOCAL_RANK" in os.environ or count(devices) * nodes == 1:
        return None
    method = STRATEGIES[options.strategy] or "popen"
    if method != "popen" and nodes > 1:
        raise ValueError(
            f"strategy={options.strategy!r} is for one node; start a script on each, by torchrun"
        )
    if method != "popen" or _has_script():
        return method
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError(
            "there is no script to be run again in other processes: write one, or "
            'use strategy="ddp_spawn"'
        )
    return "fork"


def _name_of_sync() -> str:
    """Return what says whether DDP sends buffers before each batch.

    Ours never change, and to send them would have all processes run equally many batches.
    """
    known = signature(torch.nn.parallel.DistributedDataParallel).parameters
    name = "forward_sync_buffers"  # the other one is deprecated since PyTorch 2.13
    return name if name in known else "broadcast_buffers"


def count(devices: int | list[int]) -> int:
    """Return how many devices there are of a number or a list."""
    return len(devices) if isinstance(devices, list) else devices


def _has_script() -> bool:
    """Say whether Python runs a file or a module, and so can run it again."""
    main = sys.modules["__main__"]
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return False
    return main.__spec__ is not None or Path(sys.argv[0]).is_file()
