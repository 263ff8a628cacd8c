"""Parts of a flat array, each with a shape of its own.

Numba compiles a slice and a reshape to some two hundred instructions, most of them for bounds that
these parts keep by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numba
from numpy.typing import NDArray

from .compiled import Function

Array = NDArray[Any]

_numba: Any = numba
_types, _cgutils = _numba.types, _numba.core.cgutils
_typed: Callable[..., Callable[[Function], Function]] = _numba.extending.type_callable
_lowered: Callable[..., Callable[[Function], Function]] = _numba.extending.lower_builtin


def part(flat: Array, begin: int, shape: tuple[int, ...]) -> Array:
    """Return a view of the contiguous numbers from ``begin`` on; they are there, unchecked."""
    return flat[begin : begin + prod(shape)].reshape(shape)


def chunks(flat: Array, count: int) -> tuple[Array, ...]:
    """Return so many equal parts of an array, as `torch.chunk` does; the count is a constant."""
    return tuple(flat.reshape((count, -1)))


@_typed(part)
def _part(_context: Any) -> Callable[..., Any]:
    def type_of(flat: Any, _begin: Any, shape: Any) -> Any:
        if flat.layout != "C":
            return None  # no such function: with other strides it would read other numbers
        axes = len(shape)
        made, places = flat.copy(ndim=axes, layout="C"), _types.UniTuple(_types.intp, axes)
        return _numba.core.typing.signature(made, flat, _types.intp, places)

    return type_of


@_lowered(part, _types.Array, _types.intp, _types.UniTuple)
def _lower_part(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
    flat, begin, shape = arguments
    return _view(
        context, builder, typed.args[0], flat, begin, _cgutils.unpack_tuple(builder, shape)
    )


@_typed(chunks)
def _chunks(_context: Any) -> Callable[..., Any]:
    def type_of(flat: Any, count: Any) -> Any:
        if flat.layout != "C" or not isinstance(count, _types.IntegerLiteral):
            return None  # it asks again with the literal
        made = _types.UniTuple(flat, count.literal_value)
        return _numba.core.typing.signature(made, flat, count)

    return type_of


@_lowered(chunks, _types.Array, _types.IntegerLiteral)
def _lower_chunks(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
    kind, count = typed.args[0], typed.return_type.count
    whole = _numba.np.arrayobj.make_array(kind)(context, builder, arguments[0]).nitems
    length = builder.udiv(whole, whole.type(count))
    begins = [builder.mul(length, length.type(n)) for n in range(count)]
    views = [_view(context, builder, kind, arguments[0], begin, [length]) for begin in begins]
    return context.make_tuple(builder, typed.return_type, views)


def _view(context: Any, builder: Any, kind: Any, flat: Any, begin: Any, shape: list[Any]) -> Any:
    """Build the array that lies in a flat one from a place on."""
    source = _numba.np.arrayobj.make_array(kind)(context, builder, flat)
    count, strides = shape[-1], [source.itemsize]
    for length in shape[-2::-1]:
        strides.insert(0, builder.mul(source.itemsize, count))
        count = builder.mul(count, length)
    # As Numba's model of an array has them: owners, sizes, address, shape and strides.
    head = [source.meminfo, source.parent, count, source.itemsize]
    head.append(builder.gep(source.data, [begin]))
    axes = [_cgutils.pack_array(builder, numbers) for numbers in (shape, strides)]
    return _cgutils.pack_struct(builder, [*head, *axes])
