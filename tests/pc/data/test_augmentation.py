from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor

from pcsearch.pc.data import synthetic
from pcsearch.pc.data.augmentation import Augmentation

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
