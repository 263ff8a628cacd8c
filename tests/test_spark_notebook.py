"""The notebook on Spark runs, says what it says it does, and prints no warning."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "11_past_one_machine.ipynb"
SECONDS = 300
"""That a cell may take."""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the kernel's machinery is not ours to keep quiet
def test_the_notebook_predicts_the_same_though_it_is_killed(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (tmp_path / "data").symlink_to(NOTEBOOK.parent / "data")
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()

    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.get("name") == "stderr"]
    printed = "".join(out.get("text", "") for out in outputs)
    assert "ended by signal 9\n" in printed
    ended, begun = re.search(r"(\d+) micro-batches have ended, (\d+) had begun", printed).groups()
    assert int(begun) == int(ended) + 1
    counts = re.findall(r"(\d+) of 132000 events, at most (\S+) apart", printed)
    assert 0 < int(counts[0][0]) < int(counts[1][0]) == 132_000
    assert all(float(apart) < 1e-6 for _, apart in counts)
    assert "the same predictions\n" in printed
    assert 10 < int(re.search(r"as fast as before (\d+) s after", printed)[1]) < 300
