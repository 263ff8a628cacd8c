"""Run the notebooks for the site, and keep what they show: ``python -m scripts.run_notebooks``.

Each runs in a folder of its own, two at a time. Afterwards every widget that a cell shows becomes a
page, as it is when the last cell has run, and the notebook is written with these pages in frames
where the widgets were. It runs again only when it, its data or the library has changed. What needs
Spark runs in Spark's environment, if that is there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from hashlib import sha256
from html import escape, unescape
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from lstmwidgets.widgets import Pane
from lstmwidgets.widgets.snapshots import WithSnapshot

from .chart_page import LIBRARY, write_chart_page

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
EXECUTED = ROOT / "docs" / "executed"
FIGURES = ROOT / "docs" / "recordings" / "notebooks"
SPARK = ROOT / ".venv-spark"
SECONDS = 300
"""That a cell may take."""

TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
FRAME = (
    '<iframe class="recording" sandbox="{sandbox}" loading="lazy"'
    ' src="../_static/notebooks/{name}" title="{title}"></iframe>'
)
KEEP = """
import sys
sys.path.append({root!r})
from scripts.run_notebooks import keep
keep(Out, {folder!r})
"""


def main() -> int:
    """Run the notebooks that are named (``03_sentiment``), or all."""
    named = sys.argv[1:]
    run([path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not named or path.stem in named])
    return 0


def run(notebooks: list[Path]) -> None:
    """Run those notebooks that have changed, and write them with their figures."""
    EXECUTED.mkdir(parents=True, exist_ok=True)
    changed = [path for path in notebooks if _kept(path) != fingerprint(path)]
    here = [path for path in changed if not lacks_spark(path)]
    if here:
        workers = min(2, os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(execute, here))
    if elsewhere := [path.stem for path in changed if lacks_spark(path)]:
        run_with_spark(elsewhere)


def lacks_spark(path: Path) -> bool:
    """Say whether a notebook needs Spark, which this environment has not."""
    return "pyspark" in path.read_text(encoding="utf-8") and find_spec("pyspark") is None


def run_with_spark(stems: list[str]) -> None:
    """Run notebooks in Spark's environment; they stay without figures where there is none."""
    python = SPARK / "bin" / "python"
    if Path(sys.prefix) == SPARK or not python.exists() or shutil.which("java") is None:
        missing = f"{', '.join(stems)}: without figures, for Spark is not there; make setup-spark"
        sys.stderr.write(missing + "\n")
        return
    command = [python, "-m", "scripts.run_notebooks", *stems]
    subprocess.run(command, cwd=ROOT, check=True)


def execute(path: Path) -> None:
    """Run one notebook, and write it with its figures."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, pages = Path(name) / "work", Path(name) / "pages"
        folder.mkdir()
        pages.mkdir()
        (folder / "data").symlink_to(path.parent / "data")
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            resources={"metadata": {"path": str(folder)}},
            extra_arguments=["--log-level=ERROR"],
        )
        with client.setup_kernel(env=os.environ | {"OMP_NUM_THREADS": "1"}):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            last = nbformat.v4.new_code_cell(KEEP.format(root=str(ROOT), folder=str(pages)))
            notebook.cells.append(last)
            client.execute_cell(last, len(notebook.cells) - 1)
            notebook.cells.pop()
        _put_in_frames(notebook, path.stem, pages)
    notebook.metadata["fingerprint"] = fingerprint(path)
    nbformat.write(notebook, EXECUTED / path.name)


def keep(shown: dict[int, Any], folder: str) -> None:
    """Write the widgets among what cells have shown as pages; the notebook's kernel calls it.

    Parameters
    ----------
    shown : dict of int to object
        IPython's ``Out``: the values of cells by their execution count.
    folder : str
        Where a page gets its count as a name.
    """
    for count, value in shown.items():
        path = Path(folder) / f"{count}.html"
        if isinstance(value, Pane):
            write_chart_page(value, path)
        elif isinstance(value, WithSnapshot):
            path.write_text(value.snapshot().page, encoding="utf-8")


@cache
def _library() -> bytes:
    """Return a digest of all that notebooks run."""
    digest = sha256()
    folders = [ROOT / "lstmwidgets", ROOT / "streaming", NOTEBOOKS / "data"]
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.suffix in (".py", ".js", ".css", ".csv", ".safetensors"):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for script in ("scripts/run_notebooks.py", "scripts/chart_page.py", "benchmarks/clusters.py"):
        digest.update((ROOT / script).read_bytes())
    return digest.digest()


def fingerprint(path: Path) -> str:
    """Return what changes when the notebook would show something else."""
    return sha256(path.read_bytes() + _library()).hexdigest()


def _kept(path: Path) -> str | None:
    """Return the fingerprint of the run that is kept."""
    kept = EXECUTED / path.name
    if not kept.exists():
        return None
    fingerprint: str = json.loads(kept.read_text(encoding="utf-8"))["metadata"]["fingerprint"]
    return fingerprint


def _put_in_frames(notebook: Any, stem: str, pages: Path) -> None:
    """Move the pages to those of the site, and show them in frames."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    for old in FIGURES.glob(f"{stem}-*.html"):
        old.unlink()
    if (pages / LIBRARY).exists():
        shutil.move(pages / LIBRARY, FIGURES / LIBRARY)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = list(_without_widgets(cell.outputs))
        page = pages / f"{cell.execution_count}.html"
        if page.exists():
            name = f"{stem}-{cell.execution_count}.html"
            text = page.read_text(encoding="utf-8")
            shutil.move(page, FIGURES / name)
            frame = {"text/html": _frame(name, text)}
            cell.outputs.append(nbformat.v4.new_output("display_data", frame))
    notebook.metadata.pop("widgets", None)


def _frame(name: str, page: str) -> str:
    """Return the frame in which a page stands."""
    found = TITLE.search(page)
    title = escape(unescape(found[1]) if found else name)
    sandbox = "allow-scripts allow-same-origin" if LIBRARY in page else "allow-scripts"
    return FRAME.format(name=name, title=title, sandbox=sandbox)


def _without_widgets(outputs: list[Any]) -> Iterator[Any]:
    """Leave out what only a kernel can show; one stream for what was printed in several parts."""
    printed = None
    for output in outputs:
        if output.output_type == "stream" and printed is not None and printed.name == output.name:
            printed.text += output.text
        elif not any("widget-view" in kind for kind in output.get("data", {})):
            printed = output if output.output_type == "stream" else None
            yield output


if __name__ == "__main__":
    sys.exit(main())
