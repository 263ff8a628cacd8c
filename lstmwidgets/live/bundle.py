"""Modules and style sheets in several files, joined into the texts that front ends load."""

from __future__ import annotations

import re
from pathlib import Path

CHART_MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js"),
    *("live/colors.js", "live/palette.js"),
    *("live/ticks.js", "live/store.js", "live/drawing.js", "live/tip.js", "live/fed_session.js"),
    *("live/message.js", "live/panel.js", "live/lines_panel.js"),
    *("live/classes_panel.js", "live/heatmap_panel.js", "live/curve_panel.js"),
    *("live/inputs_panel.js", "live/panels.js", "live/axis.js", "live/pointer.js"),
    *("live/chart.js", "live/pace.js"),
)
"""What a widget with a chart is made of, besides its own module."""

IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def joined_modules(*names: str) -> str:
    """Return modules of this package as one module.

    A widget's module is loaded from a text, which has no place that relative imports could start
    from. The files are proper modules all the same: editors and checkers understand them.

    Parameters
    ----------
    *names : str
        Files below ``lstmwidgets/``, each after those that it imports. All share one scope, so that
        the names at their top levels must differ.
    """
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in map(_text, names))


def joined_styles(*names: str) -> str:
    """Return style sheets of this package as one."""
    return "\n".join(map(_text, names))


def _text(name: str) -> str:
    return (Path(__file__).parent.parent / name).read_text(encoding="utf-8")
