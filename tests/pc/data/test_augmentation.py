from __future__ import annotations

import math
import random

import kornia
import numpy as np
import pytest
import torch
from torch import Tensor

from pcsearch.pc.data import synthetic
from pcsearch.pc.data.augmentation import Augmentation, turn_hue

SHAPES = [(3, 32, 32), (1, 32, 32), (1, 8, 8), (2, 8, 8)]
RGB = SHAPES[0]


def images(shape: tuple[int, int, int], count: int = 16) -> Tensor:
    return torch.from_numpy(synthetic.render(np.arange(count), shape, 0)).float() / 255


@pytest.mark.parametrize("shape", SHAPES)
def test_augmented_images_have_their_shape_and_stay_from_0_to_1(
    shape: tuple[int, int, int],
) -> None:
    before = images(shape)
    given = before.clone()
    for seed in range(3):
        augmented = Augmentation(shape)(given, seed)
        assert augmented.shape == before.shape
        assert augmented.dtype == torch.float32
        assert augmented.isfinite().all()
        assert augmented.min() >= 0
        assert augmented.max() <= 1
        assert not torch.equal(augmented, before)
    assert torch.equal(given, before)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_images_stay_from_0_to_1(value: float) -> None:
    augmented = Augmentation(RGB)(torch.full((16, *RGB), value), 0)
    assert augmented.isfinite().all()
    assert augmented.min() >= 0
    assert augmented.max() <= 1


@pytest.mark.parametrize("shape", [RGB, (1, 8, 8)])
def test_the_seed_and_the_images_are_all_that_matters(shape: tuple[int, int, int]) -> None:
    augment = Augmentation(shape)
    torch.manual_seed(1)
    first = augment(images(shape), 5)
    torch.manual_seed(2)
    augment(images(shape), 6)
    assert torch.equal(augment(images(shape), 5), first)
    assert torch.equal(Augmentation(shape)(images(shape), 5), first)
    assert not torch.equal(augment(images(shape), 6), first)


def test_the_global_random_state_stays_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    Augmentation(RGB)(images(RGB), 7)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]


def test_draws_differ_from_image_to_image() -> None:
    same = images(RGB, 1).expand(16, -1, -1, -1).contiguous()
    augmented = Augmentation(RGB)(same, 0)
    assert len({image.numpy().tobytes() for image in augmented}) == 16


def test_about_one_image_in_five_turns_gray() -> None:
    same = torch.rand(1, *RGB, generator=torch.Generator().manual_seed(0)).expand(300, -1, -1, -1)
    augmented = Augmentation(RGB)(same.contiguous(), 0)
    spread = augmented.amax(dim=1) - augmented.amin(dim=1)
    gray = (spread.amax(dim=(1, 2)) < 1e-3).float().mean()
    assert 0.13 < gray < 0.27


def test_channels_that_are_not_rgb_are_not_mixed() -> None:
    empty_channel = images((2, 8, 8))
    empty_channel[:, 1] = 0.5
    augmented = Augmentation((2, 8, 8))(empty_channel, 0)
    spread = augmented[:, 1].amax(dim=(1, 2)) - augmented[:, 1].amin(dim=(1, 2))
    assert spread.max() < 1e-3


def test_no_gradient_is_kept() -> None:
    assert not Augmentation(RGB)(images(RGB).requires_grad_(), 0).requires_grad


def test_a_batch_of_one_image_is_augmented() -> None:
    assert Augmentation(RGB)(images(RGB, 1), 0).shape == (1, *RGB)


def test_the_hue_is_turned_as_kornia_does() -> None:
    given = torch.rand(32, *RGB, generator=torch.Generator().manual_seed(0))
    given[0] = given[0, :1]
    given[1], given[2] = 0.0, 1.0
    given[3:6, :2] = given[3:6, :1]
    given[6:9, 1:] = given[6:9, 1:2]
    # The corners of the cube, and colours that are next to gray.
    given[9:20] = given[9:20].round()
    given[20:24] = 0.5 + 1e-4 * given[20:24]
    before = given.clone()
    angle = torch.linspace(-math.pi, math.pi, 32)
    torch.testing.assert_close(
        turn_hue(given, angle), kornia.enhance.adjust_hue(given, angle), atol=1e-5, rtol=0
    )
    assert torch.equal(given, before)


def test_the_jitter_is_kornias_but_for_how_the_hue_is_turned() -> None:
    own, kornias = Augmentation(RGB), Augmentation(RGB)
    kornias._steps[2]._hue_fn = kornia.enhance.adjust_hue
    for seed in range(3):
        ours, theirs = own(images(RGB), seed), kornias(images(RGB), seed)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
        # Bits differ: the jitter takes the one that it is given.
        assert not torch.equal(ours, theirs)
