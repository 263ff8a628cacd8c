"""Groups of things that are near each other, as an order in which every group is one block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def leaf_order(distance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order of the leaves of the tree that average linkage makes.

    The tree comes from the chain of nearest neighbours, which takes a time that grows with the
    square of the number of things (Murtagh 1983). Where two groups are joined, each is turned such
    that the two things which then touch are as near to each other as can be.

    Parameters
    ----------
    distance : ndarray
        (N, N), symmetric.

    Returns
    -------
    ndarray of int
        A permutation of the N things, (N,).

    References
    ----------
    Murtagh (1983). A survey of recent advances in hierarchical clustering algorithms. The Computer
    Journal 26(4).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([0.0, 9.0, 0.1, 9.2, 5.0])
    >>> leaf_order(np.abs(x[:, None] - x)).tolist()
    [0, 2, 4, 1, 3]
    """
    count = len(distance)
    near = distance.astype(np.float64)  # between groups; row and column of its lowest member
    np.fill_diagonal(near, np.inf)
    groups = {n: [n] for n in range(count)}
    chain: list[int] = []
    while len(groups) > 1:
        if not chain:
            chain.append(next(iter(groups)))
        row = near[chain[-1]]
        following = int(row.argmin())
        if len(chain) > 1 and row[chain[-2]] <= row[following]:  # each other's nearest
            first, second = sorted((chain.pop(), chain.pop()))
            _join(near, first, second, len(groups[first]), len(groups[second]))
            groups[first] = _touching(distance, groups[first], groups.pop(second))
        else:
            chain.append(following)
    return np.array(groups[0] if groups else [], dtype=np.int64)


def _join(near: NDArray[np.float64], first: int, second: int, size: int, other: int) -> None:
    """Put the mean distance of both groups into the first one's place, and end the second one."""
    mean = (size * near[first] + other * near[second]) / (size + other)
    mean[first] = np.inf
    near[first], near[:, first] = mean, mean
    near[second], near[:, second] = np.inf, np.inf


def _touching(distance: NDArray[np.float64], left: list[int], right: list[int]) -> list[int]:
    ends = [(a, b) for a in (left[-1], left[0]) for b in (right[0], right[-1])]
    a, b = min(ends, key=lambda pair: distance[pair])
    return (left if a == left[-1] else left[::-1]) + (right if b == right[0] else right[::-1])
