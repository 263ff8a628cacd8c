"""A classifier's summed log loss beside its best expert's: ``python -m benchmarks.expert_losses``.

`LSTMClassifier(seed=1)` mixes K = 7 experts, the LSTM among them, and promises a summed log loss of
at most that of the best of them plus 2 ln K = 3.9 nats. Each row goes through one of the streams of
`benchmarks.classifications`. Events whose class comes for the first time do not count; an expert
that is not asked at an event (the neighbours, while they are worth less than 2 %) is charged what
the mixture is. Excess is ours minus the best expert's: below zero, the mixture beats all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from lstmwidgets.kernels import class_experts as kernels
from lstmwidgets.online import LSTMClassifier
from lstmwidgets.online.class_experts import ClassExperts

from .peer import Peers, Record, Say
from .peers_worker import Event
from .tabular import classifications

BOUND = 2 * math.log(kernels.POOL)


def measure(_: Peers | None, say: Say) -> Iterator[Record]:
    """Yield the summed losses on each stream."""
    for stream in classifications():
        say(f"losses of experts: {stream.name}")
        ours, experts = losses(stream.events)
        yield {"data": stream.name, "ours": ours, "experts": experts}


def losses(events: list[Event]) -> tuple[float, dict[str, float]]:
    """Return the summed log loss of the mixture, and of each expert."""
    model, ours, sums = LSTMClassifier(seed=1), 0.0, np.zeros(kernels.POOL)
    experts = model.__getstate__()["_experts"]
    for x, y in events:
        if y in model.classes:
            made = kernels.experts(*experts.arrays[:2]).forecasts[: kernels.POOL]
            made[:] = math.nan  # what nobody fills in was not asked
            loss = -math.log(model.predict_proba_one(x)[y])
            ours += loss
            said = made[:, model.classes.index(y)]
            sums += np.where(np.isnan(said), loss, -np.log(said))
        model.learn_one(x, y)
    return ours, dict(zip(ClassExperts.NAMES, sums.tolist(), strict=True))


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield the losses of all, and by how much ours is above the best expert."""
    table = Table("stream", "ours, nats", *ClassExperts.NAMES, "excess")
    for one in records:
        sums = one["experts"]
        excess = one["ours"] - min(sums.values())
        cells = (f"{sums[name]:,.0f}" for name in ClassExperts.NAMES)
        table.add_row(one["data"], f"{one['ours']:,.1f}", *cells, f"{excess:+,.1f}")
    yield table
    worst = max(one["ours"] - min(one["experts"].values()) for one in records)
    yield f"worst excess {worst:+,.2f} nats, {BOUND:.2f} promised at most"


if __name__ == "__main__":
    from .peers import main

    main(["expert_losses"])
