"""Standard input goes on as its sender says, and what is left out of it is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.sources import Columns, CsvFile, JsonLinesFile, Source

from .source_kinds import piped
from .test_every_source import passed_on

FOUR = "".join(f'{{"y":{y}}}\n' for y in (1, 1, 1, 2))
TOLD = "standard input begins as before: {} taken for a repetition and left out; --stdin on takes"


class Sender:
    """Sends lines to one job after another on the same journal, each of which reads all of them."""

    def __init__(self, folder: Path, kind: Any = JsonLinesFile) -> None:
        self.journal, self.kind = folder / "journal", kind
        self.notes: list[str] = []
        self.offset: dict[str, Any] | None = None

    def send(self, text: str, sender: str | None = None) -> list[float | None]:
        """Return the targets of what is new in a text."""

        def make() -> Source:
            options = {"journal": self.journal, "sender": sender, "notes": self.notes.append}
            source: Source = self.kind("-", Columns("y"), **options)
            return source

        self.notes.clear()
        with closing(piped(text.encode(), make)) as source:
            if self.offset is not None:
                source.resume(self.offset)
            found = [event.y for event in source if event is not None]
            self.offset = passed_on(source.offset)
        return found


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    sender = Sender(tmp_path)
    assert sender.send(FOUR) == [1, 1, 1, 2]
    assert sender.notes == []
    return sender


def test_a_sender_that_goes_on_can_say_so(sender: Sender) -> None:
    assert sender.send('{"y":1}\n{"y":1}\n{"y":3}\n', "on") == [1, 1, 3]
    assert sender.notes == []
    assert sender.send(FOUR, "on") == [1, 1, 1, 2]


def test_a_sender_that_begins_again_can_say_so(sender: Sender) -> None:
    assert sender.send(FOUR + '{"y":3}\n', "again") == [3]
    assert sender.notes[0].startswith(TOLD.format("4 lines"))
    assert sender.send('{"y":1}\n', "again") == []  # it stops within the repetition
    with pytest.raises(StreamError, match=r"--stdin again.*its line 4 is not what had been read"):
        sender.send(FOUR[:24] + '{"y":9}\n', "again")
    with pytest.raises(StreamError, match="its line 1 is not what had been read"):
        sender.send('{"y":7}\n', "again")
    assert sender.send('{"y":9}\n', "on") == [9]


def test_what_is_taken_for_a_repetition_is_told(sender: Sender) -> None:
    """Lines that are equal by chance cannot be told from those that are sent again."""
    assert sender.send('{"y":1}\n{"y":1}\n{"y":3}\n') == [3]
    assert sender.notes[0].startswith(TOLD.format("2 lines"))
    assert len(sender.notes) == 1
    assert sender.send('{"y":4}\n') == [4]
    assert sender.notes == []
    assert sender.send(FOUR) == []
    assert sender.notes[0].startswith(TOLD.format("4 lines"))


def test_half_a_line_of_a_repetition_is_none(sender: Sender) -> None:
    assert sender.send(FOUR[:12]) == []
    assert sender.send('{"y":4}\n') == [4]


def test_a_header_that_comes_again_is_told(tmp_path: Path) -> None:
    sender = Sender(tmp_path, CsvFile)
    assert sender.send("a,y\n1,1\n") == [1]
    assert sender.send("a,y\n2,2\n") == [2]
    assert sender.notes[0].startswith(TOLD.format("1 line"))
    assert sender.send("a,y\n3,3\n", "on") == [3]  # a header is a header
    assert sender.send("y,a\n4,5\n", "on") == [4]


def test_long_repetitions_are_compared_whole(tmp_path: Path) -> None:
    sender = Sender(tmp_path)
    text = "".join(f'{{"y":{n}}}\n' for n in range(5000))  # less than a pipe holds
    assert len(sender.send(text)) == 5000
    assert sender.send(text[:-3] + "5}\n") == [4995]
    assert sender.notes[0].startswith(TOLD.format("4,999 lines"))
