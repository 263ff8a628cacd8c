"""Pictures of widgets that stay in a notebook's output when the kernel is gone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import anywidget

from ..files import atomic_write
from ..live import StillPart, still_page

SYSTEM = frozenset(anywidget.AnyWidget.class_trait_names(sync=True)) | {"_esm", "_css"}
"""Traits that every widget has."""

# The frame may run its own script and reach nothing else: neither the notebook nor the net. It is
# told whether the notebook is dark, and tells how tall it is. Where outputs run no scripts it
# scrolls, and follows the system's colours.
FRAME = """<iframe sandbox="allow-scripts" title="{title}" srcdoc="{page}"
 style="width: 100%; height: 640px; border: 0" onload="
  window.addEventListener('message', ({{ data, source }}) => {{
    if (source === this.contentWindow && data.height > 0) this.style.height = data.height + 'px';
  }});
  const light = document.body.dataset.jpThemeLight;
  const dark = light ? light === 'false' : document.querySelector('html.dark, body.dark') !== null;
  this.contentWindow.postMessage({{ dark: dark || (light ? false : null) }}, '*');
"></iframe>"""


class Snapshot:
    """A picture that needs neither kernel nor network: the last line of a cell shows it.

    Parameters
    ----------
    page : str
        HTML, whole.
    title : str
        What it is a picture of.

    Attributes
    ----------
    page, title : str
        As above.
    """

    def __init__(self, page: str, title: str) -> None:
        self.page = page
        self.title = title

    def __repr__(self) -> str:
        return f"<Snapshot: {self.title}>"

    def _repr_html_(self) -> str:
        return FRAME.format(title=escape(self.title), page=escape(self.page))


class WithSnapshot(anywidget.AnyWidget):
    """A widget that can be kept as a picture."""

    _title = "LSTM"  # of pages, where none is given

    def snapshot(self) -> Snapshot:
        """Return the picture as it is now, for the output of a cell.

        It stays there without a kernel and without a network, after ``jupyter nbconvert --to html``
        as well. One can point at it and zoom, but not play.
        """
        title = self._what()
        return Snapshot(self._page(title), title)

    def save_html(self, path: str | Path, title: str | None = None) -> None:
        """Write the picture as one page that one can look around in offline, without a kernel.

        Parameters
        ----------
        path : path
            Of the page; an older one is replaced once the new one is whole.
        title : str, optional
            Of the page; by default what the widget shows.
        """
        self._write(path, title or self._title)

    def _write(self, path: str | Path, title: str) -> None:
        write_page(path, self._page(title))

    def _page(self, title: str, *, plays: bool = False) -> str:
        state, given = self._still_state()
        parts = self._still_parts()
        style = str(self._css)
        return still_page(
            str(self._esm), style, state, given=given, title=title, parts=parts, plays=plays
        )

    def _still_parts(self) -> Mapping[str, StillPart]:
        """Return the widgets that stand within it, as `still_page` takes them."""
        return {}

    def as_part(self) -> StillPart:
        """Return what a page needs of it where it stands within another widget."""
        return StillPart(str(self._esm), *self._still_state())

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        """Return the traits, and those that change with others, as `still_page` takes them."""
        return self.get_state([name for name in self.keys if name not in SYSTEM]), {}

    def _what(self) -> str:
        """Say what is shown."""
        return type(self).__name__


def write_page(path: str | Path, page: str) -> None:
    """Write a page; an older one is replaced once it is whole."""
    with atomic_write(path) as beside:
        beside.write_text(page, encoding="utf-8")
