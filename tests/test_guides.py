"""What the tutorial and the guides tell one to type works: files, programs and commands in order.

Their Python examples are doctests, which pytest collects by itself.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [DOCS / "tutorial.md", DOCS / "several_devices.md", *sorted((DOCS / "guides").glob("*.md"))]
FENCE = re.compile(r"^```(\S.*)\n((?:.|\n)*?)^```$", re.MULTILINE)
OPTION = re.compile(r"^:(\w+): (.*)\n", re.MULTILINE)
NOT_HERE = "pip install"  # that a wheel can be installed, test_wheel.py says
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


def blocks(page: Path) -> list[tuple[str, dict[str, str], str]]:
    """Return the fenced blocks of a page: language, options and text."""
    found = []
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        options = dict(OPTION.findall(text)) if language.startswith("{code-block}") else {}
        body = OPTION.sub("", text).lstrip("\n") if options else text
        found.append((language.removeprefix("{code-block} "), options, body))
    return found


def commands(page: Path) -> bool:
    return any(language == "sh" for language, _, _ in blocks(page))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem
)
def test_what_a_page_tells_one_to_type_works(page: Path, tmp_path: Path) -> None:
    for language, options, text in blocks(page):
        if "caption" in options:
            (tmp_path / options["caption"]).write_text(text, encoding="utf-8")
        elif language == "sh" and not text.startswith(NOT_HERE):
            run(text, tmp_path, interrupt=options.get("class") == "until-interrupted")


def run(script: str, folder: Path, *, interrupt: bool) -> None:
    """Run commands as a shell does; if they go on until Ctrl-C, press it once a page is served."""
    here = Path(sys.executable).parent
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told = ""
        if interrupt:
            assert process.stdout is not None
            for line in process.stdout:
                told += line
                if ADDRESS.search(line):
                    os.killpg(process.pid, signal.SIGINT)
                    break
        rest, _ = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    expected = {0, 130, -signal.SIGINT} if interrupt else {0}
    assert process.returncode in expected, told + rest
    if interrupt:
        assert ADDRESS.search(told), told + rest
