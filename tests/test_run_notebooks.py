"""What notebooks show becomes pages in frames; only what has changed is run again."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from scripts import run_notebooks

from .front_end import write_notebook

CELLS = [
    "import torch\n"
    "from bokeh.plotting import figure\n"
    "from lstmwidgets import LSTM\n"
    "from lstmwidgets.widgets import CellInspector, Pane\n"
    "plot = figure(title='Squares & more')\n"
    "source = plot.line([1, 2], [1, 4]).data_source\n"
    "print('first')\n"
    "print('second')\n"
    "Pane(plot)",
    "source.stream({'x': [3], 'y': [987654]})\n"
    "CellInspector(LSTM(2, 4).trace(torch.randn(1, 5, 2)))",
    "'a value'",
]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a notebook, whose outputs and figures go into folders beside it."""
    monkeypatch.setattr(run_notebooks, "EXECUTED", tmp_path / "executed")
    monkeypatch.setattr(run_notebooks, "FIGURES", tmp_path / "figures")
    (tmp_path / "executed").mkdir()
    (tmp_path / "data").mkdir()
    path = tmp_path / "shown.ipynb"
    write_notebook(path, CELLS)
    return path


def frame(cell: nbformat.NotebookNode) -> re.Match[str]:
    found = re.search(
        r'sandbox="(.*?)".* src="(.*?)" title="(.*?)"', cell.outputs[-1].data["text/html"]
    )
    assert found
    return found


@pytest.mark.xdist_group("notebooks")
@pytest.mark.filterwarnings("default")  # the kernel's machinery is not ours to keep quiet
def test_what_cells_show_stands_in_frames_as_it_is_at_the_end(path: Path) -> None:
    given = path.read_text()
    run_notebooks.execute(path)
    assert path.read_text() == given
    first, second, third = nbformat.read(run_notebooks.EXECUTED / path.name, as_version=4).cells
    assert [output.get("text") for output in first.outputs] == ["first\nsecond\n", None]
    chart, cell = frame(first), frame(second)
    assert chart.groups() == (
        "allow-scripts allow-same-origin",
        "../_static/notebooks/shown-1.html",
        "Squares &amp; more",
    )
    assert cell.groups() == (
        "allow-scripts",
        "../_static/notebooks/shown-2.html",
        "CellInspector of 5 steps",
    )
    pages = {page.name: page.read_text() for page in run_notebooks.FIGURES.glob("*.html")}
    assert set(pages) == {"shown-1.html", "shown-2.html"}
    assert "987654" in pages["shown-1.html"]  # what came after the cell that shows it
    assert (run_notebooks.FIGURES / "bokeh.min.js").stat().st_size > 100_000
    assert third.outputs[0].data["text/plain"] == "'a value'"


@pytest.mark.xdist_group("notebooks")
@pytest.mark.filterwarnings("default")
def test_a_notebook_is_run_again_only_when_it_has_changed(path: Path) -> None:
    write_notebook(path, ["import time\ntime.time()"])
    run_notebooks.execute(path)
    kept = (run_notebooks.EXECUTED / path.name).read_text()
    run_notebooks.run([path])
    assert (run_notebooks.EXECUTED / path.name).read_text() == kept
    before = run_notebooks.fingerprint(path)
    write_notebook(path, ["import time\ntime.time() + 1"])
    assert run_notebooks.fingerprint(path) != before


@pytest.mark.xdist_group("notebooks")
@pytest.mark.filterwarnings("default")
def test_a_cell_that_fails_ends_it(path: Path) -> None:
    write_notebook(path, ["1 / 0"])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run_notebooks.execute(path)
    assert not (run_notebooks.EXECUTED / path.name).exists()
