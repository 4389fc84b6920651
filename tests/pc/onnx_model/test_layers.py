from __future__ import annotations

import pytest
import torch
from inference_cases import ARCHITECTURES, Case
from onnx_files import computed
from reference import label

from pcsearch.pc.model.folding import fold
from pcsearch.pc.model.transformer import Architecture
from pcsearch.pc.onnx_model.graph import Graph, Value
from pcsearch.pc.onnx_model.layers import Layers


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_the_gradient_and_the_image_are_those_of_the_definition(shape: Architecture) -> None:
    case = Case(shape, free=True)
    graph = Graph()
    inputs = {name: Value(graph, name) for name in ("top", "states", "sensory")}
    weights = {name: weight.float() for name, weight in case.weights.items()}
    layers = Layers(graph, shape, fold(case.model, weights))
    gradient = layers.energy_gradient(**inputs)
    found = computed(
        graph,
        [*gradient, layers.reconstruct(inputs["top"])],
        **{name: tensor.float() for name, tensor in case.hidden._asdict().items()},
    )
    *vodes, sensory = case.gradients(case.hidden)
    image = case.model.reconstruct(case.weights, case.hidden.top)
    expected = [vodes[0], torch.stack(vodes[1:]), sensory, image]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other.float(), rtol=1e-4, atol=1e-4)
