"""Put what was measured into README and docs: ``python -m benchmarks.pages [PATH ...]``.

The files are those of `make bench-peers` and `make bench`; if none is named, `out/peers.json` and
`out/benchmarks.json`. In a page, what stands between ``<!-- peers: PART -->`` or
``<!-- bench: NAME -->`` and ``<!-- end -->`` becomes that part's tables, as they were printed;
``<!-- bench: NAME_TABLE -->`` is a table that the benchmark's `tables` computes from its figures.
What the pages have of `make bench` is in ``docs/measured``, and a test compares them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from . import results
from .markdown import markdown
from .peers import PARTS
from .peers import RESULTS as PEERS
from .summary import summary

PAGES = (Path("README.md"), Path("docs/benchmarks.md"), Path("docs/scaling.md"))
BLOCK = re.compile(r"(<!-- ((?:peers|bench): \w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrite the pages."""
    paths = [Path(name) for name in sys.argv[1:]]
    paths = paths or [path for path in (PEERS, results.RESULTS) if path.exists()]
    if not paths:
        raise SystemExit(
            f"neither {PEERS} nor {results.RESULTS} is there; "
            "`make bench-peers` and `make bench` write them"
        )
    texts: dict[str, str] = {}
    for path in paths:
        texts |= texts_of(json.loads(path.read_text(encoding="utf-8")))
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        page.write_text(BLOCK.sub(lambda block: _filled(block, texts), before), encoding="utf-8")


def texts_of(record: dict[str, Any]) -> dict[str, str]:
    """Return what a file of results puts into pages, by the names of the blocks."""
    if "benchmarks" in record:
        return dict(_bench_texts(record["benchmarks"]))
    parts = record["parts"]
    texts = {f"peers: {part}": markdown(_tables(part, parts)) for part in parts}
    if set(PARTS) <= set(parts):
        texts["peers: summary"] = markdown(summary(parts))
    return texts


def _bench_texts(entries: dict[str, results.Entry]) -> Iterator[tuple[str, str]]:
    for name, each in entries.items():
        yield f"bench: {name}", results.page(each)
        module = import_module(f"{__package__}.{name}")
        if hasattr(module, "tables"):
            for table, shown in module.tables(each).items():
                yield f"bench: {name}_{table}", markdown([shown])


def _tables(part: str, parts: dict[str, Any]) -> Iterator[RenderableType]:
    yield from import_module(f"{__package__}.{part}").tables(parts[part])


def _filled(block: re.Match[str], texts: dict[str, str]) -> str:
    text = texts.get(block[2])
    return block[0] if text is None else f"{block[1]}\n{text}\n{block[3]}"


if __name__ == "__main__":
    main()
