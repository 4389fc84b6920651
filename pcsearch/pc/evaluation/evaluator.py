"""Evaluation: inference on held-out images, and the validation metrics.

It changes neither the weights of training nor its hidden states, and draws random numbers of its
own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.evaluation.corruption import blend_known, known_pixels
from pcsearch.pc.evaluation.step_values import norms
from pcsearch.pc.metrics import PRETEXT, VODE_ENERGY, VODE_GRAD_NORM
from pcsearch.pc.model.energies import vode_energies
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    Update,
    fresh_moments,
    init_hidden,
    update_hidden,
)
from pcsearch.pc.model.learning import Learner, LearningSettings, step_weights
from pcsearch.pc.model.patches import patchify
from pcsearch.pc.model.transformer import Model, Weights
from pcsearch.pc.schedule.learning_rates import LearningRates
from pcsearch.pc.seeds import generator

SMALLEST_MSE = 1e-12


class Adaptation(NamedTuple):
    """The weight step on evaluation's own copy of the weights, after every hidden update."""

    lr: float
    settings: LearningSettings


class InferenceStep(NamedTuple):
    """One step of inference: the states before it, the update, and the weights after it."""

    before: Hidden
    update: Update
    learner: Learner


def infer(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    *,
    lr: float,
    steps: int,
    settings: InferenceSettings,
    known: Tensor | None = None,
    alpha: float = 1.0,
    adaptation: Adaptation | None = None,
) -> Iterator[InferenceStep]:
    """Run inference on one batch, a step at a time.

    Args:
        model: the layers.
        learner: the weights.
        hidden: the states to start from; the sensory vode is free where it has a state.
        images: as patches, (B, N, D).
        lr: the learning rate of the hidden states.
        steps: T.
        settings: those of the updates.
        known: 1 where the image is known, (B, N, D), with a free sensory vode.
        alpha: how far the known values are blended back after every update.
        adaptation: the weight step after every update; None to hold the weights fixed.
    """
    moments = fresh_moments(hidden)
    for _ in range(steps):
        before = hidden
        update = update_hidden(model, learner.weights, before, moments, images, lr, settings)
        if known is not None:
            update = update._replace(hidden=blend_known(update.hidden, images, known, alpha))
        hidden, moments = update.hidden, update.moments
        if adaptation is not None:
            learner = step_weights(
                model, learner, hidden, images, adaptation.lr, adaptation.settings
            ).learner
        yield InferenceStep(before, update, learner)


class Evaluator:
    """Evaluates a model the way a configuration says.

    Args:
        config: the configuration of the run.
        model: the layers.
        device: where the model is.
    """

    def __init__(self, config: ModelConfig, model: Model, device: torch.device) -> None:
        self._config = config
        self._model = model
        self._device = device
        self._settings = InferenceSettings.of(config, training=False)

    def start(
        self, learner: Learner, training_hidden: Hidden, images: Tensor, batch: int
    ) -> tuple[Hidden, Tensor | None]:
        """The hidden states that inference on a batch of evaluation images starts from.

        Args:
            learner: the weights.
            training_hidden: training's states; inference starts from them, unless the configuration
                has fresh states in evaluation.
            images: as patches, (B, N, D), with at most as many images as a training batch.
            batch: the number of this batch in the evaluation, for its random numbers.

        Returns:
            The states, and 1 where the image is known, (B, N, D); None without corruption.
        """
        config = self._config
        hidden = self._start_clamped(learner, training_hidden, len(images))
        if not config.use_corruption:
            return hidden, None
        known = patchify(known_pixels(config, len(images), batch), config.patch_size)
        known = known.to(self._device)
        return hidden._replace(sensory=images * known), known

    def represent(
        self, learner: Learner, training_hidden: Hidden, images: Tensor, lr: float, steps: int
    ) -> Hidden:
        """The hidden states of images, (B, N, D), after inference without corruption."""
        hidden = self._start_clamped(learner, training_hidden, len(images))
        inference_steps = infer(
            self._model, learner, hidden, images, lr=lr, steps=steps, settings=self._settings
        )
        return _last(inference_steps).update.hidden

    def steps(
        self,
        learner: Learner,
        hidden: Hidden,
        images: Tensor,
        known: Tensor | None,
        rates: LearningRates,
        steps: int,
    ) -> Iterator[InferenceStep]:
        """Inference on a batch with the evaluation settings of the configuration; see `infer`."""
        adaptation = None
        if self._config.update_weights_during_unmasking:
            adaptation = Adaptation(rates.weights, LearningSettings.of(self._config))
        return infer(
            self._model,
            learner,
            hidden,
            images,
            lr=rates.hidden,
            steps=steps,
            settings=self._settings,
            known=known,
            alpha=self._config.inference_clamp_alpha,
            adaptation=adaptation,
        )

    def last_step(
        self, learner: Learner, hidden: Hidden, images: Tensor, batch: int, rates: LearningRates
    ) -> tuple[InferenceStep, Tensor | None]:
        """The last step of the inference on a batch of evaluation images; see `start`.

        Args:
            learner: the weights.
            hidden: training's hidden states.
            images: as patches, (B, N, D).
            batch: the number of this batch in the evaluation.
            rates: the learning rates of the evaluation.

        Returns:
            The step, and 1 where the image is known, (B, N, D); None without corruption.
        """
        start, known = self.start(learner, hidden, images, batch)
        steps = self._config.evaluation_steps
        return _last(self.steps(learner, start, images, known, rates, steps)), known

    def validate(
        self, learner: Learner, hidden: Hidden, batches: Iterator[Tensor], rates: LearningRates
    ) -> dict[str, float]:
        """The validation metrics, averaged over images.

        Args:
            learner: the weights.
            hidden: training's hidden states.
            batches: the validation images, (B, C, S, S) each, normalised.
            rates: the learning rates of the evaluation.

        Returns:
            ``ValMetrics/Pretext/*``, ``VodeEnergy/vode_i`` (per image) and ``VodeGradNorm/vode_i``
            (at the last inference step); the masked three only with corruption.
        """
        total: dict[str, Tensor] = {}
        count = 0
        for number, batch in enumerate(batches):
            images = patchify(batch, self._config.patch_size)
            last, known = self.last_step(learner, hidden, images, number, rates)
            for name, value in self._measure(last, images, known).items():
                total[name] = total.get(name, torch.zeros(())) + value.cpu() * len(images)
            count += len(images)
        metrics = {name: float(value) / count for name, value in total.items()}
        return metrics | _psnr(metrics)

    def energies(self, weights: Weights, hidden: Hidden, images: Tensor) -> Tensor:
        """The energies of the vodes 1 .. L+2, (L+2,), summed over the images, (B, N, D)."""
        sensory = images if hidden.sensory is None else hidden.sensory

        def vodes(part: slice) -> Tensor:
            top, states = hidden.top[part], hidden.states[:, part]
            penalty = self._settings.penalty
            return vode_energies(self._model, weights, top, states, sensory[part], penalty)

        return torch.stack(self._model.microbatches.map(images, vodes)).sum(0)

    def _start_clamped(self, learner: Learner, training_hidden: Hidden, batch: int) -> Hidden:
        if not self._config.use_status_init_in_unmasking:
            return training_hidden.first(batch)
        shape = self._model.architecture
        noise = None
        if self._config.use_noise:
            random = generator(self._config.seed, "evaluation noise")
            noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random)
        return init_hidden(self._model, learner.weights, batch, noise)

    def _measure(
        self, last: InferenceStep, images: Tensor, known: Tensor | None
    ) -> dict[str, Tensor]:
        hidden, weights = last.update.hidden, last.learner.weights
        reconstruction = self._model.reconstruct(weights, hidden.top)
        difference = reconstruction.clamp(0, 1) - images.clamp(0, 1)
        metrics = {
            f"{PRETEXT}full_mse": difference.square().mean(),
            f"{PRETEXT}full_l1": difference.abs().mean(),
        }
        if known is not None:
            unknown = 1 - known
            share = unknown.sum()
            metrics[f"{PRETEXT}masked_mse"] = (difference.square() * unknown).sum() / share
            metrics[f"{PRETEXT}masked_l1"] = (difference.abs() * unknown).sum() / share
        energies = self.energies(weights, hidden, images)
        for i, energy in enumerate(energies / len(images), start=1):
            metrics[f"{VODE_ENERGY}{i}"] = energy
        for i, norm in enumerate(norms(last.update.gradient[:2])):
            metrics[f"{VODE_GRAD_NORM}{i}"] = norm
        return metrics


def _last(steps: Iterator[InferenceStep]) -> InferenceStep:
    """The last step. The others are not kept: each holds the states of a whole batch."""
    return deque(steps, maxlen=1)[0]


def _psnr(metrics: Mapping[str, float]) -> dict[str, float]:
    """The peak signal-to-noise ratio in dB for each mean squared error, the peak being 1."""
    return {
        name.replace("_mse", "_psnr"): -10 * math.log10(max(mse, SMALLEST_MSE))
        for name, mse in metrics.items()
        if name.endswith("_mse")
    }
