"""What can be counted of an LSTM of any size, without making it."""

from __future__ import annotations

from typing import NamedTuple

from ..cells import CELLS
from ..lstm import LSTM
from ..models import SequenceModel
from .cost import flops_of


class Counts(NamedTuple):
    """What can be counted of a model.

    Attributes
    ----------
    parameters : int
        Numbers that are trained.
    flops_per_step : int
        Operations on floating-point numbers for one step of one stream, as `Cost` counts them.
    weight_bytes : int
        Memory of the weights, and of the numbers that are kept with them.
    state_bytes : int
        Memory of one stream's state: h and c of every layer, and of cells with full gate recurrence
        the last gates.
    """

    parameters: int
    flops_per_step: int
    weight_bytes: int
    state_bytes: int


def count_costs(
    input_size: int, hidden_size: int, num_layers: int = 1, *, cell: str = "standard"
) -> Counts:
    """Count what an LSTM of some sizes costs; nothing is allocated or measured.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
        I, H and L.
    cell : str
        As of `LSTM`.

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number from 1 on, or there is no such cell.

    Examples
    --------
    >>> count_costs(10, 32)
    Counts(parameters=5632, flops_per_step=11296, weight_bytes=22528, state_bytes=256)
    """
    return counts_of(LSTM(input_size, hidden_size, num_layers, cell=cell, device="meta"))


def counts_of(model: LSTM | SequenceModel) -> Counts:
    """Count what a model costs; only its shapes are looked at.

    Parameters
    ----------
    model : LSTM or SequenceModel
        Of the latter, embedding and head count as well.

    Examples
    --------
    >>> counts_of(LSTM(10, 32)) == count_costs(10, 32)
    True
    """
    lstm = model if isinstance(model, LSTM) else model.lstm
    parameters = sum(weight.numel() for weight in model.parameters())
    kept = [*model.parameters(), *model.buffers()]
    weights = sum(each.numel() * each.element_size() for each in kept)
    numbers = len(CELLS[lstm.cell].state_type._fields) * lstm.num_layers * lstm.hidden_size
    state = numbers * lstm.weight_hh_l0.element_size()
    return Counts(parameters, flops_of(model), weights, state)


def count_polynomials(input_size: int, cell: str) -> dict[str, tuple[list[int], list[int]]]:
    """Return coefficients from which `Counts` follow for any hidden size and number of layers.

    Every count is a polynomial of degree 2 in H for the first layer, and another for each further
    one.

    Parameters
    ----------
    input_size : int
        I.
    cell : str
        As of `LSTM`.

    Returns
    -------
    dict
        By the name of a count: ``(first, further)``, each the coefficients ``[a, b, c]`` of
        ``a + b*H + c*H**2``.

    Examples
    --------
    >>> first, further = count_polynomials(10, "standard")["parameters"]
    >>> first, further
    ([0, 48, 4], [0, 8, 8])
    >>> a, b, c = first
    >>> a + b * 32 + c * 32**2 == count_costs(10, 32).parameters
    True
    """
    one, two = (
        [count_costs(input_size, hidden, layers, cell=cell) for hidden in (1, 2, 3)]
        for layers in (1, 2)
    )
    polynomials = {}
    for n, name in enumerate(Counts._fields):
        first = [counts[n] for counts in one]
        further = [counts[n] - alone for counts, alone in zip(two, first, strict=True)]
        polynomials[name] = _through(*first), _through(*further)
    return polynomials


def _through(one: int, two: int, three: int) -> list[int]:
    """Return the coefficients of the polynomial with these values at 1, 2 and 3."""
    c = (three - 2 * two + one) // 2
    b = two - one - 3 * c
    return [one - b - c, b, c]
