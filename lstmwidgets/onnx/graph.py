"""An ONNX graph while it is written, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

OPSET = 17
"""The version of ONNX's operators that graphs are written in: that of ONNX 1.12, of 2022."""

IR_VERSION = 8
"""The version of the file's form that came with it."""

Given = str | Array
"""What a node reads: the name of another one's output, or an array that the graph is to keep."""


class Value(NamedTuple):
    """An input or an output of a graph.

    Attributes
    ----------
    dtype : type
        NumPy's.
    axes : tuple of str and int
        Sizes, and names of axes of any size.
    """

    dtype: Any
    axes: tuple[str | int, ...]


class Made(NamedTuple):
    """A model in a graph, which reads what is named ``input`` and ``state``.

    Attributes
    ----------
    x, state, y : Value
        What the graph takes and gives; the state after is as the state before.
    results : tuple of str
        Which nodes' outputs are y and the state after.
    told : dict of str to dict
        What the metadata is to say of ``model``, ``input``, ``output`` and ``state`` besides what
        is in these values.
    """

    x: Value
    state: Value
    y: Value
    results: tuple[str, str]
    told: dict[str, dict[str, Any]]


class Graph:
    """An ONNX graph while it is written: what adds a node returns the names of its outputs.

    Parameters
    ----------
    around : Graph, optional
        The graph that this one is a part of; it keeps the arrays of both.

    Attributes
    ----------
    constants : list
        The arrays that it keeps.
    numbers : iterator
        Of the next value's name: no two may have the same.

    Raises
    ------
    ModuleNotFoundError
        If onnx is not installed.
    """

    def __init__(self, around: Graph | None = None) -> None:
        self._onnx: Any = _onnx()
        self._nodes: list[Any] = []
        self.constants: list[Any] = [] if around is None else around.constants
        self.numbers: count[int] = count() if around is None else around.numbers

    def add(self, operator: str, *given: Given, **attributes: Any) -> str:
        """Add a node with one output."""
        (output,) = self.add_many(1, operator, *given, **attributes)
        return output

    def add_many(self, outputs: int, operator: str, *given: Given, **attributes: Any) -> list[str]:
        """Add a node with so many outputs."""
        inputs = [one if isinstance(one, str) else self._keep(one) for one in given]
        names = [self._name(operator) for _ in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, **attributes))
        return names

    def split(self, value: str, sizes: Sequence[int], axis: int = -1) -> list[str]:
        """Return the parts of a value along an axis."""
        return self.add_many(len(sizes), "Split", value, np.array(sizes), axis=axis)

    def chunk(self, value: str, parts: int, axis: int = -1) -> list[str]:
        """Return so many equal parts of a value along an axis."""
        return self.add_many(parts, "Split", value, axis=axis)

    def linear(self, value: str, weight: Array, bias: Array | None = None) -> str:
        """Return a value (…, I) times a weight (K, I), and plus a bias (K,), as in PyTorch."""
        product = self.add("MatMul", value, weight.T)
        return product if bias is None else self.add("Add", product, bias)

    def within(self, value: str, centre: Given, reach: Array) -> str:
        """Return a value, no farther from the centre than that."""
        low, high = (self.add(operator, centre, reach) for operator in ("Sub", "Add"))
        return self.add("Max", self.add("Min", value, high), low)

    def cast(self, value: str, dtype: Any) -> str:
        """Return a value in another type, NumPy's."""
        return self.add("Cast", value, to=self._type(dtype))

    def scan(
        self,
        step: Callable[[Graph, list[str], list[str]], tuple[list[str], list[str]]],
        states: Sequence[str],
        sequences: Sequence[str],
        dtype: Any,
    ) -> tuple[list[str], list[str]]:
        """Go through sequences, (T, …), a step at a time.

        Parameters
        ----------
        step : callable
            Gets the graph of a step, the states before it and its item of each sequence; returns
            the states after it and its results.
        states : sequence of str
            Before the first step.
        sequences : sequence of str
            What is gone through.
        dtype : type
            NumPy's, of all of them.

        Returns
        -------
        states, results : list of str
            The states after the last step, and the results of all, (T, …).
        """
        inside = Graph(self)
        before, items = ([self._name("Given") for _ in names] for names in (states, sequences))
        after, results = step(inside, before, items)
        found = [inside.add("Identity", name) for name in (*after, *results)]  # each name once
        given, made = (
            [self._describe(name, dtype) for name in names] for names in ([*before, *items], found)
        )
        body = self._onnx.helper.make_graph(inside._nodes, "step", given, made)
        outputs = self.add_many(
            len(made), "Scan", *states, *sequences, body=body, num_scan_inputs=len(sequences)
        )
        return outputs[: len(after)], outputs[len(after) :]

    def model(
        self,
        inputs: Mapping[str, Value],
        outputs: Mapping[str, tuple[str, Value]],
        metadata: Mapping[str, str],
        version: str,
    ) -> bytes:
        """Return the file of the graph, checked.

        Parameters
        ----------
        inputs : mapping
            By their names, which nodes read.
        outputs : mapping
            By the names that they are to have: the output of a node, and what it is.
        metadata : mapping
            Texts by their names.
        version : str
            Of what has written it.
        """
        helper = self._onnx.helper
        for name, (made, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [made], [name]))
        given = [self._describe(name, *value) for name, value in inputs.items()]
        found = [self._describe(name, *value) for name, (_, value) in outputs.items()]
        graph = helper.make_graph(self._nodes, "lstmwidgets", given, found, self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="lstmwidgets",
            producer_version=version,
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model, full_check=True)
        file: bytes = model.SerializeToString()
        return file

    def _keep(self, array: Array) -> str:
        name = self._name("Constant")
        laid_out = np.asarray(array, order="C")
        self.constants.append(self._onnx.numpy_helper.from_array(laid_out, name))
        return name

    def _name(self, what: str) -> str:
        return f"{what}_{next(self.numbers)}"

    def _type(self, dtype: Any) -> int:
        number: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return number

    def _describe(self, name: str, dtype: Any, axes: Sequence[str | int] | None = None) -> Any:
        """Return what stands for a value at a graph's edge; without axes they may be any."""
        return self._onnx.helper.make_tensor_value_info(name, self._type(dtype), axes)


def _onnx() -> Any:
    try:
        return import_module("onnx")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "export_onnx needs onnx, which is not installed: pip install 'lstmwidgets[onnx]'"
        ) from error
