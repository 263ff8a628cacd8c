"""Every notebook runs from top to bottom, and is kept without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.xdist_group("notebooks")

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))

SAYS = {"06_streaming": "going on after "}  # else its job had ended before it was killed


@pytest.mark.filterwarnings("default")  # the kernel's machinery is not ours to keep quiet
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    if "pyspark" in path.read_text(encoding="utf-8"):
        pytest.skip("needs Spark's own environment: make test-spark")
    notebook = nbformat.read(path, as_version=4)
    (tmp_path / "data").symlink_to(path.parent / "data")
    assert not any(cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    streams = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in streams if out.output_type == "error" or out.get("name") == "stderr"]
    printed = "".join(out.get("text", "") for out in streams)
    assert SAYS.get(path.stem, "") in printed
