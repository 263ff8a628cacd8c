"""Bokeh layouts as pages that need neither kernel nor network."""

from __future__ import annotations

from html import escape
from pathlib import Path

from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import LayoutDOM
from bokeh.models.widgets import Div
from bokeh.resources import INLINE

from ..analysis.course import Course
from ..files import atomic_write
from .course import course_figure
from .style import THEMES

PAGE = """
{% block postamble %}
<style>
  :root { color-scheme: {{ "dark" if dark else "light" }}; }
  body { margin: 0 auto; padding: 24px; max-width: 1280px;
         background: {{ "#15191c" if dark else "#fff" }}; }
</style>
{% endblock %}
"""


def save_page(layout: LayoutDOM, path: str | Path, title: str, *, dark: bool = False) -> None:
    """Write a layout as one page that zooms and hovers offline.

    Parameters
    ----------
    layout : LayoutDOM
        Of no document yet.
    path : path
        Of the page; an older one is replaced once the new one is whole.
    title : str
        Of the page.
    dark : bool
        Whether the page is dark.
    """
    document = Document(theme=THEMES[dark])
    document.add_root(layout)
    save_document(document, path, title, dark=dark)


def save_report(course: Course, verdict: str, path: str | Path) -> None:
    """Write a training's curves, and what they say, as one page.

    Parameters
    ----------
    course : Course
        As `lstmwidgets.analysis.course.epoch_course` makes it.
    verdict : str
        In plain words.
    path : path
        Of the page.
    """
    words = Div(text=escape(verdict), sizing_mode="stretch_width")
    layout = column(words, course_figure(course), sizing_mode="stretch_width")
    save_page(layout, path, "Training")


def save_document(document: Document, path: str | Path, title: str, *, dark: bool) -> None:
    """Write a document, whose theme is its own, as `save_page` writes a layout."""
    page = file_html(
        document,
        INLINE,
        title,
        template=PAGE,
        template_variables={"dark": dark},
        suppress_callback_warning=True,  # what Python would answer, it cannot answer here
    )
    with atomic_write(path) as beside:
        beside.write_text(page, encoding="utf-8")
