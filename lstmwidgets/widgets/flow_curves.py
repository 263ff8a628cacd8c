"""The curves of `GradientFlow` as pages take them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..analysis.gradient_flow import QUANTITIES_FELT, Gradients
from ..analysis.rivals import RIVALS
from ..live import Frame

OWN = "model"
"""Name of the curve of the model that is looked at."""

CURVES = (OWN, *RIVALS)
"""Names of all curves, in the order in which they are drawn and computed."""

LONGEST = 1_000
"""Most steps before a prediction: that fresh networks read, and that a page is sent."""


def curves_frame(curves: Mapping[str, Gradients], layer: int) -> Frame:
    """Return curves as logarithms to the base of 10, the oldest step first.

    The header has of each curve its name, what the prediction is, the number of steps and the kinds
    of its rows: those of `QUANTITIES_FELT` and, but for a plain RNN, ``"along"``, what comes along
    the cells alone.

    Parameters
    ----------
    curves : mapping of str to Gradients
    layer : int
        Of which layer.
    """
    told, buffers = [], []
    for name, gradients in curves.items():
        rows = {kind: gradients.norms(kind, layer) for kind in QUANTITIES_FELT}
        if gradients.along_cell is not None:
            rows["along"] = gradients.along_cell[layer]
        sent = np.array([row[-LONGEST - 1 :] for row in rows.values()])
        with np.errstate(divide="ignore"):  # nothing at all is -inf
            buffers.append(np.log10(sent).astype("<f4").tobytes())
        told.append(
            {
                "name": name,
                "prediction": gradients.prediction,
                "steps": sent.shape[1],
                "kinds": [*rows],
            }
        )
    return Frame({"curves": told}, buffers)
