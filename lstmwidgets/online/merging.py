"""What copies of a regressor have learned side by side, brought together in one.

Federated averaging (McMahan et al. 2017, "Communication-efficient learning of deep networks from
decentralized data", section 3): the network's weights are the mean of the copies' weights, each
counted by how many steps it took, and so are the optimizer's moments. All else is what one
regressor would know after the events of all copies, exactly or nearly so:

- Means and deviations of features and target are merged by counts (Chan, Golub & LeVeque 1979,
  "Updating formulae and a pairwise algorithm for computing sample variances"); where they look back
  on so many events only, what was known before counts for as much as after one event after another.
- Linear experts add up what their events say: the inverses of the covariances, and these times the
  coefficients. For the one that looks back on fifty events it is the copies' mean.
- Experts' regrets are added up, and their weights follow from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import experts as expert_kernels
from ..kernels import mixture as mixtures
from ..kernels import numbers as kernels
from ..kernels import parameters as layout
from ..kernels import scaling
from ..kernels.experts import CHANGES, MEAN, RATE, TARGETS, UNIT, WILD, ExpertArrays
from .experts import Experts
from .learner import OnlineLearner
from .regressor import LSTMRegressor

Array = NDArray[Any]


def merge(model: LSTMRegressor, copies: Sequence[LSTMRegressor]) -> None:
    """Let a regressor have learned what its copies have learned since they were made.

    Parameters
    ----------
    model : LSTMRegressor
        As it was when the copies were made; changed. It has features, its optimizer is a compiled
        one. The stream in it is forgotten.
    copies : sequence of LSTMRegressor
        Each has learned events of its own, K times. None of them has met a new feature.

    Raises
    ------
    ValueError
        If a copy is of another kind or size, or PyTorch takes the optimizer's steps.

    Examples
    --------
    >>> import copy
    >>> model = LSTMRegressor(4, seed=1)
    >>> for n in range(20):
    ...     model.learn_one({"n": n % 4}, n % 4)
    >>> copies = [copy.deepcopy(model), copy.deepcopy(model)]
    >>> for each in copies:
    ...     for n in range(20):
    ...         each.learn_one({"n": n % 4}, n % 4)
    >>> merge(model, copies)
    >>> model.parts.target.numbers[0]  # targets that were learned
    np.float64(60.0)
    """
    own, parts = model.parts, [copy.parts for copy in copies]
    learner = own.learner
    learners = [each.learner for each in parts if each.learner is not None]
    if learner is None or not learner.is_compiled:
        raise ValueError("expected a regressor with features, and the optimizer adam, adamw or sgd")
    if any(not np.array_equal(each.sizes, learner.sizes) for each in learners):
        raise ValueError("a copy is of another kind or size than the model: it has met a feature")
    if len(learners) < len(parts) or not parts:
        raise ValueError("expected copies that have learned")
    events = np.array([each.encoder.events - own.encoder.events for each in parts])
    statistics = [each.scaler.statistics for each in parts]
    own.scaler.statistics[:3] = merged_statistics(own.scaler.statistics, statistics, events)
    _merge_learners(learner, learners)
    _merge_targets(own.target.numbers, np.array([each.target.numbers for each in parts]))
    if own.experts is not None:
        _merge_experts(own.experts, [each.experts for each in parts if each.experts is not None])
    own.encoder.imputed += sum(each.encoder.imputed - own.encoder.imputed for each in parts)
    own.encoder.events += int(events.sum())
    model.unlearned += sum(each.unlearned - model.unlearned for each in copies)
    model.reset_stream()


def merged_statistics(own: Array, others: Sequence[Array], events: Array) -> Array:
    """Return counts, means and squared deviations, (3, columns), after the numbers of all copies.

    Parameters
    ----------
    own, others : ndarray
        Of before and of each copy now, (3 or more, columns); see `lstmwidgets.kernels.scaling`.
    events : ndarray
        How many each copy has taken in, (K,), for where counting has ended.
    """
    memory, before = scaling.MEMORY, own[scaling.COUNT]
    counts = np.array([each[scaling.COUNT] for each in others])
    new = np.where(counts < memory, counts - before, events[:, None])
    means = np.array([each[scaling.MEAN] for each in others])
    centre = own[scaling.MEAN]
    squares = np.array([each[scaling.SQUARES] for each in others])
    around = squares / np.maximum(counts, 1) + (means - centre) ** 2  # of the old mean
    mean = merged_mean(centre, means, before, new, memory)
    old = own[scaling.SQUARES] / np.maximum(before, 1)
    square = merged_mean(old, around, before, new, memory)
    count = np.minimum(before + new.sum(0), memory)
    deviations = np.maximum(square - (mean - centre) ** 2, 0) * count
    merged: Array = np.array([count, mean, deviations])
    return merged


def merged_mean(own: Array, means: Array, before: Array, new: Array, memory: float) -> Array:
    """Return running means after the numbers of all copies.

    Parameters
    ----------
    own : ndarray
        Before, (columns,).
    means : ndarray
        Of each copy afterwards, (K, columns).
    before : ndarray
        How many numbers there were, (columns,).
    new : ndarray
        How many each copy has taken in, (K, columns).
    memory : float
        How many numbers a mean looks back on.
    """
    kept, total = _share_kept(before, new, memory), new.sum(0)
    news = np.divide(means - kept * own, 1 - kept, out=np.zeros_like(means), where=kept < 1)
    together = np.divide((new * news).sum(0), total, out=np.zeros_like(own), where=total > 0)
    share = _share_kept(before, total, memory)
    merged: Array = share * own + (1 - share) * together
    return merged


def _share_kept(before: Array, new: Array, memory: float) -> Array:
    """Return what share of a running mean is that of before, after more numbers."""
    total = before + new
    share = np.divide(before, np.minimum(total, memory), out=np.ones_like(total), where=total > 0)
    later = np.maximum(total - np.maximum(before, memory), 0)
    kept: Array = np.minimum(share, 1) * (1 - 1 / memory) ** later
    return kept


def _merge_learners(own: OnlineLearner, copies: Sequence[OnlineLearner]) -> None:
    """Average weights and moments by the steps that were taken."""
    counters = layout.learner(*own.arrays).counters
    taken = np.array([layout.learner(*each.arrays).counters[layout.STEPS] for each in copies])
    taken -= counters[layout.STEPS]
    if not taken.any():
        return
    shares = taken / taken.sum()
    for which in (layout.PARAMETERS, layout.FIRST, layout.SECOND):
        rows = np.array([each.row(which) for each in copies], np.float64)
        own.row(which)[:] = shares @ rows
    counters[layout.STEPS] += taken.sum()


def _merge_targets(own: Array, copies: Array) -> None:
    """Merge what was learned of the targets' scale; see `lstmwidgets.kernels.numbers`."""
    residuals = copies[:, kernels.RESIDUALS] - own[kernels.RESIDUALS]
    typical = slice(kernels.TYPICAL, kernels.TYPICAL + 1)
    own[typical] = merged_mean(
        own[typical],
        copies[:, typical],
        own[kernels.RESIDUALS : kernels.RESIDUALS + 1],
        residuals[:, None],
        1 / kernels.RATE,
    )
    statistics = [each[:3, None] for each in copies]
    own[:3] = merged_statistics(own[:3, None], statistics, residuals)[:, 0]
    own[kernels.RESIDUALS] += residuals.sum()


def _merge_experts(experts: Experts, copies: Sequence[Experts]) -> None:
    own = expert_kernels.experts(*experts.arrays)
    others = [expert_kernels.experts(*each.arrays) for each in copies]
    after, before = np.array([each.scalars for each in others]), own.scalars.copy()
    new = after - before
    for place, counted, memory in ((UNIT, CHANGES, 1 / RATE), (MEAN, TARGETS, np.inf)):
        (own.scalars[place],) = merged_mean(
            before[[place]], after[:, [place]], before[[counted]], new[:, [counted]], memory
        )
        own.scalars[counted] += new[:, counted].sum()
    own.scalars[WILD] = after[:, WILD].max()
    targets = new[:, TARGETS]
    if targets.any():
        _merge_linear(own, others, targets / targets.sum())
        _merge_mixture(own, others, targets)


def _merge_linear(own: ExpertArrays, others: Sequence[ExpertArrays], shares: Array) -> None:
    """Add up what events say about coefficients, beyond what was known before."""
    last = len(own.coefficients) - 1
    for n, models in enumerate((slice(0, last), slice(last, last + 1))):
        known = [_information(each, n, models) for each in (own, *others)]
        before, after = known[0], known[1:]
        merged = sum(share * each for share, each in zip(shares, after, strict=True))
        if expert_kernels.FORGETTING[n] == 1:
            total = before + sum(each - before for each in after)
            if _is_covariance(total):  # it is not if one of them began afresh
                merged = total
        size = own.covariances.shape[-1]
        covariance = np.linalg.inv(merged[:, :size])
        own.coefficients[models] = (covariance @ merged[:, size:]).T
        own.covariances[n] = (covariance + covariance.T) / 2


def _information(own: ExpertArrays, n: int, models: slice) -> Array:
    """Return a covariance's inverse, and behind it that times the coefficients, (D, D + M)."""
    inverse = np.linalg.inv(own.covariances[n])
    known: Array = np.hstack([inverse, inverse @ own.coefficients[models].T])
    return known


def _is_covariance(information: Array) -> bool:
    """Say whether the first columns are the inverse of a covariance."""
    square = information[:, : len(information)]
    return bool(np.linalg.eigvalsh((square + square.T) / 2).min() > 0)


def _merge_mixture(own: ExpertArrays, others: Sequence[ExpertArrays], targets: Array) -> None:
    """Add up experts' regrets; squares are discounted as after one event after another."""
    mixture, each = own.mixture, np.array([other.mixture for other in others])
    before, kept = mixture[mixtures.SQUARES].copy(), mixtures.MEMORY ** targets[:, None]
    new = (each[:, mixtures.SQUARES] - kept * before) / (1 - kept).clip(min=1e-12)
    together = (targets[:, None] * new).sum(0) / targets.sum()
    share = mixtures.MEMORY ** targets.sum()
    mixture[mixtures.REGRET] += (each[:, mixtures.REGRET] - mixture[mixtures.REGRET]).sum(0)
    mixture[mixtures.SQUARES] = share * before + (1 - share) * together
    cheap = len(own.forecasts)
    for stage in (mixture[:, :cheap], mixture[:, cheap:]):
        _weigh(stage)


def _weigh(stage: Array) -> None:
    """Write the weights that regrets stand for; `lstmwidgets.kernels.mixture` has the formulas."""
    prior = stage[mixtures.PRIOR]
    squares = np.maximum(stage[mixtures.SQUARES], 1e-300)
    rate = np.minimum(0.5, np.sqrt((1 - np.log(prior)) / squares))
    stage[mixtures.REGRET] = np.maximum(stage[mixtures.REGRET], -mixtures.FLOOR / rate)
    logits = np.log(prior * rate) + rate * stage[mixtures.REGRET]
    weights = np.exp(logits - logits.max())
    stage[mixtures.WEIGHT] = weights / weights.sum()
