"""Orders in which the units of a layer make a picture that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice

Values = NDArray[np.float64]
Order = NDArray[np.int64]

STILL = 1e-12
"""Units whose standard deviation is at most this never change."""

MOST_UNITS = 128
"""Most units in a picture that grows or shows a whole run: more rows are less than a pixel high."""


def order_units(activity: NDArray[Any], by: str = "similarity") -> NDArray[np.int64]:
    """Put the units of a layer into an order in which a picture of them can be read.

    Parameters
    ----------
    activity : ndarray
        (T, H): one row a step, one column a unit. Steps with a NaN are left out.
    by : str
        ``"similarity"``: units that behave alike stand next to each other. Units are points whose
        nearness is the correlation of their activity over time; seen along the two largest
        principal components they lie on a circle, and the order goes round it, from its widest gap
        on. Opposite units so end up half a circle apart.

        ``"cluster"``: units are joined into ever larger groups, the most correlated ones first
        (average linkage). Every group, large or small, is one block of the order, and of all orders
        with these blocks it is the one whose neighbours are most alike.

        ``"peak"``: by the step at which a unit is farthest from zero, the earliest first.

        ``"number"``: as they are.

    Returns
    -------
    ndarray of int
        A permutation of the H units, (H,); units that never change come last, unless the order is
        by number.

    References
    ----------
    Friendly (2002). Corrgrams: exploratory displays for correlation matrices. The American
    Statistician 56(4), section 3.1 (angular order of the eigenvectors).

    Bar-Joseph, Gifford, Jaakkola (2001). Fast optimal leaf ordering for hierarchical clustering.
    Bioinformatics 17, supplement 1.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(100)
    >>> activity = np.stack([np.sin(t), np.cos(t), np.sin(t + 0.1), np.ones(100)], axis=1)
    >>> order_units(activity)[-1]
    np.int64(3)
    >>> order_units(np.eye(4)[::-1], by="peak").tolist()
    [3, 2, 1, 0]
    """
    check_choice("by", by, ORDERS)
    if activity.ndim != 2:
        raise ValueError(f"activity must have the axes (time, unit), got shape {activity.shape}")
    if by == "number":
        return np.arange(activity.shape[1])
    values = activity[np.isfinite(activity).all(axis=1)].astype(np.float64)
    spread = values.std(axis=0) if len(values) else np.zeros(activity.shape[1])
    moving = np.flatnonzero(spread > STILL)
    still = np.flatnonzero(spread <= STILL)
    return np.concatenate([moving[ORDERS[by](values[:, moving])], still])


def cluster_borders(activity: NDArray[Any], order: NDArray[np.int64]) -> list[int]:
    """Return where clusters end in an order by ``"cluster"``: rows before which another begins.

    Units belong together as far as the average correlation of their groups is above 0.5.

    Parameters
    ----------
    activity : ndarray
        (T, H), as of `order_units`.
    order : ndarray of int
        What that returned, (H,).
    """
    values = activity[np.isfinite(activity).all(axis=1)].astype(np.float64)[:, order]
    moving = int((values.std(axis=0) > STILL).sum()) if len(values) else 0
    if moving < 2:
        return []
    hierarchy = _hierarchy()
    tree = hierarchy.linkage(values[:, :moving].T, "average", metric="correlation")
    groups = hierarchy.fcluster(tree, 0.5, "distance")
    borders = (np.flatnonzero(np.diff(groups)) + 1).tolist()
    return borders + [moving] * (moving < len(order))


def drawn_units(
    cells: NDArray[Any], order: str = "similarity", most: int = MOST_UNITS
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the units that a picture of a layer shows, from below: those that move the most.

    Parameters
    ----------
    cells : ndarray
        Cell state, (T, H).
    order : str
        One of those of `order_units`.
    most : int
        How many units at most.

    Returns
    -------
    units : ndarray of int
        As they stand above each other.
    borders : list of int
        In the order by clusters, rows before which another one begins.
    """
    units = liveliest(cells, most)
    rows = order_units(cells[:, units], order)
    borders = cluster_borders(cells[:, units], rows) if order == "cluster" else []
    return units[rows], borders


def liveliest(cell: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Return the units whose cell state moves the most, in the order of their numbers.

    Parameters
    ----------
    cell : ndarray
        Cell state, (T, H); NaN counts for nothing.
    most : int
        How many units at most.
    """
    if cell.shape[1] <= most:
        return np.arange(cell.shape[1])
    known = np.isfinite(cell)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, cell, 0).sum(axis=0, dtype=np.float64) / counts
    squares = np.where(known, cell - mean, 0).astype(np.float64) ** 2
    return np.sort(np.argsort(squares.sum(axis=0) / counts, kind="stable")[-most:])


def _by_similarity(values: Values) -> Order:
    if values.shape[1] < 3:  # no circle to go round
        return np.arange(values.shape[1])
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    _, vectors = np.linalg.eigh(scaled.T @ scaled)  # ascending eigenvalues
    angles = np.arctan2(vectors[:, -2], vectors[:, -1])
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
    return np.roll(order, -(int(np.argmax(gaps)) + 1))


def _by_cluster(values: Values) -> Order:
    if values.shape[1] < 2:
        return np.arange(values.shape[1])
    hierarchy = _hierarchy()
    tree = hierarchy.linkage(values.T, "average", metric="correlation", optimal_ordering=True)
    return np.asarray(hierarchy.leaves_list(tree), dtype=np.int64)


def _hierarchy() -> Any:
    """Import SciPy's clustering, which takes a moment and which only one order needs."""
    from scipy.cluster import hierarchy  # type: ignore[import-untyped]

    return hierarchy


def _by_peak(values: Values) -> Order:
    if not values.size:
        return np.arange(values.shape[1])
    return np.argsort(np.abs(values).argmax(axis=0), kind="stable")


def _by_number(values: Values) -> Order:
    return np.arange(values.shape[1])


ORDERS: dict[str, Callable[[Values], Order]] = {
    "similarity": _by_similarity,
    "cluster": _by_cluster,
    "peak": _by_peak,
    "number": _by_number,
}
"""The orders that `order_units` knows, by name."""
