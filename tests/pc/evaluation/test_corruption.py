from __future__ import annotations

from typing import Any

import pytest
import torch
from reference import (
    architecture,
    assert_equal_lists,
    random_hidden,
    random_images,
    to_patches,
)
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.evaluation.corruption import blend_known, known_pixels
from pcsearch.pc.model.inference import Hidden


def config(**changes: Any) -> ModelConfig:
    values = {"dataset": "synthetic", "image_shape": [3, 12, 12], "corrupt_ratio": 0.25}
    return model_config(values | changes)


@pytest.mark.parametrize(("ratio", "hidden"), [(0.25, 36), (0.5, 72), (0.9, 130), (0.999, 144)])
def test_a_fixed_share_of_the_pixels_of_each_image_is_hidden(ratio: float, hidden: int) -> None:
    """Drawn pixel by pixel the share would vary, and the masked metrics with it."""
    known = known_pixels(config(corrupt_ratio=ratio), 5, 0)
    assert known.shape == (5, 3, 12, 12)
    assert set(known.flatten().tolist()) <= {0.0, 1.0}
    assert (known[:, 0] == 0).sum(dim=(1, 2)).tolist() == [hidden] * 5


def test_a_pixel_is_hidden_in_all_channels() -> None:
    known = known_pixels(config(), 5, 0)
    assert torch.equal(known, known[:, :1].expand_as(known))


def test_every_pixel_is_hidden_equally_often() -> None:
    """A mask that favoured a corner would still hide the right share."""
    known = known_pixels(config(), 4000, 0)[:, 0]
    hidden = 1 - known.mean(dim=0)
    # Four standard deviations of a share of 4000 draws, times 1.3 for the largest of 144.
    assert (hidden - 0.25).abs().max() < 1.3 * 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_images_batches_and_seeds_hide_different_pixels() -> None:
    known = known_pixels(config(), 2, 0)
    assert not torch.equal(known[0], known[1])
    assert not torch.equal(known, known_pixels(config(), 2, 1))
    assert not torch.equal(known, known_pixels(config(seed=1), 2, 0))


def test_the_same_seed_and_batch_hide_the_same_pixels_at_every_evaluation() -> None:
    torch.manual_seed(1)
    first = known_pixels(config(), 3, 2)
    torch.manual_seed(2)
    assert torch.equal(known_pixels(config(), 3, 2), first)


@pytest.mark.parametrize(("ratio", "rows"), [(0.25, 3), (0.5, 6), (0.75, 9), (0.999, 12)])
def test_the_lower_rows_are_hidden_with_the_lower_half_mask(ratio: float, rows: int) -> None:
    known = known_pixels(config(corrupt_ratio=ratio, use_lower_half_mask=True), 2, 0)
    assert known.shape == (2, 3, 12, 12)
    assert (known[:, :, : 12 - rows] == 1).all()
    assert (known[:, :, 12 - rows :] == 0).all()


@pytest.mark.parametrize(("lower", "hidden"), [(False, 1), (True, 12)])
def test_something_is_hidden_however_small_the_share(lower: bool, hidden: int) -> None:
    """With nothing hidden the masked metrics would be 0 / 0."""
    known = known_pixels(config(corrupt_ratio=0.001, use_lower_half_mask=lower), 3, 0)
    assert (known[:, 0] == 0).sum(dim=(1, 2)).tolist() == [hidden] * 3


def states_and_images() -> tuple[Hidden, Tensor]:
    """Hidden states with a free sensory vode, and images as patches."""
    shape = architecture()
    images = to_patches(random_images(shape), shape)
    return random_hidden(shape)._replace(sensory=0.5 * images.flip(1)), images


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_known_values_are_blended_back_by_alpha(alpha: float) -> None:
    hidden, images = states_and_images()
    assert hidden.sensory is not None
    known = torch.zeros_like(images)
    known[:, ::2] = 1
    blended = blend_known(hidden, images, known, alpha)
    assert blended.sensory is not None
    mixed = (1 - alpha) * hidden.sensory + alpha * images
    torch.testing.assert_close(blended.sensory[:, ::2], mixed[:, ::2])
    torch.testing.assert_close(blended.sensory[:, 1::2], hidden.sensory[:, 1::2], rtol=0, atol=0)
    assert_equal_lists(blended.free()[:2], hidden.free()[:2], rtol=0, atol=0)


def test_a_clamped_sensory_vode_is_not_blended() -> None:
    hidden, images = states_and_images()
    clamped = hidden._replace(sensory=None)
    assert blend_known(clamped, images, torch.ones_like(images), 1.0) is clamped
