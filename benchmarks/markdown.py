"""Tables as they are printed, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.table import Table


def markdown(parts: Iterable[RenderableType]) -> str:
    """Return tables as Markdown's, and lines as a list."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            lines += ["", *_rows(part), ""]
        else:
            lines.append(f"- {part}")
    return "\n".join(lines).strip("\n") + "\n"


def _rows(table: Table) -> Iterator[str]:
    heads = [str(column.header) for column in table.columns]
    heads[0] = heads[0] or str(table.title or "")
    columns = [[_plain(str(cell)) for cell in column.cells] for column in table.columns]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for row in zip(*columns, strict=True):
        yield f"| {' | '.join(row)} |"


def _plain(cell: str) -> str:
    """Return a cell with Markdown's bold in place of the terminal's, and no colours."""
    return re.sub(r"\[/?\w*\]", "", re.sub(r"\[bold\](.*?)\[/\]", r"**\1**", cell))
