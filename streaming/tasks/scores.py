"""How good predictions are, beside those of simple rules."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from ..baselines import Baseline
from ..events import Event, Outcome
from ..state.memories import LastNumbers


class Table(NamedTuple):
    """A table for people.

    Attributes
    ----------
    title : str
        What its numbers are.
    columns : sequence of str
        The first one is what a row is about.
    rows : sequence of sequence of str
        Empty as long as there is nothing to tell.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Counter(Protocol):
    """Counts outcomes.

    Attributes
    ----------
    state : object
        All of it, in plain values; can be set.
    """

    state: Any

    def add(self, outcome: Outcome) -> None:
        """Take in an event's outcome."""

    def copy(self) -> Any:
        """Return one that has counted the same."""


class Scores(LastNumbers):
    """What predictions are compared with, and counts in constant memory.

    What the rules know of a stream, its `memory`, is a number unless a task says otherwise.

    Parameters
    ----------
    baselines : sequence of Baseline
        The state of the first one belongs to a stream: where there are keys, to each of them.
    comparisons : sequence of Counter
        Count outcomes; `table` and all that follows are of these.

    Attributes
    ----------
    baselines, comparisons : list
    """

    def __init__(self, baselines: Sequence[Baseline], comparisons: Sequence[Any]) -> None:
        self.baselines = list(baselines)
        self.comparisons = list(comparisons)

    @property
    def memory(self) -> Any:
        """What the rules know of the stream that is on; can be set, to that of another one."""
        return self.baselines[0].state

    @memory.setter
    def memory(self, memory: Any) -> None:
        self.baselines[0].state = memory

    def predict(self, event: Event) -> Mapping[str, Any]:
        """Return what each rule says of an event, None where it says nothing."""
        return {baseline.name: baseline.predict(event) for baseline in self.baselines}

    def learn(self, event: Event, target: Any) -> None:
        """Show an event's target to the rules."""
        for baseline in self.baselines:
            baseline.learn(event, target)

    def add(self, outcome: Outcome) -> None:
        """Take in an event's outcome, before its target is shown to the rules."""
        for comparison in self.comparisons:
            comparison.add(outcome)

    def follow(self, outcome: Outcome) -> None:
        """Take in the same when its target has been shown; not that of late targets."""

    def counted(self) -> dict[str, Any]:
        """Return all that was counted, in plain values."""
        return {
            "baselines": [baseline.state for baseline in self.baselines],
            "comparisons": [comparison.state for comparison in self.comparisons],
        }

    def go_on(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `counted` returned."""
        for baseline, each in zip(self.baselines, counted["baselines"], strict=True):
            baseline.state = each
        for comparison, each in zip(self.comparisons, counted["comparisons"], strict=True):
            comparison.state = each

    def copy(self) -> Self:
        """Return scores that have counted the same, whose `table` can be asked for later."""
        twin = copy.copy(self)
        twin.comparisons = [comparison.copy() for comparison in self.comparisons]
        return twin

    def table(self) -> Table:
        """Return how good the predictions were, for people."""
        raise NotImplementedError

    def status(self) -> str:
        """Return the same in a few words, empty as long as nothing is known."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        """Return the same in plain values."""
        raise NotImplementedError

    def curve(self) -> tuple[float | None, float | None]:
        """Return the running score of the model, and that of the simplest rule."""
        raise NotImplementedError

    nothing = "too few targets to compare with the last value"
    """What is said where the table has no rows."""
