"""Cheap experts on classes beside a network, and how far each of them is to be trusted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import class_experts as kernels
from ..kernels.class_mixture import WEIGHT
from ..kernels.neighbours import NEAREST, RING
from .arrays import Arrays, Table, need, need_array

ClassAdvice = tuple[
    NDArray[np.int64], NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]
]

NO_CLASS_EXPERTS: ClassAdvice = (
    np.zeros(2, np.int64),
    np.zeros(0),
    np.zeros(0, np.float32),
    np.zeros(0),
)
"""What kernels are handed without experts."""

LARGEST = 64
"""How many features experts read: it bounds what they cost."""

POOL_PRIOR = 0.5
"""Prior weight of the pool; the experts share the rest."""

POOL_WEIGHT = 0.2
"""Weight of an expert in the pool to begin with."""


class ClassExperts(Arrays):
    """Gives each class a probability by a mixture of cheap experts and a network.

    ============== =================================================================================
    expert         probabilities
    ============== =================================================================================
    last class     of the class before, how often a class came again at once; of the others, in
                   proportion to their frequencies
    frequencies    how often each class has come
    transitions    how often each class has come after the class before
    linear         logistic regression on the features, those of the event before and the class
                   before, with a rate for every weight (AdaGrad)
    few neighbours of the last 1,000 events the five nearest in features vote, by their distance
    neighbours     the twenty nearest; while few and many together are worth less than 2 %, they are
                   asked at every eighth event only
    lstm           what it is told
    ============== =================================================================================

    They are mixed twice: by multiplication with learned exponents, in a pool, and with that pool by
    Bayes' rule; see `lstmwidgets.kernels.class_mixture`. The summed log loss is at most that of the
    best of the seven plus 2 log 7, over a billion events. Classes that come for the first time do
    not count in it, nor do events at which that expert was not asked.

    Attributes
    ----------
    before : ndarray
        The features of the stream's last event, (D,); another array once features were added.
    arrays : tuple of ndarray
        What kernels take, ``before`` being the last; others once features or classes were added.

    Examples
    --------
    >>> from lstmwidgets.online import LSTMClassifier
    >>> model = LSTMClassifier(hidden_size=4, seed=1)
    >>> for y in "aaaaaaaaaabbbbbbbbbb" * 20:
    ...     model.learn_one({}, y)
    >>> model.shares["last class"] > model.shares["frequencies"]
    True
    """

    NAMES = (
        *("last class", "frequencies", "transitions", "linear"),
        *("few neighbours", "neighbours", "lstm"),
    )

    ARRAYS: ClassVar[Table] = {
        "numbers": (np.float64, lambda own: (kernels.kept(own["shape"]),)),
        "ring": (np.float32, lambda own: (own["shape"][kernels.FEATURES] + 1, RING)),
        "before": (np.float64, lambda own: (own["shape"][kernels.FEATURES],)),
    }

    def __init__(self) -> None:
        self._take(*_laid_out(0, 0))
        views = self._views
        views.prior[:] = (1 - POOL_PRIOR) / kernels.POOL
        views.prior[kernels.POOL] = POOL_PRIOR
        views.weights[:] = views.prior
        views.pool[WEIGHT] = POOL_WEIGHT

    def grow(self, features: int, classes: int) -> None:
        """Let there be so many features and classes from now on: new ones at the end."""
        if self.fits(features, classes):
            return
        features, (_, _, ring, before) = min(features, LARGEST), self.arrays
        arrays = _laid_out(features, classes)
        old, own, size = self._views, kernels.experts(*arrays[:2]), len(before)
        for name in ("scalars", "counts", "transitions", "means", "scatter"):
            given = getattr(old, name)
            getattr(own, name)[tuple(map(slice, given.shape))] = given
        for name in ("weights", "pool", "prior"):
            getattr(own, name)[:] = getattr(old, name)
        columns = np.arange(old.linear.shape[2])  # bias, features, the same before, class before
        columns += (columns > size) * (features - size)
        columns += (columns > features + size) * (features - size)
        own.linear[:, : old.linear.shape[1], columns] = old.linear
        rows = ring.reshape(-1, RING)
        arrays[2].reshape(-1, RING)[:size], arrays[2].reshape(-1, RING)[-2] = rows[:-2], rows[-2]
        arrays[3][:size] = before
        self._take(*arrays)

    def fits(self, features: int, classes: int) -> bool:
        """Say whether there are so many features and classes."""
        return bool(self.arrays[0].tolist() == [min(features, LARGEST), classes])

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert, its part in the pool among it; they add up to 1."""
        weights, pool = self._views.weights, self._views.pool[WEIGHT]
        parts = pool / pool.sum() if pool.any() else np.full(len(pool), 1 / len(pool))
        return dict(zip(self.NAMES, (weights[:-1] + weights[-1] * parts).tolist(), strict=True))

    @property
    def before(self) -> NDArray[np.float64]:
        """The features of the stream's last event."""
        return self.arrays[3]

    def _take(self, *arrays: Any) -> None:
        self.arrays: ClassAdvice
        self.arrays, self._views = arrays, kernels.experts(*arrays[:2])

    def _kept(self) -> dict[str, Any]:
        shape, flat, ring, before = self.arrays
        numbers = flat[: kernels.kept(shape)]
        ring = ring.reshape(-1, RING)[:-1]
        return {"shape": shape, "numbers": numbers, "ring": ring, "before": before}

    def _restore(self, kept: dict[str, Any]) -> None:
        shape, flat, ring, before = _laid_out(*kept["shape"].tolist())
        flat[: len(kept["numbers"])] = kept["numbers"]
        ring.reshape(-1, RING)[:-1], before[:] = kept["ring"], kept["before"]
        self._take(shape, flat, ring, before)
        seen, classes = self._views.scalars[kernels.SEEN], len(self._views.counts)
        need(0 <= seen < 2**53 and seen == int(seen), "events seen")
        labels = kept["ring"][-1][: int(min(seen, RING))]
        need(bool(((labels >= 0) & (labels < classes)).all()), "classes")

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        need_array(kept.get("shape"), (2,), np.int64)
        features, classes = kept["shape"].tolist()
        need(0 <= features <= LARGEST and 0 <= classes < 2**24, "experts")


def _laid_out(features: int, classes: int) -> ClassAdvice:
    """Return arrays for kernels, all zeros."""
    shape = np.array([features, classes])
    written = (kernels.POOL + 1) * classes + 2 * NEAREST
    flat = np.zeros(kernels.kept(shape) + written)
    return shape, flat, np.zeros((features + 2) * RING, np.float32), np.zeros(features)
