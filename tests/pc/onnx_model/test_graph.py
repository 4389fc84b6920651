from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx_files import computed

from pcsearch.errors import PcsearchError
from pcsearch.pc.onnx_model import graph as graphs
from pcsearch.pc.onnx_model.graph import Graph, Value, concatenated


def test_operations_are_those_of_arrays() -> None:
    graph = Graph()
    x, y = Value(graph, "x"), Value(graph, "y")
    a = torch.arange(6.0).reshape(2, 3)
    b = torch.tensor([[1.0, -2.0, 4.0], [0.5, 3.0, -1.0]])
    expected = {
        x + y: a + b,
        x - 2: a - 2,
        x * y: a * b,
        x / y: a / b,
        -x: -a,
        x.square(): a**2,
        x @ y.transpose(1, 0): a @ b.mT,
        y.sum(): b.sum(),
        y.sum(-1): b.sum(-1, keepdim=True),
        y.mean(0): b.mean(0, keepdim=True),
        x.reshape(3, -1): a.reshape(3, 2),
        x.at(1): a[1],
        x.at(graph.integer(-1)): a[-1],
        x.between(0, 1): a[:1],
        x.between(graph.integers(1), graph.integers(9), 1): a[:, 1:],
        concatenated([x, y], 1): torch.cat([a, b], 1),
        y.apply("Sigmoid"): b.sigmoid(),
    }
    found = computed(graph, list(expected), x=a, y=b)
    for one, other in zip(found, expected.values(), strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-6)


def test_a_loop_knows_its_turn_and_its_values_may_grow() -> None:
    graph = Graph()
    x = Value(graph, "x")
    rates = graph.constant(np.array([1, 10, 100], dtype=np.float32))

    def turn(number: Value, before: list[Value]) -> list[Value]:
        total, rows = before
        # A loop inside a loop reads what is outside of both.
        (inner,) = graph.loop(graph.integer(2), [total], lambda _, values: [values[0] + x])
        return [inner * rates.at(number), concatenated([rows, inner])]

    none = graph.constant(np.zeros((0,), dtype=np.float32))
    total, rows = graph.loop(graph.integer(3), [x - x, none], turn)
    found = computed(graph, [total, rows], x=torch.tensor([3.0]))
    assert [array.tolist() for array in found] == [[12_600.0], [6.0, 12.0, 126.0]]


def test_small_constants_are_held_once() -> None:
    graph = Graph()
    assert graph.number(2).name == graph.number(2.0).name
    assert graph.integers(1, 2).name == graph.integers(1, 2).name
    assert len({graph.integer(2).name, graph.number(2).name, graph.integers(2).name}) == 3


def test_a_file_that_would_be_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "LARGEST", 100)
    graph = Graph()
    graph.constant(np.zeros(20, dtype=np.float32))
    with pytest.raises(PcsearchError, match="larger than an ONNX file can be, 2 GiB"):
        graph.constant(np.ones(20, dtype=np.float32))
