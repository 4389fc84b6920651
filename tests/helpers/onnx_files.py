"""Runs ONNX files, and graphs of them that are not whole models yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper
from torch import Tensor

from pcsearch.pc.onnx_model.graph import Graph, Value

ERRORS = 3


def run_bytes(content: bytes, **inputs: Tensor) -> dict[str, np.ndarray]:
    """The outputs of a file by name, computed by ONNX Runtime on one thread."""
    # The tests with the oldest versions do without it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, ERRORS
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    return dict(zip(names, session.run(names, arrays), strict=True))


def run(document: ModelProto, **inputs: Tensor) -> dict[str, np.ndarray]:
    """The outputs of a document that ONNX finds right."""
    checker.check_model(document, full_check=True)
    return run_bytes(document.SerializeToString(), **inputs)


def computed(graph: Graph, values: Sequence[Value], **inputs: Tensor) -> list[np.ndarray]:
    """What values of a graph, whose inputs are float32, are for some inputs."""
    names = [f"output {number}" for number in range(len(values))]
    for value, name in zip(values, names, strict=True):
        graph.named(value, name)
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in some]
        for some in (inputs, names)
    ]
    # ONNX's checker wants the shapes of inputs and outputs; its runtime does not.
    content = graph.model("test", *infos).SerializeToString()
    return list(run_bytes(content, **inputs).values())
