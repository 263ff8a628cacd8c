"""Put what `make bench-peers` measured into README and docs: ``python -m benchmarks.pages [PATH]``.

PATH is the file of results, `out/peers.json` if none is named. In a page, what stands between
``<!-- peers: PART -->`` and ``<!-- end -->`` becomes that part's tables, as they were printed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from .peers import PARTS, RESULTS
from .summary import summary

PAGES = (Path("README.md"), Path("docs/benchmarks.md"))
BLOCK = re.compile(r"(<!-- peers: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrite the pages."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    if not path.exists():
        raise SystemExit(f"{path} is missing; `make bench-peers` writes it")
    record = json.loads(path.read_text(encoding="utf-8"))
    texts = {part: markdown(_tables(part, record["parts"])) for part in record["parts"]}
    if set(PARTS) <= set(texts):
        texts["summary"] = markdown(summary(record["parts"]))
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        page.write_text(BLOCK.sub(lambda block: _filled(block, texts), before), encoding="utf-8")


def markdown(parts: Iterable[RenderableType]) -> str:
    """Return tables as Markdown's, and lines as a list."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            lines += ["", *_rows(part), ""]
        else:
            lines.append(f"- {part}")
    return "\n".join(lines).strip("\n") + "\n"


def _tables(part: str, parts: dict[str, Any]) -> Iterator[RenderableType]:
    yield from import_module(f"{__package__}.{part}").tables(parts[part])


def _filled(block: re.Match[str], texts: dict[str, str]) -> str:
    text = texts.get(block[2])
    return block[0] if text is None else f"{block[1]}\n{text}\n{block[3]}"


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


if __name__ == "__main__":
    main()
