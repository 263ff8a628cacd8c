"""The command: ``python -m benchmarks [NAME ...] [--list] [--json PATH]``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from rich.console import Console

from .machine import keep_to_one_thread
from .results import RESULTS, entry, keep, machine, read, table

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
    "learners": "Learning side by side and brought together, beside one process",
    "learning": "Predicting and learning one event at a time",
    "memory": "From a slider of MemoryTimeline to its picture",
    "many_keys": "A job that comes to know a million keys, with keys by Zipf's law",
    "monitoring": "Training epochs with a TrainingMonitor, beside without",
    "patterns": "Looking for patterns of units in a million steps, and moving a threshold",
    "scaling": "Micro-batches on Spark, and a simulation that predicts them",
    "spark": "Predictions on Spark, beside one process",
    "streams": "Whole streaming jobs, of one key and of many",
    "training": "Training steps and forward passes of a batch",
    "transport": "Carrying a live picture from the kernel to the page",
    "what_ifs": "From a slider of GateLab to its picture, and units ranked",
}
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
    console.print(", ".join(machine().values()), highlight=False)
    for name in options.names or BENCHMARKS:
        module = import_module(f"{__package__}.{name}")
        figures = list(module.figures())
        console.print(f"\n[bold]{BENCHMARKS[name]}[/]\n{module.__doc__}", highlight=False)
        measured = entry(BENCHMARKS[name], figures, module.TARGETS)
        console.print(table(measured))
        keep(options.json, {name: measured})
    console.print(f"\nwritten: {options.json}, and the tables beside it", highlight=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="PATH",
        default=RESULTS,
        help=f"write the figures there ({RESULTS}), and the tables beside it",
    )
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if options.json.exists():
        try:
            read(options.json)
        except ValueError as error:
            parser.error(str(error))
    return options


if __name__ == "__main__":
    main()
