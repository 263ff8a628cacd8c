"""Streams that take turns in one estimator, such as one for each of many sensors.

The weights are the estimator's and every stream learns them; state, window and last targets are the
stream's own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..kernels import parameters as layout

Array = NDArray[Any]


class Window(NamedTuple):
    """What a stream has in a learner, by reference: kernels write into it while it is in there.

    Attributes
    ----------
    filled : int
        Events in the window.
    tape : ndarray
        Memory before the oldest of them and after each, (T + 1, L, 6H), as in `Carry`.
    inputs : ndarray
        Their inputs, (T, 1, room).
    traces : ndarray
        Eligibility traces, (P,); empty for truncated backpropagation.
    sizes : ndarray
        The learner's sizes that the arrays were made for.
    """

    filled: int
    tape: Array
    inputs: Array
    traces: Array
    sizes: Array


class OpenStream(NamedTuple):
    """A stream that `LSTMEstimator.swap_stream` has taken out of an estimator, or will put in.

    Attributes
    ----------
    window : Window
        Its part in the learner.
    recent : tuple
        What is remembered of its last targets.
    """

    window: Window
    recent: tuple[Any, ...]


class _Form(msgspec.Struct, frozen=True, array_like=True):
    """A stream as it is written down. Plain bytes of arrays, in the machine's order.

    A header for each array, as safetensors has, would take more room and time than the numbers of a
    small network.
    """

    sizes: tuple[int, ...]
    filled: int
    tape: bytes
    last: bytes
    inputs: bytes
    traces: bytes
    recent: tuple[float | None, float, float]
    targets: tuple[float, ...]


def stream_to_bytes(stream: OpenStream, blocks: int) -> bytes:
    """Return a stream's numbers; `stream_from_bytes` makes the same of them, bit for bit.

    Parameters
    ----------
    stream : OpenStream
        Of an estimator of numbers.
    blocks : int
        How many of the six blocks of a memory, h first, the next step reads; the others are only
        kept of the last event, to be looked at.
    """
    filled, tape, inputs, traces, sizes = stream.window
    read = blocks * int(sizes[layout.HIDDEN])
    recent, targets = stream.recent
    return msgspec.msgpack.encode(
        _Form(
            tuple(sizes.tolist()),
            filled,
            tape[:filled, :, :read].tobytes(),
            tape[filled].tobytes(),
            inputs[:filled].tobytes(),
            traces.tobytes(),
            tuple(recent),
            targets,
        )
    )


def stream_from_bytes(
    data: bytes, window: int, blocks: int
) -> tuple[Window, tuple[float | None, float, float], tuple[float, ...]]:
    """Return what `stream_to_bytes` wrote: the window, and two kinds of recent targets.

    Raises
    ------
    ValueError
        If the data is no stream of a window of that many events.
    """
    try:
        form = msgspec.msgpack.decode(data, type=_Form)
        sizes = np.array(form.sizes, np.int64)
        _, inputs, hidden, layers, _, _ = form.sizes
        read = blocks * hidden
        if not 0 <= form.filled <= window:
            raise ValueError(f"{form.filled} events in a window of {window}")
        tape = np.zeros((window + 1, layers, 6 * hidden), np.float32)
        past = np.frombuffer(form.tape, np.float32)
        tape[: form.filled, :, :read] = past.reshape(form.filled, layers, read)
        tape[form.filled] = np.frombuffer(form.last, np.float32).reshape(layers, 6 * hidden)
        read_in = np.zeros((window, 1, inputs), np.float32)
        seen = np.frombuffer(form.inputs, np.float32)
        read_in[: form.filled] = seen.reshape(form.filled, 1, inputs)
        traces = np.frombuffer(form.traces, np.float32).copy()
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise ValueError(f"these are not the numbers of a stream: {error}") from error
    return Window(form.filled, tape, read_in, traces, sizes), form.recent, form.targets
