"""Wrong use is refused: the right exception, what was expected, what came, and no state changed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets import LSTM, FullGateState, LSTMState, Stepper
from lstmwidgets.cells import CELLS

INPUTS, HIDDEN, LAYERS, BATCH, TIME = 3, 4, 2, 2, 5

every_cell = pytest.mark.parametrize("cell", CELLS)
every_stepper = pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
not_finite = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


def make(cell: str = "standard", dtype: torch.dtype = torch.float32) -> LSTM:
    return LSTM(INPUTS, HIDDEN, LAYERS, cell=cell, dtype=dtype)


def sequence(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.ones(shape or (BATCH, TIME, INPUTS), dtype=dtype)


def worded(text: str) -> str:
    """Return a pattern for a text; an ellipsis stands for anything."""
    return ".*".join(map(re.escape, text.split("…")))


# --- making one -------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["input_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "must be at least 1, got 0"),
        (-2, ValueError, "must be at least 1, got -2"),
        (True, TypeError, "must be a whole number, got bool True"),
        (4.0, TypeError, "must be a whole number, got float 4.0"),
        ("4", TypeError, "must be a whole number, got str '4'"),
        (None, TypeError, "must be a whole number, got NoneType None"),
    ],
)
def test_a_size_is_a_positive_whole_number(
    argument: str, size: Any, error: type[Exception], message: str
) -> None:
    sizes = {"input_size": INPUTS, "hidden_size": HIDDEN, "num_layers": LAYERS} | {argument: size}

    with pytest.raises(error, match=worded(f"{argument} {message}")):
        LSTM(**sizes)
    if error is ValueError:
        with pytest.raises(error, match=worded(f"batch_size {message}")):
            make().initial_state(size)
        with pytest.raises(error, match=worded(f"streams {message}")):
            make().stepper(size)


@pytest.mark.parametrize("size", [True, 4.0, "4", None])
def test_a_number_of_sequences_or_streams_is_a_whole_number(size: Any) -> None:
    given = f"must be a whole number, got {type(size).__name__} {size!r}"

    with pytest.raises(TypeError, match=worded(f"batch_size {given}")):
        make().initial_state(size)
    with pytest.raises(TypeError, match=worded(f"streams {given}")):
        make().stepper(size)


@pytest.mark.parametrize("cell", ["gru", "Standard", "", None, 1])
def test_an_unknown_cell_is_refused_with_the_known_ones(cell: Any) -> None:
    known = ", ".join(map(repr, CELLS))

    with pytest.raises(ValueError, match=worded(f"cell must be one of {known}, got {cell!r}")):
        LSTM(INPUTS, HIDDEN, cell=cell)


@pytest.mark.parametrize("dropout", [-0.1, 1.5, math.nan, math.inf, True])
def test_a_dropout_is_a_probability(dropout: Any) -> None:
    message = f"dropout must be a probability from 0 to 1, got {dropout!r}"

    with pytest.raises(ValueError, match=worded(message)):
        LSTM(INPUTS, HIDDEN, 2, dropout=dropout)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_weights_are_floating_point(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=worded(f"must be a floating-point type, got {dtype}")):
        LSTM(INPUTS, HIDDEN, dtype=dtype)


def test_options_go_by_name() -> None:
    with pytest.raises(TypeError, match="positional arguments"):
        LSTM(INPUTS, HIDDEN, 1, "coupled")  # type: ignore[misc]


# --- running the module -----------------------------------------------------------------------


def call_forward(lstm: LSTM, x: Any, state: Any = None) -> object:
    return lstm(x, state)


def call_trace(lstm: LSTM, x: Any, state: Any = None) -> object:
    return lstm.trace(x, state)


def call_step(lstm: LSTM, x: Any, state: Any = None) -> object:
    return lstm.step(x, state)


Call = Callable[..., object]
over_time = pytest.mark.parametrize("call", [call_forward, call_trace])
any_call = pytest.mark.parametrize("call", [call_forward, call_trace, call_step])


def fitting(call: Call, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    shape = (BATCH, INPUTS) if call is call_step else (BATCH, TIME, INPUTS)
    return torch.ones(shape, dtype=dtype)


@every_cell
@over_time
@pytest.mark.parametrize(
    "shape",
    [
        (TIME, INPUTS),
        (BATCH, TIME, INPUTS + 1),
        (BATCH, INPUTS, TIME),
        (BATCH, TIME, INPUTS, 1),
        (INPUTS,),
        (),
        (0, TIME, INPUTS),
        (BATCH, 0, INPUTS),
        (BATCH, TIME, 0),
    ],
)
def test_a_sequence_has_three_axes_and_none_is_empty(
    cell: str, call: Call, shape: tuple[int, ...]
) -> None:
    message = "expected input of shape (batch, time, input_size) with input_size = 3, got " + str(
        shape
    )

    with pytest.raises(ValueError, match=worded(message)):
        call(make(cell), torch.ones(shape))


@every_cell
@pytest.mark.parametrize(
    "shape", [(INPUTS,), (BATCH, TIME, INPUTS), (BATCH, INPUTS + 1), (0, INPUTS), (BATCH, 0), ()]
)
def test_a_steps_input_has_two_axes_and_none_is_empty(cell: str, shape: tuple[int, ...]) -> None:
    message = f"expected input of shape (batch, input_size) with input_size = 3, got {shape}"

    with pytest.raises(ValueError, match=worded(message)):
        make(cell).step(torch.ones(shape))


@any_call
@pytest.mark.parametrize("convert", [torch.Tensor.numpy, torch.Tensor.tolist, lambda _: None])
def test_an_input_is_a_tensor(call: Call, convert: Callable[[torch.Tensor], Any]) -> None:
    x = convert(fitting(call))

    with pytest.raises(
        TypeError, match=f"expected a torch.Tensor as input, got {type(x).__name__}"
    ):
        call(make(), x)


@every_cell
@any_call
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.complex64])
def test_an_input_has_the_weights_dtype(cell: str, call: Call, dtype: torch.dtype) -> None:
    message = f"input must have the weights' dtype torch.float32, got {dtype}; convert it with"

    with pytest.raises(ValueError, match=worded(message)):
        call(make(cell), fitting(call, dtype))


@any_call
def test_an_input_is_where_the_weights_are(call: Call) -> None:
    message = "input must be on the weights' device cpu, got meta; move it with .to('cpu')"

    with pytest.raises(ValueError, match=worded(message)):
        call(make(), fitting(call).to("meta"))


@any_call
def test_a_state_is_where_the_weights_are(call: Call) -> None:
    lstm = make()
    message = "state.h must be on the weights' device cpu, got meta"

    with pytest.raises(ValueError, match=worded(message)):
        call(lstm, fitting(call), lstm.initial_state(BATCH).to("meta"))


@every_cell
@any_call
@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ((LAYERS, BATCH + 1, HIDDEN), "h"),
        ((LAYERS + 1, BATCH, HIDDEN), "c"),
        ((LAYERS, BATCH, HIDDEN + 1), "c"),
        ((BATCH, HIDDEN), "h"),
    ],
)
def test_a_state_has_layers_batch_and_hidden(
    cell: str, call: Call, shape: tuple[int, ...], field: str
) -> None:
    lstm = make(cell)
    state = lstm.initial_state(BATCH)._replace(**{field: torch.zeros(shape)})
    message = (
        f"state.{field} must have the shape (layers, batch, hidden) = "
        f"{(LAYERS, BATCH, HIDDEN)}, got {shape}; initial_state(batch_size) makes"
    )

    with pytest.raises(ValueError, match=worded(message)):
        call(lstm, fitting(call), state)


@any_call
def test_a_state_has_the_weights_dtype(call: Call) -> None:
    lstm = make()
    state = lstm.initial_state(BATCH).to(torch.float64)
    message = "state.h must have the weights' dtype torch.float32, got torch.float64"

    with pytest.raises(ValueError, match=worded(message)):
        call(lstm, fitting(call), state)


@any_call
@pytest.mark.parametrize(
    ("cell", "state", "message"),
    [
        (
            "standard",
            FullGateState(*(torch.zeros(LAYERS, BATCH, HIDDEN),) * 5),
            "state must be a LSTMState, or a tuple (h, c), got 5 parts",
        ),
        (
            "full_gate_recurrence",
            LSTMState(*(torch.zeros(LAYERS, BATCH, HIDDEN),) * 2),
            "state must be a FullGateState, or a tuple (h, c, i, f, o), got 2 parts",
        ),
        ("coupled", torch.zeros(LAYERS, BATCH, HIDDEN), "a tuple (h, c), got Tensor"),
        ("coupled", {"h": 1, "c": 2}, "a tuple (h, c), got dict"),
        ("coupled", (np.zeros(1), np.zeros(1)), "state.h must be a torch.Tensor, got ndarray"),
        (
            "coupled",
            (torch.zeros(LAYERS, BATCH, HIDDEN), None),
            "state.c must be a torch.Tensor, got NoneType",
        ),
    ],
)
def test_a_state_has_the_cells_fields(call: Call, cell: str, state: Any, message: str) -> None:
    with pytest.raises(TypeError, match=worded(message)):
        call(make(cell), fitting(call), state)


@every_cell
@not_finite
def test_a_step_refuses_what_is_not_finite(cell: str, bad: float) -> None:
    lstm = make(cell)
    x = fitting(call_step)
    x[1, 2] = bad
    state = lstm.step(fitting(call_step))[1]
    kept = type(state)(*(part.clone() for part in state))

    with pytest.raises(ValueError, match=r"NaN or an infinity.*never recover.*replace it"):
        lstm.step(x, state)

    assert all(map(torch.equal, state, kept))


# --- lengths and resets -----------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([0, 5], ValueError, "between 1 and the 5 time steps of the input, got 0 to 5"),
        ([1, 6], ValueError, "between 1 and the 5 time steps of the input, got 1 to 6"),
        ([-1, 2], ValueError, "between 1 and the 5 time steps of the input, got -1 to 2"),
        ([1.0, 2.0], TypeError, "lengths must be whole numbers, got torch.float32"),
        ([1j, 2.0], TypeError, "lengths must be whole numbers, got torch.complex64"),
        ([1, 2, 3], ValueError, "lengths must have the shape (2,), got (3,)"),
        ([[1, 2]], ValueError, "lengths must have the shape (2,), got (1, 2)"),
        (3, ValueError, "lengths must have the shape (2,), got ()"),
    ],
)
def test_lengths_are_whole_numbers_from_1_to_the_number_of_steps(
    cell: str, lengths: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=worded(message)):
        make(cell)(sequence(), lengths=torch.tensor(lengths))


@pytest.mark.parametrize("lengths", [3, np.array(3), [[1, 2]], [1, 2, 3]])
def test_lengths_are_one_a_sequence(lengths: Any) -> None:
    with pytest.raises(ValueError, match=r"lengths must have the shape \(2,\), got"):
        make()(sequence(), lengths=lengths)


@every_cell
def test_lengths_are_not_a_mask(cell: str) -> None:
    with pytest.raises(TypeError, match=r"whole numbers, got torch\.bool"):
        make(cell)(sequence(), lengths=torch.tensor([True, True]))


@every_cell
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8])
def test_a_reset_is_bool(cell: str, dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=worded(f"reset must be a bool tensor, got {dtype}")):
        make(cell)(sequence(), reset=torch.zeros(BATCH, TIME, dtype=dtype))


@pytest.mark.parametrize("reset", [True, [[False] * TIME] * BATCH, np.zeros((BATCH, TIME), bool)])
def test_a_reset_is_a_tensor(reset: Any) -> None:
    given = type(reset).__name__

    with pytest.raises(TypeError, match=f"reset must be a bool tensor, got {given}"):
        make()(sequence(), reset=reset)


@every_cell
@pytest.mark.parametrize("shape", [(TIME, BATCH), (BATCH,), (BATCH, TIME, 1), (1, TIME), ()])
def test_a_reset_has_a_place_for_each_step(cell: str, shape: tuple[int, ...]) -> None:
    message = f"reset must have the shape (batch, time) = (2, 5), got {shape}"

    with pytest.raises(ValueError, match=worded(message)):
        make(cell)(sequence(), reset=torch.zeros(shape, dtype=torch.bool))


# --- the stepper ------------------------------------------------------------------------------


def warmed_up(streams: int, dtype: torch.dtype, cell: str = "standard") -> Stepper:
    stepper = make(cell, dtype).stepper(streams)
    stepper.step_many(range(streams), np.ones((streams, INPUTS)))
    return stepper


def bits(stepper: Stepper) -> list[bytes]:
    """Return everything a stepper remembers."""
    return [part.float().numpy().tobytes() for part in (*stepper.state, *stepper.gates)]


def assert_refused(
    stepper: Stepper,
    call: Callable[[], object],
    error: type[Exception] | tuple[type[Exception], ...],
    message: str,
) -> None:
    """Hold that a call raises, that nothing moved, and that the stepper still works."""
    before = bits(stepper)
    with pytest.raises(error, match=worded(message)):
        call()
    assert bits(stepper) == before
    stepper.step_many([0], np.zeros((1, INPUTS)))
    assert bits(stepper) != before


@every_stepper
@pytest.mark.parametrize("shape", [(), (INPUTS + 1,), (INPUTS - 1,), (1, INPUTS), (0,)])
def test_a_stepper_takes_one_row(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    stepper = warmed_up(1, dtype)
    message = f"expected input of shape (3,), got {shape}"

    assert_refused(stepper, lambda: stepper.step(np.ones(shape)), ValueError, message)


@every_stepper
def test_step_says_where_many_streams_go(dtype: torch.dtype) -> None:
    stepper = warmed_up(3, dtype)
    message = "step advances a single stream and this stepper has 3; call step_many(slots, X)"

    assert_refused(stepper, lambda: stepper.step(np.ones(INPUTS)), ValueError, message)


@every_cell
@every_stepper
@not_finite
def test_a_stepper_refuses_what_is_not_finite(cell: str, dtype: torch.dtype, bad: float) -> None:
    stepper = warmed_up(1, dtype, cell)
    x = np.array([0.5, bad, 0.5])

    assert_refused(stepper, lambda: stepper.step(x), ValueError, "NaN or an infinity…replace it")


@every_cell
@every_stepper
@not_finite
def test_one_bad_row_stops_a_whole_call(cell: str, dtype: torch.dtype, bad: float) -> None:
    stepper = warmed_up(3, dtype, cell)
    X = np.ones((4, INPUTS))
    X[3, 0] = bad

    assert_refused(
        stepper, lambda: stepper.step_many([0, 1, 2, 1], X), ValueError, "NaN or an infinity"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_first_bad_row_is_named(dtype: torch.dtype) -> None:
    X = np.ones((4, INPUTS))
    X[2:, 0] = math.nan

    with pytest.raises(ValueError, match="row 2: "):
        warmed_up(3, dtype).step_many([0, 1, 2, 1], X)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_overflows_the_weights_dtype_is_refused_like_an_infinity(dtype: torch.dtype) -> None:
    stepper = warmed_up(1, dtype)

    assert_refused(stepper, lambda: stepper.step([1e300, 0, 0]), ValueError, "infinity")


NOT_REAL: dict[str, Any] = {
    "complex": np.ones(INPUTS) * 1j,
    "strings": ["1", "2", "3"],
    "objects": np.array([1.0, 2.0, object()], object),
    "dates": np.zeros(INPUTS, "datetime64[s]"),
}


@every_stepper
@pytest.mark.parametrize("kind", NOT_REAL)
def test_an_input_is_real_numbers(dtype: torch.dtype, kind: str) -> None:
    stepper = warmed_up(1, dtype)
    x = NOT_REAL[kind]
    message = f"must be numbers, got {'object' if kind == 'objects' else np.asarray(x).dtype}"

    assert_refused(stepper, lambda: stepper.step(x), TypeError, message)
    assert_refused(stepper, lambda: stepper.step_many([0], [x]), TypeError, message)


@every_stepper
@pytest.mark.parametrize(
    ("slots", "error", "message"),
    [
        ([0, 3], IndexError, "slots must lie between 0 and 2, got 0 to 3"),
        ([-1, 0], IndexError, "slots must lie between 0 and 2, got -1 to 0"),
        (np.array([2**63, 1], np.uint64), IndexError, "slots must lie between 0 and 2, got 1 to 9"),
        ([0.0, 1.0], TypeError, "slots must be whole numbers, got float64"),
        ([True, False], TypeError, "slots must be whole numbers, got bool"),
        (["a", "b"], TypeError, "slots must be numbers, got <U1"),
        ([None, 0], TypeError, "slots must be whole numbers, got float64"),
    ],
)
def test_slots_are_whole_numbers_below_the_number_of_streams(
    dtype: torch.dtype, slots: Any, error: type[Exception], message: str
) -> None:
    stepper = warmed_up(3, dtype)

    assert_refused(stepper, lambda: stepper.step_many(slots, np.ones((2, INPUTS))), error, message)
    assert_refused(stepper, lambda: stepper.reset(slots), error, message)


@every_stepper
@pytest.mark.parametrize("slots", [[0], [0, 1, 2], 0, [[0, 1]], []])
def test_there_is_one_slot_a_row(dtype: torch.dtype, slots: Any) -> None:
    stepper = warmed_up(3, dtype)
    message = f"expected one slot a row, shape (2,), got {np.shape(slots)}"

    assert_refused(
        stepper, lambda: stepper.step_many(slots, np.ones((2, INPUTS))), ValueError, message
    )


@every_stepper
@pytest.mark.parametrize("shape", [(INPUTS,), (2, INPUTS + 1), (2, 1, INPUTS), ()])
def test_many_inputs_are_rows(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    stepper = warmed_up(3, dtype)
    message = f"expected inputs of shape (N, 3), got {shape}"

    assert_refused(stepper, lambda: stepper.step_many([0, 1], np.ones(shape)), ValueError, message)


@every_stepper
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: (s.h,), TypeError, "state must be a LSTMState…(h, c), got 1 parts"),
        (lambda _: None, TypeError, "state must be a LSTMState…(h, c), got NoneType"),
        (lambda s: (s.h.float().numpy(), s.c), TypeError, "state.h must be a torch.Tensor…ndarray"),
        (lambda s: (s.h[:, :2], s.c), ValueError, "state.h…= (2, 3, 4), got (2, 2, 4)"),
        (lambda s: (s.h, s.c[:1]), ValueError, "state.c…= (2, 3, 4), got (1, 3, 4)"),
        (lambda s: s.to(torch.float16), ValueError, "state.h must have the weights' dtype…float16"),
    ],
)
def test_a_state_that_does_not_fit_is_not_taken(
    dtype: torch.dtype, change: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    stepper = warmed_up(3, dtype)
    state = change(stepper.state)

    assert_refused(stepper, lambda: setattr(stepper, "state", state), error, message)


def test_gates_cannot_be_set() -> None:
    stepper = warmed_up(1, torch.float32)

    with pytest.raises(AttributeError, match="gates"):
        stepper.gates = stepper.gates  # type: ignore[misc]
