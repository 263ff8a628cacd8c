"""The notebooks are one course: each says what one will see, what to try, and what comes next."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
INDEX = ROOT / "notebooks" / "README.md"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def texts(path: Path) -> list[str]:
    """Return the texts of a notebook, without the code."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def title(path: Path) -> str:
    return texts(path)[0].splitlines()[0].removeprefix("# ")


def test_they_are_numbered_from_nought() -> None:
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(len(NOTEBOOKS)))
    assert len(NOTEBOOKS) >= 11


@each_notebook
def test_it_opens_with_what_one_will_see(path: Path) -> None:
    heading, opening, *_ = texts(path)[0].split("\n\n")
    assert heading.startswith("# ")
    assert "\n" not in heading
    assert opening.startswith("**You will see** ")
    assert 25 <= len(opening.split()) <= 75


@each_notebook
def test_it_ends_with_three_things_to_try(path: Path) -> None:
    last = nbformat.read(path, as_version=4).cells[-1]
    assert last.cell_type == "markdown"
    heading, listed, closing = last.source.split("\n\n")
    assert heading == "## Three things to try"
    tries = re.split(r"^\d\. ", listed, flags=re.MULTILINE)[1:]
    assert len(tries) == 3
    for one in tries:
        assert re.match(r"\*\*[^*]+\*\*:? ", one), one  # what it is about
        assert "`" in one, one  # what to change
        assert len(one.split()) >= 20, one  # and what one will see
    assert closing
    assert sum("Three things to try" in text for text in texts(path)) == 1


@pytest.mark.parametrize(
    ("path", "following"),
    list(pairwise(NOTEBOOKS)),
    ids=lambda path: path.stem,
)
def test_its_last_line_names_the_next(path: Path, following: Path) -> None:
    closing = texts(path)[-1].split("\n\n")[-1]
    assert closing.startswith(f"Next: [`{following.stem}`]({following.name}) ")


def test_the_last_one_names_none() -> None:
    closing = texts(NOTEBOOKS[-1])[-1].split("\n\n")[-1]
    assert closing.startswith("This is the last notebook.")


@each_notebook
def test_what_it_names_is_there(path: Path) -> None:
    named = {name for text in texts(path) for name in re.findall(r"`(\d\d_\w+)`", text)}
    assert named <= {other.stem for other in NOTEBOOKS}


def test_the_index_has_a_line_on_each_in_order() -> None:
    lines = re.findall(r"^\| \[(.+)\]\((.+\.ipynb)\) \| (.+) \|$", INDEX.read_text(), re.MULTILINE)
    assert [name for _, name, _ in lines] == [path.name for path in NOTEBOOKS]
    assert [shown for shown, _, _ in lines] == [title(path) for path in NOTEBOOKS]
    assert all(5 <= len(line.split()) <= 20 for _, _, line in lines)


def test_the_site_lists_what_the_index_does() -> None:
    page = (ROOT / "docs" / "course.md").read_text()
    assert "](../notebooks/README.md)" in page  # the site puts the list there
    assert "notebooks/*" in page


@each_notebook
def test_it_is_kept_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@each_notebook
def test_it_is_kept_as_the_others_are(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
