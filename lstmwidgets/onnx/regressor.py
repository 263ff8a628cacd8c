"""An online regressor that learns no more in an ONNX graph: scales, experts, LSTM and mixture.

Its formulas are those of `kernels.numbers.serving` and, without a season, of `kernels.experts`;
what was learned are constants. All is float64 as there, and the LSTM float32. An event brings the
target of the event before it, so that a prediction comes first and its target with the next event.
"""

from __future__ import annotations

import math
from ast import literal_eval
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..codec import encode
from ..kernels import LARGEST, scaling
from ..kernels import experts as mixing
from ..kernels.mixture import WEIGHT
from ..kernels.numbers import CENTRE, COUNT, SCALED, SQUARES
from ..kernels.recent import CHANGE, LAGS, LAST, SEEN, SURPRISE
from ..kernels.regressors import BOUND as FAR
from ..kernels.regressors import OWN, RECENT
from ..kernels.scaling import BOUND, LIMIT
from ..online import FrozenRegressor, LSTMRegressor
from ..online.columns import IS
from ..online.numeric import RegressorParts
from .graph import Graph, Made, Value
from .layers import add_layers, fields_of, kind_of, numbers_of, state_size

Array = NDArray[np.float64]

BEFORE = "target of the event before"
"""The last column of a regressor that reads targets."""

TARGETS = ("seen", "last", "second last", "third last", "fourth last", "surprise", "base")
"""What a row of state remembers of the targets: whether there was one; the last ones, of which
those before the first are as the first; by how much the last one differed from what was to be
expected of it; what was to be expected at the last event."""

ZERO = np.zeros(1)


class Scales(NamedTuple):
    """How columns are standardised, each (F,): mean taken off, divided, cut off at ± a bound."""

    mean: Array
    deviation: Array
    bound: Array


def scales_of(statistics: Array) -> Scales:
    """Return the scales by what was learned of columns; see `kernels.scaling.standardise`."""
    is_number, count = statistics[scaling.NUMERIC] > 0, statistics[scaling.COUNT]
    deviation = np.sqrt(statistics[scaling.SQUARES] / np.maximum(count, 1))
    varies = is_number & (deviation > 0)
    return Scales(
        np.where(varies, statistics[scaling.MEAN], 0.0),
        np.where(varies, deviation, 1.0),
        np.where(is_number, BOUND * varies, LIMIT),
    )


def add_regressor(graph: Graph, model: LSTMRegressor | FrozenRegressor) -> Made:
    """Add a regressor: from columns (B, T, F) to predictions (B, T, 1).

    Columns are those of its encoder; behind them comes, where it reads targets, the one of the
    event before.
    """
    parts = model.parts
    if parts.learner is None or not parts.target.has_learned:
        raise ValueError("the model has not learned anything yet; let it learn_one first")
    lstm = parts.learner.lstm
    names, columns = [*parts.encoder.columns], [_column(*one) for one in parts.encoder.meanings]
    mean, scale, bound = (each.tolist() for each in scales_of(parts.scaler.statistics))
    targets = [*TARGETS] if parts.past.shape[1] else []
    if targets:
        names, columns = [*names, BEFORE], [*columns, {"target": "of the event before"}]
        mean, scale, bound = [*mean, 0.0], [*scale, 1.0], [*bound, None]
    if not names:
        raise ValueError("the model reads nothing: it has no features, and target_lag=False")
    x = graph.add("Transpose", "input", perm=[1, 0, 2])
    add = _with_targets if targets else _without_targets
    predictions, state = add(graph, parts, x, "state")
    return Made(
        Value(np.float64, ("batch", "time", len(names))),
        Value(np.float64, ("batch", state_size(lstm) + len(targets))),
        Value(np.float64, ("batch", "time", 1)),
        (graph.add("Transpose", predictions, perm=[1, 0, 2]), state),
        {
            "model": {"kind": type(model).__name__, **kind_of(lstm)},
            "input": {
                "names": names,
                "columns": columns,
                "mean": mean,
                "scale": scale,
                "bound": bound,
            },
            "output": {"scale": [parts.target.unit]},
            "state": {"fields": fields_of(lstm), "targets": targets},
        },
    )


def targets_of(past: Array) -> Array:
    """Return what rows have of the targets, (S, 7), or nothing, (S, 0); see `kernels.recent`.

    The last event's base counts as unknown: its target is in there already, or will not come.
    """
    if not past.shape[1]:
        return past
    seen, last, ring = past[:, SEEN].astype(int), past[:, LAST], past[:, LAGS:]
    if ring.shape[1]:
        ago = np.minimum(np.arange(1, RECENT + 2), np.maximum(seen, 1)[:, None])
        targets = np.take_along_axis(ring, (seen[:, None] - ago) % ring.shape[1], 1)
    else:
        before = last - past[:, CHANGE]
        targets = np.column_stack([last, *[before] * RECENT])
    return np.column_stack([seen > 0, targets, past[:, SURPRISE], np.zeros(len(past))])


def _column(feature: Any, what: str) -> dict[str, Any]:
    """Return what a column holds; see `FeatureEncoder.meanings`."""
    told = {"feature": encode(feature)}
    if what.startswith(IS):
        return told | {"is": encode(literal_eval(what.removeprefix(IS)))}
    return told | ({"turn": what} if what else {})


def _without_targets(graph: Graph, parts: RegressorParts, x: str, state: str) -> tuple[str, str]:
    """Add a regressor that reads no targets; return predictions (T, B, 1) and state."""
    first = np.array([0, 0, 1, 0, 0, 0])  # an input that no column feeds, always zero
    inputs = graph.add("Pad", _standardised(graph, x, parts), first)
    correction, after = _add_network(graph, parts, inputs, state)
    centre = parts.target.numbers[CENTRE] * parts.target.numbers[SCALED]
    return graph.add("Add", correction, np.array(centre)), after


def _with_targets(graph: Graph, parts: RegressorParts, x: str, state: str) -> tuple[str, str]:
    """Add a regressor that reads the past targets; return predictions (T, B, 1) and state."""
    assert parts.learner is not None
    values, target = graph.split(x, [parts.scaler.columns, 1])
    features = _standardised(graph, values, parts)
    memory, targets = graph.split(state, [state_size(parts.learner.lstm), len(TARGETS)])

    def step(inside: Graph, own: list[str], items: list[str]) -> tuple[list[str], list[str]]:
        event, before = items
        known = _remember(inside, own[0], before)
        known, base, last = _expect(inside, parts, known, event)
        return [known], [_lag_inputs(inside, parts, known), base, last]

    (targets,), (lags, base, last) = graph.scan(step, [targets], [features, target], np.float64)
    inputs = graph.add("Concat", lags, features, axis=-1)
    correction, memory = _add_network(graph, parts, inputs, memory)
    predictions = graph.add("Add", base, correction)
    if parts.experts is not None:
        own = mixing.experts(*parts.experts.arrays)
        bounded = graph.within(predictions, last, np.array(FAR * own.scalars[mixing.UNIT]))
        share = np.array(own.mixture[WEIGHT, -1])
        apart = graph.add("Mul", graph.add("Sub", bounded, base), share)
        predictions = graph.add("Add", base, apart)
    return predictions, graph.add("Concat", memory, targets, axis=-1)


def _standardised(graph: Graph, values: str, parts: RegressorParts) -> str:
    """Return columns standardised, zero where they are missing."""
    mean, deviation, bound = scales_of(parts.scaler.statistics)
    usable = graph.add("LessOrEqual", graph.add("Abs", values), np.array(LARGEST))  # NaN is not
    scaled = graph.add("Div", graph.add("Sub", values, mean), deviation)
    return graph.add("Where", usable, graph.within(scaled, ZERO, bound), ZERO)


def _remember(graph: Graph, known: str, target: str) -> str:
    """Return what is remembered of the targets, (B, 7), after one more (B, 1), if it is known."""
    seen, *last, _, base = graph.split(known, [1] * len(TARGETS))
    is_known = graph.add("LessOrEqual", graph.add("Abs", target), np.array(LARGEST))
    had_one = graph.cast(seen, np.bool_)
    earlier = [graph.add("Where", had_one, one, target) for one in last[:-1]]
    surprise = graph.add("Sub", target, base)
    parts = [graph.cast(is_known, np.float64), target, *earlier, surprise, base]
    return graph.add("Where", is_known, graph.add("Concat", *parts, axis=-1), known)


def _expect(graph: Graph, parts: RegressorParts, known: str, event: str) -> tuple[str, str, str]:
    """Look ahead to an event.

    Returns
    -------
    known, base, last : str
        What is remembered of the targets, (B, 7), now with what is to be expected of the event;
        that, (B, 1); and the last target, for which the mean stands where a stream begins, (B, 1).
    """
    seen, *targets, surprise, _ = graph.split(known, [1] * len(TARGETS))
    last = base = targets[0]
    if parts.experts is not None:
        own = mixing.experts(*parts.experts.arrays)
        mean, unit = own.scalars[mixing.MEAN], own.scalars[mixing.UNIT]
        last = graph.add("Where", graph.cast(seen, np.bool_), targets[0], np.array(mean))
        to_mean = graph.add("Sub", np.array(mean), last)
        changes = [graph.add("Sub", *pair) for pair in pairwise(targets)]
        differences = graph.add("Concat", to_mean, *changes, axis=-1)
        scaled = graph.add("Mul", differences, np.array(1 / unit if unit > 0 else 0.0))
        regressors = graph.within(graph.add("Concat", scaled, event, axis=-1), ZERO, np.array(FAR))
        unread = parts.scaler.columns - (own.shape[mixing.REGRESSORS] - OWN)
        coefficients = np.pad(own.coefficients, ((0, 0), (0, unread)))
        changes_ahead = graph.linear(regressors, coefficients[:, 1:], coefficients[:, 0])
        linear = graph.add("Mul", changes_ahead, np.array(unit))
        # By how much the others differ from the first of the experts, the last target itself.
        apart = graph.add("Concat", to_mean, linear, axis=-1)
        apart = graph.within(apart, ZERO, np.array(FAR * unit))
        weights = own.mixture[WEIGHT, 1 : own.shape[mixing.CHEAP]]
        base = graph.add("Add", last, graph.linear(apart, weights[None]))
    return graph.add("Concat", seen, *targets, surprise, base, axis=-1), base, last


def _lag_inputs(graph: Graph, parts: RegressorParts, known: str) -> str:
    """Return what the network reads of the targets, (B, 4); see `lstmwidgets.online.numeric`."""
    seen, last, before, _, _, surprise, base = graph.split(known, [1] * len(TARGETS))
    numbers, unit = parts.target.numbers, parts.target.unit
    mean, deviation, bound = 0.0, 1.0, LIMIT
    if numbers[SCALED]:
        mean, bound = numbers[CENTRE], BOUND
        deviation = math.sqrt(numbers[SQUARES] / numbers[COUNT])
    varies = deviation > 0
    units = np.array([deviation if varies else 1.0, unit, unit, unit])
    bounds = np.array([bound * varies, bound, bound, bound])
    from_mean = graph.add("Sub", last, np.array(mean))
    change, expected = graph.add("Sub", last, before), graph.add("Sub", base, last)
    lags = graph.add("Concat", from_mean, change, expected, surprise, axis=-1)
    return graph.add("Mul", seen, graph.within(graph.add("Div", lags, units), ZERO, bounds))


def _add_network(graph: Graph, parts: RegressorParts, inputs: str, memory: str) -> tuple[str, str]:
    """Add LSTM and head; return by how much they correct, (T, B, 1), and the state after, (B, N).

    What they get and what they return is float64, and float32 within.
    """
    assert parts.learner is not None
    head, inputs = parts.learner.head, graph.cast(inputs, np.float32)
    run = add_layers(graph, parts.learner.lstm, inputs, graph.cast(memory, np.float32))
    read = graph.add("Concat", run.hidden, inputs, axis=-1)
    output = graph.linear(read, numbers_of(head.weight), numbers_of(head.bias))
    correction = graph.add("Mul", graph.cast(output, np.float64), np.array(parts.target.unit))
    return correction, graph.cast(run.state, np.float64)
