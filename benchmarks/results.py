"""What `python -m benchmarks` measured: one JSON file, and beside it the same as Markdown's tables.

The file has an entry for each benchmark: when and on what machine it ran, and its figures with
median, quartiles, least and largest. Another run replaces the entries of those that it runs.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.table import Table

from lstmwidgets.files import atomic_write

from .machine import processor
from .markdown import markdown
from .timing import RATIO, Figure, Targets

__all__ = ["RESULTS", "Entry", "entry", "keep", "page", "read", "table"]

RESULTS = Path("out/benchmarks.json")
LIBRARIES = ("lstmwidgets", "torch", "numpy", "numba", "onnxruntime")

Entry = dict[str, Any]
"""What is kept of a benchmark."""


def entry(title: str, figures: Sequence[Figure], targets: Targets) -> Entry:
    """Return what is kept of a benchmark that has just run.

    Parameters
    ----------
    title : str
        What it is about.
    figures : sequence of Figure
        What it measured.
    targets : dict
        The bounds that its module sets.

    Returns
    -------
    dict
        ``title``, ``date`` (UTC), ``machine`` and ``figures``.
    """
    return {
        "title": title,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [_record(figure, targets) for figure in figures],
    }


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "processor": processor(),
        "cores": f"{os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"Python {platform.python_version()}",
        **{name: f"{name} {version(name)}" for name in LIBRARIES},
        "threads": "single thread",
    }


def keep(path: Path, entries: dict[str, Entry]) -> None:
    """Put entries into the file, in place of older ones, and write the tables beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = (read(path) if path.exists() else {}) | entries
    with atomic_write(path) as beside:
        text = json.dumps({"benchmarks": entries}, indent=1, ensure_ascii=False)
        beside.write_text(text + "\n", encoding="utf-8")
    with atomic_write(path.with_suffix(".md")) as beside:
        parts = [f"## {each['title']}\n\n{page(each)}" for each in entries.values()]
        beside.write_text("\n".join(parts), encoding="utf-8")


def read(path: Path) -> dict[str, Entry]:
    """Return the entries of a file by the names of their benchmarks.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    read = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(read, dict) or "benchmarks" not in read:
        raise ValueError(
            f"{path} is not what `python -m benchmarks` writes; "
            "remove it, or name another with --json"
        )
    entries: dict[str, Entry] = read["benchmarks"]
    return entries


def page(of: Entry) -> str:
    """Return an entry in Markdown: where and when, and the table."""
    return f"{of['date'][:10]} · {', '.join(of['machine'].values())}\n\n{markdown([table(of)])}"


def table(of: Entry) -> Table:
    """Return a column for each case and a row for each quantity, the ratios first."""
    figures = of["figures"]
    cases = list(dict.fromkeys(figure["case"] for figure in figures))
    table = Table("", *cases)
    for ratios in (True, False):
        rows: dict[str, dict[str, str]] = {}
        for figure in figures:
            if (figure["unit"] == RATIO) == ratios:
                label = figure["name"] if ratios else f"{figure['name']}, {figure['unit']}"
                rows.setdefault(label, {})[figure["case"]] = _cell(figure)
        for label, cells in rows.items():
            table.add_row(label, *(cells.get(case, "") for case in cases))
        table.add_section()
    return table


def _record(figure: Figure, targets: Targets) -> dict[str, Any]:
    target = targets.get((figure.case, figure.name))
    samples = figure.samples if len(figure.samples) > 1 else figure.samples * 2
    lower, _, upper = quantiles(samples, n=4, method="inclusive")
    return {
        "case": figure.case,
        "name": figure.name,
        "unit": figure.unit,
        "rounds": len(figure.samples),
        "median": figure.value,
        "quartiles": [lower, upper],
        "min": min(figure.samples),
        "max": max(figure.samples),
        "target": target and str(target),
        "met": target and target.met(figure.value),
    }


def _cell(figure: dict[str, Any]) -> str:
    """Return the median, the range (not of ratios) and what a target says to it."""
    parts = [_written(figure["median"])]
    if figure["unit"] != RATIO and figure["rounds"] > 1:
        parts.append(f"({_written(figure['min'])}..{_written(figure['max'])})")
    if figure["target"] is not None:
        verdict = "[green]met[/]" if figure["met"] else "[red]missed[/]"
        parts.append(f"{figure['target']} {verdict}")
    return " ".join(parts)


def _written(number: float) -> str:
    """Return a number with three digits that count, as people write it."""
    short = f"{number:.3g}"
    return short if abs(number) < 1000 else f"{float(short):,.0f}"
