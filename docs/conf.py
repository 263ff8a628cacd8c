"""How Sphinx builds the site: ``make docs``."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from typer.testing import CliRunner

project = "lstmwidgets"
author = "The lstmwidgets developers"
release = metadata.version("lstmwidgets")

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["executed", "notebooks/README.md", "notebooks/data", "recordings"]

html_theme = "furo"
html_title = "lstmwidgets"
html_static_path = ["_static", "recordings"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_copyright = html_show_sphinx = False
html_show_search_summary = False  # it would fetch pages, which files on a disk do not allow

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # as GitHub makes them: pages are read there as well
nb_execution_mode = "off"  # scripts/run_notebooks.py runs them

INDEX = re.compile(r"^\[.*\]\(\.\./notebooks/README\.md\)$", re.MULTILINE)
NOTEBOOK = re.compile(r"\[([^]\n]*)\]\((\w+)\.ipynb\)")

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say types, shapes and units in place
autodoc_default_options = {
    "members": True,
    # What is inherited is shown, but for what comes from these classes of others.
    "inherited-members": "AnyWidget, DOMWidget, Widget, LoggingHasTraits, HasTraits, "
    "HasDescriptors, Module, Base, Estimator, Classifier, Regressor, Forecaster, "
    "MiniBatchClassifier, MiniBatchRegressor, AnomalyDetector, ClassifierMixin, BaseEstimator, "
    "Iterator, Struct, tuple, BaseException, ABC",
}
numpydoc_show_class_members = False  # autodoc has them


def skip(_: Any, __: str, name: str, value: Any, *___: Any) -> bool | None:
    """Leave out fields of named tuples, which their class describes, and scikit-learn's methods."""
    field = (getattr(value, "__doc__", None) or "").startswith("Alias for field number")
    return True if field or name.endswith("_request") or name == "get_metadata_routing" else None


def lead_within(_: Any, __: str, source: list[str]) -> None:
    """Let links to the page of the repository's root, as GitHub has them, lead to the site's."""
    source[0] = source[0].replace("](../SECURITY.md", "](security.md")


def list_notebooks(app: Any, page: str, source: list[str]) -> None:
    """Put the list of notebooks where GitHub has a link to it."""
    if page == "course":
        listed = Path(__file__).parent / "notebooks" / "README.md"
        app.env.note_dependency(str(listed))
        lines = listed.read_text(encoding="utf-8").splitlines()
        table = "\n".join(line for line in lines if line.startswith("|"))
        source[0] = INDEX.sub(NOTEBOOK.sub(r"{doc}`\1 <notebooks/\2>`", table), source[0])


def with_figures(app: Any, page: str, source: list[str]) -> None:
    """Show a notebook as it is after a run, with its figures, if it was run."""
    if not page.startswith("notebooks/"):
        return
    executed = Path(__file__).parent / "executed" / f"{Path(page).name}.ipynb"
    if executed.exists():
        app.env.note_dependency(str(executed))
        source[0] = executed.read_text(encoding="utf-8")
    # Sphinx follows the symbolic link to the notebooks, and would look for those beside them there.
    source[0] = NOTEBOOK.sub(r"{doc}`\2`", source[0])


def close_up(_: Any, doctree: nodes.document) -> None:
    """Take from examples the empty line that ends them for a doctest."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        if block.rawsource == block.astext():  # as it is read, to be coloured
            block.rawsource = text
            block[:] = [nodes.Text(text)]


def give_levels(_: Any, __: str, ___: str, context: dict[str, Any], ____: Any) -> None:
    """Give the captions of the navigation the level that headings need."""
    tree = context["furo_navigation_tree"]
    captions = 'role="heading" aria-level="2"'
    context["furo_navigation_tree"] = tree.replace('role="heading"', captions)


def setup(app: Any) -> None:
    """Be an extension, too."""
    app.connect("html-page-context", give_levels, priority=900)  # after the theme's own
    app.connect("source-read", lead_within)
    app.connect("source-read", list_notebooks)
    app.connect("source-read", with_figures)
    app.connect("doctree-read", close_up)
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-skip-member", skip)


class CommandHelp(Directive):
    """What a command says of itself: ``{command-help} stream``."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the text that ``lstmwidgets … --help`` prints."""
        from lstmwidgets.streaming.cli import app

        os.environ["COLUMNS"] = "90"
        arguments = [*self.arguments, "--help"]
        text = CliRunner().invoke(app, arguments, prog_name="lstmwidgets").output
        return [nodes.literal_block(text, text, language="text")]
