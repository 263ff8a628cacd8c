"""An order in which the units of a layer make a picture that can be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def order_units(activity: NDArray[Any]) -> NDArray[np.int64]:
    """Put units that behave alike next to each other.

    Units are points whose nearness is the correlation of their activity over time; seen along the
    two largest principal components they lie on a circle, and the order goes round it, from its
    widest gap on. Opposite units so end up half a circle apart.

    Parameters
    ----------
    activity : ndarray
        (T, H): one row a step, one column a unit. Steps with a NaN are left out.

    Returns
    -------
    ndarray of int
        A permutation of the H units, (H,); units that never change come last.

    References
    ----------
    Friendly (2002). Corrgrams: exploratory displays for correlation matrices. The American
    Statistician 56(4), section 3.1 (angular order of the eigenvectors).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(100)
    >>> order_units(np.stack([np.sin(t), np.cos(t), np.sin(t + 0.1), np.ones(100)], axis=1))[-1]
    np.int64(3)
    """
    if activity.ndim != 2:
        raise ValueError(f"activity must have the axes (time, unit), got shape {activity.shape}")
    values = activity[np.isfinite(activity).all(axis=1)].astype(np.float64)
    spread = values.std(axis=0) if len(values) else np.zeros(activity.shape[1])
    moving = np.flatnonzero(spread > 1e-12)
    still = np.flatnonzero(spread <= 1e-12)
    if len(moving) < 3:  # no circle to go round
        return np.concatenate([moving, still])
    scaled = (values[:, moving] - values[:, moving].mean(axis=0)) / spread[moving]
    _, vectors = np.linalg.eigh(scaled.T @ scaled)  # ascending eigenvalues
    angles = np.arctan2(vectors[:, -2], vectors[:, -1])
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
    order = np.roll(order, -(int(np.argmax(gaps)) + 1))
    return np.concatenate([moving[order], still])
