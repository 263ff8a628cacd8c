"""Parts of a flat array, each with a shape of its own.

Numba compiles a slice and a reshape to some two hundred instructions, most of them for bounds that
these parts keep by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from numba import types
from numba.core.cgutils import unpack_tuple
from numba.core.typing import signature
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

Array = NDArray[Any]


def part(flat: Array, begin: int, shape: tuple[int, ...]) -> Array:
    """Return a view of the contiguous numbers from ``begin`` on; they are there, unchecked."""
    return flat[begin : begin + prod(shape)].reshape(shape)


def chunks(flat: Array, count: int) -> tuple[Array, ...]:
    """Return so many equal parts of an array, as `torch.chunk` does; the count is a constant."""
    return tuple(flat.reshape((count, -1)))


@type_callable(part)
def _part(_context: Any) -> Callable[..., Any]:
    def type_of(flat: Any, begin: Any, shape: Any) -> Any:
        axes = len(shape)
        made = flat.copy(ndim=axes, layout="C")
        return signature(made, flat, types.intp, types.UniTuple(types.intp, axes))

    return type_of


@lower_builtin(part, types.Array, types.intp, types.UniTuple)
def _lower_part(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
    source = make_array(typed.args[0])(context, builder, arguments[0])
    lengths = unpack_tuple(builder, arguments[2])
    return _view(context, builder, typed.return_type, source, arguments[1], lengths)


@type_callable(chunks)
def _chunks(_context: Any) -> Callable[..., Any]:
    def type_of(flat: Any, count: Any) -> Any:
        if isinstance(count, types.IntegerLiteral):
            return signature(types.UniTuple(flat, count.literal_value), flat, count)
        return None

    return type_of


@lower_builtin(chunks, types.Array, types.IntegerLiteral)
def _lower_chunks(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
    made, count = typed.return_type, typed.return_type.count
    source = make_array(typed.args[0])(context, builder, arguments[0])
    whole = unpack_tuple(builder, source.shape)[0]
    length = builder.udiv(whole, whole.type(count))
    begins = [builder.mul(length, length.type(n)) for n in range(count)]
    views = [_view(context, builder, made.dtype, source, begin, [length]) for begin in begins]
    return context.make_tuple(builder, made, views)


def _view(context: Any, builder: Any, made: Any, source: Any, begin: Any, shape: Any) -> Any:
    """Return the contiguous array that begins at a place of another one."""
    array = make_array(made)(context, builder)
    strides = [source.itemsize]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    populate_array(
        array,
        data=builder.gep(source.data, [begin]),
        shape=shape,
        strides=strides,
        itemsize=source.itemsize,
        meminfo=source.meminfo,
    )
    return array._getvalue()
