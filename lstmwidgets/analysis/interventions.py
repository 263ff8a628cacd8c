"""What one does to an LSTM's gates and units to see what would have been otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..checks import check_choice
from ..files import atomic_write
from .recording import QUANTITIES

Place = Annotated[int, msgspec.Meta(ge=0)]


class Intervention(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Clamps or scales a part of every step, of some units and for a while.

    What follows from it, in the same step and in all later ones, goes on with the changed value.

    Parameters
    ----------
    part : str
        ``"input_gate"``, ``"forget_gate"``, ``"candidate"``, ``"cell"``, ``"output_gate"`` or
        ``"hidden"``.
    to : float, optional
        Clamp: the value from now on.
    by : float, optional
        Scale: what the value is multiplied with. Either this or `to` is given.
    units : sequence of int, optional
        Which units; all by default.
    steps : tuple of int and int or None
        The first and the last step, None for no end.
    layer : int, optional
        Of the LSTM, 0 the lowest; the top one by default.

    Raises
    ------
    TypeError, ValueError
        If a value is of another kind, or there can be no such part, unit or step.

    Examples
    --------
    >>> print(Intervention("forget_gate", to=1.0))
    forget gate set to 1
    >>> print(Intervention("input_gate", to=0.0, steps=(40, None)))
    input gate set to 0 from step 40 on
    >>> print(Intervention("candidate", by=0.5, units=[3, 17], steps=(0, 9)))
    candidate of units 3 and 17 times 0.5 at steps 0 to 9
    """

    part: str
    to: float | None = None
    by: float | None = None
    units: tuple[Place, ...] | None = None
    steps: tuple[Place, Place | None] = (0, None)
    layer: Place | None = None

    def __post_init__(self) -> None:
        check_choice("part", self.part, QUANTITIES)
        if (self.to is None) == (self.by is None):
            raise ValueError("give either to, the value that the part is set to, or by, a factor")
        value = self.by if self.to is None else self.to
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"expected a number to set or multiply with, got {value!r}")
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number, got {value!r}")
        if self.units is not None:
            msgspec.structs.force_setattr(self, "units", _whole("units", self.units))
            if not self.units:
                raise ValueError("units must name at least one, or be None for all")
        first, last = self.steps
        _whole("steps", (first,) if last is None else (first, last))
        if last is not None and last < first:
            raise ValueError(f"steps must be the first and the last, got {first} and {last}")
        if self.layer is not None:
            _whole("layer", (self.layer,))

    def __str__(self) -> str:
        words = [_PARTS[self.part]]
        if self.layer is not None:
            words.append(f"of layer {self.layer}")
        if self.units is not None:
            words.append(f"of {_listed('unit', self.units)}")
        words.append(f"times {self.by:g}" if self.to is None else f"set to {self.to:g}")
        first, last = self.steps
        if last is None:
            words += [f"from step {first} on"] * (first > 0)
        else:
            words.append(f"at step {first}" if first == last else f"at steps {first} to {last}")
        return " ".join(words)


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Interventions that are made together, under a name.

    Parameters
    ----------
    name : str
        What people call it.
    interventions : sequence of Intervention
        In the order in which they are made.

    Examples
    --------
    >>> silent = Scenario("unit 17 silent", [ablation(17)])
    >>> silent.interventions[0]
    Intervention(part='hidden', to=0.0, by=None, units=(17,), steps=(0, None), layer=None)
    """

    name: str
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"a scenario needs a name, got {self.name!r}")
        for each in self.interventions:
            if not isinstance(each, Intervention):
                raise TypeError(f"expected an Intervention, got {type(each).__name__}")
        msgspec.structs.force_setattr(self, "interventions", tuple(self.interventions))


def ablation(
    *units: int, steps: tuple[int, int | None] = (0, None), layer: int | None = None
) -> Intervention:
    """Return the intervention that makes units silent: their hidden output is 0.

    Parameters
    ----------
    *units : int
        Which ones.
    steps, layer
        As of `Intervention`.

    Examples
    --------
    >>> print(ablation(3, steps=(0, 9)))
    hidden output of unit 3 set to 0 at steps 0 to 9
    """
    return Intervention("hidden", to=0.0, units=units, steps=steps, layer=layer)


def save_scenarios(path: str | Path, scenarios: Sequence[Scenario]) -> None:
    """Write scenarios to a small file of JSON, which people can read and change.

    Parameters
    ----------
    path : path
        Of the file; an older one is replaced once the new one is whole.
    scenarios : sequence of Scenario
    """
    data = msgspec.json.format(msgspec.json.encode(list(scenarios)), indent=1)
    with atomic_write(path) as beside:
        beside.write_bytes(data + b"\n")


def load_scenarios(path: str | Path) -> list[Scenario]:
    """Return the scenarios of a file.

    Parameters
    ----------
    path : path
        Of the file, as `save_scenarios` writes it.

    Raises
    ------
    ValueError
        If it holds anything else; the message says where.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=list[Scenario])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} holds no scenarios: {error}") from error


def _whole(name: str, numbers: Sequence[Any]) -> tuple[int, ...]:
    """Return whole numbers from 0 on, each once."""
    for each in numbers:
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise TypeError(f"{name} must be whole numbers, got {each!r}")
        if each < 0:
            raise ValueError(f"{name} must not be negative, got {each}")
    return tuple(dict.fromkeys(int(each) for each in numbers))


def _listed(noun: str, numbers: Sequence[int]) -> str:
    *others, last = map(str, numbers)
    return f"{noun}s {', '.join(others)} and {last}" if others else f"{noun} {last}"


_PARTS = {name: name.replace("_", " ") for name in QUANTITIES} | {
    "cell": "cell state",
    "hidden": "hidden output",
}
