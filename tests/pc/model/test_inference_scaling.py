"""How the gradients of inference are scaled, normed and clipped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from inference_cases import PLAIN, Case, each_vode
from reference import (
    architecture,
    assert_equal_lists,
    joined,
)

from pcsearch.pc.model.inference import (
    fresh_moments,
    init_hidden,
    update_hidden,
)


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
