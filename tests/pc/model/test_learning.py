from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from learning_cases import PLAIN, patches_of
from reference import (
    architecture,
    assert_equal_lists,
    copies,
    energies,
    joined,
    label,
    model_of,
    random_hidden,
    random_weights,
    vodes,
)
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import LearningSettings, fresh_learner, step_weights
from pcsearch.pc.model.transformer import Architecture, Weights

ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=3),
    architecture(num_blocks=2, state_norm=True),
]


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
    assert LearningSettings.of(config).penalty == Penalty(0.1, 0.2)
