"""The classifier's cheap experts say what the formulas say, and their mixture costs what it may."""

from __future__ import annotations

import copy
import math
import pickle
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from river import datasets

from lstmwidgets.kernels import class_experts as kernels
from lstmwidgets.kernels import class_mixture, neighbours
from lstmwidgets.kernels.class_experts import (
    FEW,
    FREQUENCIES,
    LAG_SCALE,
    LAST_CLASS,
    LINEAR,
    NEIGHBOURS,
    NETWORK,
    POOL,
    TRANSITIONS,
)
from lstmwidgets.online import LSTMClassifier
from lstmwidgets.online import class_experts as online
from lstmwidgets.online.class_experts import LARGEST, NO_CLASS_EXPERTS
from lstmwidgets.saving import from_bytes, to_bytes

from .kernel_calls import from_python

advise, learn = from_python(kernels.advise), from_python(kernels.learn)
mix, reward = from_python(class_mixture.mix), from_python(class_mixture.reward)
search, remember = from_python(neighbours.search), from_python(neighbours.remember)
vote = from_python(neighbours.vote)


class ClassExperts(online.ClassExperts):
    """Experts without an estimator around them; the class before is remembered here."""

    last = -1

    def predict(self, x: Any, network: Any) -> Any:
        mixed = np.array(network, np.float64)
        advise(x, self.last, mixed, *self.arrays)
        return mixed

    def learn(self, x: Any, y: int, network: Any) -> Any:
        mixed = self.predict(x, network)
        learn(y, x, self.last, mixed, *self.arrays)
        self.before[:] = x[: len(self.before)]
        self.last = y
        return mixed

    @property
    def views(self) -> kernels.ClassExperts:
        return self._views


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def drawn(classes: int, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, classes, shape)


def chances(*shape: int, seed: int = 0) -> Any:
    """Return random probabilities along the last axis, some of them tiny."""
    odds = np.exp(4 * noise(*shape, seed=seed))
    return odds / odds.sum(-1, keepdims=True)


def taught(features: int = 3, classes: int = 4, events: int = 150) -> ClassExperts:
    experts, x, y = ClassExperts(), noise(events, features), drawn(classes, events)
    experts.grow(features, classes)
    for n, network in enumerate(chances(events, classes, seed=1)):
        experts.learn(x[n], y[n], network)
    return experts


def pooled(forecasts: Any, pool: Any) -> Any:
    """Return what the pool says, out of (M, K) and (M,)."""
    odds = np.exp(pool @ np.log(forecasts + class_mixture.DOUBT))
    return odds / odds.sum()


@pytest.mark.parametrize("sleeps", [(), (2,), (1, 2, 3, 5)])
def test_mixtures_are_those_of_the_formulas(sleeps: tuple[int, ...]) -> None:
    prior, events = np.array([0.1, 0.2, 0.3, 0.4]), 200
    weights, pool = prior.copy(), np.array([[0.2, 0.2, 0.2], [0, 0, 0.0]])
    expected, exponents, squares = prior, pool[0].copy(), np.zeros(3)
    for t, given_ in enumerate(chances(events, 3, 5), start=1):
        place, asleep = t % 5, 0b101 if t % 7 in sleeps else 0
        awake = np.array([not asleep >> n & 1 for n in range(4)])
        forecasts, mixed = np.vstack([given_, np.zeros(5)]), np.zeros(5)
        mix(forecasts, weights, pool, asleep, mixed)
        together = pooled(given_, exponents * awake[:3])
        np.testing.assert_allclose(forecasts[3], together, rtol=1e-9)
        said = (expected * awake) @ forecasts / (expected * awake).sum()
        np.testing.assert_allclose(mixed, said, rtol=1e-9)

        reward(place, t, forecasts, mixed, prior, weights, pool, asleep)
        gained = np.where(awake, forecasts[:, place] / said[place], 1)
        share = class_mixture.SHARE / t
        expected = (1 - share) * expected * gained + share * prior
        np.testing.assert_allclose(weights, expected, rtol=1e-9)

        exponent = torch.tensor(exponents * awake[:3], requires_grad=True)
        logits = exponent @ torch.tensor(np.log(given_ + class_mixture.DOUBT))
        torch.nn.functional.cross_entropy(logits[None], torch.tensor([place])).backward()
        assert exponent.grad is not None
        slope = exponent.grad.numpy() * awake[:3]
        squares += slope**2
        exponents = np.clip(exponents - class_mixture.RATE * slope / np.sqrt(1 + squares), 0, 2)
        np.testing.assert_allclose(pool[0], exponents, atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 6),
    st.integers(1, 400),
    st.floats(0, 6),
    st.booleans(),
)
def test_the_log_loss_is_at_most_that_of_the_best_expert_and_a_constant(
    seed: int, classes: int, events: int, boldness: float, in_turn: bool
) -> None:
    """Also where experts are right in turn, a third of the time each."""
    random = np.random.default_rng(seed)
    experts = POOL
    odds = np.exp(boldness * random.normal(size=(events, experts, classes)))
    forecasts = odds / odds.sum(-1, keepdims=True)
    y = random.integers(0, classes, events)
    if in_turn:
        for n in range(events):
            good = forecasts[n, 3 * n // events]
            good[:], good[y[n]] = 0.01 / classes, 1 - 0.01 * (classes - 1) / classes
    own = online.ClassExperts()._views
    losses, lost = np.zeros(experts), 0.0
    for n in range(events):
        made, mixed = np.vstack([forecasts[n], np.zeros(classes)]), np.zeros(classes)
        mix(made, own.weights, own.pool, 0, mixed)
        assert mixed.sum() == pytest.approx(1)
        losses -= np.log(made[:-1, y[n]])
        lost -= math.log(mixed[y[n]])
        reward(y[n], n + 1, made, mixed, own.prior, own.weights, own.pool, 0)
        assert own.weights.sum() == pytest.approx(1)
    assert lost <= losses.min() + 2 * math.log(experts)


def test_one_that_was_bad_for_long_is_found_again() -> None:
    own = online.ClassExperts()._views
    good, bad = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    mixed = np.zeros(2)
    for n in range(20_040):
        made = np.array([good, *[bad] * 6, bad]) if n < 20_000 else np.array([bad, *[good] * 7])
        mix(made, own.weights, own.pool, 0, mixed)
        reward(0, n + 1, made, mixed, own.prior, own.weights, own.pool, 0)
    assert mixed[0] > 0.85


def brute_force(x: Any, past: Any, y: Any, prior: Any, voters: int) -> Any:
    """Return the neighbours' probabilities as the definitions have them."""
    kept = slice(max(len(past) - neighbours.RING, 0), None)
    weights = np.ones(past.shape[1])
    if len(past) >= neighbours.UNWEIGHTED:
        within = np.zeros(past.shape[1])
        means, mean = np.zeros((len(prior), past.shape[1])), np.zeros(past.shape[1])
        counts, spread = np.zeros(len(prior)), np.zeros(past.shape[1])
        for t, (row, label) in enumerate(zip(past, y, strict=True), start=1):
            counts[label] += 1
            about, about_all = row - means[label], row - mean
            means[label] += about / min(counts[label], neighbours.RING)
            mean = mean + about_all / min(t, neighbours.RING)
            rate = 1 / min(t, neighbours.RING)
            within += rate * (about * (row - means[label]) - within)
            spread += rate * (about_all * (row - mean) - spread)
        weights = np.cbrt((np.maximum(spread - within, 0) + 0.001) / (within + 0.01))
    distances = np.abs(past[kept] - x) @ weights
    nearest = np.argsort(distances, kind="stable")[:voters]
    reach = distances[nearest].max()
    votes = neighbours.FARTHEST_VOTE + (1 - distances[nearest] / reach if reach > 0 else 0)
    votes = np.broadcast_to(votes, nearest.shape)
    given_ = np.bincount(y[kept][nearest], votes, len(prior)) + votes.mean() * prior
    return given_ / given_.sum()


@pytest.mark.parametrize("features", [0, 1, 5])
def test_neighbours_vote_as_by_brute_force(features: int) -> None:
    events, classes = neighbours.RING + 300, 3
    y = drawn(classes, events)
    x = noise(events, features) + y[:, None] * np.arange(features)
    ring = np.zeros((features + 2) * neighbours.RING, np.float32)
    means, scatter = np.zeros((classes, features)), np.zeros((3, features))
    room, prior, made = np.zeros((2, neighbours.NEAREST)), np.array([0.5, 0.2, 0.3]), np.zeros(3)
    for n in range(events):
        if n in (1, 2, 9, 10, 50, 999, 1000, 1001, 1299):
            search(x[n], n, scatter, ring, room)
            for voters in (min(n, FEW), min(n, neighbours.NEAREST)):
                vote(voters, room, prior, made)
                assert made.sum() == pytest.approx(1)
                if features:  # without any, which of the equals vote is left open
                    expected = brute_force(x[n], x[:n], y[:n], prior, voters)
                    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-4)
        count = float((y[:n] == y[n]).sum())
        remember(x[n], y[n], n, count, means[y[n]], scatter, ring)


def test_counting_experts_count() -> None:
    y = drawn(3, 120) * drawn(2, 120, seed=1)
    experts = ClassExperts()
    experts.grow(0, 3)
    for n, label in enumerate(y):
        experts.predict(np.zeros(0), np.full(3, 1 / 3))
        made = experts.views.forecasts
        before, after = y[: max(n - 1, 0)], y[1:n]
        often = (np.bincount(y[:n], minlength=3) + 0.5) / (n + 1.5)
        np.testing.assert_allclose(made[FREQUENCIES], often)
        if n:
            came = np.bincount(after[before == y[n - 1]], minlength=3)
            backed = (came + kernels.BACKING * often) / (came.sum() + kernels.BACKING)
            np.testing.assert_allclose(made[TRANSITIONS], backed)
            stays = ((before == after).sum() + 1) / (n + 1)
            again = np.where(np.arange(3) == y[n - 1], 0, often)
            again *= (1 - stays) / again.sum()
            again[y[n - 1]] = stays
            np.testing.assert_allclose(made[LAST_CLASS], again)
        experts.learn(np.zeros(0), label, np.full(3, 1 / 3))


def test_the_linear_expert_is_logistic_regression_by_adagrad() -> None:
    x, y, classes = noise(200, 3), drawn(4, 200), 4
    experts, layer = ClassExperts(), torch.nn.Linear(1 + 2 * 3 + classes, classes, False).double()
    experts.grow(3, classes)
    torch.nn.init.zeros_(layer.weight)
    rule = torch.optim.Adagrad(layer.parameters(), kernels.RATE, initial_accumulator_value=1, eps=0)
    before, last = np.zeros(3), np.zeros(classes)
    for now, label in zip(x, y, strict=True):
        logits = layer(torch.tensor(np.hstack([1, now, LAG_SCALE * before, last])))
        experts.learn(now, label, np.full(classes, 1 / classes))
        made = experts.views.forecasts[LINEAR]
        np.testing.assert_allclose(made, logits.softmax(0).detach().numpy(), rtol=1e-8)
        rule.zero_grad()
        torch.nn.functional.cross_entropy(logits[None], torch.tensor([label])).backward()
        rule.step()
        before, last = now, np.eye(classes)[label]


def test_neighbours_sleep_while_they_are_not_worth_it() -> None:
    experts, x, y = ClassExperts(), noise(600, 2), (np.arange(600) // 20) % 3
    experts.grow(2, 3)
    for n in range(600):
        experts.learn(x[n], y[n], np.full(3, 1 / 3))
    asleep = []
    for n in range(2 * kernels.NAP):
        experts.views.forecasts[NEIGHBOURS] = math.nan
        experts.learn(x[n], y[n], np.full(3, 1 / 3))
        asleep.append(bool(np.isnan(experts.views.forecasts[NEIGHBOURS]).all()))
    assert asleep == [bool(n % kernels.NAP) for n in range(600, 600 + len(asleep))]
    for now in noise(1500, 2, seed=1):  # a chessboard
        experts.learn(now, int(now[0] * now[1] > 0), np.full(3, 1 / 3))
    assert experts.shares["neighbours"] + experts.shares["few neighbours"] > 0.5


def test_probabilities_and_shares_add_up() -> None:
    experts = ClassExperts()
    assert sum(experts.shares.values()) == pytest.approx(1)
    experts = taught()
    assert sum(experts.shares.values()) == pytest.approx(1)
    made = experts.predict(np.ones(3), np.full(4, 0.25))
    assert made.sum() == pytest.approx(1)
    np.testing.assert_allclose(experts.views.forecasts.sum(1), 1)
    assert tuple(experts.shares) == experts.NAMES
    assert len(experts.NAMES) == POOL


@pytest.mark.parametrize("wild", [math.nan, math.inf])
def test_a_network_that_says_nothing_does_no_harm(wild: float) -> None:
    experts = taught()
    for _ in range(30):
        made = experts.learn(np.ones(3), 1, np.full(4, wild))
        assert np.isfinite(made).all()
        assert made.sum() == pytest.approx(1)
    assert (experts.views.forecasts[NETWORK] == 0.25).all()


def test_prediction_changes_nothing() -> None:
    experts = taught()
    before = pickle.dumps(experts)
    made = experts.predict(np.ones(3), np.full(4, 0.25))
    assert pickle.dumps(experts) == before
    copied = pickle.loads(before)
    copied.last = experts.last
    np.testing.assert_array_equal(copied.predict(np.ones(3), np.full(4, 0.25)), made)


def test_new_features_change_nothing_until_they_differ_from_zero() -> None:
    experts, network = taught(), np.full(4, 0.25)
    made = experts.predict(np.ones(3), network)
    experts.grow(LARGEST + 20, 4)
    wide = np.zeros(LARGEST + 20)
    wide[:3] = 1
    np.testing.assert_allclose(experts.predict(wide, network), made, rtol=1e-12)
    twin, x = copy.deepcopy(experts), noise(LARGEST + 20)
    twin.last = experts.last
    wide[LARGEST:] = 9.0  # beyond what experts read
    np.testing.assert_allclose(experts.predict(wide, network), made, rtol=1e-12)
    for one in (experts, twin):
        one.learn(x, 2, network)
    np.testing.assert_array_equal(experts.predict(wide, network), twin.predict(wide, network))


def test_a_new_class_keeps_what_was_learned() -> None:
    experts = taught()
    old = copy.deepcopy(experts.views._asdict())
    experts.grow(3, 6)
    own = experts.views
    for name in ("scalars", "counts", "transitions", "means", "scatter", "weights", "pool"):
        kept = getattr(own, name)[tuple(map(slice, old[name].shape))]
        np.testing.assert_array_equal(kept, old[name], name)
    np.testing.assert_array_equal(own.linear[:, :4, : old["linear"].shape[2]], old["linear"])
    made = experts.learn(np.ones(3), 5, np.full(6, 1 / 6))
    assert (made > 0).all()
    np.testing.assert_array_equal(own.weights, old["weights"])  # nobody could know it


def test_hundreds_of_classes_share_what_follows_them() -> None:
    most = kernels.LARGEST_BEFORE
    experts = ClassExperts()
    experts.grow(1, most + 50)
    network = np.full(most + 50, 1 / (most + 50))
    for n in range(200):
        experts.learn(np.ones(1), most - 1 + n % 51, network)
        assert np.isfinite(experts.predict(np.ones(1), network)).all()
    assert experts.views.transitions.shape == (most, most + 50)
    assert experts.views.transitions[-1].sum() == 199


@pytest.mark.parametrize(
    ("name", "value"),
    [("scalars", math.nan), ("scalars", -1.0), ("scalars", 0.5), ("ring", 4.0), ("ring", math.nan)],
)
def test_what_kernels_would_read_amiss_is_refused(name: str, value: float) -> None:
    kept = taught().__getstate__()
    changed = {key: each.copy() for key, each in kept.items()}
    place = ("numbers", 0) if name == "scalars" else ("ring", (-1, 7))
    changed[place[0]][place[1]] = value
    ClassExperts.__new__(ClassExperts).__setstate__(kept)
    with pytest.raises(ValueError, match="do not fit together"):
        ClassExperts.__new__(ClassExperts).__setstate__(changed)


def prequential(model: LSTMClassifier, events: Any) -> list[dict[Any, float]]:
    made = []
    for x, y in events:
        made.append(model.predict_proba_one(x))
        model.learn_one(x, y)
    return made


def accuracy(model: LSTMClassifier, events: Any) -> float:
    made = prequential(model, events)
    hits = [max(p, key=p.__getitem__) == y for p, (_, y) in zip(made, events, strict=True) if p]
    return sum(hits) / len(events)


def regimes(events: int = 1500) -> list[tuple[dict[str, float], int]]:
    """Return noisy observations of a state that stays with a probability of 0.97."""
    random, state, made = np.random.default_rng(0), 0, []
    means = random.normal(size=(4, 3))
    for _ in range(events):
        if random.random() > 0.97:
            state = int(random.integers(4))
        seen = means[state] + 2 * random.normal(size=3)
        made.append(({f"o{k}": float(value) for k, value in enumerate(seen)}, state))
    return made


def test_sticky_labels_are_repeated() -> None:
    events = regimes()
    repeated = np.mean([now[1] == then[1] for then, now in pairwise(events)])
    assert accuracy(LSTMClassifier(8, seed=1), events) > repeated - 0.005


@pytest.mark.parametrize(
    ("stream", "least"),
    [(datasets.Phishing(), 0.905), (datasets.ImageSegments(), 0.915), (datasets.Bananas(), 0.875)],
)
def test_tabular_streams_are_learned(stream: Any, least: float) -> None:
    assert accuracy(LSTMClassifier(8, window=4, seed=1), [*islice(stream, 2500)]) > least


def test_the_lstm_learns_what_it_would_without_experts() -> None:
    twins = [LSTMClassifier(6, window=4, seed=1, experts=experts) for experts in (True, False)]
    for twin in twins:
        prequential(twin, regimes(200))
    for one, other in zip(
        *(twin.module.parameters() for twin in twins if twin.module), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert twins[1].shares == {"lstm": 1.0}


def test_without_scale_the_lstm_is_alone() -> None:
    model = LSTMClassifier(4, scale=False, seed=1)
    prequential(model, regimes(10))
    assert model.shares == {"lstm": 1.0}
    assert model._arguments[-4:] == NO_CLASS_EXPERTS


def test_without_a_target_lag_the_class_before_is_not_read() -> None:
    model, events = LSTMClassifier(4, target_lag=False, seed=1), regimes(100)
    prequential(model, events)
    said = []
    for label in model.classes:
        twin = copy.deepcopy(model)
        twin._last = twin._labels.places[label]
        said.append(twin.predict_proba_one(events[0][0]))
    assert all(one == said[0] for one in said)


def test_streams_take_turns() -> None:
    model, events = LSTMClassifier(4, window=4, seed=1), regimes(60)
    prequential(model, events)
    ours, x = model.get_stream(), events[7][0]
    said = model.predict_proba_one(x)
    model.reset_stream()
    assert model.predict_proba_one(x) != said
    model.set_stream(ours)
    assert model.predict_proba_one(x) == said
    assert ours is not None
    for recent in ((4, 0.0, 0.0, 0.0), (-2,), (0, *[0.0] * 9)):
        with pytest.raises(ValueError, match="of another kind or size"):
            model.set_stream(ours._replace(recent=recent))
        assert model.predict_proba_one(x) == said


def test_events_without_a_label_are_the_ones_before() -> None:
    model, events = LSTMClassifier(4, window=4, seed=1), regimes(40)
    prequential(model, events)
    assert model._experts is not None
    learned = pickle.dumps(model._experts._views.counts)
    model.step_one(events[0][0])
    before = model._experts.before.copy()
    model.learn_one(events[1][0], None)
    assert (model._experts.before != before).all()
    assert pickle.dumps(model._experts._views.counts) == learned


def test_saved_and_loaded_it_goes_on_to_the_bit() -> None:
    model, events = LSTMClassifier(4, window=4, seed=1), regimes(120)
    prequential(model, events[:60])
    twin = from_bytes(to_bytes(model))
    assert prequential(twin, events[60:]) == prequential(model, events[60:])
    assert twin.shares == model.shares


def test_experts_of_another_size_are_refused() -> None:
    model = LSTMClassifier(4, seed=1)
    prequential(model, regimes(20))
    for experts in (None, online.ClassExperts()):
        kept = model.__getstate__() | {"_experts": experts}
        with pytest.raises(ValueError, match="experts"):
            LSTMClassifier.__new__(LSTMClassifier).__setstate__(kept)
