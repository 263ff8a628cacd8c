"""Benchmarks are kept in one file, with tables beside it, and pages are made from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.results import entry, keep, page, read
from benchmarks.timing import RATIO, Figure, Target

ROOT = Path(__file__).resolve().parent.parent
STEPS = [
    Figure("hidden 32", "nn.LSTM / ours", RATIO, (30.0, 31.0, 35.0)),
    Figure("hidden 32", "ours", "µs", (1.5, 1.0, 2.0)),
    Figure("hidden 64", "ours", "µs", (4.0,)),
]
TARGETS = {("hidden 32", "nn.LSTM / ours"): Target("≥", 25), ("hidden 64", "ours"): Target("≤", 3)}


def test_an_entry_says_when_where_and_how_much_it_varies() -> None:
    kept = entry("One step", STEPS, TARGETS)
    assert datetime.now(UTC) - datetime.fromisoformat(kept["date"]) < timedelta(minutes=1)
    assert {"processor", "cores", "python", "torch", "numba"} <= set(kept["machine"])
    ratio, ours, single = kept["figures"]
    assert ratio["median"] == 31.0
    assert ratio["met"] is True
    assert (ours["min"], ours["quartiles"], ours["max"]) == (1.0, [1.25, 1.75], 2.0)
    assert ours["rounds"] == 3
    assert single["quartiles"] == [4.0, 4.0]
    assert single["met"] is False


def test_another_run_replaces_its_own_entries_only(tmp_path: Path) -> None:
    path = tmp_path / "out" / "benchmarks.json"
    first = {"steps": entry("One step", STEPS, {}), "keyed": entry("Many", STEPS[:1], {})}
    keep(path, first)
    again = entry("One step", [Figure("hidden 32", "ours", "µs", (9.0, 9.5, 10.0))], {})
    keep(path, {"steps": again})
    assert read(path) == {"steps": again, "keyed": first["keyed"]}
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["One step", "Many"]
    assert "| ours, µs | 9.5 (9..10) |" in text


def test_a_page_has_date_machine_and_table() -> None:
    kept = entry("One step", STEPS, TARGETS)
    lines = page(kept).splitlines()
    assert lines[0].startswith(kept["date"][:10])
    assert kept["machine"]["torch"] in lines[0]
    assert lines[2:] == [
        "|  | hidden 32 | hidden 64 |",
        "|---|---:|---:|",
        "| nn.LSTM / ours | 31 ≥ 25 met |  |",
        "| ours, µs | 1.5 (1..2) | 4 ≤ 3 missed |",
    ]


def test_pages_are_made_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, document = tmp_path / "benchmarks.json", tmp_path / "page.md"
    keep(results, {"steps": entry("One step", STEPS, TARGETS)})
    other = "<!-- bench: keyed -->\nas it was\n<!-- end -->\n"
    document.write_text(f"# A page\n\n<!-- bench: steps -->\nold\n<!-- end -->\n\n{other}")
    monkeypatch.setattr(pages, "PAGES", (document,))
    monkeypatch.setattr(sys, "argv", ["pages", str(results)])
    pages.main()
    text = document.read_text(encoding="utf-8")
    assert "| nn.LSTM / ours | 31 ≥ 25 met |  |" in text
    assert "old" not in text
    assert text.endswith(other)


def test_a_file_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text('{"parts": {}}')
    with pytest.raises(ValueError, match="remove it, or name another"):
        keep(path, {"steps": entry("One step", STEPS, {})})
    assert path.read_text() == '{"parts": {}}'


def test_the_command_looks_at_the_file_before_it_measures(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text('{"parts": {}}')
    command = [sys.executable, "-m", "benchmarks", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "remove it, or name another with --json" in done.stderr


@pytest.mark.slow
def test_the_command_writes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    command = [sys.executable, "-m", "benchmarks", "keyed", "--json", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    kept = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]["keyed"]
    assert any(figure["name"] == "nn.LSTMCell / ours" for figure in kept["figures"])
    assert all(figure["min"] <= figure["median"] <= figure["max"] for figure in kept["figures"])
    assert path.with_suffix(".md").read_text(encoding="utf-8").startswith("## One step of each")


def test_pages_have_what_the_files_beside_them_hold() -> None:
    """Put a run's figures there, and run ``python -m benchmarks.pages docs/measured/*.json``."""
    texts: dict[str, str] = {}
    for path in (ROOT / "docs/measured").glob("*.json"):
        texts |= pages.texts_of(json.loads(path.read_text(encoding="utf-8")))
    found = {}
    for page_ in pages.PAGES:
        text = (ROOT / page_).read_text(encoding="utf-8")
        found |= {block[2]: block[0] for block in pages.BLOCK.finditer(text) if "bench" in block[2]}
    assert found
    for name, block in found.items():
        assert texts[name].strip() in block
