"""Reconstructions of a few test images, over the steps of their inference."""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data.images import Images
from pcsearch.pc.evaluation import Evaluator, Rates
from pcsearch.pc.inference import Hidden
from pcsearch.pc.learning import Learner
from pcsearch.pc.model import Model, Weights
from pcsearch.pc.patches import patchify, unpatchify
from pcsearch.pc.pictures import Reconstructions


def reconstruct(
    config: ModelConfig,
    model: Model,
    evaluator: Evaluator,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    source: Images,
    rates: Rates,
) -> Reconstructions:
    """Infer a few images as an evaluation does and keep the reconstruction of every step.

    Args:
        config: of the run.
        model: the layers.
        evaluator: runs the inference.
        learner: the weights.
        hidden: training's hidden states.
        images: (M, C, S, S) in [0, 1], M at most the batch size.
        source: where the images are from: it knows how they are normalised.
        rates: of the moment.
    """
    patches = patchify(source.normalise(images), config.patch_size)

    def visible(values: Tensor) -> Tensor:
        normalised = unpatchify(values, config.patch_size, config.image_shape[0])
        return source.denormalise(normalised).clamp(0, 1)

    def feed_forward(weights: Weights, states: Hidden) -> Tensor:
        return visible(model.feed_forward(weights, states.top)[1])

    start, known = evaluator.start(learner, hidden, patches, part=0)
    steps = max(config.evaluation_steps, *config.reconstruction_steps)
    frames: list[Tensor] = []
    for step in evaluator.steps(learner, start, patches, known, rates, steps):
        if not frames:
            frames.append(feed_forward(learner.weights, step.before))
        frames.append(feed_forward(step.learner.weights, step.update.hidden))
    return Reconstructions(
        original=images,
        input=images if start.sensory is None else visible(start.sensory),
        frames=torch.stack(frames),
        steps=config.reconstruction_steps,
    )
