"""Makes the ONNX file of a trained model: images in, reconstructions and features out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data.datasets import no_images
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.linear_probe import probe_inference
from pcsearch.pc.model.folding import fold
from pcsearch.pc.model.inference import InferenceSettings
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.model.transformer import Model
from pcsearch.pc.model_file import TrainedModel
from pcsearch.pc.onnx_model.graph import Graph, Value, concatenated
from pcsearch.pc.onnx_model.inference import Mask, States, infer
from pcsearch.pc.onnx_model.layers import Layers

IMAGES, RECONSTRUCTIONS, FEATURES = "images", "reconstructions", "features"
"""The names of the model's input and of its outputs."""


def onnx_document(trained: TrainedModel, config: ModelConfig) -> ModelProto:
    """A model that computes what `LoadedModel` does, but for the rounding of float32.

    Its input ``images`` is (M, C, S, S), any number of them: float32 in [0, 1], which nothing
    checks. Its outputs are ``reconstructions``, (M, C, S, S), and ``features``, (M, F): those of
    `LoadedModel.reconstruct` and `LoadedModel.features`.

    Args:
        trained: the model.
        config: that of the evaluation.

    Raises:
        PcsearchError: the configuration asks for what cannot be in an ONNX file.
    """
    problems = list(_problems(config))
    if problems:
        raise PcsearchError(problems)
    graph = Graph()
    batches = _Batches(graph, trained, config)
    images = Value(graph, IMAGES)
    count, size = images.apply("Shape", start=0, end=1), config.batch_size
    turns = (count + graph.integers(size - 1)) / graph.integers(size)
    empty = [np.zeros((0, *shape), np.float32) for shape in (config.image_shape, batches.features)]
    outputs = graph.loop(
        turns.apply("Squeeze"),
        [graph.constant(each) for each in empty],
        lambda number, done: batches.add(images, number, done),
    )
    for value, name in zip(outputs, (RECONSTRUCTIONS, FEATURES), strict=True):
        graph.named(value, name)
    return graph.model(
        "pcsearch",
        [_info(IMAGES, config.image_shape, "values in [0, 1]")],
        [
            _info(RECONSTRUCTIONS, config.image_shape, "what the model makes of the images"),
            _info(FEATURES, batches.features, "what the linear probe reads"),
        ],
    )


def _problems(config: ModelConfig) -> Iterator[Problem]:
    """What a configuration asks for and an ONNX file cannot do."""
    if config.update_weights_during_unmasking:
        message = "the weights in an ONNX file do not change; give false"
        yield Problem(message, key="update_weights_during_unmasking")
    if config.use_corruption and not config.use_lower_half_mask:
        message = (
            "the hidden pixels are drawn anew for every batch, which an ONNX file cannot repeat; "
            "give false, or --use_lower_half_mask true"
        )
        yield Problem(message, key="use_corruption")


def _info(name: str, shape: tuple[int, ...], text: str) -> ValueInfoProto:
    """An input or an output for M images."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ("M", *shape), text)


class _Batches:
    """Batches of images, each of which is inferred by itself, as in an evaluation.

    Args:
        graph: where they are written down.
        trained: the model.
        config: that of the evaluation.
    """

    def __init__(self, graph: Graph, trained: TrainedModel, config: ModelConfig) -> None:
        shape, device = Architecture.of(config), torch.device("cpu")
        model = Model(shape, device)
        self._graph, self._config, self._shape = graph, config, shape
        self._layers = Layers(graph, shape, fold(model, trained.weights))
        self._settings = InferenceSettings.of(config, training=False)
        self._rate = trained.evaluation_rates(config).hidden
        source = no_images(config)
        self._mean, self._deviation = (
            graph.constant(np.array(each, np.float32).reshape(-1, 1, 1))
            for each in (source.mean, source.deviation)
        )
        # Fresh states are the same for all images.
        images = 1 if config.use_status_init_in_unmasking else config.batch_size
        hidden, known = Evaluator(config, model, device).start(
            fresh_learner(trained.weights),
            trained.hidden,
            torch.zeros(images, shape.num_patches, shape.patch_dim),
            0,
        )
        self._top, self._states = (
            graph.constant(each.numpy()) for each in (hidden.top, hidden.states)
        )
        self._mask = None
        if known is not None:
            # The rows that are hidden are the same in all images.
            self._mask = Mask(graph.constant(known[:1].numpy()), config.inference_clamp_alpha)

    @property
    def features(self) -> tuple[int]:
        """How many features an image has."""
        shape, config = self._shape, self._config
        sizes = [shape.hidden_size if vode else shape.patch_dim for vode in config.probe_vodes]
        return (sum(sizes) * (1 if config.linear_probe_use_gap else shape.num_patches),)

    def add(self, images: Value, number: Value, done: list[Value]) -> list[Value]:
        """The outputs for the batches before one, and for that one.

        Args:
            images: all of them.
            number: of the batch, from 0.
            done: the outputs for those before.
        """
        graph, config = self._graph, self._config
        size = graph.integers(config.batch_size)
        place = number * size
        batch = (images.between(place, place + size) - self._mean) / self._deviation
        patches = _patchify(batch, self._shape)
        start = self._start(patches)
        validation = (self._rate, config.evaluation_steps)
        hidden = infer(
            self._layers,
            start if self._mask is None else start._replace(sensory=patches * self._mask.known),
            patches,
            *validation,
            self._settings,
            self._mask,
        )
        inferred, probe = hidden, probe_inference(config)
        if self._mask is not None or probe != validation:
            inferred = infer(self._layers, start, patches, *probe, self._settings)
        image = _unpatchify(self._layers.reconstruct(hidden.top), self._shape)
        limits = graph.number(0), graph.number(1)
        pixels = (image * self._deviation + self._mean).apply("Clip", *limits)
        results = pixels, self._features(inferred)
        return [concatenated(pair) for pair in zip(done, results, strict=True)]

    def _start(self, patches: Value) -> States:
        """The hidden states that inference on a batch starts from."""
        images = patches.apply("Shape", start=0, end=1)
        if not self._config.use_status_init_in_unmasking:
            none = self._graph.integers(0)
            return States(self._top.between(none, images), self._states.between(none, images, 1))
        one = self._graph.integers(1)
        top, states = concatenated([images, one, one]), concatenated([one, images, one, one])
        return States(self._top.apply("Expand", top), self._states.apply("Expand", states))

    def _features(self, hidden: States) -> Value:
        """The inputs of the linear probe, (B, F)."""
        features = []
        for vode in self._config.probe_vodes:
            states = hidden.states.at(vode - 1) if vode else hidden.top
            if self._config.linear_probe_use_gap:
                states = states.mean(1)
            features.append(states.apply("Flatten", axis=1))
        return concatenated(features, 1)


def _patchify(images: Value, shape: Architecture) -> Value:
    """Images (B, C, S, S) as patches (B, N, D)."""
    side, size = shape.side, shape.patch_size
    grid = images.reshape(-1, shape.channels, side, size, side, size)
    return grid.transpose(0, 2, 4, 3, 5, 1).reshape(-1, shape.num_patches, shape.patch_dim)


def _unpatchify(patches: Value, shape: Architecture) -> Value:
    """The inverse of `_patchify`."""
    side, size = shape.side, shape.patch_size
    grid = patches.reshape(-1, side, side, size, size, shape.channels)
    image = shape.channels, shape.image_size, shape.image_size
    return grid.transpose(0, 5, 1, 3, 2, 4).reshape(-1, *image)
