"""One line of JSON, as a record."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import msgspec

from .schema import RecordError

DEEPEST = 500
"""How deep values may be in each other; beyond that it would depend on who reads them."""

BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]')

TOO_DEEP = f"expected one JSON object, with values at most {DEEPEST} deep in each other"

HINTS = {
    b"[": "; one has to stand on each line: jq -c '.[]' FILE writes an array so",
    b"{": "; it has to stand on one line: jq -c . FILE writes it so",
}
"""What to do about a line that is no object, by its first character."""

decode = msgspec.json.Decoder(dict[str, Any]).decode


def json_object(line: bytes) -> dict[str, Any]:
    """Return the object of a line; NaN, Infinity and -Infinity are numbers.

    Raises
    ------
    RecordError
        If it is none, or deeper than `DEEPEST`.

    Examples
    --------
    >>> json_object(b'{"a": NaN, "b": -Infinity, "c": "NaN"}')
    {'a': nan, 'b': -inf, 'c': 'NaN'}
    """
    if len(line) > 2 * DEEPEST and line.count(b"[") + line.count(b"{") > DEEPEST:
        _check_depth(line)
    try:
        return decode(line)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        return _unusual_object(line, error)


def _unusual_object(line: bytes, error: ValueError | RecursionError) -> dict[str, Any]:
    """Return the object of a line with a byte order mark or with numbers that are not finite."""
    if line.startswith(codecs.BOM_UTF8):
        return json_object(line.removeprefix(codecs.BOM_UTF8))
    if b"NaN" in line or b"Infinity" in line or "out of range" in str(error):
        found = _read_by_python(line)
        if found is not None:
            return found
    if isinstance(error, UnicodeDecodeError):
        raise RecordError("expected text in UTF-8, got other bytes")
    if isinstance(error, RecursionError):
        raise RecordError(TOO_DEEP)
    reason, hint = str(error), ""
    if not reason.startswith("JSON"):
        reason = reason[:1].lower() + reason[1:]
    if "truncated" in reason or "array" in reason:
        hint = HINTS.get(line.lstrip()[:1], "")
    raise RecordError(f"expected one JSON object: {reason}{hint}")


def _read_by_python(line: bytes) -> dict[str, Any] | None:
    if b"\\ud" in line.lower():  # half a character, which Python takes for one
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _check_depth(line: bytes) -> None:
    depth = 0
    for bracket in BRACKETS.findall(line):
        depth += (bracket in (b"[", b"{")) - (bracket in (b"]", b"}"))
        if depth > DEEPEST:
            raise RecordError(TOO_DEEP)
