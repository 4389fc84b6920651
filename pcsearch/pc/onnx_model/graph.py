"""Builds an ONNX graph: each operation on a `Value` adds a node, and computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pcsearch.errors import PcsearchError

OPSET = 18
IR_VERSION = 8
"""The versions of ONNX that files are for: what reads later ones reads these too."""
LARGEST = 2_000_000_000
"""Of the constants of a file, in bytes: the whole file must have fewer than 2 GiB."""


class Graph:
    """An ONNX graph, which grows by a node for every operation on one of its values."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[object, onnx.TensorProto] = {}
        self._count = self._bytes = 0

    def constant(self, array: np.ndarray) -> Value:
        """A value that the file holds; equal numbers and short lists are held once.

        Raises:
            PcsearchError: it is too large for a file that has the others.
        """
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size < 10 else self._count
        if key not in self._initializers:
            self._bytes += array.nbytes
            if self._bytes > LARGEST:
                raise PcsearchError("the model is larger than an ONNX file can be, 2 GiB")
            self._initializers[key] = numpy_helper.from_array(array, self._name("constant"))
        return Value(self, self._initializers[key].name)

    def number(self, number: float) -> Value:
        """A float32 scalar."""
        return self.constant(np.array(number, dtype=np.float32))

    def integer(self, number: int) -> Value:
        """An int64 scalar: a count or a position."""
        return self.constant(np.array(number, dtype=np.int64))

    def integers(self, *numbers: int) -> Value:
        """A list of whole numbers: a shape, axes or positions."""
        return self.constant(np.array(numbers, dtype=np.int64))

    def node(self, operation: str, *inputs: Value, **attributes: Any) -> Value:
        """The result of one of ONNX's operations."""
        name = self._name(operation)
        inputs_by_name = [value.name for value in inputs]
        self._nodes.append(helper.make_node(operation, inputs_by_name, [name], **attributes))
        return Value(self, name)

    def loop(
        self,
        count: Value,
        start: Sequence[Value],
        body: Callable[[Value, list[Value]], Sequence[Value]],
    ) -> list[Value]:
        """Values after a loop.

        Args:
            count: how many turns it takes, an int64 scalar.
            start: the values before the first turn, float32. Their shapes may change.
            body: writes down one turn. It takes the number of the turn, an int64 scalar from 0, and
                the values before it, and returns those after it.
        """
        outside, self._nodes = self._nodes, []
        turn, going = self._name("turn"), self._name("going")
        before = [self._name("before") for _ in start]
        after = body(Value(self, turn), [Value(self, name) for name in before])
        # A graph's output must be that of one of its own nodes, and has one name only.
        results = [self.node("Identity", Value(self, going)).name]
        results += [self.node("Identity", value).name for value in after]
        inputs = [
            helper.make_tensor_value_info(turn, TensorProto.INT64, ()),
            helper.make_tensor_value_info(going, TensorProto.BOOL, ()),
            *map(_float_info, before),
        ]
        outputs = [
            helper.make_tensor_value_info(results[0], TensorProto.BOOL, ()),
            *map(_float_info, results[1:]),
        ]
        turn_graph = helper.make_graph(self._nodes, self._name("body"), inputs, outputs)
        self._nodes = outside
        ends = [self._name("after") for _ in start]
        # The count alone ends it. ONNX may do without a condition; its reference may not.
        always = self.constant(np.array(True))
        arguments = [each.name for each in (count, always, *start)]
        self._nodes.append(helper.make_node("Loop", arguments, ends, body=turn_graph))
        return [Value(self, name) for name in ends]

    def model(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> onnx.ModelProto:
        """The whole model, with what has been written down."""
        graph = helper.make_graph(
            self._nodes, name, inputs, outputs, list(self._initializers.values())
        )
        return helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="pcsearch",
        )

    def named(self, value: Value, name: str) -> None:
        """Give a value the name of one of the model's outputs."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


class Value:
    """A tensor of a graph. Operations on it are ONNX's; numbers are float32.

    Args:
        graph: the graph.
        name: its name there.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def __add__(self, other: Value | float) -> Value:
        return self._with("Add", other)

    def __sub__(self, other: Value | float) -> Value:
        return self._with("Sub", other)

    def __mul__(self, other: Value | float) -> Value:
        return self._with("Mul", other)

    def __truediv__(self, other: Value | float) -> Value:
        return self._with("Div", other)

    def __matmul__(self, other: Value) -> Value:
        return self._with("MatMul", other)

    def __neg__(self) -> Value:
        return self.apply("Neg")

    def apply(self, operation: str, *others: Value, **attributes: Any) -> Value:
        """The result of one of ONNX's operations, of which this is the first input."""
        return self.graph.node(operation, self, *others, **attributes)

    def square(self) -> Value:
        """Each number times itself."""
        return self * self

    def sum(self, *axes: int) -> Value:
        """Sums over axes, which stay; over all axes if none are given."""
        return self._reduced("ReduceSum", axes)

    def mean(self, *axes: int) -> Value:
        """Means over axes, which stay."""
        return self._reduced("ReduceMean", axes)

    def reshape(self, *sizes: int) -> Value:
        """Another shape; one size may be -1."""
        return self.apply("Reshape", self.graph.integers(*sizes))

    def transpose(self, *axes: int) -> Value:
        """The axes in another order."""
        return self.apply("Transpose", perm=axes)

    def at(self, position: int | Value) -> Value:
        """The part at a position of the first axis, which goes."""
        if not isinstance(position, Value):
            position = self.graph.integer(position)
        return self.apply("Gather", position, axis=0)

    def between(self, start: int | Value, end: int | Value, axis: int = 0) -> Value:
        """The part between two positions of an axis; values of these are lists of one number."""
        positions = [
            one if isinstance(one, Value) else self.graph.integers(one) for one in (start, end)
        ]
        return self.apply("Slice", *positions, self.graph.integers(axis))

    def _with(self, operation: str, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = self.graph.number(other)
        return self.apply(operation, other)

    def _reduced(self, operation: str, axes: tuple[int, ...]) -> Value:
        if not axes:
            return self.apply(operation, keepdims=0)
        return self.apply(operation, self.graph.integers(*axes), keepdims=1)


def concatenated(values: Sequence[Value], axis: int = 0) -> Value:
    """Values one after the other along an axis."""
    return values[0].apply("Concat", *values[1:], axis=axis)


def _float_info(name: str) -> onnx.ValueInfoProto:
    """A float32 tensor of any shape."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
