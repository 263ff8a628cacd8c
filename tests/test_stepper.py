"""A stepper gives the module's own numbers, with the weights of this moment, from its own state."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from lstmwidgets import LSTM, FullGateState, LSTMState, Stepper
from lstmwidgets.cells import CELLS
from lstmwidgets.stepper import CompiledStepper
from lstmwidgets.torch_stepper import TorchStepper

Array = NDArray[Any]
Make = Callable[..., LSTM]

TOLERANCE = {
    torch.float32: 2e-5,
    torch.float64: 1e-10,
    torch.bfloat16: 2e-2,
    torch.float16: 3e-3,
}
INPUTS, HIDDEN = 5, 9

every_cell = pytest.mark.parametrize("cell", CELLS)
compiled_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
half_dtypes = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def draw_inputs(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(*shape, INPUTS))


def assert_close(given: Any, expected: Any, dtype: torch.dtype) -> None:
    tolerance = TOLERANCE[dtype]
    given, expected = torch.as_tensor(given).double(), torch.as_tensor(expected).double()
    torch.testing.assert_close(given, expected, rtol=tolerance, atol=tolerance)


def assert_serves_the_weights(stepper: Stepper, lstm: LSTM, dtype: torch.dtype) -> None:
    """Take a few steps from where the stepper stands and compare them with the module's."""
    state = stepper.state
    for x in draw_inputs(3, seed=17):
        h = stepper.step(x)
        with torch.no_grad():
            expected, state = lstm.step(torch.tensor(x[None], dtype=dtype), state)
        assert_close(h, expected[0], dtype)


def bits(stepper: Stepper) -> list[bytes]:
    """Return everything a stepper remembers."""
    return [part.float().numpy().tobytes() for part in (*stepper.state, *stepper.gates)]


# --- the module's numbers ---------------------------------------------------------------------


@every_cell
@every_dtype
@pytest.mark.parametrize("layers", [1, 3])
def test_a_stepper_gives_the_numbers_of_the_module(
    make_lstm: Make, cell: str, dtype: torch.dtype, layers: int
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, layers, cell=cell, dtype=dtype)
    stepper = lstm.stepper()
    assert isinstance(stepper, CompiledStepper if dtype.itemsize >= 4 else TorchStepper)
    xs = draw_inputs(20)
    state = None
    for x in xs:
        h = stepper.step(x)
        with torch.no_grad():
            expected, state = lstm.step(torch.tensor(x[None], dtype=dtype), state)
        assert h.shape == (HIDDEN,)
        assert h.dtype == (np.float64 if dtype == torch.float64 else np.float32)
        assert_close(h, expected[0], dtype)

    trace = lstm.trace(torch.tensor(xs[None], dtype=dtype))
    assert type(stepper.state) is type(state)
    for given_part, part in zip(stepper.state, state, strict=True):
        assert given_part.dtype == dtype
        assert_close(given_part, part, dtype)
    for name, part in stepper.gates._asdict().items():
        assert part.shape == (layers, 1, HIDDEN)
        assert_close(part, getattr(trace, name)[:, :, -1], dtype)


@every_cell
def test_a_stepper_runs_as_in_eval_mode(make_lstm: Make, cell: str) -> None:
    dropping = make_lstm(INPUTS, HIDDEN, 2, cell=cell, dropout=1.0)
    plain = make_lstm(INPUTS, HIDDEN, 2, cell=cell)
    ours, theirs = dropping.train().stepper(), plain.stepper()

    for x in draw_inputs(3):
        assert np.array_equal(ours.step(x), theirs.step(x))


@every_dtype
def test_a_new_stepper_starts_from_zeros(make_lstm: Make, dtype: torch.dtype) -> None:
    stepper = make_lstm(INPUTS, HIDDEN, 2, cell="full_gate_recurrence", dtype=dtype).stepper(3)

    assert isinstance(stepper.state, FullGateState)
    assert all(part.shape == (2, 3, HIDDEN) for part in stepper.state)
    assert not any(part.any() for part in (*stepper.state, *stepper.gates))


@every_dtype
def test_steppers_of_one_module_do_not_disturb_each_other(
    make_lstm: Make, dtype: torch.dtype
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    first, second, undisturbed = lstm.stepper(), lstm.stepper(), lstm.stepper()

    for x, y in draw_inputs(5, 2):
        second.step(y)
        assert np.array_equal(first.step(x), undisturbed.step(x))


# --- the weights of this moment ---------------------------------------------------------------


def take_optimizer_step(lstm: LSTM, kind: type[torch.optim.Optimizer], **options: Any) -> None:
    optimizer = kind(lstm.parameters(), lr=0.5, **options)
    x = torch.tensor(draw_inputs(2, 3, seed=5), dtype=lstm.weight_hh_l0.dtype)
    lstm(x)[0].square().sum().backward()
    optimizer.step()


def other_weights(lstm: LSTM) -> dict[str, Tensor]:
    return {name: -2 * weight for name, weight in lstm.state_dict().items()}


@torch.no_grad()
def multiply_one_in_place(lstm: LSTM) -> None:
    lstm.bias_hh_l0.mul_(-3)


@torch.no_grad()
def exchange_data(lstm: LSTM) -> None:
    lstm.weight_hh_l0.data = torch.full_like(lstm.weight_hh_l0, 0.3)


def exchange_parameter(lstm: LSTM) -> None:
    lstm.weight_hh_l0 = torch.nn.Parameter(torch.full_like(lstm.weight_hh_l0, 0.3))


CHANGES: dict[str, Callable[[LSTM], object]] = {
    "load_state_dict": lambda lstm: lstm.load_state_dict(other_weights(lstm)),
    "load_state_dict, assigning": lambda lstm: lstm.load_state_dict(
        other_weights(lstm), assign=True
    ),
    "in place": multiply_one_in_place,
    "new data": exchange_data,
    "new parameter": exchange_parameter,
    "initialised anew": LSTM.reset_parameters,
    "from a vector": lambda lstm: torch.nn.utils.vector_to_parameters(
        -2 * torch.nn.utils.parameters_to_vector(lstm.parameters()), lstm.parameters()
    ),
}


@every_cell
@compiled_dtypes
@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_are_noticed(
    make_lstm: Make, cell: str, dtype: torch.dtype, change: str
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, cell=cell, dtype=dtype)
    stepper, untouched = lstm.stepper(), copy.deepcopy(lstm).stepper()
    for x in draw_inputs(2):
        stepper.step(x)
        untouched.step(x)

    CHANGES[change](lstm)

    assert_serves_the_weights(stepper, lstm, lstm.weight_hh_l0.dtype)
    x = draw_inputs()
    assert not np.allclose(stepper.step(x), untouched.step(x), atol=1e-4)


FUSED = [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("foreach", [True, False])
def test_an_optimizers_step_is_noticed(
    make_lstm: Make, dtype: torch.dtype, kind: type[torch.optim.Optimizer], foreach: bool
) -> None:
    assert_notices_a_step(make_lstm(INPUTS, HIDDEN, dtype=dtype), kind, foreach=foreach)


@compiled_dtypes
@pytest.mark.parametrize("kind", FUSED)
def test_a_fused_optimizers_step_is_noticed(
    make_lstm: Make, dtype: torch.dtype, kind: type[torch.optim.Optimizer]
) -> None:
    assert_notices_a_step(make_lstm(INPUTS, HIDDEN, dtype=dtype), kind, fused=True)


@pytest.mark.parametrize("kind", FUSED)
def test_a_torch_stepper_serves_what_a_fused_optimizer_wrote(
    make_lstm: Make, kind: type[torch.optim.Optimizer]
) -> None:
    assert_notices_a_step(make_lstm(INPUTS, HIDDEN, dtype=torch.bfloat16), kind, fused=True)


def assert_notices_a_step(lstm: LSTM, kind: type[torch.optim.Optimizer], **options: bool) -> None:
    dtype = lstm.weight_hh_l0.dtype
    stepper = lstm.stepper()
    before = stepper.step(draw_inputs())
    stepper.reset()

    take_optimizer_step(lstm, kind, **options)

    assert_serves_the_weights(stepper, lstm, dtype)
    stepper.reset()
    assert not np.allclose(stepper.step(draw_inputs()), before, atol=1e-3)


@pytest.mark.parametrize("how", ["load_state_dict, assigning", "from a vector", "new data"])
def test_weights_that_lie_where_earlier_ones_lay_are_noticed(make_lstm: Make, how: str) -> None:
    lstm = make_lstm(INPUTS, 64, dtype=torch.float32)
    count = lstm.weight_hh_l0.numel()
    if how == "from a vector":
        count = sum(weight.numel() for weight in lstm.parameters())

    def put(values: Tensor) -> None:
        if how == "from a vector":
            torch.nn.utils.vector_to_parameters(values, lstm.parameters())
        elif how == "new data":
            lstm.weight_hh_l0.data = values.view(-1, 64)
        else:
            weights = {"weight_hh_l0": values.view(-1, 64)}
            lstm.load_state_dict(weights, strict=False, assign=True)

    stepper = lstm.stepper()
    for size in (0.1, 0.2, 0.3):
        values = torch.full((count,), size)
        address = values.data_ptr()
        put(values)
        assert_serves_the_weights(stepper, lstm, torch.float32)
        put(torch.full((count,), 2 * size))
        del values
        # Nobody may hold the first values now; then their memory is soon handed out once more.
        held = []
        for _ in range(1000):
            held.append(torch.full((count,), -size))
            if held[-1].data_ptr() == address:
                break
        put(held[-1])
        assert_serves_the_weights(stepper, lstm, torch.float32)


@compiled_dtypes
def test_a_write_through_data_is_served_after_refresh(make_lstm: Make, dtype: torch.dtype) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    stepper = lstm.stepper()
    stepper.step(draw_inputs())

    lstm.weight_ih_l0.data.mul_(-2)
    stepper.refresh()

    assert_serves_the_weights(stepper, lstm, dtype)


@half_dtypes
def test_a_torch_stepper_needs_no_refresh(make_lstm: Make, dtype: torch.dtype) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    stepper = lstm.stepper()
    stepper.step(draw_inputs())

    lstm.weight_ih_l0.data.mul_(-2)

    assert_serves_the_weights(stepper, lstm, dtype)
    stepper.refresh()
    assert_serves_the_weights(stepper, lstm, dtype)


def test_a_parametrised_weight_is_refused_by_name(make_lstm: Make) -> None:
    lstm = make_lstm(INPUTS, HIDDEN)
    torch.nn.utils.parametrizations.weight_norm(lstm, "weight_hh_l0")

    with pytest.raises(ValueError, match=r"no parameter 'weight_hh_l0'.*plain parameters"):
        lstm.stepper()


# --- another dtype under a live stepper -------------------------------------------------------


def test_a_float32_stepper_goes_on_in_float32_when_its_module_becomes_float64(
    make_lstm: Make,
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=torch.float32)
    stepper, twin = lstm.stepper(), copy.deepcopy(lstm).stepper()
    for x in draw_inputs(3):
        stepper.step(x)
        twin.step(x)

    lstm.double()

    for x in draw_inputs(3, seed=1):
        h = stepper.step(x)
        assert h.dtype == np.float32
        assert np.array_equal(h, twin.step(x))


def test_a_stepper_takes_its_own_state_back_after_its_module_changed_dtype(
    make_lstm: Make,
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=torch.float32)
    stepper = lstm.stepper()
    stepper.step(draw_inputs())
    lstm.double()
    stepper.step(draw_inputs())
    kept = stepper.state
    expected = stepper.step(draw_inputs())

    stepper.state = kept

    assert np.array_equal(stepper.step(draw_inputs()), expected)


def test_a_compiled_stepper_serves_a_module_that_became_bfloat16(
    make_lstm: Make,
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=torch.float32)
    stepper = lstm.stepper()
    stepper.step(draw_inputs())

    lstm.load_state_dict(other_weights(lstm))
    lstm.bfloat16()

    for _ in range(3):
        before = stepper.state
        h = stepper.step(draw_inputs())
        with torch.no_grad():
            x = torch.tensor(draw_inputs()[None], dtype=torch.bfloat16)
            expected, _ = lstm.step(x, before.to(torch.bfloat16))
        assert_close(h, expected[0], torch.bfloat16)


def test_a_torch_stepper_goes_on_when_its_module_becomes_float32(make_lstm: Make) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=torch.bfloat16)
    stepper, twin = lstm.stepper(), copy.deepcopy(lstm).stepper()
    for x in draw_inputs(2):
        stepper.step(x)
        twin.step(x)

    lstm.float()

    for x in draw_inputs(2, seed=1):
        assert_close(stepper.step(x), twin.step(x), torch.bfloat16)


# --- many streams -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(make_lstm: Make) -> dict[tuple[str, torch.dtype], LSTM]:
    return {
        (cell, dtype): make_lstm(INPUTS, HIDDEN, 2, cell=cell, dtype=dtype)
        for cell in CELLS
        for dtype in TOLERANCE
    }


calls_of_streams = st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=3)


@every_cell
@compiled_dtypes
@given(calls=calls_of_streams, seed=st.integers(0, 1000))
def test_many_streams_equal_separate_steppers_bit_by_bit(
    models: dict[tuple[str, torch.dtype], LSTM],
    cell: str,
    dtype: torch.dtype,
    calls: list[list[int]],
    seed: int,
) -> None:
    lstm = models[cell, dtype]
    together, alone = lstm.stepper(4), [lstm.stepper() for _ in range(4)]

    for number, slots in enumerate(calls):
        X = draw_inputs(len(slots), seed=seed + number)
        H = together.step_many(slots, X)

        expected = [alone[slot].step(x) for slot, x in zip(slots, X, strict=True)]
        assert H.shape == (len(slots), HIDDEN)
        assert np.array_equal(H, np.array(expected).reshape(H.shape))

    for slot, stepper in enumerate(alone):
        mine = (*together.state, *together.gates)
        theirs = (*stepper.state, *stepper.gates)
        for one, other in zip(mine, theirs, strict=True):
            assert torch.equal(one[:, slot : slot + 1], other)


@every_cell
@half_dtypes
@settings(max_examples=10)
@given(calls=calls_of_streams, seed=st.integers(0, 1000))
def test_many_streams_equal_separate_steppers_in_half_precision(
    models: dict[tuple[str, torch.dtype], LSTM],
    cell: str,
    dtype: torch.dtype,
    calls: list[list[int]],
    seed: int,
) -> None:
    lstm = models[cell, dtype]
    together, alone = lstm.stepper(4), [lstm.stepper() for _ in range(4)]

    for number, slots in enumerate(calls):
        X = draw_inputs(len(slots), seed=seed + number)
        H = together.step_many(slots, X)

        expected = [alone[slot].step(x) for slot, x in zip(slots, X, strict=True)]
        assert_close(H, np.array(expected).reshape(H.shape), dtype)

    for slot, stepper in enumerate(alone):
        mine = (*together.state, *together.gates)
        theirs = (*stepper.state, *stepper.gates)
        for one, other in zip(mine, theirs, strict=True):
            assert_close(one[:, slot : slot + 1], other, dtype)


@every_cell
@every_dtype
def test_no_number_depends_on_the_other_rows_of_a_call(
    models: dict[tuple[str, torch.dtype], LSTM], cell: str, dtype: torch.dtype
) -> None:
    lstm = models[cell, dtype]
    slots = np.array([3, 0, 2, 3, 1, 0, 3])
    X = draw_inputs(len(slots))
    whole = lstm.stepper(4).step_many(slots, X)

    for kept in ([3], [0, 1], [3, 2], [1, 2, 3]):
        rows = np.isin(slots, kept)
        assert np.array_equal(lstm.stepper(4).step_many(slots[rows], X[rows]), whole[rows])
    one_by_one = lstm.stepper(4)
    for slot, x, h in zip(slots, X, whole, strict=True):
        assert np.array_equal(one_by_one.step_many([slot], x[None])[0], h)


@every_dtype
def test_an_empty_call_is_no_call(make_lstm: Make, dtype: torch.dtype) -> None:
    stepper = make_lstm(INPUTS, HIDDEN, dtype=dtype).stepper(2)
    stepper.step_many([0, 1], draw_inputs(2))
    before = bits(stepper)

    assert stepper.step_many([], np.empty((0, INPUTS))).shape == (0, HIDDEN)
    stepper.reset([])

    assert bits(stepper) == before


@compiled_dtypes
@pytest.mark.parametrize(
    "slots",
    [
        (1, 0),
        np.array([1, 0], np.uint8),
        np.array([1, 0], np.int32),
        torch.tensor([1, 0]),
        np.array([1, 9, 0, 9])[::2],
        np.broadcast_to(np.array([1, 0]), (1, 2))[0],
    ],
    ids=["tuple", "uint8", "int32", "tensor", "strided", "read-only"],
)
def test_slots_of_any_whole_kind_will_do(make_lstm: Make, dtype: torch.dtype, slots: Any) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    X = draw_inputs(2)

    given_back = lstm.stepper(2).step_many(slots, X)

    assert np.array_equal(given_back, lstm.stepper(2).step_many([1, 0], X))


# --- state ------------------------------------------------------------------------------------


@every_cell
@every_dtype
def test_reset_puts_all_streams_or_some_back_to_zeros(
    models: dict[tuple[str, torch.dtype], LSTM], cell: str, dtype: torch.dtype
) -> None:
    stepper = models[cell, dtype].stepper(3)
    stepper.step_many([0, 1, 2], draw_inputs(3))
    before = [part.clone() for part in (*stepper.state, *stepper.gates)]

    stepper.reset([2, 0])

    for part, old in zip((*stepper.state, *stepper.gates), before, strict=True):
        assert old.all()
        assert not part[:, [0, 2]].any()
        assert torch.equal(part[:, 1], old[:, 1])
    stepper.reset()
    assert not any(part.any() for part in (*stepper.state, *stepper.gates))


@every_cell
@every_dtype
def test_a_state_goes_out_and_in_again(
    models: dict[tuple[str, torch.dtype], LSTM], cell: str, dtype: torch.dtype
) -> None:
    stepper = models[cell, dtype].stepper(2)
    stepper.step_many([0, 1, 0], draw_inputs(3))
    kept = stepper.state
    expected = [stepper.step_many([1, 0], X) for X in draw_inputs(3, 2)]
    other = models[cell, dtype].stepper(2)

    stepper.state = kept
    other.state = tuple(kept)

    for X, H in zip(draw_inputs(3, 2), expected, strict=True):
        assert np.array_equal(stepper.step_many([1, 0], X), H)
        assert np.array_equal(other.step_many([1, 0], X), H)


@every_cell
@every_dtype
def test_a_stepper_goes_on_from_where_a_batch_ended(
    models: dict[tuple[str, torch.dtype], LSTM], cell: str, dtype: torch.dtype
) -> None:
    lstm = models[cell, dtype]
    x = torch.tensor(draw_inputs(3, 8), dtype=dtype)
    with torch.no_grad():
        output, _ = lstm(x)
    stepper = lstm.stepper(3)

    _, stepper.state = lstm(x[:, :5])  # with its gradients: a stepper wants only the numbers

    for t in range(5, 8):
        H = stepper.step_many([0, 1, 2], x[:, t].double())
        assert_close(H, output[:, t], dtype)


@every_dtype
def test_a_state_that_was_set_stays_the_callers(make_lstm: Make, dtype: torch.dtype) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, 2, dtype=dtype)
    stepper, twin = lstm.stepper(), lstm.stepper()
    mine = LSTMState(*(torch.full((2, 1, HIDDEN), 0.5, dtype=dtype) for _ in "hc"))
    stepper.state = mine
    twin.state = mine
    stepper.step(draw_inputs())
    assert all((part == 0.5).all() for part in mine)

    stepper.state = mine
    mine.h.zero_()

    assert np.array_equal(stepper.step(draw_inputs()), twin.step(draw_inputs()))


@every_dtype
def test_what_a_stepper_gives_out_is_the_callers(make_lstm: Make, dtype: torch.dtype) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, 2, dtype=dtype)
    spoilt, clean = lstm.stepper(), lstm.stepper()
    many, clean_many = lstm.stepper(2), lstm.stepper(2)
    for x in draw_inputs(3):
        h, H = spoilt.step(x), many.step_many([0, 1], [x, x])
        assert np.array_equal(h, clean.step(x))
        assert np.array_equal(H, clean_many.step_many([0, 1], [x, x]))
        h[:], H[:] = 99, 99
        for part in (*spoilt.state, *spoilt.gates, *many.state, *many.gates):
            part.fill_(99)

    first = clean.step(draw_inputs())
    kept = first.copy()
    clean.step(draw_inputs())
    assert np.array_equal(first, kept)


@every_dtype
def test_a_stepper_leaves_its_inputs_alone(make_lstm: Make, dtype: torch.dtype) -> None:
    stepper = make_lstm(INPUTS, HIDDEN, dtype=dtype).stepper()
    own = np.float64 if dtype == torch.float64 else np.float32
    x = draw_inputs().astype(own)
    kept = x.copy()

    stepper.step(x)
    stepper.step_many([0], x[None])

    assert np.array_equal(x, kept)


# --- inputs and copies ------------------------------------------------------------------------


def inputs_of_all_kinds() -> list[Any]:
    whole = np.array([2, -1, 0, 3, 1])
    wide = np.repeat(whole.astype(float), 2)
    frozen = whole.astype(np.float32)
    frozen.flags.writeable = False
    kinds = {
        "float64": whole.astype(np.float64),
        "float32": whole.astype(np.float32),
        "float16": whole.astype(np.float16),
        "int64": whole,
        "int8": whole.astype(np.int8),
        "list": whole.tolist(),
        "tuple of floats": tuple(map(float, whole)),
        "torch": torch.tensor(whole, dtype=torch.float32),
        "torch int": torch.tensor(whole),
        "strided": wide[::2],
        "reversed": whole[::-1].astype(float)[::-1],
        "column": np.repeat(whole.astype(np.float32)[:, None], 3, axis=1)[:, 1],
        "read-only": frozen,
        "big-endian": whole.astype(">f8"),
        "subclass": np.ma.array(whole.astype(float)),
    }
    return [pytest.param(x, id=name) for name, x in kinds.items()]


@every_dtype
@pytest.mark.parametrize("x", inputs_of_all_kinds())
def test_an_input_may_be_any_array_of_real_numbers(
    make_lstm: Make, dtype: torch.dtype, x: Any
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    plain = np.array([2, -1, 0, 3, 1], np.float32)
    expected = lstm.stepper().step(plain)
    many = np.broadcast_to(np.asarray(x), (2, INPUTS))

    assert np.array_equal(lstm.stepper().step(x), expected)
    assert np.array_equal(lstm.stepper(2).step_many([1, 0], many), [expected, expected])


def copied_by_pickle(stepper: Stepper) -> Stepper:
    copied: Stepper = pickle.loads(pickle.dumps(stepper))
    return copied


@every_cell
@every_dtype
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copied_by_pickle], ids=["deepcopy", "pickle"])
def test_a_copy_goes_on_identically_and_on_its_own(
    models: dict[tuple[str, torch.dtype], LSTM],
    cell: str,
    dtype: torch.dtype,
    duplicate: Callable[[Stepper], Stepper],
) -> None:
    stepper = models[cell, dtype].stepper(2)
    stepper.step_many([0, 1, 1], draw_inputs(3))

    twin = duplicate(stepper)

    assert repr(twin) == repr(stepper)
    assert bits(twin) == bits(stepper)
    twice = duplicate(twin)
    for X in draw_inputs(3, 2):
        assert np.array_equal(twin.step_many([1, 0], X), stepper.step_many([1, 0], X))
    twice.reset()
    assert bits(twin) == bits(stepper)


@compiled_dtypes
def test_a_stepper_copied_together_with_its_module_follows_the_copy(
    make_lstm: Make, dtype: torch.dtype
) -> None:
    lstm = make_lstm(INPUTS, HIDDEN, dtype=dtype)
    stepper = lstm.stepper()
    stepper.step(draw_inputs())

    other, follower = copy.deepcopy((lstm, stepper))
    multiply_one_in_place(other)

    assert_serves_the_weights(stepper, lstm, dtype)
    assert_serves_the_weights(follower, other, dtype)


def test_a_stepper_outlives_its_module(make_lstm: Make) -> None:
    lstm = make_lstm(INPUTS, HIDDEN)
    stepper, twin = lstm.stepper(), copy.deepcopy(lstm).stepper()
    del lstm

    for x in draw_inputs(3):
        assert np.array_equal(stepper.step(x), twin.step(x))


def test_a_repr_tells_what_a_stepper_is(make_lstm: Make) -> None:
    stepper = make_lstm(INPUTS, HIDDEN, 2, cell="coupled").stepper(4)

    assert repr(stepper) == (
        "CompiledStepper(input_size=5, hidden_size=9, num_layers=2, cell='coupled', streams=4)"
    )


@pytest.mark.slow
def test_a_pickled_stepper_goes_on_in_another_process(make_lstm: Make, tmp_path: Path) -> None:
    stepper = make_lstm(INPUTS, HIDDEN, 2).stepper(2)
    stepper.step_many([0, 1, 1], draw_inputs(3))
    X = draw_inputs(2)
    (tmp_path / "stepper").write_bytes(pickle.dumps(stepper))
    np.save(tmp_path / "X.npy", X)
    script = """
import pickle, sys
from pathlib import Path
import numpy as np
folder = Path(sys.argv[1])
stepper = pickle.loads((folder / "stepper").read_bytes())
np.save(folder / "H.npy", stepper.step_many([1, 0], np.load(folder / "X.npy")))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script, tmp_path], check=True)

    assert np.array_equal(np.load(tmp_path / "H.npy"), stepper.step_many([1, 0], X))


# --- memory -----------------------------------------------------------------------------------

STEPS_AND_MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from lstmwidgets import LSTM

def resident_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

first, last = map(int, sys.argv[1:3])
lstm = LSTM(4, 8)
stepper, many = lstm.stepper(), lstm.stepper(2)
x, X, slots = np.ones(4, np.float32), np.ones((2, 4)), np.array([1, 0])
for n in range(1, last + 1):
    stepper.step(x)
    if n % 10 == 0:
        many.step_many(slots, X)
    if n % 1000 == 0:
        many.state = many.state
        many.gates
    if n == first:
        before = resident_kb()
print(resident_kb() - before)
"""


def growth_in_kb(first: int, last: int) -> int:
    """Return by how much a process grows between two numbers of steps."""
    command = [sys.executable, "-c", STEPS_AND_MEMORY, str(first), str(last)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ})
    return int(done.stdout)


reads_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="a process's memory is read from Linux's /proc"
)


@reads_proc
def test_memory_stays_flat_over_two_hundred_thousand_steps() -> None:
    assert growth_in_kb(20_000, 200_000) < 2_000


@reads_proc
@pytest.mark.slow
def test_memory_stays_flat_over_ten_million_steps() -> None:
    assert growth_in_kb(1_000_000, 10_000_000) < 4_000
