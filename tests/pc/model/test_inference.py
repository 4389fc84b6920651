from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import (
    architecture,
    assert_equal_lists,
    copies,
    energies,
    gradients,
    joined,
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
from pcsearch.pc.model.energies import Penalty, vode_energies
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    Update,
    fresh_moments,
    init_hidden,
    update_hidden,
)
from pcsearch.pc.model.transformer import Architecture

PLAIN = InferenceSettings(
    penalty=Penalty(), momentum=0.0, scale_base=None, norm_target=None, clip_norm=None, adamw=False
)


class Case:
    """A tiny model, its states and one batch; ``free`` leaves the sensory vode free."""

    def __init__(self, shape: Architecture | None = None, *, free: bool = False) -> None:
        self.shape = architecture() if shape is None else shape
        self.model, self.weights = model_of(self.shape), random_weights(self.shape)
        self.images = to_patches(random_images(self.shape), self.shape)
        self.hidden = random_hidden(self.shape)
        if free:
            self.hidden = self.hidden._replace(sensory=0.5 * self.images.flip(1))

    def run(self, chosen: InferenceSettings, steps: int = 1, lr: float = 0.1) -> list[Any]:
        """The updates, one after the other."""
        hidden, moments, updates = self.hidden, fresh_moments(self.hidden), []
        for _ in range(steps):
            update = update_hidden(
                self.model, self.weights, hidden, moments, self.images, lr, chosen
            )
            hidden, moments = update.hidden, update.moments
            updates.append(update)
        return updates

    def gradients(self, hidden: Hidden, l1: float = 0.0, l2: float = 0.0) -> list[Tensor]:
        """dE/dh of the free vodes by autograd of the definition."""
        found = gradients(self.shape, self.weights, vodes(hidden, self.images), l1, l2)
        return found if hidden.sensory is not None else found[:-1]


def each_vode(tensors: Any) -> list[Tensor]:
    """A gradient or the free states, stacked as the package has them, vode by vode."""
    top, states, *sensory = tensors
    return [top, *states, *(one for one in sensory if one is not None)]


ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=1, num_heads=1),
    architecture(num_blocks=3),
    architecture(num_blocks=2, state_norm=True),
]


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


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
@pytest.mark.parametrize("base", [1.25, 0.8])
@pytest.mark.parametrize("num_blocks", [0, 3])
def test_the_scale_base_grows_by_a_power_a_vode_away_from_the_image(
    num_blocks: int, base: float, free: bool
) -> None:
    """base^(L+1-i): 1 for the last hidden vode, base^(L+1) for the top latent."""
    case = Case(architecture(num_blocks=num_blocks), free=free)
    update = case.run(replace(PLAIN, scale_base=base), lr=0.1)[0]
    scaled = [g * base ** (num_blocks + 1 - i) for i, g in enumerate(case.gradients(case.hidden))]
    assert_equal_lists(each_vode(update.gradient), scaled)
    moved = [h - 0.1 * g for h, g in zip(each_vode(case.hidden), scaled, strict=True)]
    assert_equal_lists(each_vode(update.hidden), moved)


@pytest.mark.parametrize("base", [None, 1.25])
def test_a_norm_target_gives_every_vode_a_gradient_of_that_norm(base: float | None) -> None:
    """Over the whole batch; only its direction is left, so the scale base has no effect."""
    case = Case()
    update = case.run(replace(PLAIN, norm_target=2.5, scale_base=base))[0]
    expected = [g * 2.5 / g.norm() for g in case.gradients(case.hidden)]
    assert_equal_lists(each_vode(update.gradient), expected, rtol=1e-7)


def test_a_norm_target_leaves_a_zero_gradient_zero() -> None:
    """Where every state is its prediction, 0 / 0 would turn them all into NaN."""
    case = Case()
    zero = {name: torch.zeros_like(weight) for name, weight in case.weights.items()}
    hidden = init_hidden(case.model, zero, 2, None)
    images = torch.zeros_like(hidden.top)
    update = update_hidden(
        case.model,
        zero,
        hidden,
        fresh_moments(hidden),
        images,
        0.1,
        replace(PLAIN, norm_target=1.0, clip_norm=1.0),
    )
    assert joined(update.gradient).abs().max() == 0
    assert_equal_lists(each_vode(update.hidden), each_vode(hidden), rtol=0, atol=0)


@pytest.mark.parametrize("free", [False, True], ids=["clamped", "free"])
def test_all_gradients_are_clipped_together(free: bool) -> None:
    """Clipping each vode by itself would change the direction of the whole step."""
    case = Case(free=free)
    true = case.gradients(case.hidden)
    limit = float(joined(true).norm()) / 3
    update = case.run(replace(PLAIN, clip_norm=limit), lr=0.1)[0]
    moved = [h - 0.1 * g / 3 for h, g in zip(each_vode(case.hidden), true, strict=True)]
    assert_equal_lists(each_vode(update.hidden), moved)
    assert_equal_lists(each_vode(update.gradient), true)


def test_a_gradient_below_the_limit_is_not_clipped() -> None:
    case = Case()
    limit = float(joined(case.gradients(case.hidden)).norm()) * 1.01
    clipped, free = case.run(replace(PLAIN, clip_norm=limit))[0], case.run(PLAIN)[0]
    assert_equal_lists(each_vode(clipped.hidden), each_vode(free.hidden))


def test_gradients_are_scaled_then_normed_then_clipped_then_gathered() -> None:
    """The order of the definition; with the clip first, the norm target would undo it."""
    case = Case()
    chosen = replace(PLAIN, scale_base=2.0, norm_target=4.0, clip_norm=1.0, momentum=0.5)
    hidden = case.hidden
    velocity = [torch.zeros_like(one) for one in each_vode(hidden)]
    for update in case.run(chosen, steps=3, lr=0.1):
        normed = [4.0 * g / g.norm() for g in case.gradients(hidden)]
        clipped = [g / joined(normed).norm() for g in normed]
        velocity = [0.5 * m + g for m, g in zip(velocity, clipped, strict=True)]
        expected = [h - 0.1 * m for h, m in zip(each_vode(hidden), velocity, strict=True)]
        assert_equal_lists(each_vode(update.hidden), expected, rtol=1e-7)
        hidden = update.hidden


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


@settings(deadline=None, max_examples=30)
@given(
    num_blocks=st.integers(0, 3),
    state_norm=st.booleans(),
    free=st.booleans(),
    l2=st.sampled_from([0.0, 0.5]),
    base=st.sampled_from([None, 1.25, 0.7]),
    norm_target=st.sampled_from([None, 1.0]),
    clip=st.sampled_from([None, 1.0]),
)
def test_a_small_step_lowers_the_energy(
    num_blocks: int,
    state_norm: bool,
    free: bool,
    l2: float,
    base: float | None,
    norm_target: float | None,
    clip: float | None,
) -> None:
    """However the gradients are rescaled, every vode still moves downhill."""
    case = Case(architecture(num_blocks=num_blocks, state_norm=state_norm), free=free)
    chosen = replace(
        PLAIN,
        penalty=Penalty(l2=l2),
        scale_base=base,
        norm_target=norm_target,
        clip_norm=clip,
    )
    first, second = case.run(chosen, steps=2, lr=1e-6)
    assert second.energies.sum() < first.energies.sum()


def test_inference_of_a_linear_model_lands_on_its_equilibrium() -> None:
    """Without blocks E is quadratic, and its lowest point is a least squares solution."""
    shape = architecture(num_blocks=0)
    case = Case(shape)
    w, images = case.weights, len(case.images)
    # Orthogonal columns, so that the lowest point is reached soon.
    w_in = torch.linalg.qr(w["patch_projection.weight"])[0]
    w_out = 1.5 * w_in.T
    w |= {"patch_projection.weight": w_in, "output_projection.weight": w_out}
    updates = case.run(replace(PLAIN, momentum=0.6), steps=300, lr=0.15)
    dim, hidden = shape.patch_dim, shape.hidden_size
    # Residuals of (h0, h1): h1 - W_in h0 - c and x - W_out h1 - b_out.
    matrix = torch.zeros(hidden + dim, dim + hidden).double()
    matrix[:hidden, :dim], matrix[:hidden, dim:] = -w_in, torch.eye(hidden)
    matrix[hidden:, dim:] = w_out
    at_zero = torch.zeros_like(case.hidden.top)
    c = prediction(shape, w, 1, at_zero)
    right = torch.cat([c, case.images - w["output_projection.bias"]], dim=-1)
    solution = torch.linalg.lstsq(matrix, right.reshape(-1, hidden + dim).T).solution.T
    solution = solution.view(images, shape.num_patches, dim + hidden)
    found = torch.cat([updates[-1].hidden.top, updates[-1].hidden.states[0]], dim=-1)
    torch.testing.assert_close(found, solution, rtol=1e-6, atol=1e-6)


def test_with_h0_and_the_image_fixed_the_hidden_state_is_drawn_by_both() -> None:
    """h1 = (I + W^T W)^-1 (u1 + W^T (x - b)): the closed form of jpc for a linear layer."""
    shape = architecture(num_blocks=0)
    case = Case(shape)
    w_out, bias = case.weights["output_projection.weight"], case.weights["output_projection.bias"]
    u1 = prediction(shape, case.weights, 1, case.hidden.top)
    right = u1 + (case.images - bias) @ w_out
    inverse = torch.linalg.inv(torch.eye(shape.hidden_size).double() + w_out.T @ w_out)
    equilibrium = case.hidden._replace(states=(right @ inverse.T)[None])
    update = update_hidden(
        case.model,
        case.weights,
        equilibrium,
        fresh_moments(equilibrium),
        case.images,
        0.1,
        PLAIN,
    )
    torch.testing.assert_close(
        update.gradient[1], torch.zeros_like(update.gradient[1]), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_fresh_states_are_a_hundredth_of_shared_noise_and_its_predictions(
    shape: Architecture,
) -> None:
    weights = random_weights(shape)
    random = torch.Generator().manual_seed(4)
    noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random).double()
    hidden = init_hidden(model_of(shape), weights, 3, noise)
    assert hidden.sensory is None
    expected = [(0.01 * noise).expand(3, -1, -1)]
    for vode in range(1, shape.num_blocks + 2):
        expected.append(prediction(shape, weights, vode, expected[-1]))
    assert_equal_lists(each_vode(hidden), expected)


def test_without_noise_the_top_latent_starts_at_zero() -> None:
    case = Case()
    hidden = init_hidden(case.model, case.weights, 3, None)
    assert hidden.top.shape == case.hidden.top.shape
    assert joined([hidden.top]).abs().sum() == 0
    found = vode_energies(
        case.model, case.weights, hidden.top, hidden.states, case.images, Penalty()
    )
    assert joined([found[:-1]]).max() < 1e-20


def test_fresh_states_of_a_batch_share_no_memory() -> None:
    """Expanded tensors would let one image's state overwrite the others'."""
    case = Case()
    hidden = init_hidden(case.model, case.weights, 3, None)
    hidden.top[0] += 1
    hidden.states[:, 0] += 1
    assert joined([hidden.top[1:]]).abs().sum() == 0
    torch.testing.assert_close(hidden.states[:, 1], hidden.states[:, 2], rtol=0, atol=0)
    assert (hidden.states[:, 0] - hidden.states[:, 1]).min() > 0.5


def test_the_first_images_of_a_batch_keep_their_states() -> None:
    hidden = Case(free=True).hidden
    first = hidden.first(2)
    assert hidden.sensory is not None
    assert first.sensory is not None
    expected = [hidden.top[:2], hidden.states[:, :2], hidden.sensory[:2]]
    assert_equal_lists(first.free(), expected, rtol=0, atol=0)
    assert Case().hidden.first(1).sensory is None


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
