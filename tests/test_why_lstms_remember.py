"""What the notebook `08_why_lstms_remember` shows is so of the model that it loads.

The strings are of the benchmark's grammar, which the notebook does not share, and have a hundred
symbols or more; the model was trained on strings of 15 to 24 symbols before they might end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from benchmarks.classical_tasks import EmbeddedReber, Event, reber_strings
from lstmwidgets import SequenceModel, load
from lstmwidgets.analysis import Intervention, Recording, WhatIf, ablation, rank_units
from lstmwidgets.widgets import GradientFlow, MemoryTimeline

MODEL = Path(__file__).resolve().parent.parent / "notebooks" / "data" / "reber.safetensors"
CARRIER = 4
STRINGS = list(islice(reber_strings(2026, least=103), 200))
FORGETS = Intervention("forget_gate", to=0.0, units=(CARRIER,), steps=(50, 50))
SHUT = Intervention("forget_gate", to=0.0, units=(CARRIER,), steps=(2, 90))


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    loaded = load(MODEL)
    assert isinstance(loaded, SequenceModel)
    assert MODEL.stat().st_size < 50_000
    return loaded


@pytest.fixture(scope="module")
def what_ifs(model: SequenceModel) -> list[WhatIf]:
    """Return the model on each string; a target is known of the long-range symbol only."""
    found = []
    for string in STRINGS:
        targets = [None] * (len(string) - 3) + [string[-2].symbol, None]
        found.append(WhatIf(model, inputs_of(string), targets=targets))
    return found


def inputs_of(string: Sequence[Event]) -> Tensor:
    return EmbeddedReber().encode([string]).x[0]


def accuracies(what_ifs: Sequence[WhatIf], *interventions: Intervention) -> tuple[float, float]:
    """Return how often the long-range symbol is the likeliest, and elsewhere a legal one."""
    kept, others = [], []
    for string, what_if in zip(STRINGS, what_ifs, strict=True):
        likeliest = what_if.run(interventions).predictions.argmax(-1)
        said = [what_if.subject.outputs[place] for place in likeliest]
        right = [one in event.legal for one, event in zip(said, string, strict=False)]
        kept.append(right.pop(-2))
        others += right
    return float(np.mean(kept)), float(np.mean(others))


def test_untouched_it_is_right_about_strings_it_has_not_seen(what_ifs: list[WhatIf]) -> None:
    kept, others = accuracies(what_ifs)
    assert kept >= 0.99
    assert others >= 0.99


@pytest.mark.parametrize("done", [ablation(CARRIER), FORGETS, SHUT], ids=str)
def test_without_its_carrier_it_guesses_the_long_range_symbol_and_no_other(
    what_ifs: list[WhatIf], done: Intervention
) -> None:
    kept, others = accuracies(what_ifs, done)
    assert kept < 0.6
    assert others >= 0.99


@pytest.mark.parametrize("unit", [unit for unit in range(8) if unit != CARRIER])
def test_no_other_unit_carries_it(what_ifs: list[WhatIf], unit: int) -> None:
    once = Intervention("forget_gate", to=0.0, units=(unit,), steps=(50, 50))
    kept, _ = accuracies(what_ifs, once)
    assert kept >= 0.95


def test_the_ranking_finds_the_carrier(what_ifs: list[WhatIf]) -> None:
    """In the median string: in some of them the net without another unit loses its way."""
    damages = []
    for what_if in what_ifs[:40]:
        *_, ranking = rank_units(what_if)
        damages.append(ranking.damage)
    median = np.median(damages, axis=0)
    assert median.argmax() == CARRIER
    assert median[CARRIER] > 2 * np.delete(median, CARRIER).max()


def test_the_timeline_finds_what_the_carrier_holds(model: SequenceModel) -> None:
    strings = STRINGS[:12]
    parts = [
        Recording.from_trace(model.lstm.trace(inputs_of(string)[None])).layers for string in strings
    ]
    steps = sum(len(part["cell"]) for part in parts)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    recording = Recording(joined, ("",) * steps, np.arange(steps))
    second = [
        np.nan if n == 0 else float(string[1].symbol == "T")
        for string in strings
        for n in range(len(string) - 1)
    ]
    held = MemoryTimeline(recording, inputs={"second": second}, lags=0).correlations
    sizes = np.abs(held.values[:, 0, 0])
    assert sizes.argmax() == CARRIER
    assert sizes[CARRIER] > 0.6
    assert np.delete(sizes, CARRIER).max() < 0.5


def test_a_plain_rnn_has_less_than_a_millionth_of_its_gradient(model: SequenceModel) -> None:
    string = STRINGS[0]
    place = len(string) - 3
    flow = GradientFlow(model, inputs_of(string), step=place, length=place, shown=["model", "rnn"])
    assert flow.wait(60)
    assert flow.ratio("rnn", "model", 100) < 1e-6
    flow.close()
