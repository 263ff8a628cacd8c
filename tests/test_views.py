"""Parts of flat arrays are the same in compiled code as in NumPy, and of no other arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config, njit
from numba.core.errors import TypingError
from numpy.typing import NDArray

from lstmwidgets.kernels.compiled import OPTIONS
from lstmwidgets.kernels.views import chunks, part


@njit(**OPTIONS)
def copy_part(flat: NDArray[Any], begin: int, to: NDArray[Any]) -> None:
    taken = part(flat, begin, to.shape)
    for i in range(to.shape[0]):
        for j in range(to.shape[1]):
            to[i, j] = taken[i, j]


@njit(**OPTIONS)
def copy_chunks(flat: NDArray[Any], to: NDArray[Any]) -> None:
    first, second, third = chunks(flat, 3)
    for j in range(to.shape[1]):
        to[0, j], to[1, j], to[2, j] = first[j], second[j], third[j]


@given(begin=st.integers(0, 5), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_a_part_is_that_of_numpy(begin: int, rows: int, columns: int) -> None:
    flat, shape = np.arange(21, dtype=np.float32), (rows, columns)
    found = np.zeros(shape, np.float32)
    copy_part(flat, begin, found)
    np.testing.assert_array_equal(found, part(flat, begin, shape))
    np.testing.assert_array_equal(part(flat, begin, shape)[0], flat[begin : begin + columns])


@given(length=st.integers(1, 7))
def test_chunks_are_those_of_numpy(length: int) -> None:
    flat, found = np.arange(3.0 * length), np.zeros((3, length))
    copy_chunks(flat, found)
    np.testing.assert_array_equal(found, np.split(flat, 3))
    np.testing.assert_array_equal(chunks(flat, 3), np.split(flat, 3))


@pytest.mark.skipif(config.DISABLE_JIT, reason="only what is compiled has types")
def test_arrays_with_other_strides_are_refused() -> None:
    with pytest.raises(TypingError):
        copy_part(np.arange(42.0)[::2], 0, np.zeros((2, 2)))
    with pytest.raises(TypingError):
        copy_chunks(np.arange(42.0)[::2], np.zeros((3, 7)))
