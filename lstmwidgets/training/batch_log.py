"""Loss and gradient norm of the batches of an epoch, read from the device only when asked."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK = 256
"""So many numbers on the device become one tensor: a small tensor for each would take more room."""


class BatchLog:
    """What came of each batch, on the device until somebody reads it.

    Examples
    --------
    >>> log = BatchLog()
    >>> log.append(torch.tensor(0.5), torch.tensor(2.0))
    >>> log.read(), len(log)
    (array([[0.5, 2. ]]), 1)
    """

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._chunks: list[Tensor] = []
        self._known: NDArray[np.float64] = np.empty((0, 2))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, loss: Tensor, norm: Tensor) -> None:
        """Note the loss and the gradient norm of a batch, each a tensor of no axes."""
        self._losses.append(loss.detach())
        self._norms.append(norm)
        self._count += 1
        if len(self._losses) == CHUNK:
            self._join()

    def read(self) -> NDArray[np.float64]:
        """Return (N, 2), the loss and the gradient norm of each batch; waits for the device."""
        self._join()
        if self._chunks:
            fresh = torch.cat(self._chunks).cpu().double().numpy()
            self._known = np.concatenate([self._known, fresh])
            self._chunks.clear()
        return self._known

    def _join(self) -> None:
        if self._losses:
            columns = [torch.stack(each).float() for each in (self._losses, self._norms)]
            self._chunks.append(torch.stack(columns, dim=1))
            self._losses.clear()
            self._norms.clear()
