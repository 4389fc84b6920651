from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from reference import (
    architecture,
    assert_equal_lists,
    copies,
    energies,
    joined,
    label,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
    vodes,
)
from torch import Tensor

from pcsearch.pc.batch import Settings as BatchSettings
from pcsearch.pc.batch import clipped_mse, train_batch
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.energies import Penalty
from pcsearch.pc.inference import Hidden, fresh_moments, update_hidden
from pcsearch.pc.inference import Settings as InferenceSettings
from pcsearch.pc.learning import Learner, Settings, fresh_learner, step_weights
from pcsearch.pc.model import Architecture, Weights

PLAIN = Settings(penalty=Penalty(), weight_decay=0.0, clip_norm=None)
INFERENCE = InferenceSettings(
    penalty=Penalty(), momentum=0.3, scale_base=1.2, norm_target=None, clip_norm=5.0, adamw=False
)

ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=3),
    architecture(num_blocks=2, state_norm=True),
]


def patches_of(shape: Architecture) -> Tensor:
    return to_patches(random_images(shape), shape)


def written_out(
    shape: Architecture, weights: Weights, hidden: Hidden, images: Tensor
) -> tuple[Tensor, Weights]:
    """E and dE/dW by autograd of the definition."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    energy = torch.stack(energies(shape, leaves, vodes(hidden, images))).sum()
    found = torch.autograd.grad(energy, list(leaves.values()))
    return energy.detach(), dict(zip(leaves, found, strict=True))


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_the_gradient_is_that_of_the_written_out_energy_over_the_batch_size(
    shape: Architecture, free: bool
) -> None:
    weights, hidden, images = random_weights(shape), random_hidden(shape), patches_of(shape)
    if free:
        hidden = hidden._replace(sensory=images.flip(0))
    step = step_weights(model_of(shape), fresh_learner(weights), hidden, images, 0.1, PLAIN)
    energy, expected = written_out(shape, weights, hidden, images)
    torch.testing.assert_close(step.energy, energy)
    assert step.gradient.keys() == expected.keys()
    batch = len(images)
    assert_equal_lists(
        list(step.gradient.values()), [gradient / batch for gradient in expected.values()]
    )


def test_twice_the_same_images_give_the_same_gradient() -> None:
    """Divided by the batch size, a gradient does not grow with it."""
    shape = architecture()
    hidden, images = random_hidden(shape), patches_of(shape)
    learner = fresh_learner(random_weights(shape))
    twice = Hidden(hidden.top.repeat(2, 1, 1), hidden.states.repeat(1, 2, 1, 1))
    one = step_weights(model_of(shape), learner, hidden, images, 0.1, PLAIN)
    two = step_weights(model_of(shape), learner, twice, images.repeat(2, 1, 1), 0.1, PLAIN)
    assert_equal_lists(list(two.gradient.values()), list(one.gradient.values()))
    torch.testing.assert_close(two.energy, 2 * one.energy)


def test_the_penalties_count_in_the_energy_and_not_in_the_gradient() -> None:
    shape = architecture()
    hidden, images = random_hidden(shape), patches_of(shape)
    learner = fresh_learner(random_weights(shape))
    plain = step_weights(model_of(shape), learner, hidden, images, 0.1, PLAIN)
    penalised = step_weights(
        model_of(shape), learner, hidden, images, 0.1, replace(PLAIN, penalty=Penalty(0.1, 0.2))
    )
    added = 0.1 * hidden.states.abs().sum() + 0.2 * hidden.states.square().sum()
    torch.testing.assert_close(penalised.energy, plain.energy + added)
    assert_equal_lists(list(penalised.gradient.values()), list(plain.gradient.values()))


@pytest.mark.parametrize("limit", [None, 0.7])
def test_weight_steps_are_the_clipped_adamw_steps_of_torch(limit: float | None) -> None:
    """Five steps in a row: the moments are carried on, and every weight decays, biases too."""
    shape = architecture(state_norm=True)
    weights, hidden, images = random_weights(shape), random_hidden(shape), patches_of(shape)
    learner, settings = fresh_learner(weights), replace(PLAIN, weight_decay=0.2, clip_norm=limit)
    theirs = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    optimiser = torch.optim.AdamW(theirs.values(), lr=0.01, weight_decay=0.2)
    for _ in range(5):
        learner = step_weights(model_of(shape), learner, hidden, images, 0.01, settings).learner
        optimiser.zero_grad()
        energy = torch.stack(energies(shape, theirs, vodes(hidden, images))).sum()
        (energy / len(images)).backward()
        if limit is not None:
            norm = joined([one.grad for one in theirs.values() if one.grad is not None]).norm()
            assert norm > limit
            for one in theirs.values():
                assert one.grad is not None
                one.grad *= limit / norm
        optimiser.step()
    assert list(learner.weights) == list(theirs)
    assert_equal_lists(list(learner.weights.values()), [one.detach() for one in theirs.values()])


def test_a_weight_step_is_a_pure_function_of_its_arguments() -> None:
    """The saved model and evaluation's copy are the tensors that training goes on from."""
    shape = architecture()
    model, hidden, images = model_of(shape), random_hidden(shape), patches_of(shape)
    learner = fresh_learner(random_weights(shape))
    settings = replace(PLAIN, weight_decay=0.1, clip_norm=1.0)
    learner = step_weights(model, learner, hidden, images, 0.1, settings).learner
    arguments = [
        *learner.weights.values(),
        *learner.moments.first,
        *learner.moments.second,
        *hidden.free(),
        images,
    ]
    before = copies(arguments)
    one = step_weights(model, learner, hidden, images, 0.1, settings).learner.weights
    other = step_weights(model, learner, hidden, images, 0.1, settings).learner.weights
    assert_equal_lists(arguments, before, rtol=0, atol=0)
    assert_equal_lists(list(one.values()), list(other.values()), rtol=0, atol=0)
    assert not any(weight.requires_grad for weight in one.values())


def test_a_small_weight_step_lowers_the_energy() -> None:
    shape = architecture()
    model, hidden, images = model_of(shape), random_hidden(shape), patches_of(shape)
    first = step_weights(model, fresh_learner(random_weights(shape)), hidden, images, 1e-6, PLAIN)
    second = step_weights(model, first.learner, hidden, images, 1e-6, PLAIN)
    assert second.energy < first.energy


def test_settings_follow_the_configuration_of_the_penalties() -> None:
    config = ModelConfig(intermediate_l1_coeff=0.1, intermediate_l2_coeff=0.2)
    assert Settings.of(config).penalty == Penalty(0.1, 0.2)


def by_hand(
    shape: Architecture, learner: Learner, images: Tensor, *, incremental: bool
) -> tuple[Hidden, Learner]:
    """Three hidden updates and the weight steps between or after them."""
    model, hidden = model_of(shape), random_hidden(shape)
    moments = fresh_moments(hidden)
    for update in range(3):
        found = update_hidden(model, learner.weights, hidden, moments, images, 0.05, INFERENCE)
        hidden, moments = found.hidden, found.moments
        if incremental or update == 2:
            learner = step_weights(model, learner, hidden, images, 0.01, PLAIN).learner
    return hidden, learner


@pytest.mark.parametrize("incremental", [False, True])
def test_a_batch_learns_after_its_inference_or_after_every_step_of_it(incremental: bool) -> None:
    shape = architecture()
    learner, images = fresh_learner(random_weights(shape)), patches_of(shape)
    settings = BatchSettings(INFERENCE, PLAIN, inference_steps=3, incremental=incremental)
    trained = train_batch(
        model_of(shape), learner, random_hidden(shape), images, 0.05, 0.01, settings
    )
    hidden, expected = by_hand(shape, learner, images, incremental=incremental)
    assert trained.learner.moments.step == (3 if incremental else 1)
    assert_equal_lists(trained.hidden.free(), hidden.free())
    found = list(trained.learner.weights.values())
    assert_equal_lists(found, list(expected.weights.values()))
    _, image = model_of(shape).feed_forward(expected.weights, hidden.top)
    torch.testing.assert_close(trained.reconstruction, image)
    error = (image.clamp(0, 1) - images.clamp(0, 1)).square().mean()
    torch.testing.assert_close(trained.mse, error)


def test_the_train_mse_compares_what_both_show_between_0_and_1() -> None:
    """Normalised images reach far outside; what lies there counts as black or white."""
    reconstruction = torch.tensor([[-3.0, 0.5, 7.0, 0.2]])
    images = torch.tensor([[-0.5, 1.5, 1.2, 0.6]])
    assert float(clipped_mse(reconstruction, images)) == pytest.approx((0.25 + 0.16) / 4)


def test_batch_settings_follow_the_configuration() -> None:
    config = ModelConfig(
        inference_steps=7, update_weights_every_inference_step=True, use_vode_grad_norm=True
    )
    settings = BatchSettings.of(config)
    assert (settings.inference_steps, settings.incremental) == (7, True)
    assert settings.inference.norm_target == config.vode_grad_norm_target
    assert settings.learning == Settings.of(config)
