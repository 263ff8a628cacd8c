"""Programs made of a model give its numbers for other batches and lengths, or refuse them."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils import _pytree as pytree

from lstmwidgets import LSTM, SequenceModel
from lstmwidgets.cells import CELLS
from lstmwidgets.state import LSTMState

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    # PyTorch's own `scan` compiles itself, and a strict export says that it does so for nothing.
    "ignore:torch.compile is ignored when called inside torch.export region:UserWarning",
    # PyTorch hides this one where it asks tensors between two compiled parts, not from `error`.
    r"ignore:The \.grad attribute of a Tensor that is not a leaf Tensor:UserWarning",
)

BATCH, TIME = torch.export.Dim("batch"), torch.export.Dim("time")
SIZES = ((2, 6), (7, 3), (1, 9))
MODELS: dict[str, Callable[[], nn.Module]] = {
    "regression": lambda: SequenceModel(3, 2, hidden_size=4),
    "mean": lambda: SequenceModel(3, 2, hidden_size=4, pooling="mean", cell="coupled"),
    "attention": lambda: SequenceModel(3, 2, hidden_size=4, pooling="attention"),
    "forecasting": lambda: SequenceModel(3, 3, hidden_size=4, task="forecasting", pooling=None),
}


def tokens_model() -> SequenceModel:
    return SequenceModel(None, 3, vocabulary_size=9, hidden_size=4, task="classification")


class WithLengths(nn.Module):
    """Gives lengths by position."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, lengths: Tensor) -> Any:
        return self.inner(x, lengths=lengths)


class Step(nn.Module):
    """Has `step` as its forward."""

    def __init__(self, lstm: LSTM) -> None:
        super().__init__()
        self.lstm = lstm

    def forward(self, x: Tensor, state: Any) -> Any:
        return self.lstm.step(x, state)


def numbers(batch: int, steps: int) -> Tensor:
    return torch.randn(batch, steps, 3)


def words(batch: int, steps: int) -> Tensor:
    tokens = torch.randint(1, 9, (batch, steps))
    tokens[0, 1:] = 0  # of other lengths
    return tokens


def assert_same(found: Any, expected: Any, atol: float = 1e-6) -> None:
    leaves = pytree.tree_leaves(expected)
    for one, other in zip(pytree.tree_leaves(found), leaves, strict=True):
        torch.testing.assert_close(torch.as_tensor(one), other, atol=atol, rtol=1e-4)


def assert_exports(model: nn.Module, make: Callable[..., Tensor] = numbers, **options: Any) -> None:
    shapes = ({0: BATCH, 1: TIME},)
    x = (make(4, 6),)
    program = torch.export.export(model.eval(), x, dynamic_shapes=shapes, **options).module()
    for size in SIZES:
        x = (make(*size),)
        assert_same(program(*x), model(*x))


def assert_exports_to_onnx(model: nn.Module, make: Callable[..., Tensor] = numbers) -> None:
    import onnxruntime  # type: ignore[import-untyped]

    shapes = ({0: BATCH, 1: TIME},)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval(), (make(4, 6),), dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file.getvalue(), options)
    (name,) = (each.name for each in session.get_inputs())
    for size in SIZES:
        x = make(*size)
        assert_same(session.run(None, {name: x.numpy()}), model(x), atol=1e-5)


def test_a_model_exports_for_any_batch_and_length() -> None:
    assert_exports(tokens_model(), words)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_exports_for_any_batch_and_length(cell: str, strict: bool) -> None:
    assert_exports(LSTM(3, 4, 2, cell=cell), strict=strict)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_exports_for_any_batch_and_length(model: str) -> None:
    assert_exports(MODELS[model]())


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_exports_to_onnx_for_any_batch_and_length(cell: str) -> None:
    assert_exports_to_onnx(LSTM(3, 4, 2, cell=cell))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_exports_to_onnx(model: str) -> None:
    assert_exports_to_onnx(MODELS[model]())
    if model == "regression":
        assert_exports_to_onnx(tokens_model(), words)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_lengths_are_an_input_of_the_program(cell: str) -> None:
    for inner in (LSTM(3, 4, cell=cell), SequenceModel(3, 2, hidden_size=4, cell=cell)):
        model = WithLengths(inner.eval())
        shapes = ({0: BATCH, 1: TIME}, {0: BATCH})
        x = (numbers(4, 6), torch.tensor([6, 1, 3, 2]))
        program = torch.export.export(model, x, dynamic_shapes=shapes).module()
        for batch, steps in SIZES:
            lengths = torch.randint(1, steps + 1, (batch,))
            y = numbers(batch, steps)
            assert_same(program(y, lengths), model(y, lengths))


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_exports(cell: str) -> None:
    model = Step(LSTM(3, 4, 2, cell=cell))
    state = model.lstm.initial_state(4)
    shapes = ({0: BATCH}, type(state)(*({1: BATCH} for _ in state)))
    program = torch.export.export(model, (numbers(4, 1)[:, 0], state), dynamic_shapes=shapes)
    for batch in (2, 9):
        given = (numbers(batch, 1)[:, 0], model.lstm.initial_state(batch))
        assert_same(program.module()(*given), model(*given))


def test_the_operator_stays_where_the_length_is_fixed() -> None:
    program = torch.export.export(LSTM(3, 4).eval(), (numbers(4, 6),), dynamic_shapes=({0: BATCH},))
    assert "aten.lstm" in str(program.graph)


@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_takes_other_batches_and_is_right_or_refuses_another_length(cell: str) -> None:
    lstm, model = LSTM(3, 4, 2, cell=cell).eval(), SequenceModel(3, 2, hidden_size=4, cell=cell)
    for made in (lstm, model.eval()):
        program = torch.jit.trace(made, (numbers(4, 6),))
        for batch in (2, 7):
            x = numbers(batch, 6)
            assert_same(program(x), made(x))
        for steps in (1, 3, 9):
            x = numbers(4, steps)
            if cell == "standard":
                assert_same(program(x), made(x))
            else:
                with pytest.raises(RuntimeError, match="Expected 6 elements"):
                    program(x)


@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_takes_lengths_and_tokens(cell: str) -> None:
    model = WithLengths(LSTM(3, 4, cell=cell).eval())
    program = torch.jit.trace(model, (numbers(4, 6), torch.tensor([6, 1, 3, 2])))
    x, lengths = numbers(3, 6), torch.tensor([2, 6, 1])
    assert_same(program(x, lengths), model(x, lengths))
    reads = tokens_model().eval()
    program = torch.jit.trace(reads, (words(4, 6),))
    assert_same(program(words(2, 6).fill_(3)), reads(words(2, 6).fill_(3)))
    tokens = words(3, 6)
    assert_same(program(tokens), reads(tokens))


def test_reset_cannot_be_in_a_program() -> None:
    class WithReset(WithLengths):
        def forward(self, x: Tensor, reset: Tensor) -> Any:
            return self.inner(x, reset=reset)

    given = (numbers(4, 6), torch.zeros(4, 6, dtype=torch.bool))
    for make in (torch.jit.trace, torch.export.export):
        with pytest.raises(ValueError, match="reset= decides where sequences are cut"):
            make(WithReset(LSTM(3, 4)), given)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_torch_compile_gives_the_same_with_lengths_and_without(cell: str) -> None:
    lstm = LSTM(3, 4, cell=cell)
    model = SequenceModel(3, 2, hidden_size=4, cell=cell)
    for made in (lstm, model):
        compiled = torch.compile(made)
        for batch, steps in ((4, 6), (2, 6), (3, 4)):
            x, lengths = numbers(batch, steps), torch.randint(1, steps + 1, (batch,))
            assert_same(compiled(x), made(x), atol=1e-5)
            assert_same(compiled(x, lengths=lengths), made(x, lengths=lengths), atol=1e-5)
        compiled(numbers(2, 4))[0].sum().backward()
    assert bool(lstm.weight_hh_l0.grad.abs().sum() > 0)


# --- states and state dicts -------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_state_loads_without_pickled_code(cell: str) -> None:
    lstm = LSTM(3, 4, cell=cell)
    _, state = lstm(numbers(2, 5))
    for saved in (state, lstm.stepper(2).state, {"states": [state]}, lstm.stepper(2).gates):
        file = io.BytesIO()
        torch.save(saved, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=True)
        assert type(loaded) is type(saved)
        assert_same(loaded, saved)
    assert isinstance(state, LSTMState) == (cell != "full_gate_recurrence")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "of a bidirectional LSTM, and this one reads forwards only"),
        ({"proj_size": 2}, "of an LSTM with projections"),
        ({"bias": False}, r"without biases .* add zeros of shape \(4 \* hidden_size,\)"),
        ({"bidirectional": True, "bias": False}, "of a bidirectional LSTM"),
    ],
)
@pytest.mark.parametrize("within", [False, True])
def test_a_state_dict_that_cannot_be_read_says_what_it_is(
    options: dict[str, Any], message: str, within: bool
) -> None:
    given = nn.LSTM(3, 4, **options).state_dict()
    module: nn.Module = LSTM(3, 4)
    if within:
        given = {f"lstm.{name}": weight for name, weight in given.items()}
        module = nn.ModuleDict({"lstm": module})
    with pytest.raises(ValueError, match=message) as error:
        module.load_state_dict(given)
    assert "\n" not in str(error.value)


def test_zeros_stand_for_biases() -> None:
    plain = nn.LSTM(3, 4, bias=False, batch_first=True)
    zeros = {f"bias_{of}_l0": torch.zeros(16) for of in ("ih", "hh")}
    lstm = LSTM(3, 4)
    lstm.load_state_dict(plain.state_dict() | zeros)
    x = numbers(2, 5)
    assert_same(lstm(x)[0], plain(x)[0])


def test_a_packed_sequence_is_told_of_lengths() -> None:
    packed = pack_padded_sequence(numbers(2, 4), torch.tensor([4, 2]), batch_first=True)
    for module in (LSTM(3, 4), SequenceModel(3, 2)):
        with pytest.raises(TypeError, match=r"PackedSequence; pad_packed_sequence.* lengths="):
            module(packed)
