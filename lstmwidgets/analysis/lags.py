"""What units hold: correlations of their cell states with numbers of now and of steps before."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import as_numbers

MOST_COLUMNS = 64
"""Most columns of numbers: more of them no picture tells apart."""

MOST_TEXTS = 16
"""Of a column of texts, so many of the most frequent ones become columns."""

LEAST_VARIANCE = 1e-10
"""Least share of a column's variance that is left over the steps of a lag; below it is rounding."""

Columns = dict[str, NDArray[np.float64]]


class Held(NamedTuple):
    """What a unit holds.

    Attributes
    ----------
    name : str
        Of the column.
    lag : int
        How many recorded steps before.
    correlation : float
        From -1 to 1.
    """

    name: str
    lag: int
    correlation: float


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of the cell states of units with columns of numbers, lag by lag.

    Attributes
    ----------
    names : tuple of str
        Of the F columns.
    values : ndarray
        Pearson's correlation of each unit's cell state with each column so many steps before, (H,
        F, K + 1); NaN where one of them does not change, or is known at fewer than three steps.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]

    @property
    def lags(self) -> int:
        """K: the longest lag."""
        return int(self.values.shape[2]) - 1

    def best(self, unit: int, most: int = 5) -> list[Held]:
        """Return the columns that a unit holds best, each at its best lag, the best first.

        Parameters
        ----------
        unit : int
        most : int
            How many.
        """
        size = np.nan_to_num(np.abs(self.values[unit]), nan=-1)
        found = [
            Held(name, int(lag), float(self.values[unit, place, lag]))
            for place, (name, lag) in enumerate(zip(self.names, size.argmax(axis=1), strict=True))
            if size[place, lag] >= 0
        ]
        return sorted(found, key=lambda each: -abs(each.correlation))[:most]

    def table(self, units: Iterable[int]) -> dict[str, list[Any]]:
        """Return what each of some units holds best, as columns of a table.

        Parameters
        ----------
        units : iterable of int
        """
        best = [next(iter(self.best(unit, 1)), Held("", 0, np.nan)) for unit in units]
        return {
            "holds": [each.name for each in best],
            "lag": [each.lag for each in best],
            "correlation": [each.correlation for each in best],
        }


def lagged_correlations(
    cells: NDArray[Any], columns: Mapping[str, NDArray[Any]], lags: int = 20
) -> Correlations:
    """Correlate each unit's cell state with columns of now and of up to some steps before.

    A lag is left out at the first steps, which have nothing so long before them, and at all steps
    where one of the two numbers is missing. Numbers that change slowly correlate with each other
    by chance: what a unit carries shows in a correlation that is highest at one lag.

    Parameters
    ----------
    cells : ndarray
        Cell states, (T, H).
    columns : mapping of str to ndarray
        Numbers that go with the steps, (T,) each; NaN where there is none.
    lags : int
        K: the longest lag, in recorded steps.

    Returns
    -------
    Correlations

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=50)
    >>> cells = np.stack([np.roll(x, 2), -x], axis=1)
    >>> found = lagged_correlations(cells, {"x": x})
    >>> found.best(0)[0][:2], found.best(1)[0][:2]
    (('x', 2), ('x', 0))
    """
    *_, found = iter_correlations(cells, columns, lags)
    return found


def iter_correlations(
    cells: NDArray[Any], columns: Mapping[str, NDArray[Any]], lags: int = 20
) -> Generator[Correlations]:
    """Yield what `lagged_correlations` returns, as often as a lag is done: one array that fills up.

    Parameters
    ----------
    cells, columns, lags
        As of `lagged_correlations`.
    """
    if isinstance(lags, bool) or not isinstance(lags, int) or lags < 0:
        raise ValueError(f"lags must be a whole number from 0, got {lags!r}")
    steps, units = cells.shape
    for name, column in columns.items():
        if len(column) != steps:
            raise ValueError(f"expected {name} for each of {steps} steps, got {len(column)}")
    numbers = np.array(list(columns.values()), np.float64).reshape(len(columns), steps)
    c, c_known = _standardised(cells.T)
    x, x_known = _standardised(numbers)
    parts = [(each, known, each**2) for each, known in ((c, c_known), (x, x_known))]
    values = np.full((units, len(columns), lags + 1), np.nan)
    for lag in range(lags + 1):
        now = [each[:, lag:] for each in parts[0]]
        then = [each[:, : max(0, steps - lag)] for each in parts[1]]
        values[:, :, lag] = _correlation(now, then)
        yield Correlations(tuple(columns), values)


def _standardised(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows with mean 0 and variance 1, 0 where nothing is known, and 1 where it is."""
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    values = np.where(known, rows, 0).astype(np.float64)
    values = np.where(known, values - values.sum(axis=1, keepdims=True) / count, 0)
    spread = np.sqrt((values**2).sum(axis=1, keepdims=True) / count)
    return np.divide(values, spread, out=values, where=spread > 0), known.astype(np.float64)


def _correlation(now: Sequence[Any], then: Sequence[Any]) -> NDArray[np.float64]:
    """Return Pearson's correlation of rows (H, n) with rows (F, n) where both are known, (H, F).

    Each is given as values, which are 0 where unknown, 1 where known, and squares.
    """
    (c, c_known, c_squares), (x, x_known, x_squares) = now, then
    count = c_known @ x_known.T
    enough = np.maximum(count, 1)
    c_mean, x_mean = (c @ x_known.T) / enough, (c_known @ x.T) / enough
    together = (c @ x.T) / enough - c_mean * x_mean
    c_variance = (c_squares @ x_known.T) / enough - c_mean**2
    x_variance = (c_known @ x_squares.T) / enough - x_mean**2
    sure = (count >= 3) & (c_variance > LEAST_VARIANCE) & (x_variance > LEAST_VARIANCE)
    spread = np.sqrt(np.where(sure, c_variance * x_variance, 1))
    return np.where(sure, np.clip(together / spread, -1, 1), np.nan)


def as_columns(given: Any, steps: int) -> Columns:
    """Return features of each step as columns of numbers, by name.

    A column of texts becomes one of zeros and ones for each text, the most frequent 16 of them.

    Parameters
    ----------
    given : mapping, dataframe, ndarray, sequence of mappings or None
        Columns by name; a dataframe of any library that narwhals knows; numbers (T,) or (T, F); or
        the features of each step, as River has them.
    steps : int
        T.

    Raises
    ------
    TypeError, ValueError
        If it is something else, does not fit the steps, or has more than 64 columns.
    """
    columns: Columns = {}
    for name, values in _named(given).items():
        if len(values) != steps:
            raise ValueError(
                f"inputs must have a value for each of the {steps} steps; {name!r} has "
                f"{len(values)}"
            )
        columns |= _numbers(str(name), values)
    if len(columns) > MOST_COLUMNS:
        raise ValueError(
            f"inputs have {len(columns)} columns, and {MOST_COLUMNS} at most are compared; choose "
            "those that the units may hold"
        )
    return columns


def _named(given: Any) -> Mapping[Any, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {name: _listed(values) for name, values in given.items()}
    if isinstance(given, str):
        raise TypeError(f"inputs must be columns by name, got a text; write {{'input': {given!r}}}")
    if isinstance(given, Sequence) and given and all(isinstance(row, Mapping) for row in given):
        names = dict.fromkeys(name for row in given for name in row)
        return {name: [row.get(name) for row in given] for name in names}
    frame = _frame(given)
    if frame is not None:
        return {name: frame[name].to_list() for name in frame.columns}
    table = as_numbers(given, "inputs", floating=True)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2:
        raise ValueError(f"inputs must have the axes (time, feature), got shape {table.shape}")
    if table.shape[1] == 1:
        return {"input": table[:, 0]}
    return {f"input {n}": column for n, column in enumerate(table.T)}


def _frame(given: Any) -> Any:
    """Return a dataframe as narwhals sees it, None for anything else."""
    if isinstance(given, np.ndarray | list | tuple):
        return None
    import narwhals as nw

    frame = nw.from_native(given, eager_only=True, pass_through=True)
    return frame if isinstance(frame, nw.DataFrame) else None


def _listed(values: Any) -> Sequence[Any]:
    listed: Any = values.tolist() if hasattr(values, "tolist") else list(values)
    return listed if isinstance(listed, list) else [listed]


def _numbers(name: str, values: Sequence[Any]) -> Columns:
    """Return a column as numbers, or a column for each text that it has."""
    if not any(isinstance(value, str) for value in values):
        column = [np.nan if value is None else value for value in values]
        return {name: as_numbers(column, f"inputs {name!r}", floating=True).astype(np.float64)}
    texts = np.array(["" if value is None else str(value) for value in values])
    found, counts = np.unique(texts[texts != ""], return_counts=True)
    chosen = found[np.argsort(-counts, kind="stable")[:MOST_TEXTS]]
    missing = np.where(texts == "", np.nan, 0)
    return {f"{name} = {text}": missing + (texts == text) for text in sorted(chosen.tolist())}
