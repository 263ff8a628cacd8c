"""Widgets as pages of their own, which need neither kernel nor network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from .bundle import joined_modules

PLAYED = ("live/ticks.js", "live/store.js", "live/played_page.js")
HIDDEN = ".lw-controls > :not(.lw-reading) { display: none !important; }"
DEFAULT = re.compile(r"^export default (\w+);$", re.MULTILINE)


class StillPart(NamedTuple):
    """A widget within another one.

    Attributes
    ----------
    module : str
        Its `_esm`.
    state, given : mapping
        As of `still_page`.
    """

    module: str
    state: Mapping[str, Any]
    given: Mapping[str, Mapping[str, Any]]


def still_page(
    module: str,
    style: str,
    state: Mapping[str, Any],
    *,
    given: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "lstmwidgets",
    parts: Mapping[str, StillPart] | None = None,
    plays: bool = False,
) -> str:
    """Return a page that shows a widget as it is, or plays it again.

    Parameters
    ----------
    module, style : str
        Of the widget: its `_esm`, whose last line is the default export, and its `_css`.
    state : mapping
        Its traits, as pages get them; bytes stay bytes.
    given : mapping, optional
        By trait, which other traits change along with it: for each of its values, one of theirs.
    title : str
        Of the page.
    parts : mapping of str to StillPart, optional
        The widgets that stand within it, by the references to them that are in its state.
    plays : bool
        Whether the run in its state, the bytes `_whole`, plays in the page, and controls are shown.
    """
    parts = parts or {}
    data = {
        **_data(state, given or {}, answers=plays),
        "parts": {name: _data(part.state, part.given) for name, part in parts.items()},
    }
    modules = {name: _as_call(part.module) for name, part in parts.items()}
    return PAGE.format(
        title=escape(title),
        style=style,
        # Within a script element only "</script" and "<!--" would be read as anything else.
        data=json.dumps(data, ensure_ascii=False, default=_as_text).replace("<", "\\u003c"),
        hidden="" if plays else HIDDEN,
        module=joined_modules(*(PLAYED if plays else ()), "live/still_page.js"),
        played="PlayedRun" if plays else "null",
        widget=_as_call(module),
        parts=", ".join(f"{json.dumps(name)}: {call}" for name, call in modules.items()),
    )


def _data(
    state: Mapping[str, Any], given: Mapping[str, Any], *, answers: bool = False
) -> dict[str, Any]:
    return {"state": {**state, "layout": {"comm_live": answers}}, "given": given}


def _as_call(module: str) -> str:
    """Return what a module exports, as an expression: its names stay its own."""
    shown = DEFAULT.search(module)
    if shown is None:
        raise ValueError("module must have a default export, as `export default name;`")
    return f"(() => {{\n{DEFAULT.sub('', module)}\nreturn {shown[1]};\n}})()"


def _as_text(value: Any) -> dict[str, str]:
    return {"base64": base64.b64encode(memoryview(value)).decode()}


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
body {{ margin: 0 auto; max-width: 1300px; padding: 16px; background: #ffffff; }}
{hidden}
body:has([data-theme="dark"]) {{ background: #0d0f12; }}
</style>
</head>
<body>
<main id="widget"></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{module}
stillPage({widget}, {{ {parts} }}, {played});
</script>
</body>
</html>
"""
