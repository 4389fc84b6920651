"""The updates of inference, against autograd and torch's own optimisers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from inference_cases import ARCHITECTURES, PLAIN, Case, each_vode
from reference import (
    architecture,
    assert_equal_lists,
    copies,
    energies,
    label,
    model_of,
    prediction,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
    vodes,
)
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import (
    InferenceSettings,
    Update,
    fresh_moments,
    update_hidden,
)
from pcsearch.pc.model.transformer import Architecture


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
@pytest.mark.parametrize("penalty", [Penalty(), Penalty(0.3, 0.2)], ids=["plain", "penalty"])
@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_the_gradient_is_that_of_the_written_out_energy(
    shape: Architecture, penalty: Penalty, free: bool
) -> None:
    case = Case(shape, free=free)
    update = case.run(replace(PLAIN, penalty=penalty))[0]
    expected = case.gradients(case.hidden, penalty.l1, penalty.l2)
    assert_equal_lists(each_vode(update.gradient), expected)


def test_the_gradient_of_the_sensory_vode_is_its_prediction_error() -> None:
    case = Case(free=True)
    below = case.hidden.states[-1]
    predicted = prediction(case.shape, case.weights, case.shape.num_blocks + 2, below)
    assert case.hidden.sensory is not None
    error = case.hidden.sensory - predicted
    torch.testing.assert_close(case.run(PLAIN)[0].gradient[2], error)


def test_the_energies_are_those_before_the_update() -> None:
    case = Case()
    first, second = case.run(replace(PLAIN, penalty=Penalty(0.1, 0.2)), steps=2)
    for hidden, update in ((case.hidden, first), (first.hidden, second)):
        expected = energies(case.shape, case.weights, vodes(hidden, case.images), 0.1, 0.2)
        torch.testing.assert_close(update.energies, torch.stack(expected))


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
@pytest.mark.parametrize("momentum", [0.0, 0.4, 0.9])
def test_momentum_follows_its_recurrence(momentum: float, free: bool) -> None:
    """M = mu m + g from m = 0: no dampening, and the gradient is taken anew at every step."""
    case = Case(free=free)
    hidden, lr = case.hidden, 0.03
    velocity = [torch.zeros_like(one) for one in each_vode(case.hidden)]
    for update in case.run(replace(PLAIN, momentum=momentum), steps=4, lr=lr):
        steps = zip(velocity, case.gradients(hidden), strict=True)
        velocity = [momentum * m + g for m, g in steps]
        expected = [h - lr * m for h, m in zip(each_vode(hidden), velocity, strict=True)]
        assert_equal_lists(each_vode(update.hidden), expected)
        hidden = update.hidden


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
def test_momentum_equals_sgd_of_torch(free: bool) -> None:
    case = Case(free=free)
    leaves = [h.clone().requires_grad_() for h in each_vode(case.hidden)]
    optimiser = torch.optim.SGD(leaves, lr=0.03, momentum=0.6)
    descend(case, leaves, optimiser, steps=5)
    last = case.run(replace(PLAIN, momentum=0.6), steps=5, lr=0.03)[-1]
    assert_equal_lists(each_vode(last.hidden), [leaf.detach() for leaf in leaves])


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
def test_adamw_on_the_hidden_states_equals_adamw_of_torch(free: bool) -> None:
    """Its decay is 1e-4 whatever the decay of the weights, and momentum has no part in it."""
    case = Case(free=free)
    leaves = [h.clone().requires_grad_() for h in each_vode(case.hidden)]
    optimiser = torch.optim.AdamW(leaves, lr=0.05, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4)
    descend(case, leaves, optimiser, steps=6)
    last = case.run(replace(PLAIN, adamw=True, momentum=0.7), steps=6, lr=0.05)[-1]
    assert_equal_lists(each_vode(last.hidden), [leaf.detach() for leaf in leaves])


def descend(case: Case, leaves: list[Tensor], optimiser: Any, steps: int) -> None:
    """Steps of an optimiser of torch down the written-out energy."""
    for _ in range(steps):
        optimiser.zero_grad()
        clamped = [] if case.hidden.sensory is not None else [case.images]
        torch.stack(energies(case.shape, case.weights, [*leaves, *clamped])).sum().backward()
        optimiser.step()


@pytest.mark.parametrize("adamw", [False, True], ids=["momentum", "adamw"])
def test_an_update_is_a_pure_function_of_its_arguments(adamw: bool) -> None:
    """Evaluation starts from training's own tensors: an update in place would change training."""
    case = Case(free=True)
    chosen = replace(
        PLAIN, momentum=0.5, scale_base=1.5, norm_target=1.0, clip_norm=1.0, adamw=adamw
    )
    started = case.run(chosen, steps=2)[-1]
    arguments = [
        *case.weights.values(),
        *started.hidden.free(),
        *started.moments.first,
        *started.moments.second,
        case.images,
    ]
    before = copies(arguments)

    def again() -> list[Tensor]:
        update = update_hidden(
            case.model,
            case.weights,
            started.hidden,
            started.moments,
            case.images,
            0.1,
            chosen,
        )
        return [*update.hidden.free(), *update.moments.first, *update.gradient, update.energies]

    one, other = again(), again()
    assert_equal_lists(arguments, before, rtol=0, atol=0)
    assert_equal_lists(one, other, rtol=0, atol=0)
    assert not any(tensor.requires_grad for tensor in [*arguments, *one])


def test_updates_work_where_gradients_are_switched_off() -> None:
    case = Case()
    expected = case.run(PLAIN)[0]
    with torch.no_grad():
        found = case.run(PLAIN)[0]
    assert_equal_lists(each_vode(found.hidden), each_vode(expected.hidden), rtol=0, atol=0)


def test_settings_follow_the_configuration() -> None:
    config = ModelConfig(
        intermediate_l1_coeff=0.1,
        intermediate_l2_coeff=0.2,
        hidden_momentum=0.3,
        inference_lr_scale_base=1.5,
        use_vode_grad_norm=True,
        vode_grad_norm_target=0.7,
        h_grad_clip_norm=9.0,
        use_adamw_for_hidden_optimizer=True,
    )
    expected = InferenceSettings(Penalty(0.1, 0.2), 0.3, 1.5, 0.7, 9.0, adamw=True)
    assert InferenceSettings.of(config, training=True) == expected
    assert InferenceSettings.of(config, training=False) == replace(expected, norm_target=None)


def test_settings_leave_out_what_the_configuration_switches_off() -> None:
    config = ModelConfig(
        use_inference_lr_scaling=False, use_vode_grad_norm=False, h_grad_clip_norm=None
    )
    found = InferenceSettings.of(config, training=True)
    assert (found.scale_base, found.norm_target, found.clip_norm) == (None, None, None)
    assert not found.adamw


def test_an_update_in_the_place_of_the_one_before_gives_the_same() -> None:
    shape = architecture()
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape)
    images = to_patches(random_images(shape), shape)
    chosen = InferenceSettings(Penalty(), 0.5, 1.25, None, 1.0, adamw=False)

    def run(reuse: bool) -> Update:
        update = update_hidden(model, weights, hidden, fresh_moments(hidden), images, 0.1, chosen)
        for _ in range(3):
            spare = update if reuse else None
            before = update
            update = update_hidden(
                model, weights, update.hidden, update.moments, images, 0.1, chosen, spare
            )
            taken = update.hidden.states.data_ptr() == before.hidden.states.data_ptr()
            assert taken == reuse
        return update

    start = copies(hidden.free())
    one, other = run(True), run(False)
    assert_equal_lists(hidden.free(), start, rtol=0, atol=0)
    for field in ("gradient", "energies"):
        torch.testing.assert_close(getattr(one, field), getattr(other, field), rtol=0, atol=0)
    assert_equal_lists(one.hidden.free(), other.hidden.free(), rtol=0, atol=0)
    assert_equal_lists(one.moments.first, other.moments.first, rtol=0, atol=0)


def test_results_do_not_change_when_the_next_update_computes_in_the_same_memory() -> None:
    shape = architecture()
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape)
    images = to_patches(random_images(shape), shape)
    chosen = InferenceSettings(Penalty(), 0.5, 1.25, None, 1.0, adamw=False)
    update = update_hidden(model, weights, hidden, fresh_moments(hidden), images, 0.1, chosen)
    kept = [*update.hidden.free(), *update.gradient, *update.moments.first, update.energies]
    before = copies(kept)
    update_hidden(
        model, weights, update.hidden, update.moments, images, 0.1, replace(chosen, momentum=0.1)
    )
    assert_equal_lists(kept, before, rtol=0, atol=0)
