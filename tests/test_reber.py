"""The grammar of the Reber benchmark, against a regular expression and the language it spans."""

from __future__ import annotations

import re
from itertools import islice, pairwise

import pytest

from benchmarks.classical_tasks import reber_strings
from benchmarks.reber import is_right, stream, strings

INNER = r"B(?:(?:TS*X|PT*VP)(?:XT*VP)*(?:S|XT*VV)|PT*VV)E"
EMBEDDED = re.compile(rf"B([TP]){INNER}\1E")
DRAWN = [list(string) for string in islice(strings(0), 3000)]
TEXTS = ["".join(event.symbol for event in string) for string in DRAWN]


def test_every_string_is_in_the_language():
    assert all(EMBEDDED.fullmatch(text) for text in TEXTS)


def test_long_strings_are_in_the_language_as_well():
    long = [
        "".join(event.symbol for event in one) for one in islice(reber_strings(0, least=60), 50)
    ]
    assert all(EMBEDDED.fullmatch(text) for text in long)
    assert min(map(len, long)) >= 60


@pytest.mark.parametrize("text", ["BTBTXSETE", "BPBPVVEPE", "BTBTSSXXTVPSETE", "BPBPTVPXVVEPE"])
def test_short_and_winding_strings_occur(text):
    assert EMBEDDED.fullmatch(text)
    assert text in TEXTS


def test_legal_symbols_are_those_that_ever_follow_the_same_beginning():
    """Short beginnings recur so often that each legal symbol has come after them."""
    followers: dict[str, set[str]] = {}
    for text in TEXTS:
        for n in range(1, len(text)):
            followers.setdefault(text[:n], set()).add(text[n])
    compared = 0
    for text, string in zip(TEXTS, DRAWN, strict=True):
        for n, event in enumerate(string[:-1], start=1):
            assert followers[text[:n]] <= event.legal
            if n < 8:
                assert followers[text[:n]] == event.legal
                compared += 1
        assert string[-1].legal == {"B"}
        assert string[-2].legal == {"E"}
        assert string[-3].legal == {text[1]}
    assert compared > 10_000


def test_the_stream_is_strings_without_a_gap_and_repeatable():
    expected = "".join(TEXTS[:100])
    events = list(islice(stream(0), len(expected)))
    assert "".join(event.symbol for event in events) == expected
    assert events == list(islice(stream(0), len(expected)))
    assert events != list(islice(stream(1), len(expected)))
    assert all(later.symbol in now.legal for now, later in pairwise(events))


def test_a_step_is_right_if_exactly_the_legal_symbols_lead():
    prediction = {"B": 0.1, "T": 0.5, "P": 0.4}
    assert is_right(prediction, frozenset("TP"))
    assert is_right(prediction, frozenset("T"))
    assert not is_right(prediction, frozenset("P"))
    assert not is_right(prediction, frozenset("BT"))
    assert not is_right({}, frozenset("B"))
