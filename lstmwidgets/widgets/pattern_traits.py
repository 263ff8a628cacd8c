"""What one can set of a search for patterns, each checked when it is set."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import anywidget
import traitlets

from ..analysis import QUANTITIES, PatternSearch
from ..analysis.on_bits import SIDES
from ..analysis.patterns import RANKINGS
from ..checks import check_choice, check_size

WINDOW = 1_000
"""Most steps drawn at a time: each has a pixel of its own."""

Brush = tuple[int, int, int]
Bounds = tuple[float | None, float | None]


class PatternTraits(anywidget.AnyWidget):
    """The traits of a `PatternMatch` that say what is sought and drawn."""

    _search: PatternSearch

    brush = traitlets.Any(None, help="sequence, first and last step").tag(sync=True)
    quantity = traitlets.Any("cell", help="what of the units is looked at").tag(sync=True)
    layer = traitlets.Any(-1, help="layer looked at, 0 the lowest").tag(sync=True)
    threshold = traitlets.Any(0.3, help="what values are compared with").tag(sync=True)
    side = traitlets.Any("above", help="when a unit is on").tag(sync=True)
    before = traitlets.Any(0, help="steps before at which units are off").tag(sync=True)
    after = traitlets.Any(0, help="steps after at which units are off").tag(sync=True)
    order = traitlets.Any("overlap", help="order of the matches").tag(sync=True)
    least = traitlets.Any(None, help="units that a match shares at least").tag(sync=True)
    shortest = traitlets.Any(1, help="steps that a match has at least").tag(sync=True)
    most = traitlets.Any(20, help="matches that are listed").tag(sync=True)
    text = traitlets.Unicode("", help="stands at a step of each match").tag(sync=True)
    column = traitlets.Any("", help="numbers or category that are searched").tag(sync=True)
    between = traitlets.Any(None, help="range of these numbers").tag(sync=True)
    sequence = traitlets.Any(0, help="which sequence is drawn").tag(sync=True)
    start = traitlets.Any(0, help="place of the first step drawn").tag(sync=True)

    @traitlets.validate("brush")
    def _check_brush(self, proposal: Any) -> Brush | None:
        if proposal["value"] is None:
            return None
        numbers = tuple(proposal["value"])
        if len(numbers) not in (2, 3) or not all(_is_whole(number) for number in numbers):
            raise ValueError(
                "brush must be the first and the last step, or sequence, first and last step; "
                f"got {proposal['value']!r}"
            )
        sequence, first, last = numbers if len(numbers) == 3 else (self.sequence, *numbers)
        steps = self._search.numbers[self._checked_sequence(sequence)]
        if not len(steps) or not steps[0] <= first <= last <= steps[-1]:
            there = (
                f"from {steps[0]} to {steps[-1]}" if len(steps) else "of events, and there are none"
            )
            raise ValueError(
                f"brushed steps must be {there}, the first not after the last; got {first}, {last}"
            )
        return int(sequence), int(first), int(last)

    @traitlets.validate("quantity", "side", "order")
    def _check_choice(self, proposal: Any) -> str:
        name = proposal["trait"].name
        choices = {"quantity": QUANTITIES, "side": SIDES, "order": RANKINGS}[name]
        check_choice(name, proposal["value"], choices)
        return str(proposal["value"])

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Any) -> int:
        layers = min(each.num_layers for each in self._search.recordings)
        layer = proposal["value"]
        if not _is_whole(layer) or layer not in range(-layers, layers):
            raise ValueError(
                f"layer must be from 0 to {layers - 1}, or -1 for the top; got {layer!r}"
            )
        return int(layer) % layers

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float:
        threshold = proposal["value"]
        if not _is_number(threshold) or not math.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number, got {threshold!r}")
        return float(threshold)

    @traitlets.validate("before", "after")
    def _check_steps(self, proposal: Any) -> int:
        steps = proposal["value"]
        if not _is_whole(steps) or steps < 0:
            name = proposal["trait"].name
            raise ValueError(f"{name} must be a number of steps, 0 or more, got {steps!r}")
        return int(steps)

    @traitlets.validate("shortest", "most", "least")
    def _check_size(self, proposal: Any) -> int | None:
        name, size = proposal["trait"].name, proposal["value"]
        if name == "least" and size is None:
            return None
        check_size(name, size)
        return int(size)

    @traitlets.validate("column")
    def _check_column(self, proposal: Any) -> str:
        if not proposal["value"]:
            return ""
        first = self._search.recordings[0]
        check_choice("column", proposal["value"], (*first.columns, *first.categories))
        return str(proposal["value"])

    @traitlets.validate("between")
    def _check_between(self, proposal: Any) -> Bounds | None:
        if proposal["value"] is None:
            return None
        low, high = proposal["value"]
        ends = -math.inf if low is None else low, math.inf if high is None else high
        if not all(_is_number(end) for end in ends) or not ends[0] <= ends[1]:
            raise ValueError(
                "between must be two numbers, the smaller one first, None for no bound; "
                f"got {low!r}, {high!r}"
            )
        bounds = [float(end) if math.isfinite(end) else None for end in ends]
        return bounds[0], bounds[1]

    @traitlets.validate("sequence")
    def _check_sequence(self, proposal: Any) -> int:
        return self._checked_sequence(proposal["value"])

    @traitlets.validate("start")
    def _check_start(self, proposal: Any) -> int:
        start = proposal["value"]
        if not _is_whole(start) or start < 0:
            raise ValueError(f"start must be a place, 0 or more, got {start!r}")
        steps = len(self._search.recordings[self.sequence])
        return int(min(start, max(0, steps - WINDOW)))

    def _checked_sequence(self, sequence: Any) -> int:
        count = len(self._search.recordings)
        if not _is_whole(sequence) or sequence not in range(count):
            raise ValueError(f"sequence must be from 0 to {count - 1}, got {sequence!r}")
        return int(sequence)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and not math.isnan(value)
