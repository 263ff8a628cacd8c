"""The table of errors of a job, for its report and its live page."""

from __future__ import annotations

from collections.abc import Iterable

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
