"""What `SECURITY.md` says is held by the tests that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("row", ROWS[1:], ids=lambda row: row[2:40])
def test_every_row_names_tests_that_are_there(row: str) -> None:
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", row.rpartition(" | ")[2])
    assert named
    for name in named:
        assert f"def {name}(" in tests
