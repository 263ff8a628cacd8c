"""States as the one tensor that graphs take and give: a row of numbers for each stream.

A row has one layer after the other, of each the fields of its state, H numbers each: ``h, c``, or
with full gate recurrence ``h, c, i, f, o``. An online regressor's row goes on with what it
remembers of the targets. Zeros are a stream's beginning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..shown import typed
from ..state import State


def onnx_state(source: Any) -> NDArray[Any]:
    """Return a state as the graphs of `lstmwidgets.export_onnx` take it.

    Parameters
    ----------
    source : LSTMState, FullGateState, LSTMRegressor or FrozenRegressor
        A state of an LSTM, each field (L, B, H), as the models return it and steppers and
        estimators have it as ``state``; or a regressor that is exported as a whole, for what its
        stream, or each of its S streams, has left behind.

    Returns
    -------
    ndarray
        (B, N), float32; of a regressor (1, N) or (S, N), float64.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If the regressor has not learned anything yet.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> lstm = LSTM(input_size=3, hidden_size=8, num_layers=2)
    >>> output, state = lstm(torch.randn(4, 10, 3))
    >>> row = onnx_state(state)[0]                    # of the first of four streams
    >>> row.shape
    (32,)
    >>> torch.equal(torch.tensor(row[16:24]), state.h[1, 0])    # the upper layer's h
    True
    """
    if isinstance(source, tuple) and source and all(isinstance(part, Tensor) for part in source):
        return packed(source)
    from ..online import FrozenRegressor, LSTMRegressor

    if not isinstance(source, LSTMRegressor | FrozenRegressor):
        own = "; give its .state" if hasattr(source, "state") else ""
        raise TypeError(
            "expected a state as LSTM returns it, an LSTMRegressor or a FrozenRegressor, got "
            f"{typed(source)}{own}"
        )
    if source.state is None:
        raise ValueError("the model has not learned anything yet; let it learn_one first")
    from .regressor import targets_of

    return np.hstack([packed(source.state), targets_of(source.parts.past)], dtype=np.float64)


def packed(state: State | tuple[Tensor, ...]) -> NDArray[np.float32]:
    """Return the rows of an LSTM's state, (B, N)."""
    rows = torch.stack(list(state), 2).transpose(0, 1).flatten(1)  # from (L, B, fields, H)
    found: NDArray[np.float32] = rows.detach().float().cpu().numpy()
    return found
