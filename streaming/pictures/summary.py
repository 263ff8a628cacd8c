"""What stands above the figures of a job: facts about it, and its errors beside the baselines'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from ..baselines import Comparison


def error_rows(comparisons: Iterable[Comparison]) -> list[list[str]]:
    """Return the table of errors: baseline, events, both errors and their ratio, for people."""
    return [
        [
            comparison.name,
            f"{comparison.events:,}",
            f"{comparison.model:.4g}",
            f"{comparison.baseline:.4g}",
            "\N{EN DASH}" if comparison.ratio is None else f"{comparison.ratio:.3f}",
        ]
        for comparison in comparisons
        if comparison.events
    ]


def summary_html(facts: Mapping[str, str], comparisons: Iterable[Comparison]) -> str:
    """Return facts and the table of errors, to stand above the figures of a report."""
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for cells in error_rows(comparisons)
    )
    table = TABLE.format(rows=rows) if rows else ""
    return f'<div class="summary">\n<dl>{listed}</dl>\n{table}</div>\n'


TABLE = """<table>
  <caption hidden>Mean absolute errors</caption>
  <thead><tr><th>mean absolute error against</th><th>events</th><th>model</th><th>baseline</th>
  <th>ratio</th></tr></thead>
  <tbody>{rows}</tbody>
</table>
"""
