"""The command: ``python -m benchmarks [NAME ...] [--list] [--json PATH]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .machine import keep_to_one_thread, processor
from .timing import RATIO, Figure, Targets

BENCHMARKS = {
    "costs": "From a slider of CostPanel to its charts, and from one run of Compare to the other",
    "explaining": "Explaining a text, word by word, also while it is typed",
    "epochs": "Training epochs beside bare loops, and bucketing",
    "exported": "Exported graphs in ONNX Runtime, one step and 100",
    "steps": "One step of one stream",
    "flows": "From a slider of GradientFlow to its curves",
    "footprint": "Memory and disk of a key, for 10,000 and for a million",
    "frames": "Frames that widgets paint, beside bare canvases",
    "keyed": "One step of each of 10,000 streams",
    "learning": "Predicting and learning one event at a time",
    "memory": "From a slider of MemoryTimeline to its picture",
    "many_keys": "A job that comes to know a million keys, with keys by Zipf's law",
    "monitoring": "Training epochs with a TrainingMonitor, beside without",
    "patterns": "Looking for patterns of units in a million steps, and moving a threshold",
    "spark": "Predictions on Spark, beside one process",
    "streams": "Whole streaming jobs, of one key and of many",
    "training": "Training steps and forward passes of a batch",
    "transport": "Carrying a live picture from the kernel to the page",
    "what_ifs": "From a slider of GateLab to its picture, and units ranked",
}
LIBRARIES = ("torch", "numpy", "numba", "onnxruntime")
WIDTH = 120
"""Columns of the tables where the output is not a terminal."""


def main() -> None:
    """Run the benchmarks that are named, or all."""
    options = _options()
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    if options.list:
        for name, title in BENCHMARKS.items():
            console.print(f"{name:10}{title}", highlight=False)
        return
    keep_to_one_thread()
    machine = _machine()
    console.print(", ".join(machine.values()), highlight=False)
    records = []
    for name in options.names or BENCHMARKS:
        module = import_module(f"{__package__}.{name}")
        figures = list(module.figures())
        console.print(f"\n[bold]{BENCHMARKS[name]}[/]\n{module.__doc__}", highlight=False)
        console.print(_table(figures, module.TARGETS))
        records += [_record(name, figure, module.TARGETS) for figure in figures]
    if options.json:
        text = json.dumps({"machine": machine, "figures": records}, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    return options


def _machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "processor": processor(),
        "cores": f"{os.cpu_count()} cores",
        "python": f"Python {platform.python_version()}",
        **{name: f"{name} {version(name)}" for name in LIBRARIES},
        "threads": "single thread",
    }


def _table(figures: list[Figure], targets: Targets) -> Table:
    """Return a column for each case and a row for each quantity, the ratios first."""
    cases = list(dict.fromkeys(figure.case for figure in figures))
    table = Table("", *cases)
    for ratios in (True, False):
        rows: dict[str, dict[str, str]] = {}
        for figure in figures:
            if (figure.unit == RATIO) == ratios:
                label = figure.name if ratios else f"{figure.name}, {figure.unit}"
                rows.setdefault(label, {})[figure.case] = _cell(figure, targets)
        for label, cells in rows.items():
            table.add_row(label, *(cells.get(case, "") for case in cases))
        table.add_section()
    return table


def _cell(figure: Figure, targets: Targets) -> str:
    """Return the median, the range (not of ratios) and what a target says to it."""
    parts = [f"{figure.value:.3g}"]
    if figure.unit != RATIO:
        parts.append(f"({min(figure.samples):.3g}..{max(figure.samples):.3g})")
    target = targets.get((figure.case, figure.name))
    if target is not None:
        verdict = "[green]met[/]" if target.met(figure.value) else "[red]missed[/]"
        parts.append(f"{target} {verdict}")
    return " ".join(parts)


def _record(benchmark: str, figure: Figure, targets: Targets) -> dict[str, Any]:
    target = targets.get((figure.case, figure.name))
    return {
        "benchmark": benchmark,
        "case": figure.case,
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.value,
        "min": min(figure.samples),
        "max": max(figure.samples),
        "target": target and str(target),
        "met": target and target.met(figure.value),
    }


if __name__ == "__main__":
    main()
