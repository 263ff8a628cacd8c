"""Whether a column of text is one of categories, by its first values."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from lstmwidgets.shown import shown

from ..errors import StreamError

LOOKED_AT = 500
"""How many values of a column are looked at."""

NEARLY_ALL, FEWEST = 0.9, 20
"""Which share of them has to be different to be no categories, and of how many values at least."""

NUMBER = re.compile(
    r"""
    [€$£¥]? \s* [+\N{MINUS SIGN}-]? \s*      # a currency's sign
    ( \d+ ([.,'\s_\u2019] \d{3})* ([.,]\d*)? | [.,]\d+ )
    ( [eE][+-]?\d+ )?
    ( \s* [%‰°€$£¥] [CFK]? | \s+ [^\W\d_]{1,3}(/[^\W\d_]{1,4})?[²³23]? | (?<=[.,]\d)[^\W\d_]{1,3} )?
    """,
    re.VERBOSE,
)
"""A number as people write it: with groups of digits, a decimal comma, or a unit."""

MONTH = r"(jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|m\u00e4r)[a-z]*\.?"
TIME_OF_DAY = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?(\s*[ap]\.?m\.?)?"
DATE = re.compile(
    rf"""
    (
        \d{{4}}([-./])\d{{1,2}}\2\d{{1,2}}
        | \d{{1,2}}([-./])\d{{1,2}}\3(\d{{4}}|\d\d)
        | \d{{1,2}}([-.\s/]|\.\s){MONTH}([-.\s/,]|,\s)\d{{2,4}}
        | {MONTH}\s\d{{1,2}}(,\s|,|\s)\d{{2,4}}
    )
    ( ([Tt\s]|,\s) {TIME_OF_DAY} (\s*([zZ]|[A-Z]{{3,4}}|[+-]\d\d:?\d\d))? )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A date, with or without a time of day, as people write them."""


class TextColumns:
    """Looks at the first values of columns of text; stops the stream where they are no categories.

    A text stands for itself, as a name does. So numbers or dates in a spelling that is not read,
    and texts that hardly ever repeat, would teach a model nothing, and say nothing of it. It stops
    at the first value by which more than half of a column's values read as numbers or dates, and at
    the `LOOKED_AT`-th, or the stream's end, if nearly all of them are different.

    Attributes
    ----------
    open : dict
        By name of the columns that are still looked at, for each value the position of its event,
        its hash, and whether it reads as a number or a date.

    Examples
    --------
    >>> columns = TextColumns("readings.csv")
    >>> columns.begin("site")
    >>> columns.look(0, {"site": "north", "temp": 13.3})
    >>> columns.state(1)
    {'site': [[..., False]]}
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.open: dict[str, list[tuple[int, int, bool]]] = {}
        self._others: dict[str, str] = {}  # the first text of a column that does not read so

    def begin(self, name: str) -> None:
        """Look at a column from here on."""
        self.open[name] = []

    def look(self, number: int, x: Mapping[str, Any]) -> None:
        """Look at the features of an event, whose position in the stream is this one.

        Raises
        ------
        StreamError
            If a column is none of categories.
        """
        for name, values in list(self.open.items()):
            value = x.get(name)
            if type(value) is not str:
                continue
            reads = reads_as(value)
            values.append((number, crc32(value.encode(errors="surrogatepass")), reads is not None))
            if reads is None:
                self._others.setdefault(name, value)
            elif 2 * sum(reading for *_, reading in values) > len(values):
                raise StreamError(self._refusal(name, value, reads))
            if len(values) == LOOKED_AT:
                self._check_repeats(name)
                del self.open[name]

    def end(self) -> None:
        """Look at what there is, at the end of a stream.

        Raises
        ------
        StreamError
            If a column is none of categories.
        """
        for name, values in self.open.items():
            if len(values) >= FEWEST:
                self._check_repeats(name)

    def _refusal(self, name: str, value: str, reads: str) -> str:
        other = self._others.get(name)
        odd = ""
        if other is not None:
            odd = f" (if {shown(other)} stands for no value: --missing {as_option(other)})"
        return (
            f"{self._source}: column {name!r} is text, but reads as {reads}s, as in "
            f"{shown(value)}{odd}; {ADVICE[reads]}, or pass --text {as_option(name)} to take each "
            "text as a category"
        )

    def _check_repeats(self, name: str) -> None:
        values = self.open[name]
        different = len({value for _, value, _ in values})
        if different >= NEARLY_ALL * len(values):
            raise StreamError(
                f"{self._source}: column {name!r} is text, and of its first {len(values)} values "
                f"{different} are different; leave it out with --drop {as_option(name)}, pass "
                f"--text {as_option(name)} to take each text as a category, or --text-column "
                f"{as_option(name)} to classify texts word by word"
            )

    def state(self, events: int) -> dict[str, list[list[Any]]]:
        """Return what was seen in the first so many events of the stream, in plain values."""
        return {
            name: [[value, reads] for number, value, reads in values if number < events]
            for name, values in self.open.items()
        }

    def resume(self, state: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Go on with what `state` returned."""
        self.open = {
            name: [(-1, value, reads) for value, reads in values] for name, values in state.items()
        }


ADVICE = {
    "number": "write numbers as 13.3, in JSON without quotes (--decimal , reads decimal commas)",
    "date": "write dates as 2024-03-29T12:30",
}


def reads_as(text: str) -> str | None:
    """Say whether a text is a number or a date in one of the spellings that people use.

    Examples
    --------
    >>> [reads_as(text) for text in ("13.3 C", "1.234,56", "29.03.2024 12:30", "4WD", "day")]
    ['number', 'number', 'date', None, None]
    """
    text = text.strip()
    if len(text) > 40:
        return None
    if DATE.fullmatch(text):
        return "date"
    return "number" if NUMBER.fullmatch(text) else None


def as_option(name: str) -> str:
    r"""Return a column's name as it has to be written on a command line.

    Examples
    --------
    >>> as_option("flow"), as_option("flow, l/s")
    ('flow', '\'"flow, l/s"\'')
    """
    if "," in name or '"' in name:
        listed = io.StringIO()
        csv.writer(listed, lineterminator="").writerow([name])
        name = listed.getvalue()
    return shlex.quote(name)
