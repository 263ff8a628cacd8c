"""Widgets as pages of their own, which need neither kernel nor network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from .bundle import joined_modules

DEFAULT = re.compile(r"^export default (\w+);$", re.MULTILINE)


def still_page(
    module: str,
    style: str,
    state: Mapping[str, Any],
    *,
    given: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "lstmwidgets",
) -> str:
    """Return a page that shows a widget as it is.

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
    """
    data = {"state": {**state, "layout": {"comm_live": False}}, "given": given or {}}
    shown = DEFAULT.search(module)
    if shown is None:
        raise ValueError("module must have a default export, as `export default name;`")
    return PAGE.format(
        title=escape(title),
        style=style,
        # Within a script element only "</script" and "<!--" would be read as anything else.
        data=json.dumps(data, ensure_ascii=False, default=_as_text).replace("<", "\\u003c"),
        module=DEFAULT.sub("", module) + joined_modules("live/still_page.js"),
        widget=shown[1],
    )


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
.lw-controls > :not(.lw-reading) {{ display: none !important; }}
body:has([data-theme="dark"]) {{ background: #0d0f12; }}
</style>
</head>
<body>
<main id="widget"></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{module}
stillPage({widget});
</script>
</body>
</html>
"""
