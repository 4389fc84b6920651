"""Reconstructions of a few test images at each step of their inference."""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data.images import Images
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.pictures import Reconstructions
from pcsearch.pc.evaluation.step_values import StepValues, norms
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner
from pcsearch.pc.model.patches import patchify, unpatchify
from pcsearch.pc.model.transformer import Model, Weights
from pcsearch.pc.schedule.learning_rates import LearningRates


def reconstruct(
    config: ModelConfig,
    model: Model,
    evaluator: Evaluator,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    source: Images,
    rates: LearningRates,
) -> Reconstructions:
    """The reconstructions of a few images at each step of the inference in evaluation.

    Args:
        config: the configuration of the run.
        model: the layers.
        evaluator: runs the inference.
        learner: the weights.
        hidden: training's hidden states.
        images: (M, C, S, S) in [0, 1], M at most the batch size.
        source: the data set of the images, which normalises them.
        rates: the learning rates of the evaluation.
    """
    patches = patchify(source.normalise(images), config.patch_size)

    def visible(values: Tensor) -> Tensor:
        normalised = unpatchify(values, config.patch_size, config.image_shape[0])
        return source.denormalise(normalised).clamp(0, 1)

    def feed_forward(weights: Weights, states: Hidden) -> Tensor:
        return visible(model.feed_forward(weights, states.top)[1])

    start, known = evaluator.start(learner, hidden, patches, batch=0)
    steps = max(config.evaluation_steps, *config.reconstruction_steps)
    frames = [feed_forward(learner.weights, start)]
    # Those of a step are of the states before it.
    energies: list[Tensor] = []
    gradients: list[Tensor] = []
    for step in evaluator.steps(learner, start, patches, known, rates, steps):
        frames.append(feed_forward(step.learner.weights, step.update.hidden))
        energies.append(step.update.energies)
        gradients.append(norms(step.update.gradient))
    energies.append(evaluator.energies(step.learner.weights, step.update.hidden, patches))
    return Reconstructions(
        original=images,
        input=images if start.sensory is None else visible(start.sensory),
        frames=torch.stack(frames),
        steps=config.reconstruction_steps,
        values=StepValues(torch.stack(energies) / len(images), torch.stack(gradients)),
    )
