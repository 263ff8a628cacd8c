"""A `Pane` as a page that follows the theme of what it stands in, and needs no kernel.

BokehJS stands beside the page, shared by all of them: a frame that shows it has to allow its own
origin, or a browser that opens the site from a disk would not load it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

import bokeh
from bokeh.embed import json_item
from bokeh.models import LayoutDOM, Plot

from lstmwidgets.plots import THEMES
from lstmwidgets.widgets import Pane

LIBRARY = "bokeh.min.js"


def write_chart_page(pane: Pane, path: Path) -> None:
    """Write a pane as it is, and BokehJS beside it."""
    light, dark = (json_item(pane.layout_model, "chart", theme=theme) for theme in THEMES)
    data = json.dumps({"light": light, "dark": dark}, ensure_ascii=False)
    data = data.replace("<", "\\u003c")
    page = PAGE.format(title=escape(_title(pane)), library=LIBRARY, data=data)
    path.write_text(page, encoding="utf-8")
    if not (library := path.parent / LIBRARY).exists():
        shutil.copy(Path(bokeh.__file__).parent / "server" / "static" / "js" / LIBRARY, library)


def _title(pane: Pane) -> str:
    """Return what stands above the figures."""
    titles = [str(each.title.text) for each in _figures(pane.layout_model)]
    return ", ".join(title for title in titles if title) or "Chart"


def _figures(layout: LayoutDOM) -> Iterator[Plot]:
    """Yield the figures of rows and columns in order."""
    if isinstance(layout, Plot):
        yield layout
    for child in getattr(layout, "children", ()):
        yield from _figures(child)


PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 16px; background: #ffffff; }}
[data-theme="dark"] body {{ background: #0d0f12; }}
</style>
<script src="{library}"></script>
</head>
<body>
<main id="chart"></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
const items = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const main = document.getElementById("chart");
const system = matchMedia("(prefers-color-scheme: dark)");
let told = null;
let shown = null;
let views = null;
async function show() {{
  const theme = (told ?? system.matches) ? "dark" : "light";
  if (theme === shown) return;
  root.dataset.theme = shown = theme;
  main.style.minHeight = `${{main.offsetHeight}}px`;
  views?.clear();
  views = await Bokeh.embed.embed_item(structuredClone(items[theme]));
}}
addEventListener("message", ({{ source, data }}) => {{
  if (source !== parent) return;
  told = data.dark;
  show();
  tell();
}});
const tell = () => parent.postMessage({{ height: root.offsetHeight }}, "*");
new ResizeObserver(tell).observe(root);
system.addEventListener("change", show);
await show();
</script>
</body>
</html>
"""
