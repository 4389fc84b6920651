from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from reference import (
    architecture,
    assert_equal_lists,
    label,
    model_of,
    prediction,
    random_hidden,
    random_weights,
)

from pcsearch.pc.model.transformer import Architecture, init_weights

ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=0, state_norm=True),
    architecture(num_blocks=1, num_heads=1),
    architecture(num_blocks=3, num_heads=12),
    architecture(num_blocks=2, state_norm=True),
    architecture(num_blocks=1, image_size=2),
]


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_predictions_equal_the_layers_of_torch_vode_by_vode(shape: Architecture) -> None:
    """Computed at once over stacked weights, a mixed-up block would still have the right shape."""
    weights, hidden = random_weights(shape), random_hidden(shape)
    predicted, image = model_of(shape).predictions(weights, hidden.top, hidden.states)
    below = [hidden.top, *hidden.states]
    expected = [
        prediction(shape, weights, vode, below[vode - 1]) for vode in range(1, shape.num_blocks + 3)
    ]
    assert_equal_lists([*predicted, image], expected)


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_feed_forward_takes_every_prediction_as_the_next_state(shape: Architecture) -> None:
    weights, hidden = random_weights(shape), random_hidden(shape)
    states, image = model_of(shape).feed_forward(weights, hidden.top)
    expected = [hidden.top]
    for vode in range(1, shape.num_blocks + 3):
        expected.append(prediction(shape, weights, vode, expected[-1]))
    assert_equal_lists([*states, image], expected[1:])


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_predictions_and_states_have_the_shapes_of_the_definition(shape: Architecture) -> None:
    images, n = 5, shape.num_patches
    weights, hidden = random_weights(shape), random_hidden(shape, images=images)
    tall = (shape.num_blocks + 1, images, n, shape.hidden_size)
    for states, image in (
        model_of(shape).predictions(weights, hidden.top, hidden.states),
        model_of(shape).feed_forward(weights, hidden.top),
    ):
        assert states.shape == tall
        assert image.shape == (images, n, shape.patch_dim)


def test_a_state_reaches_the_prediction_of_the_next_vode_only() -> None:
    """The independence that lets all layers be computed at once."""
    shape = architecture(num_blocks=3)
    weights, hidden = random_weights(shape), random_hidden(shape)

    def predicted(vode: int | None) -> list[torch.Tensor]:
        states = hidden.states.clone()
        top = hidden.top + (vode == 0)
        if vode:
            states[vode - 1] += torch.arange(shape.hidden_size)
        found, image = model_of(shape).predictions(weights, top, states)
        return [*found, image]

    usual = predicted(None)
    for vode in range(shape.num_blocks + 2):
        moved = [
            not torch.allclose(one, other)
            for one, other in zip(predicted(vode), usual, strict=True)
        ]
        assert moved == [i == vode for i in range(shape.num_blocks + 2)]


def test_images_of_a_batch_do_not_attend_to_each_other() -> None:
    shape = architecture(state_norm=True)
    weights, hidden = random_weights(shape), random_hidden(shape)
    model = model_of(shape)
    whole, image = model.predictions(weights, hidden.top, hidden.states)
    one, one_image = model.predictions(weights, hidden.top[1:2], hidden.states[:, 1:2])
    torch.testing.assert_close(whole[:, 1:2], one)
    torch.testing.assert_close(image[1:2], one_image)


def test_the_layer_norm_of_the_states_uses_no_block_weights_and_spares_the_top_latent() -> None:
    """u_1 sees the raw h_0; every other input is normed, so its scale does not matter."""
    shape = architecture(state_norm=True)
    weights, hidden = random_weights(shape), random_hidden(shape)
    model = model_of(shape)
    usual, image = model.predictions(weights, hidden.top, 100 * hidden.states)
    scaled, scaled_image = model.predictions(weights, hidden.top, 1e4 * hidden.states)
    torch.testing.assert_close(usual, scaled, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(image, scaled_image, rtol=1e-6, atol=1e-7)
    twice, _ = model.predictions(weights, 2 * hidden.top, hidden.states)
    expected = prediction(shape, weights, 1, 2 * hidden.top)
    torch.testing.assert_close(twice[0], expected)


def fan_ins(shape: Architecture) -> dict[str, int]:
    hidden, dim, mlp = shape.hidden_size, shape.patch_dim, shape.mlp_size
    return {
        "patch_projection": dim,
        "output_projection": hidden,
        **{f"blocks.attention.{name}": hidden for name in ("query", "key", "value", "out")},
        "blocks.linear1": hidden,
        "blocks.linear2": mlp,
    }


def test_linear_layers_start_uniform_within_one_over_the_root_of_the_fan_in() -> None:
    """Many values, so their largest and their deviation tell the bound to a few per cent."""
    shape = architecture(hidden_size=64, num_heads=1, mlp_size=100, num_blocks=3, patch_size=3)
    weights = init_weights(shape, 0)
    for name, weight in weights.items():
        layer, _, kind = name.rpartition(".")
        if "norm" in layer:
            continue
        bound = 1 / math.sqrt(fan_ins(shape)[layer])
        assert weight.abs().max() <= bound, name
        if kind == "weight":
            assert weight.abs().max() > 0.97 * bound, name
            assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05), name
            assert abs(float(weight.mean())) < 0.1 * bound, name
        else:
            assert weight.abs().max() > 0.7 * bound, name


def test_weights_have_a_matrix_a_block_and_no_bias_in_the_attention() -> None:
    shape = architecture(num_blocks=2, state_norm=True)
    found = {name: tuple(weight.shape) for name, weight in init_weights(shape, 0).items()}
    h, d, m = shape.hidden_size, shape.patch_dim, shape.mlp_size
    expected: dict[str, tuple[int, ...]] = {
        "patch_projection.weight": (h, d),
        "patch_projection.bias": (h,),
        "output_projection.weight": (d, h),
        "output_projection.bias": (d,),
        **{f"blocks.attention.{n}.weight": (2, h, h) for n in ("query", "key", "value", "out")},
        "blocks.linear1.weight": (2, m, h),
        "blocks.linear1.bias": (2, m),
        "blocks.linear2.weight": (2, h, m),
        "blocks.linear2.bias": (2, h),
        **{f"blocks.norm{n}.{kind}": (2, h) for n in (1, 2) for kind in ("weight", "bias")},
        "state_norms.weight": (3, h),
        "state_norms.bias": (3, h),
    }
    assert found == expected


def test_norms_start_as_the_identity() -> None:
    for name, weight in init_weights(architecture(state_norm=True), 0).items():
        if "norm" in name:
            assert set(weight.flatten().tolist()) == {float(name.endswith("weight"))}, name


def test_weights_follow_from_the_seed_and_from_nothing_else() -> None:
    shape = architecture()
    torch.manual_seed(1)
    first = init_weights(shape, 5)
    torch.manual_seed(2)
    second, other = init_weights(shape, 5), init_weights(shape, 6)
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name
        assert "norm" in name or not torch.equal(weight, other[name]), name


def test_no_two_blocks_start_alike() -> None:
    for name, weight in init_weights(architecture(num_blocks=3), 0).items():
        if name.startswith("blocks.") and "norm" not in name:
            assert not any(torch.equal(one, other) for one, other in pairwise(weight)), name
