"""What would have been otherwise: gates and units to interfere with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import traitlets

from ..analysis import (
    Altered,
    Intervention,
    Scenario,
    UnitRanking,
    WhatIf,
    load_scenarios,
    rank_units,
    save_scenarios,
)
from ..analysis.what_if import check_interventions
from ..dataframes import pandas
from ..live import Choice, joined_modules, joined_styles
from ..plots.what_if import what_if_figure
from .altered_states import UNTOUCHED, AlteredStates, colour_of
from .background import Background, Work
from .state_picture import MODULES, STYLES, StatePicture

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from bokeh.plotting import figure

MOST_RANKED = 128
"""Units of a ranking that a page gets."""


def _checked(scenarios: Any) -> tuple[Scenario, ...]:
    """Return scenarios, those of a page among them, which come as plain values."""
    if isinstance(scenarios, Mapping | str | Scenario):
        raise TypeError(f"scenarios must be a list of them, got {scenarios!r}")
    plain = [
        msgspec.to_builtins(each) if isinstance(each, Scenario) else each for each in scenarios
    ]
    try:
        return msgspec.convert(tuple(plain), tuple[Scenario, ...])
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


class GateLab(StatePicture):
    """Gates and units to clamp, scale or silence, and what the LSTM would then have done.

    A scenario is a few interventions under a name: the forget gate set to 1, unit 17 silent, the
    input gate shut from step 40 on. Prediction and error of all scenarios are drawn beside the
    untouched run, and the state of one of them, or by how much it differs. The units are ranked by
    what becomes of the predictions when each one is silent. A click on a ranked unit silences it.
    Pins, box and keys are those of `StateHeatmap`; the box may say which units and steps an
    intervention is for.

    Parameters
    ----------
    source, x, targets, labels, sequence
        What is examined, and the sequence; as `lstmwidgets.analysis.as_subject` takes them. Of an
        online estimator, or of a `LiveStream`, it is the last window as it is now.
    scenarios : sequence of Scenario
        To begin with.
    layer : int
        Layer to show, 0 the lowest; by default the top one.
    order : str
        Of the units, as in `StateHeatmap`.
    show : collection of str
        Which quantities are drawn at first.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    scenarios : tuple of Scenario
        To be set and observed; the page sets them as well.
    shown : int
        Which of them is drawn in the heatmaps; -1 for the untouched run.
    difference : bool
        Draw by how much the states differ from the untouched ones.
    output : int
        Place of the output whose prediction is drawn.
    runs : tuple of Altered
        What came of the scenarios. Waits for what is being computed.
    ranking : UnitRanking or None
        That of the units of the layer that was ranked last; to be observed.
    error : str
        What was wrong with what the page asked for.
    what_if : WhatIf
        What computes the runs.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> from lstmwidgets.analysis import Intervention, ablation
    >>> lab = GateLab(LSTM(3, 8), torch.randn(40, 3))  # the last line of a cell shows it: lab
    >>> lab.add("nothing forgotten", Intervention("forget_gate", to=1.0, steps=(10, None)))
    >>> lab.add("unit 3 silent", ablation(3))
    >>> [len(run.predictions) for run in lab.runs]
    [40, 40]
    >>> lab.rank().order[0] in range(8)
    True
    """

    _title = "What an LSTM would have done"
    _esm = joined_modules(*MODULES, "widgets/gate_controls.js", "widgets/gate_lab.js")
    _css = joined_styles(*STYLES, "widgets/gate_lab.css")

    scenarios = traitlets.Any((), help="what is done").tag(
        sync=True, to_json=lambda value, _: msgspec.to_builtins(value)
    )
    shown = traitlets.Int(-1, help="which scenario is drawn").tag(sync=True)
    difference = traitlets.Bool(False, help="draw differences").tag(sync=True)
    output = traitlets.Int(0, help="whose prediction is drawn").tag(sync=True)
    ranking = traitlets.Any(None, help="the units by what they matter")
    error = traitlets.Unicode("", help="what was wrong").tag(sync=True)
    _facts: Any = traitlets.List().tag(sync=True)
    _ranked = traitlets.Dict().tag(sync=True)
    _progress = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        source: Any,
        x: Any = None,
        *,
        targets: Sequence[Any] | None = None,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        scenarios: Sequence[Scenario] = (),
        layer: int = -1,
        order: str = "similarity",
        show: Sequence[str] = ("cell", "hidden"),
        theme: str = "auto",
    ) -> None:
        self.what_if = WhatIf(source, x, targets=targets, labels=labels, sequence=sequence)
        self._known: dict[tuple[Intervention, ...], Altered] = {}
        self._drawn: tuple[Altered, ...] = ()
        self._computing = Background(self._take_runs, self._fail)
        self._ranking = Background(self._take_ranking, self._fail)
        states = AlteredStates(self.what_if, Choice(layer, order), 0)
        super().__init__(states, states.whole().to_bytes(), quantities=show, theme=theme)
        self.scenarios = scenarios

    @property
    def runs(self) -> tuple[Altered, ...]:
        """What came of the scenarios. Waits for what is being computed."""
        self._computing.wait()
        return self._drawn

    def add(self, name: str, *interventions: Intervention) -> None:
        """Add a scenario, and show it."""
        self.scenarios = (*self.scenarios, Scenario(name, interventions))
        self.shown = len(self.scenarios) - 1

    def save(self, path: str | Path) -> None:
        """Keep the scenarios in a small file."""
        save_scenarios(path, self.scenarios)

    def load(self, path: str | Path) -> None:
        """Take the scenarios of a file in place of those that there are."""
        self.scenarios = load_scenarios(path)

    def rank(self, *, wait: bool = True) -> UnitRanking | None:
        """Rank the units of the layer that is shown by what becomes of the predictions without.

        Parameters
        ----------
        wait : bool
            Return the whole ranking once it is there. If not, `ranking` gets better and better.
        """
        self._ranking.start(self._rank(self.layer))
        if wait:
            self._ranking.wait()
        ranking: UnitRanking | None = self.ranking
        return ranking

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each step: label, target, and predictions and errors of all runs."""
        pd = pandas()
        subject = self.what_if.subject
        columns: dict[str, Any] = {"label": subject.labels}
        if subject.targets is not None:
            columns["target"] = subject.targets
        names = [UNTOUCHED, *(each.name for each in self.scenarios)]
        for name, run in zip(names, [self.what_if.untouched, *self.runs], strict=True):
            columns[f"prediction, {name}"] = run.predictions[:, self.output]
            if run.errors is not None:
                columns[f"error, {name}"] = run.errors
        return pd.DataFrame(columns)

    def figure(self, *, height: int = 260) -> figure:
        """Return the predictions of all runs as a figure of Bokeh."""
        names = [UNTOUCHED, *(each.name for each in self.scenarios)]
        runs = [self.what_if.untouched, *self.runs]
        return what_if_figure(
            self.what_if.subject, dict(zip(names, runs, strict=True)), self.output, height=height
        )

    def close(self) -> None:
        """Take the widget out of all pages."""
        self._computing.cancel()
        self._ranking.cancel()
        super().close()

    # --- inside ----------------------------------------------------------------------------------

    def _compute(self, scenarios: tuple[Scenario, ...]) -> Work:
        """Yield what comes of the scenarios; those whose run is known are not run again."""
        known = {}
        for each in scenarios:
            key = each.interventions
            known[key] = self._known.get(key) or self.what_if.run(key)
            yield None  # it may be cancelled here
        self._known = known
        yield tuple(known[each.interventions] for each in scenarios)

    def _take_runs(self, runs: tuple[Altered, ...] | None) -> None:
        if runs is None:
            return
        self._drawn = runs
        self._draw()

    def _draw(self) -> None:
        """Draw what was computed last."""
        states, runs = self._states, self._drawn
        assert isinstance(states, AlteredStates)
        names = [each.name for each in self.scenarios]
        if len(names) != len(runs):  # it is being computed
            return
        rows = self.units
        states.output = self.output
        states.take(names, runs, min(self.shown, len(runs) - 1), difference=self.difference)
        with self.hold_sync():
            self._facts = [self._fact(run) for run in (self.what_if.untouched, *runs)]
            self._renew_all(rows)

    def _fact(self, run: Altered) -> dict[str, float | None]:
        """Return the mean error of a run, and how far its predictions have moved."""
        moved = np.abs(run.predictions - self.what_if.untouched.predictions).mean()
        error = None if run.errors is None else float(np.nanmean(run.errors))
        return {"error": error, "moved": float(moved)}

    def _rank(self, layer: int) -> Work:
        yield 0.0
        yield from rank_units(self.what_if, layer)

    def _take_ranking(self, ranking: UnitRanking | float) -> None:
        if isinstance(ranking, float):
            self._progress = ranking
            return
        order = ranking.order[:MOST_RANKED]
        is_damage = bool(np.isfinite(ranking.damage).all())
        with self.hold_sync():
            self._progress = float(ranking.measured.mean())
            self._ranked = {
                "layer": ranking.layer,
                "units": order,
                "by": "damage" if is_damage else "moved",
                "values": (ranking.damage if is_damage else ranking.moved)[order].tolist(),
                "adds": [None if np.isnan(each) else float(each) for each in ranking.adds[order]],
            }
        self.ranking = ranking

    def _fail(self, error: Exception) -> None:
        self._progress = 1.0
        self.error = f"{type(error).__name__}: {error}"

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        subject = self.what_if.subject
        return super()._describe() | {
            "outputs": [str(each) for each in subject.outputs],
            "steps": len(subject),
            "colours": [colour_of(n) for n in range(-1, len(self.scenarios))],
        }

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
        super()._receive(_, message, buffers)
        kind = message.get("type")
        if kind == "rank":
            self.rank(wait=False)
        elif kind == "stop":
            self._ranking.cancel()
            self._progress = 1.0
        elif kind == "scenarios":
            try:
                scenarios = _checked(message.get("scenarios"))
                self.scenarios = scenarios
                self.shown = min(int(message.get("shown", -1)), len(scenarios) - 1)
            except (TypeError, ValueError) as error:
                self.error = str(error)
            # Until it hears of its last change a page goes by what it has itself.
            self.send({"type": "edited", "session": message["session"], "edit": message["edit"]})

    @traitlets.validate("scenarios")
    def _check_scenarios(self, proposal: Any) -> tuple[Scenario, ...]:
        scenarios = _checked(proposal["value"])
        for each in scenarios:
            check_interventions(self.what_if.subject.lstm, each.interventions)
        return scenarios

    @traitlets.validate("shown")
    def _check_shown(self, proposal: Any) -> int:
        if proposal["value"] not in range(-1, len(self.scenarios)):
            last = len(self.scenarios) - 1
            raise ValueError(f"shown must be from -1 to {last}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("output")
    def _check_output(self, proposal: Any) -> int:
        last = len(self.what_if.subject.outputs) - 1
        if proposal["value"] not in range(last + 1):
            raise ValueError(f"output must be from 0 to {last}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.observe("scenarios")
    def _interfered(self, change: Any) -> None:
        if self.comm is None:
            return
        scenarios: tuple[Scenario, ...] = change["new"]
        self.error = ""
        self.shown = min(self.shown, len(scenarios) - 1)
        self._computing.start(self._compute(scenarios))

    @traitlets.observe("shown", "difference", "output")
    def _drawn_otherwise(self, _: Any) -> None:
        if self.comm is not None:
            self._draw()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._computing.wait()
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} of {len(self.what_if.subject):,} steps"
