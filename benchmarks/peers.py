"""Ours beside what one could install instead: ``python -m benchmarks.peers [PART ...]``.

The parts are modules of this folder; each says what it asks of whom. One thing holds for all: a
forecast or prediction is made before its value is learned, and the first value or event is learned
and not counted, for nobody can know anything before it. All contestants take turns on a single
thread, never two at once, and times are the CPU's. deep-river, ppc-forecaster and skaters run in an
environment of their own, for deep-river needs an older River.

Figures go to a JSON file, in which parts that are not run keep those of the run before; with
``--ours`` the others' are kept, too. `python -m benchmarks.pages` puts them into the pages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from .__main__ import WIDTH
from .machine import keep_to_one_thread, processor
from .peer import Peer, Peers, Record

PARTS = {
    "forecasts": "Forecasts one step ahead, of series that nobody chose",
    "horizons": "Forecasts 1 to 24 steps ahead, of seasonal series",
    "intervals": "Prediction intervals",
    "classifications": "Classes",
    "expert_losses": "Summed log loss of the mixture, beside its best expert's",
    "regressions": "Numbers",
    "yardsticks": "Ours beside itself before",
}
RESULTS = Path("out/peers.json")
KEYS = ("data", "contestant", "coverage", "step")
"""What tells a record from the others of its part."""


def main(parts: Sequence[str] = ()) -> None:
    """Run the parts that are named, or all."""
    options = _options(parts)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    keep_to_one_thread()
    from .summary import summary  # imports NumPy

    console.print("\n" + __doc__.partition("\n\n")[2], markup=False)
    peers = None if options.ours else Peers()
    record = _earlier(options.json) | {"machine": f"{processor()}, single thread"}
    for part in options.parts or PARTS:
        module = import_module(f"{__package__}.{part}")
        console.print(f"[bold]{PARTS[part]}[/]\n")
        console.print(module.__doc__, markup=False)
        with console.status("") as status:
            say = status.update if console.is_terminal else console.print
            records = list(module.measure(peers, say))
        earlier = record["parts"].get(part, []) if options.ours else []
        record["parts"][part] = _renewed(earlier, records)
        record["versions"] |= _versions(peers.started if peers else [])
        _write(record, options.json)
        for each in module.tables(record["parts"][part]):
            console.print(each)
    for peer in peers.started if peers else []:
        peer.close()
    if set(PARTS) <= set(record["parts"]):
        for each in summary(record["parts"]):
            console.print(each)
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    console.print(f"{record['machine']}; {versions}; all figures are in {options.json}")


def _options(parts: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    if parts:
        parser.set_defaults(parts=list(parts))
    else:
        parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--ours", action="store_true", help="measure ours only; the others stay as in the file"
    )
    parser.add_argument(
        "--json", type=Path, default=RESULTS, metavar="PATH", help="default: %(default)s"
    )
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")
    if options.ours and not options.json.exists():
        parser.error(
            f"{options.json} is missing, which has the others; run it without --ours first"
        )
    return options


def _earlier(path: Path) -> dict[str, Any]:
    """Return what the file has of earlier runs."""
    if not path.exists():
        return {"versions": {}, "parts": {}}
    earlier: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return earlier


def _renewed(earlier: list[Record], records: list[Record]) -> list[Record]:
    """Return earlier records, those that were measured again in place of what they were."""
    both = [*earlier, *records]
    return list({tuple(one.get(key) for key in KEYS): one for one in both}.values())


def _versions(started: list[Peer]) -> dict[str, str]:
    """Return what was compared with what."""
    ours = {name: version(name) for name in ("lstmwidgets", "river", "torch")}
    theirs = {
        name: number
        for peer in started
        for name, number in peer.versions.items()
        if name not in ours
    }
    return ours | theirs


def _write(record: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
