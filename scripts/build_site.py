"""Build the documentation: ``python -m scripts.build_site [FOLDER]``, or ``make docs``.

First the recordings are made that play in its pages, and the notebooks run that have changed; then
Sphinx builds the pages, and any warning ends it. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from river import datasets

from lstmwidgets import LSTM, SequenceModel, iter_fit
from lstmwidgets.online import LSTMForecaster
from lstmwidgets.widgets import (
    CellInspector,
    GradientFlow,
    LiveStream,
    StateHeatmap,
    TrainingMonitor,
)
from lstmwidgets.widgets.snapshots import WithSnapshot

from .run_notebooks import NOTEBOOKS
from .run_notebooks import run as run_notebooks

DOCS = Path(__file__).resolve().parent.parent / "docs"
RECORDINGS = DOCS / "recordings"


def main() -> int:
    """Build into the folder that is named, or into ``out/site``."""
    from sphinx.cmd.build import main as sphinx  # the extra `docs`, which recordings do without

    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/site")
    record()
    run_notebooks(sorted(NOTEBOOKS.glob("*.ipynb")))
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--quiet"]
    return sphinx([*options, "--doctree-dir", str(target / ".doctrees"), str(DOCS), str(target)])


def record() -> None:
    """Write the pages of widgets that stand in frames within the site's pages."""
    RECORDINGS.mkdir(exist_ok=True)
    record_passengers()
    record_gradients()
    record_training()


def record_passengers() -> None:
    """Record a forecaster of airline passengers: the stream, one unit's cell, and all units."""
    passengers = list(datasets.AirlinePassengers())
    model = LSTMForecaster(seasonality=12, seed=1)
    live = LiveStream(model, passengers, window=len(passengers), speed=12, horizon=0)
    live.step(len(passengers))
    live.save_html(RECORDINGS / "live_stream.html", "A stream, learned event by event", plays=True)
    run = live.recording()
    live.close()
    write(CellInspector(run, unit=3), "cell_inspector")
    write(StateHeatmap(run, order="cluster"), "state_heatmap")


def record_gradients() -> None:
    """Record how far back a prediction feels, of an LSTM and a plain RNN as they begin."""
    torch.manual_seed(1)
    flow = GradientFlow(LSTM(4, 32), torch.randn(100, 4))
    if not flow.wait():
        raise RuntimeError("the gradients took too long to compute; start it again")
    write(flow, "gradient_flow")


def record_training() -> None:
    """Record a training that learns wrong labels by heart."""
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.2, 0.6, 120)
    waves = [np.sin(rate * np.arange(30))[:, None] for rate in rates]
    labels = ["fast" if (rate > 0.4) != (rng.random() < 1 / 3) else "slow" for rate in rates]
    torch.manual_seed(1)
    model = SequenceModel(input_size=1, output_size=2, task="classification", hidden_size=32)
    options = {"validation": 0.5, "epochs": 120, "lr": 0.01, "seed": 1}
    monitor = TrainingMonitor(iter_fit(model, waves, labels, patience=None, **options))
    monitor.play()
    monitor.wait()
    write(monitor, "training_monitor")


def write(widget: WithSnapshot, name: str) -> None:
    """Write a widget's picture, and close it."""
    (RECORDINGS / f"{name}.html").write_text(widget.snapshot().page, encoding="utf-8")
    widget.close()


if __name__ == "__main__":
    sys.exit(main())
