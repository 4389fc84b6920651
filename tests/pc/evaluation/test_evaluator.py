from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from reference import (
    assert_equal_lists,
    copies,
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
from pcsearch.pc.evaluation.corruption import known_pixels
from pcsearch.pc.evaluation.evaluator import Adaptation, Evaluator, infer
from pcsearch.pc.metrics import PRETEXT
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    fresh_moments,
    init_hidden,
    update_hidden,
)
from pcsearch.pc.model.learning import LearningSettings, fresh_learner, step_weights
from pcsearch.pc.model.training_batch import clipped_mse
from pcsearch.pc.model.transformer import Architecture, Model
from pcsearch.pc.schedule.learning_rates import LearningRates

CPU = torch.device("cpu")
STILL = LearningRates(weights=0.0, hidden=0.0)
MOVING = LearningRates(weights=0.01, hidden=0.05)


class Case:
    """A tiny model in an evaluator, with training's hidden states for four images."""

    def __init__(self, **changes: Any) -> None:
        values = {
            "dataset": "synthetic",
            "image_shape": [2, 4, 4],
            "patch_size": 2,
            "hidden_size": 12,
            "num_heads": 3,
            "num_blocks": 2,
            "eval_inference_steps": [3],
            "batch_size": 4,
        }
        self.config = model_config(values | changes)
        self.shape = Architecture.of(self.config)
        self.model = Model(self.shape, CPU)
        self.learner = fresh_learner(random_weights(self.shape))
        self.hidden = random_hidden(self.shape, images=4)
        self.evaluator = Evaluator(self.config, self.model, CPU)

    def showing(self, value: float) -> Case:
        """The same, reconstructing every image as this value."""
        self.learner.weights["output_projection.weight"].zero_()
        self.learner.weights["output_projection.bias"].fill_(value)
        return self

    def validate(self, *batches: Tensor, rates: LearningRates = STILL) -> dict[str, float]:
        return self.evaluator.validate(self.learner, self.hidden, iter(batches), rates)

    def images(self, count: int = 4, seed: int = 2) -> Tensor:
        return random_images(self.shape, seed, count)

    def full(self, *values: float) -> Tensor:
        """An image of one value for each of them."""
        return torch.tensor(values).double().view(-1, 1, 1, 1).expand(-1, 2, 4, 4)


def pretext(found: dict[str, float]) -> dict[str, float]:
    return {
        name.removeprefix(PRETEXT): value
        for name, value in found.items()
        if name.startswith(PRETEXT)
    }


def test_the_full_metrics_are_means_over_all_values() -> None:
    """Errors 0.1 and 0.3: MSE (0.01 + 0.09) / 2, and the PSNR of that."""
    found = pretext(Case().showing(0.5).validate(Case().full(0.6, 0.2)))
    assert found == pytest.approx(
        {"full_mse": 0.05, "full_l1": 0.2, "full_psnr": -10 * math.log10(0.05)}
    )


@pytest.mark.parametrize(("mse", "psnr"), [(0.01, 20.0), (1.0, 0.0), (0.0, 120.0)])
def test_the_psnr_is_in_decibels_of_a_peak_of_one(mse: float, psnr: float) -> None:
    """It is bounded where the reconstruction is exact: infinity is no number for a search."""
    found = pretext(Case().showing(0.0).validate(Case().full(math.sqrt(mse))))
    assert found["full_psnr"] == pytest.approx(psnr, abs=1e-6)


def test_metrics_are_of_values_clipped_to_between_0_and_1() -> None:
    found = pretext(Case().showing(1.7).validate(Case().full(-0.4, 1.2)))
    # The reconstruction counts as 1, the images as 0 and 1.
    assert found["full_mse"] == pytest.approx(0.5)
    assert found["full_l1"] == pytest.approx(0.5)


def test_metrics_are_means_over_images_not_over_batches() -> None:
    """A last, smaller batch would otherwise count as much as a full one."""
    case = Case().showing(0.0)
    found = pretext(case.validate(case.full(0.2, 0.2, 0.2, 0.2), case.full(0.7)))
    assert found["full_mse"] == pytest.approx((4 * 0.04 + 0.49) / 5)
    assert found["full_l1"] == pytest.approx((4 * 0.2 + 0.7) / 5)


def test_a_smaller_batch_starts_from_the_states_of_the_first_images() -> None:
    case, images = Case(), Case().images()
    whole = case.validate(images, rates=MOVING)
    case.hidden = case.hidden.first(3)
    smaller = case.validate(images[:3], rates=MOVING)
    last = Case().validate(images[3:], rates=MOVING)
    case.hidden = Case().hidden.first(1)
    assert case.validate(images[3:], rates=MOVING) == pytest.approx(last)
    assert whole.keys() == smaller.keys()
    assert Case().validate(images[:3], rates=MOVING) == pytest.approx(smaller)


def test_without_corruption_there_are_no_masked_metrics() -> None:
    assert set(pretext(Case().validate(Case().images()))) == {"full_mse", "full_l1", "full_psnr"}


def test_masked_metrics_are_of_the_hidden_part_only() -> None:
    """Errors of 0.5 in the known upper three rows, 0.1 in the hidden last one."""
    case = Case(use_corruption=True, corrupt_ratio=0.25, use_lower_half_mask=True).showing(0.5)
    images = case.full(0.0, 1.0).clone()
    images[:, :, 3] = 0.6
    found = pretext(case.validate(images))
    assert found == pytest.approx(
        {
            "full_mse": 0.75 * 0.25 + 0.25 * 0.01,
            "full_l1": 0.75 * 0.5 + 0.25 * 0.1,
            "full_psnr": -10 * math.log10(0.19),
            "masked_mse": 0.01,
            "masked_l1": 0.1,
            "masked_psnr": 20.0,
        }
    )


def test_masked_metrics_follow_the_drawn_pixels_of_each_batch() -> None:
    case = Case(use_corruption=True, corrupt_ratio=0.3)
    batches = [case.images(4), case.images(2, seed=3)]
    found = pretext(case.validate(*batches))
    squares, count = 0.0, 0
    for part, images in enumerate(batches):
        hidden = known_pixels(case.config, len(images), part) == 0
        hidden = to_patches(hidden.double(), case.shape) == 1
        top = case.hidden.top[: len(images)]
        _, image = case.model.feed_forward(case.learner.weights, top)
        error = image.clamp(0, 1) - to_patches(images, case.shape)
        squares += float(error[hidden].square().sum())
        count += int(hidden.sum())
    assert found["masked_mse"] == pytest.approx(squares / count)


@pytest.mark.parametrize("corrupted", [False, True])
def test_vode_energies_and_gradient_norms_follow_the_definition(corrupted: bool) -> None:
    """Energies a mean an image; the norms those of the last step, over the batch."""
    case = Case(
        use_corruption=corrupted,
        use_lower_half_mask=True,
        use_inference_lr_scaling=False,
        h_grad_clip_norm=1e-3,
        intermediate_l1_coeff=0.1,
        intermediate_l2_coeff=0.2,
    )
    images = case.images()
    found = case.validate(images)
    patches = to_patches(images, case.shape)
    sensory = patches
    if corrupted:
        known = known_pixels(case.config, 4, 0).double()
        sensory = to_patches(images * known, case.shape)
    states = vodes(case.hidden, sensory)
    expected = energies(case.shape, case.learner.weights, states, 0.1, 0.2)
    for i, energy in enumerate(expected, start=1):
        assert found[f"VodeEnergy/vode_{i}"] == pytest.approx(float(energy) / 4)
    slopes = gradients(case.shape, case.learner.weights, states, 0.1, 0.2)[:-1]
    for i, slope in enumerate(slopes):
        assert found[f"VodeGradNorm/vode_{i}"] == pytest.approx(float(slope.norm()))
    assert {f"VodeEnergy/vode_{i}" for i in range(1, 5)} == {n for n in found if "Energy" in n}
    assert {f"VodeGradNorm/vode_{i}" for i in range(4)} == {n for n in found if "Norm" in n}


def test_evaluation_takes_as_many_steps_as_the_most_of_its_list() -> None:
    case, images = Case(eval_inference_steps=[2, 6, 4]), Case().images()
    patches = to_patches(images, case.shape)
    hidden, moments = case.hidden, fresh_moments(case.hidden)
    settings = InferenceSettings.of(case.config, training=False)
    for _ in range(6):
        update = update_hidden(
            case.model, case.learner.weights, hidden, moments, patches, 0.05, settings
        )
        hidden, moments = update.hidden, update.moments
    found = case.validate(images, rates=MOVING)
    expected = clipped_mse(case.model.reconstruct(case.learner.weights, hidden.top), patches)
    assert found[f"{PRETEXT}full_mse"] == pytest.approx(float(expected))


def test_the_norm_target_is_for_training_only() -> None:
    images = Case().images()
    normed = Case(use_vode_grad_norm=True, vode_grad_norm_target=0.1)
    assert normed.validate(images, rates=MOVING) == Case().validate(images, rates=MOVING)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_status_init_in_unmasking": True},
        {"use_corruption": True, "update_weights_during_unmasking": True},
    ],
    ids=["plain", "fresh states", "corruption and adapted weights"],
)
def test_evaluation_leaves_weights_hidden_states_images_and_random_numbers_as_they_are(
    changes: dict[str, Any],
) -> None:
    case, images = Case(**changes), Case().images()
    moments = case.learner.moments
    held = [
        *case.learner.weights.values(),
        *moments.first,
        *moments.second,
        *case.hidden.free(),
        images,
    ]
    before, state = copies(held), torch.random.get_rng_state()
    first = case.validate(images, rates=MOVING)
    assert_equal_lists(held, before, rtol=0, atol=0)
    assert moments.step == 0
    assert torch.equal(torch.random.get_rng_state(), state)
    assert case.validate(images, rates=MOVING) == first


def test_evaluation_goes_on_from_the_states_of_training_unless_it_has_fresh_ones() -> None:
    images = Case().images()
    carried, fresh = Case(), Case(use_status_init_in_unmasking=True)
    first = carried.validate(images, rates=MOVING), fresh.validate(images, rates=MOVING)
    for case in (carried, fresh):
        case.hidden = random_hidden(case.shape, seed=9, images=4)
    assert carried.validate(images, rates=MOVING) != first[0]
    assert fresh.validate(images, rates=MOVING) == first[1]


def test_fresh_states_without_noise_start_from_a_top_latent_of_zeros() -> None:
    case = Case(use_status_init_in_unmasking=True, use_noise=False)
    patches = to_patches(case.images(), case.shape)
    start, known = case.evaluator.start(case.learner, case.hidden, patches, 0)
    expected = init_hidden(case.model, case.learner.weights, 4, None)
    assert known is None
    assert_equal_lists(start.free(), expected.free(), rtol=0, atol=0)
    noisy = Case(use_status_init_in_unmasking=True)
    start, _ = noisy.evaluator.start(noisy.learner, noisy.hidden, patches, 0)
    assert 0 < start.top.abs().max() < 0.1
    assert torch.equal(start.top[0], start.top[1])


def test_with_corruption_inference_sees_the_known_pixels_only() -> None:
    """Images that differ in their hidden part must give the same hidden states."""
    case = Case(use_corruption=True, corrupt_ratio=0.5, use_lower_half_mask=True)
    images = case.images()
    others = images.clone()
    others[:, :, 2:] = 1 - others[:, :, 2:]
    results: list[Hidden] = []
    for shown in (images, others):
        patches = to_patches(shown, case.shape)
        start, known = case.evaluator.start(case.learner, case.hidden, patches, 0)
        *_, last = case.evaluator.steps(case.learner, start, patches, known, MOVING, 4)
        results.append(last.update.hidden)
    assert_equal_lists(results[0].free(), results[1].free())


@pytest.mark.parametrize("alpha", [1.0, 0.0])
def test_known_pixels_are_given_back_after_every_update_and_hidden_ones_move(
    alpha: float,
) -> None:
    case = Case(use_corruption=True, corrupt_ratio=0.5, inference_clamp_alpha=alpha)
    patches = to_patches(case.images(), case.shape)
    start, known = case.evaluator.start(case.learner, case.hidden, patches, 0)
    assert known is not None
    assert start.sensory is not None
    torch.testing.assert_close(start.sensory, patches * known)
    for step in case.evaluator.steps(case.learner, start, patches, known, MOVING, 3):
        sensory, before = step.update.hidden.sensory, step.before.sensory
        assert sensory is not None
        assert before is not None
        changed = sensory != before
        assert changed[known == 0].all()
        assert changed[known == 1].all() == (alpha == 0.0)
        if alpha == 1.0:
            torch.testing.assert_close(sensory[known == 1], patches[known == 1])


def test_adapted_weights_take_one_step_after_every_hidden_update() -> None:
    case = Case()
    patches = to_patches(case.images(), case.shape)
    settings = InferenceSettings.of(case.config, training=False)
    adaptation = Adaptation(0.01, LearningSettings.of(case.config))
    found = list(
        infer(
            case.model,
            case.learner,
            case.hidden,
            patches,
            lr=0.05,
            steps=3,
            settings=settings,
            adaptation=adaptation,
        )
    )
    learner, hidden, moments = case.learner, case.hidden, fresh_moments(case.hidden)
    for step in found:
        assert_equal_lists(step.before.free(), hidden.free())
        update = update_hidden(
            case.model, learner.weights, hidden, moments, patches, 0.05, settings
        )
        hidden, moments = update.hidden, update.moments
        learner = step_weights(
            case.model, learner, hidden, patches, 0.01, adaptation.settings
        ).learner
        assert_equal_lists(list(step.learner.weights.values()), list(learner.weights.values()))
    assert found[-1].learner.moments.step == 3


def test_the_configuration_says_whether_evaluation_adapts_its_weights() -> None:
    images = Case().images()
    fixed, adapted = Case(), Case(update_weights_during_unmasking=True)
    assert adapted.validate(images, rates=STILL) == fixed.validate(images, rates=STILL)
    assert adapted.validate(images, rates=MOVING) != fixed.validate(images, rates=MOVING)


def test_representations_are_of_uncorrupted_images_under_fixed_weights() -> None:
    """What the probe reads must not depend on how the pretext task hides or adapts."""
    plain = Case()
    other = Case(use_corruption=True, update_weights_during_unmasking=True)
    patches = to_patches(plain.images(), plain.shape)
    found = [
        case.evaluator.represent(case.learner, case.hidden, patches, 0.05, 4)
        for case in (plain, other)
    ]
    assert_equal_lists(found[0].free(), found[1].free(), rtol=0, atol=0)
    assert found[1].sensory is None
