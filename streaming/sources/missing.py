"""Words that somebody's data have for no value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

Parser = Callable[[Any], Any]


def with_missing(parsers: Mapping[str, Parser], words: Collection[str]) -> Mapping[str, Parser]:
    """Return parsers that also take these words for no value, and numbers that are equal to one.

    Examples
    --------
    >>> from lstmwidgets.streaming.sources.cell_values import CELLS
    >>> number = with_missing(CELLS, ["-999", "broken"])["number"]
    >>> number("Broken"), number("-999.0"), number("13.5")
    (None, None, 13.5)
    """
    if not words:
        return parsers
    texts = {word.strip().lower() for word in words}
    numbers = missing_numbers(words)

    def reading(parse: Parser) -> Parser:
        def read(raw: Any) -> Any:
            if isinstance(raw, str) and raw.strip().lower() in texts:
                return None
            value = parse(raw)
            return None if type(value) in (float, int) and value in numbers else value

        return read

    return {kind: reading(parse) for kind, parse in parsers.items()}


def missing_numbers(words: Collection[str]) -> set[float]:
    """Return the numbers among words for no value."""
    numbers = set()
    for word in words:
        try:
            numbers.add(float(word))
        except ValueError:
            continue
    return numbers
