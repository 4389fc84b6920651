from __future__ import annotations

from typing import Any

import pytest
import torch
from reference import (
    energies,
    gradients,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
    vodes,
)
from torch import Tensor

from pcsearch.pc.config_values import model_config
from pcsearch.pc.data.images import Images
from pcsearch.pc.evaluation.corruption import known_pixels
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.pictures import Reconstructions
from pcsearch.pc.evaluation.reconstruction import reconstruct
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.model.patches import unpatchify
from pcsearch.pc.model.transformer import Architecture, Model
from pcsearch.pc.schedule.learning_rates import LearningRates

CPU = torch.device("cpu")
RATES = LearningRates(weights=0.01, hidden=0.05)
MEAN, DEVIATION = (0.5, 0.4), (0.25, 0.2)
SOURCE = Images(
    torch.zeros(1, 2, 4, 4, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), MEAN, DEVIATION
)


class Case:
    """Two images in [0, 1] of a normalised data set, and a tiny model."""

    def __init__(self, **changes: Any) -> None:
        values = {
            "dataset": "synthetic",
            "image_shape": [2, 4, 4],
            "patch_size": 2,
            "hidden_size": 12,
            "num_heads": 3,
            "eval_inference_steps": [3],
            "reconstruction_steps": [1, 2],
            "batch_size": 4,
        }
        self.config = model_config(values | changes)
        self.shape = Architecture.of(self.config)
        self.model = Model(self.shape, CPU)
        self.evaluator = Evaluator(self.config, self.model, CPU)
        self.learner = fresh_learner(random_weights(self.shape))
        self.hidden = random_hidden(self.shape, images=4)
        self.images = random_images(self.shape, images=2)

    def run(self) -> Reconstructions:
        return reconstruct(
            self.config,
            self.model,
            self.evaluator,
            self.learner,
            self.hidden,
            self.images,
            SOURCE,
            RATES,
        )

    def normalised(self) -> Tensor:
        """The images as patches, as the model sees them."""
        mean, deviation = (torch.tensor(v).view(2, 1, 1) for v in (MEAN, DEVIATION))
        return to_patches((self.images - mean) / deviation, self.shape)

    def seen(self, patches: Tensor) -> Tensor:
        """Patches of the model as a person sees them."""
        mean, deviation = (torch.tensor(v).view(2, 1, 1) for v in (MEAN, DEVIATION))
        return (unpatchify(patches, 2, 2) * deviation + mean).clamp(0, 1)


@pytest.mark.parametrize(("shown", "frames"), [([1, 2], 4), ([0, 7], 8)])
def test_inference_goes_on_to_the_last_step_that_is_shown(shown: list[int], frames: int) -> None:
    found = Case(reconstruction_steps=shown).run()
    assert found.frames.shape == (frames, 2, 2, 4, 4)
    assert found.steps == tuple(shown)


@pytest.mark.parametrize("adapted", [False, True])
def test_frames_are_reconstructions_before_the_first_step_and_after_each(adapted: bool) -> None:
    """In the values a person sees, and with the weights as they are adapted by then."""
    case = Case(update_weights_during_unmasking=adapted)
    start, known = case.evaluator.start(case.learner, case.hidden, case.normalised(), 0)
    _, first = case.model.feed_forward(case.learner.weights, start.top)
    expected = [case.seen(first)]
    for step in case.evaluator.steps(case.learner, start, case.normalised(), known, RATES, steps=3):
        _, image = case.model.feed_forward(step.learner.weights, step.update.hidden.top)
        expected.append(case.seen(image))
    torch.testing.assert_close(case.run().frames, torch.stack(expected))


def test_without_corruption_the_input_is_the_original() -> None:
    case, found = Case(), Case().run()
    assert torch.equal(found.original, case.images)
    assert torch.equal(found.input, case.images)


def test_with_corruption_the_input_shows_the_known_pixels_only() -> None:
    """What is hidden is 0 to the model, which is the data set's mean colour to a person."""
    case = Case(use_corruption=True, corrupt_ratio=0.5)
    found = case.run()
    known = known_pixels(case.config, 2, 0) == 1
    assert torch.equal(found.original, case.images)
    torch.testing.assert_close(found.input[known], case.images[known])
    mean = torch.tensor(MEAN).double().view(2, 1, 1).expand(2, 2, 4, 4)
    torch.testing.assert_close(found.input[~known], mean[~known])


@pytest.mark.parametrize("changes", [{}, {"use_corruption": True}, {"intermediate_l2_coeff": 0.1}])
def test_the_vodes_are_measured_before_the_first_step_and_after_each(
    changes: dict[str, Any],
) -> None:
    """By the definition of the energy, and its gradient by autograd, scaled by layer."""
    case = Case(**changes)
    images, weights = case.normalised(), case.learner.weights
    l2, base = case.config.intermediate_l2_coeff, case.config.inference_lr_scale_base
    hidden, known = case.evaluator.start(case.learner, case.hidden, images, 0)
    states, norms = [hidden], []
    for step in case.evaluator.steps(case.learner, hidden, images, known, RATES, steps=3):
        states.append(step.update.hidden)
    found = case.run().values
    expected = []
    for state in states:
        by_vode = vodes(state, images)
        expected.append(torch.stack(energies(case.shape, weights, by_vode, l2=l2)) / len(images))
        free = by_vode if known is not None else by_vode[:-1]
        gradient = gradients(case.shape, weights, by_vode, l2=l2)[: len(free)]
        scales = [base ** (case.shape.num_blocks + 1 - vode) for vode in range(len(free))]
        scaled = [scale * each for scale, each in zip(scales, gradient, strict=True)]
        norms.append(torch.stack([each.norm() for each in scaled]))
    torch.testing.assert_close(found.energies, torch.stack(expected))
    torch.testing.assert_close(found.gradient_norms, torch.stack(norms[:-1]))
    assert len(found.energies) == 4


def test_the_weights_of_a_step_are_those_as_they_are_adapted_by_then() -> None:
    case = Case(update_weights_during_unmasking=True)
    images = case.normalised()
    start, known = case.evaluator.start(case.learner, case.hidden, images, 0)
    *_, last = case.evaluator.steps(case.learner, start, images, known, RATES, steps=3)
    states = vodes(last.update.hidden, images)
    expected = torch.stack(energies(case.shape, last.learner.weights, states)) / len(images)
    torch.testing.assert_close(case.run().values.energies[-1], expected)
