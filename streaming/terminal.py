"""Lines for people, in which names and values from elsewhere do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def one_line(text: str) -> str:
    r"""Return a text with escapes for all that a terminal would not print: newlines, its commands.

    Examples
    --------
    >>> print(one_line("a\nb \x1b[31m"))
    a\nb \x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def note(console: Console, text: str) -> None:
    """Print a line in which nothing is taken for markup."""
    console.print(one_line(text), markup=False, emoji=False, soft_wrap=True)
