"""Tables of records: a row for each contestant, a column for each data set, or the other way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.table import Table

from .peer import Record

LOST = 1e9


def pivot(
    records: Sequence[Record],
    figure: str,
    title: str,
    *,
    rows: str = "contestant",
    columns: str = "data",
    best: Callable[[Iterable[float]], float] | None = None,
) -> Table:
    """Return a figure of every record, each column's best in bold."""
    cells = {(one[rows], one[columns]): one[figure] for one in records if figure in one}
    heads = list(dict.fromkeys(column for _, column in cells))
    bests = {
        head: best(value for (_, column), value in cells.items() if column == head)
        for head in heads
        if best
    }
    table = Table("", *heads, title=title, title_justify="left")
    for row in dict.fromkeys(row for row, _ in cells):
        table.add_row(row, *(_cell(cells.get((row, head)), bests.get(head)) for head in heads))
    return table


def short(value: float) -> str:
    """Return a number in four digits; beyond a billion, a model has lost itself."""
    if value >= LOST:
        return "diverges"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _cell(value: float | None, best: float | None) -> str:
    if value is None:
        return ""
    return f"[bold]{short(value)}[/]" if value == best else short(value)
