"""Units that are on together over a range of steps, and where else they are."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice, check_size
from ..dataframes import pandas
from .on_bits import SIDES, Switches
from .recording import QUANTITIES, Recording
from .step_conditions import Condition

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

RANKINGS = ("overlap", "length")
"""What `PatternSearch` can rank by."""

NO_STEPS = np.array([0, -1])


@dataclass(frozen=True)
class Pattern:
    """A hypothesis: the units that are on at every step of a range, and off beside it if asked.

    Parameters
    ----------
    first, last : int
        The range: its first and last step, as `Recording.numbers` calls them.
    recording : int
        Which of the recordings they are steps of.
    quantity : str
        One of `QUANTITIES`: what of a unit is looked at.
    layer : int
        From 0, the lowest; or from the end, -1 being the top one.
    threshold : float
        What that is compared with, in float32.
    side : str
        When a unit is on: ``"above"``, its value is at least the threshold; ``"below"``, it is at
        most minus the threshold; ``"magnitude"``, either of them. A NaN is never on.
    before, after : int
        At how many steps right before and after the range a unit must be off. Beyond the ends of a
        recording all units are off.
    """

    first: int
    last: int
    recording: int = 0
    quantity: str = "cell"
    layer: int = -1
    threshold: float = 0.3
    side: str = "above"
    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        check_choice("quantity", self.quantity, QUANTITIES)
        check_choice("side", self.side, SIDES)
        if not math.isfinite(self.threshold):
            raise ValueError(f"threshold must be a finite number, got {self.threshold!r}")
        for name in ("before", "after"):
            steps = getattr(self, name)
            if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
                raise ValueError(f"{name} must be a number of steps, 0 or more, got {steps!r}")


class Match(NamedTuple):
    """A place where units of a hypothesis are on together.

    Attributes
    ----------
    recording : int
        Which of the recordings it is in.
    first, last : int
        Its first and last step, as `Recording.numbers` calls them.
    length : int
        How many steps it has.
    shared : int
        Units of the hypothesis that are on at all of its steps (and off beside it if asked).
    extra : int
        Other units of which the same holds.
    """

    recording: int
    first: int
    last: int
    length: int
    shared: int
    extra: int


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found.

    Attributes
    ----------
    units : ndarray of int
        Numbers of the units of the hypothesis.
    matches : tuple of Match
        The best first.
    total : int
        How many there are, those that are not listed included.
    switches : Switches or None
        Which units are on at which step; None where no pattern was sought.
    """

    units: NDArray[np.int64]
    matches: tuple[Match, ...]
    total: int
    switches: Switches | None = field(default=None, repr=False)

    def together(self, recording: int, places: slice) -> NDArray[np.int64]:
        """Return how many units of the hypothesis are on at some steps, counted from 0."""
        if self.switches is None:
            return np.zeros(0, np.int64)
        return self.switches.counted(recording, places, self.units)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each match, the best first.

        ``overlap`` is the share of the units that are on in the match or belong to the hypothesis
        which do both (the Jaccard index).
        """
        pd = pandas()
        table = pd.DataFrame(self.matches, columns=Match._fields)
        united = len(self.units) + table["extra"]
        return table.assign(overlap=table["shared"] / united.where(united > 0, np.nan))


class Runs(NamedTuple):
    """Runs of steps in all recordings, in columns."""

    recording: NDArray[np.int64]
    first: NDArray[np.int64]  # places, from 0
    last: NDArray[np.int64]
    shared: NDArray[np.int64]
    extra: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Runs:
        """Return those of several recordings as one."""
        return Runs(*map(np.concatenate, zip(*parts, strict=True)))

    def where(self, which: NDArray[Any]) -> Runs:
        """Return some of them."""
        return Runs(*(column[which] for column in self))

    @property
    def length(self) -> NDArray[np.int64]:
        """How many steps each has."""
        return self.last - self.first + 1


class PatternSearch:
    """Looks for a pattern in recordings: where else the units of a hypothesis are on together.

    A match is a maximal run of steps at each of which at least so many units of the hypothesis are
    on, for any number of them. Of its units those count that are on at every step of it. Ranked by
    ``"overlap"``, as LSTMVis does, the match that shares the most units with the hypothesis comes
    first; of those that share equally many the one with the fewest other units that are on all
    along (the smallest union of the two sets); of these the longest; of equally long ones the
    first. Ranked by ``"length"`` the longest comes first, then as by overlap. Unlike LSTMVis, which
    looks at its first 1,000 to 10,000 candidates, all runs are compared. No match touches the range
    that the hypothesis is from, and of matches that lie within each other the better one stays.

    Parameters
    ----------
    recordings : sequence of Recording
        Where to look. Patterns need layers with equally many units in all of them.

    Attributes
    ----------
    recordings : tuple of Recording
        As above.
    numbers : tuple of ndarray of int
        What the steps of each are called.

    References
    ----------
    Strobelt, Gehrmann, Pfister, Rush (2018). LSTMVis: a tool for visual analysis of hidden state
    dynamics in recurrent neural networks. IEEE Transactions on Visualization and Computer Graphics
    24(1). The ranking: ``query_similar_activations`` in ``lstmdata/data_handler.py`` of
    https://github.com/HendrikStrobelt/LSTMVis.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> from lstmwidgets.analysis import Condition, Pattern, PatternSearch, Recording
    >>> x = torch.eye(3)[torch.arange(60) % 3]  # a, b, c, a, b, c, …
    >>> recording = Recording.from_trace(LSTM(3, 8).trace(x[None]), list("abc" * 20))
    >>> found = PatternSearch([recording]).find(Pattern(30, 31, threshold=0.0), Condition("c"))
    >>> all("c" in recording.labels[match.first : match.last + 1] for match in found.matches)
    True
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        if not recordings:
            raise ValueError("give one recording or more to look for patterns in")
        self.recordings = tuple(recordings)
        self.numbers = tuple(each.numbers for each in recordings)
        self._switches: Switches | None = None

    def find(
        self,
        pattern: Pattern | None = None,
        condition: Condition | None = None,
        *,
        order: str = "overlap",
        least: int | None = None,
        shortest: int = 1,
        most: int = 20,
    ) -> Found:
        """Return what `run` does.

        Parameters
        ----------
        pattern : Pattern, optional
            What to look for. Without one all runs of steps are found that meet the condition.
        condition : Condition, optional
            What a step of a match must be like, or each step where there is no pattern.
        order : str
            ``"overlap"`` or ``"length"``.
        least : int, optional
            How many units of the hypothesis a match shares at least; by default half of them.
        shortest : int
            How many steps a match has at least.
        most : int
            How many matches are listed at most.
        """
        work = self.run(pattern, condition, order=order, least=least, shortest=shortest, most=most)
        while True:
            try:
                next(work)
            except StopIteration as end:
                found: Found = end.value
                return found

    def run(
        self,
        pattern: Pattern | None = None,
        condition: Condition | None = None,
        *,
        order: str = "overlap",
        least: int | None = None,
        shortest: int = 1,
        most: int = 20,
    ) -> Generator[float, None, Found]:
        """Search; yield how far it is, from 0 to 1, and return what is found.

        Parameters are those of `find`.
        """
        check_choice("order", order, RANKINGS)
        check_size("shortest", shortest)
        check_size("most", most)
        if pattern is None and condition is None:
            raise ValueError("give a pattern, a condition or both to search for")
        meets = [condition.holds(each) for each in self.recordings] if condition else None
        switches = None
        if pattern is None:
            units = np.zeros(0, np.int64)
            runs = Runs.joined([_runs_of(n, mask) for n, mask in enumerate(meets or ())])
            runs = runs.where(runs.length >= shortest)
        else:
            places = self._places(pattern)
            switches = yield from self._switched(pattern)
            hypothesis = switches.hypothesis(
                pattern.recording, *places, pattern.before, pattern.after
            )
            units = switches.units(hypothesis)
            if least is None:
                least = -(-len(units) // 2)
            sides = (pattern.before, pattern.after)
            parts = []
            for n in range(len(self.recordings)):
                skipped = np.array(places) if n == pattern.recording else NO_STEPS
                found = switches.joint_runs(n, hypothesis, sides, skipped, max(1, least), shortest)
                parts.append(Runs(np.full(len(found), n), *found.T.astype(np.int64)))
            runs = Runs.joined(parts)
            if meets is not None:
                runs = runs.where(_with_one(runs, meets))
        return self._found(units, runs, order, most, switches)

    def _places(self, pattern: Pattern) -> tuple[int, int]:
        """Return where the range of a pattern begins and ends in its recording, from 0."""
        count = len(self.recordings)
        if isinstance(pattern.recording, bool) or pattern.recording not in range(count):
            raise ValueError(f"recording must be from 0 to {count - 1}, got {pattern.recording!r}")
        numbers = self.numbers[pattern.recording]
        first, last = np.searchsorted(numbers, [pattern.first, pattern.last + 1])
        if (
            not len(numbers)
            or first >= last
            or pattern.first < numbers[0]
            or pattern.last > numbers[-1]
        ):
            there = f"from {numbers[0]} to {numbers[-1]}" if len(numbers) else "of events"
            raise ValueError(
                f"the range must be steps {there}, the first not after the last; "
                f"got {pattern.first} to {pattern.last}"
            )
        return int(first), int(last) - 1

    def _switched(self, pattern: Pattern) -> Generator[float, None, Switches]:
        """Return which units are on where; of the last threshold they are kept."""
        old, key = self._switches, Switches.key_of(pattern)
        if old is not None and old.key == key:
            return old
        switches = yield from Switches.of(self.recordings, key)
        self._switches = switches
        return switches

    def _found(
        self,
        units: NDArray[np.int64],
        runs: Runs,
        order: str,
        most: int,
        switches: Switches | None,
    ) -> Found:
        """Rank the runs, and keep of those within each other the better ones."""
        ranked = _ranked(runs, order)
        sizes = np.array([len(each) for each in self.recordings])
        starts = np.cumsum(sizes) - sizes
        kept = _apart(runs, starts, ranked, int(sizes.sum()))
        matches = [self._match(runs, n) for n in kept[:most].tolist()]
        return Found(units, tuple(matches), len(kept), switches)

    def _match(self, runs: Runs, number: int) -> Match:
        """Return a run, its steps as its recording calls them."""
        recording, first, last, shared, extra = (int(column[number]) for column in runs)
        numbers = self.numbers[recording]
        ends = int(numbers[first]), int(numbers[last])
        return Match(recording, *ends, last - first + 1, shared, extra)


def _runs_of(recording: int, mask: NDArray[np.bool_]) -> Runs:
    """Return the maximal runs of True."""
    edges = np.diff(mask.astype(np.int8), prepend=0, append=0)
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    none = np.zeros(len(first), np.int64)
    return Runs(none + recording, first, last, none, none)


def _with_one(runs: Runs, meets: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Say which runs have a step that meets a condition."""
    kept = np.zeros(len(runs.first), bool)
    for n, mask in enumerate(meets):
        here = runs.recording == n
        before = np.concatenate([[0], np.cumsum(mask)])
        kept[here] = before[runs.last[here] + 1] > before[runs.first[here]]
    return kept


def _ranked(runs: Runs, order: str) -> NDArray[np.int64]:
    """Return the numbers of the runs, the best first; equals by place."""
    if not len(runs.first):
        return np.zeros(0, np.int64)
    most, longest = int(runs.extra.max()) + 1, int(runs.length.max()) + 1
    overlap = runs.shared * most + (most - 1 - runs.extra)  # the hypothesis is the same for all
    if order == "overlap":
        merit = overlap * longest + runs.length
    else:
        merit = runs.length * (int(overlap.max()) + 1) + overlap
    size = int(runs.first.max()) + 1
    place = runs.recording * size + runs.first
    by_place = np.argsort(place, kind="stable")
    return by_place[np.argsort(-merit[by_place], kind="stable")]


def _apart(
    runs: Runs, starts: NDArray[np.int64], ranked: NDArray[np.int64], steps: int
) -> NDArray[np.int64]:
    """Return the runs that touch no better one, the best first."""
    from ..kernels.joint_runs import apart

    begin = starts[runs.recording]
    covered, begun = np.zeros(steps, bool), np.zeros(steps + 1, np.int32)
    kept = apart(begin + runs.first, begin + runs.last, ranked, covered, begun)
    return ranked[:kept]
