"""What docs/versions.md says of files and packages is what they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from lstmwidgets import files
from lstmwidgets.onnx import exporting
from lstmwidgets.streaming.state import checkpoint

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_files_have_the_versions_that_the_page_says() -> None:
    said = re.findall(r"^\| (.*?) \| .* \| (\d+) \|$", PAGE, re.MULTILINE)
    assert {what.partition(",")[0]: int(version) for what, version in said} == {
        "model": files.VERSION,
        "folder of a job": checkpoint.FORMAT,
        "metadata of an ONNX graph": exporting.FORMAT,
    }


def test_packages_have_the_versions_that_the_page_says() -> None:
    pinned = dict(
        re.findall(r"^(\S+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    )
    needed = dict(
        re.findall(r"^([a-z]+)>=(\S+)$", "\n".join(PROJECT["dependencies"]), re.MULTILINE)
    )
    said = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert len(said) == 6
    for name, oldest, ran_with in said:
        package = {"PyTorch": "torch"}.get(name, name.lower())
        if package == "python":
            assert PROJECT["requires-python"] == f">={oldest}"
        else:
            assert (needed[package], pinned[package]) == (oldest, ran_with)
