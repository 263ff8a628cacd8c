"""What each word adds to the probability of a class: integrated gradients."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Segment = tuple[float, float]

RULES = np.array(
    [
        [-0.993831963212755022, 0.0170017196299402603, 0, 0],
        [-0.960491268708020283, 0.0516032829970797397, 0.104656226026467265, 0],
        [-0.888459232872256999, 0.0929271953151245377, 0, 0],
        [-0.774596669241483377, 0.134415255243784220, 0.268488089868333441, 5 / 9],
        [-0.621102946737226403, 0.171511909136391381, 0, 0],
        [-0.434243749346802558, 0.200628529376989021, 0.401397414775962223, 0],
        [-0.223386686428966882, 0.219156858401587496, 0, 0],
        [0, 0.225510499798206687, 0.450916538658474142, 8 / 9],
    ]
)
"""Half of the points from -1 to 1, and their weights by three rules: of all 15 points, of 7, and
Gauss's of 3. Each has the points of the next one (Patterson 1968, "The optimum addition of points
to quadrature formulae", Mathematics of Computation 22; 7 points after 3 are Kronrod's)."""

POINTS, FINE, MIDDLE, ROUGH = np.concatenate([RULES, RULES[-2::-1] * [-1, 1, 1, 1]]).T

STAGES = ((MIDDLE, ROUGH), (FINE, MIDDLE))
"""A segment is looked at by these rules in turn: the better one counts, the other one doubts it."""

TOLERANCE = 0.004
"""Largest error of the sum of all contributions, as a share of the change that they explain."""

DOUBT = 0.02
"""Most that two rules of quadrature may differ in a word's contribution, as such a share; the error
of the better one is much smaller."""

NARROW = 1 / 16
"""A segment that is narrower may have the error of one that wide: only few are, where the output
jumps."""

JUMP = 10.0
"""A segment with so many times the error that it may have is halved at once."""

SMALL = 0.05
"""Of changes of probability that are smaller, the error is a share of this."""

TINY = 1e-12
"""Of a jump that no slope tells of, all words have the same share."""

ROUNDING = 2e-6
"""Error of a probability that float32 explains."""

MOST_HALVINGS = 10
"""How often a segment is halved at most, where the output jumps."""

MOST_LOOKED = 2**18
"""Once so many words have been looked at, each as often as there are places, nothing is halved."""

NUMBERS = 2**25
"""Most hidden outputs (B, T, H) that are kept at once: 128 MB, with gradients some times that."""

MOST_PLACES = 60
"""Most places of the path that are looked at together."""


class Network(Protocol):
    """A classifier from the words' vectors on.

    Sizes: B sequences, T words, E numbers of a vector, H units, K classes.
    """

    hidden_size: int

    def hidden(self, vectors: Tensor) -> Tensor:
        """Return hidden outputs (B, T, H) for vectors (B, T, E)."""

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits (B, K) for hidden outputs (B, T, H)."""


class Path:
    """The straight line from the vectors of nothing to those of a text, and the output along it.

    Sizes: T words, E numbers of a word's vector, K classes.

    Parameters
    ----------
    network : Network
    begin, end : Tensor
        Vectors at the beginning and at the end of the path, (T, E).
    offset : ndarray
        What is added to the logits at the beginning, (K,).
    added : ndarray
        What each word adds to the logits besides the network on the whole way, (T, K).
    last : ndarray, optional
        The probabilities at the end, (K,), where they are known.

    References
    ----------
    Sundararajan, Taly & Yan (2017). Axiomatic attribution for deep networks. ICML.
    """

    def __init__(
        self,
        network: Network,
        begin: Tensor,
        end: Tensor,
        offset: Array,
        added: Array,
        last: Array | None = None,
    ) -> None:
        self._network = network
        self._begin, self._way = begin, end - begin
        self._offset, self._added = torch.from_numpy(offset), torch.from_numpy(added)
        room = NUMBERS // (len(begin) * network.hidden_size)
        self._batch = max(1, min(MOST_PLACES, room))
        self._looked = 0
        self._known: dict[float, Array] = {} if last is None else {1.0: last}

    def probabilities(self, places: Iterable[float]) -> Array:
        """Return the probabilities at places from 0 to 1, (N, K)."""
        wanted = list(places)
        new = [place for place in dict.fromkeys(wanted) if place not in self._known]
        for begin in range(0, len(new), self._batch):
            part = new[begin : begin + self._batch]
            with torch.no_grad():
                found = self._shares(part, self._network.hidden(self._vectors(part)))
            self._known |= zip(part, found.numpy(), strict=True)
        return np.stack([self._known[place] for place in wanted])

    def contributions(self) -> Generator[float, None, Array]:
        """Yield how far it is, from 0 to 1; return what each word adds to each probability, (T, K).

        A segment is looked at in more places, and then halved, where its contributions do not add
        up to the change along it, or where two rules of quadrature differ in what a word adds. What
        the output jumps by within the narrowest ones, the words share as they share its slopes.
        """
        first, last = self.probabilities((0, 1))
        scale = max(SMALL, float(np.abs(last - first).max()))
        total, done = np.zeros(tuple(self._added.shape)), 0.0
        segments: list[Segment] = [(0.0, 1.0)]
        for halvings in range(MOST_HALVINGS + 1):
            width = 0.5**halvings
            is_last = halvings == MOST_HALVINGS or self._looked * len(total) > MOST_LOOKED
            sums = np.zeros((len(STAGES) + 1, len(segments), *self._added.shape))
            halved: list[Segment] = []
            for stage, (better, rougher) in enumerate(STAGES):
                new = (better != 0) & ((rougher == 0) | (stage == 0))
                for share in self._look(segments, sums, new):
                    yield done + share * (1 - done) / 2
                errors = self._errors(segments, sums[stage + 1], sums[stage], scale)
                at_end = is_last and stage == len(STAGES) - 1
                sure = (errors <= 1) | at_end
                hopeless = (errors > JUMP) & (not is_last)
                if at_end:
                    sums[stage + 1] += self._left_over(segments, sums[stage + 1], errors > 1)
                total += sums[stage + 1, sure].sum(0)
                done += width * int(sure.sum())
                halved += [segments[n] for n in np.flatnonzero(hopeless)]
                segments = [segments[n] for n in np.flatnonzero(~sure & ~hopeless)]
                sums = sums[:, ~sure & ~hopeless]
                if not segments:
                    break
            segments = [half for segment in halved + segments for half in _halves(segment)]
            if not segments:
                break
        return total

    def _errors(
        self, segments: Sequence[Segment], found: Array, rougher: Array, scale: float
    ) -> Array:
        """Return the errors of contributions along segments (N, T, K), in those that may be, (N,).

        What is allowed is a share of the scale: of the largest change that is to be explained.
        """
        low, high = np.array(segments).T
        errors = np.abs(self._changes(segments) - found.sum(1)).max(1)
        allowed = TOLERANCE * scale * np.maximum(high - low, NARROW) + ROUNDING
        doubts = np.abs(found - rougher).max((1, 2))
        worst: Array = np.maximum(errors / allowed, doubts / (DOUBT * scale))
        return worst

    def _left_over(
        self, segments: Sequence[Segment], found: Array, which: NDArray[np.bool_]
    ) -> Array:
        """Return what contributions (N, T, K) lack of the changes along some of the segments."""
        lacking = (self._changes(segments) - found.sum(1)) * which[:, None]  # (N, K)
        sizes = np.abs(found).sum(2) + TINY  # (N, T)
        shared: Array = sizes[:, :, None] / sizes.sum(1)[:, None, None] * lacking[:, None, :]
        return shared

    def _changes(self, segments: Sequence[Segment]) -> Array:
        """Return by how much the probabilities change along segments, (N, K)."""
        low, high = np.array(segments).T
        ends = self.probabilities([*low, *high]).reshape(2, len(segments), -1)
        changes: Array = ends[1] - ends[0]
        return changes

    def _look(
        self, segments: Sequence[Segment], sums: Array, new: NDArray[np.bool_]
    ) -> Iterator[float]:
        """Add what is found at further points of each segment to the sums by each rule.

        Yields the share of the points that has been looked at.
        """
        low, high = np.array(segments).T[:, :, None]
        points = POINTS[new]
        places = (low + (high - low) * (points + 1) / 2).ravel()
        owner = np.arange(len(places)) // len(points)
        weights = [((high - low) / 2 * rule[new]).ravel() for rule in (ROUGH, MIDDLE, FINE)]
        for begin in range(0, len(places), self._batch):
            part = slice(begin, begin + self._batch)
            slopes = self._slopes(places[part].tolist())
            for found, weight in zip(sums, weights, strict=True):
                np.add.at(found, owner[part], slopes * weight[part, None, None])
            yield min(1.0, (begin + self._batch) / len(places))

    def _slopes(self, places: Sequence[float]) -> Array:
        """Return each word's part in the slope of each probability along the path, (B, T, K)."""
        self._looked += len(places)
        vectors = self._vectors(places).requires_grad_()
        shares = self._shares(places, self._network.hidden(vectors))
        *others, last = range(shares.shape[1])
        slopes = np.zeros((len(places), *self._added.shape))
        for k in others:
            more = k < last - 1
            (by,) = torch.autograd.grad(shares[:, k].sum(), vectors, retain_graph=more)
            slopes[:, :, k] = (by * self._way).sum(-1).double().cpu().numpy()
        slopes[:, :, last] = -slopes.sum(-1)  # probabilities add up to 1
        p, added = shares.detach().numpy(), self._added.numpy()
        of_logits = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])  # dp_k / dz_j
        slopes += np.einsum("bkj,tj->btk", of_logits, added)
        return slopes

    def _vectors(self, places: Sequence[float]) -> Tensor:
        """Return the vectors at places of the path, (B, T, E)."""
        along = torch.tensor(places, dtype=torch.float64).to(self._begin)
        return self._begin + along[:, None, None] * self._way

    def _shares(self, places: Sequence[float], hidden: Tensor) -> Tensor:
        """Return the probabilities at places of the path, float64 on the CPU, (B, K)."""
        along = torch.tensor(places, dtype=torch.float64)[:, None]
        counted = self._offset + along * self._added.sum(0)
        return (self._network.logits(hidden).double().cpu() + counted).softmax(-1)


def _halves(segment: Segment) -> tuple[Segment, Segment]:
    low, high = segment
    middle = (low + high) / 2
    return (low, middle), (middle, high)
