"""Lightning's Fabric: where a training runs, and in which precision."""

from __future__ import annotations

from typing import Any

import torch

from ..models import SequenceModel


def make_fabric(device: str | torch.device, precision: str, model: SequenceModel) -> Any:
    """Return a Fabric of one device.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"``, or as PyTorch names devices: ``"cpu"``, ``"cuda:1"``.
    precision : str
        ``"auto"``, or as Fabric names precisions. ``"auto"`` is ``"bf16-mixed"`` for float32
        weights on CUDA where it can, else ``"32-true"``, which leaves weights and inputs in the
        dtype that the model was made with.
    model : SequenceModel
        Whose dtype decides.

    Raises
    ------
    ImportError
        If Lightning is not installed.
    """
    try:
        from lightning.fabric import Fabric
    except ImportError as error:
        raise ImportError(
            "training needs Lightning, which is not installed: pip install lstmwidgets[train]"
        ) from error

    accelerator, devices = "auto", 1
    if device != "auto":
        place = torch.device(device)
        accelerator = place.type
        devices = [place.index] if place.index is not None and place.type == "cuda" else 1  # type: ignore[assignment]
    if precision == "auto":
        chosen = Fabric(accelerator=accelerator, devices=devices).device
        plain = model.head.weight.dtype == torch.float32
        mixed = chosen.type == "cuda" and plain and torch.cuda.is_bf16_supported()
        precision = "bf16-mixed" if mixed else "32-true"
    precise: Any = precision
    return Fabric(accelerator=accelerator, devices=devices, precision=precise)
