from __future__ import annotations

import math

import kornia
import pytest
import torch

from pcsearch.pc.data.colour_jitter import ColourJitter, turn_hue

RGB, GREY = (3, 12, 12), (1, 12, 12)


def test_the_hue_is_turned_as_kornia_does() -> None:
    images = torch.rand(32, *RGB, generator=torch.Generator().manual_seed(0))
    images[0] = images[0, :1]
    images[1], images[2] = 0.0, 1.0
    images[3:6, :2] = images[3:6, :1]
    images[6:9, 1:] = images[6:9, 1:2]
    # The corners of the cube, and colours that are next to gray.
    images[9:20] = images[9:20].round()
    images[20:24] = 0.5 + 1e-4 * images[20:24]
    before = images.clone()
    angle = torch.linspace(-math.pi, math.pi, 32)
    torch.testing.assert_close(
        turn_hue(images, angle), kornia.enhance.adjust_hue(images, angle), atol=1e-5, rtol=0
    )
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("shape", "factors"), [(RGB, (0.4, 0.4, 0.4, 0.1)), (GREY, (0.4, 0.4, 0.0, 0.0))]
)
def test_it_equals_the_jitter_of_kornia_but_for_the_last_bits_of_the_hue(
    shape: tuple[int, int, int], factors: tuple[float, float, float, float]
) -> None:
    images = torch.rand(32, *shape, generator=torch.Generator().manual_seed(0))
    for seed in range(8):
        results = []
        for jitter in (ColourJitter, kornia.augmentation.ColorJitter):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                results.append(jitter(*factors, p=0.8)(images))
        torch.testing.assert_close(*results, atol=1e-5, rtol=0)
        # Were kornia's hue in use, the bits would be equal.
        assert torch.equal(*results) == (shape == GREY)
