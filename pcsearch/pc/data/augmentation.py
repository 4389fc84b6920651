"""The augmentations of self-supervised training, as a pure function of images and seed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SEXTANT = math.pi / 3
# Where red, green and blue are least: three sextants from where they are greatest.
LEAST = (3, 5, 1)


class Augmentation:
    """Random crop, flip, colour jitter, grayscale and blur of a batch, drawn image by image.

    Images of other than 3 channels get no grayscale, and their jitter changes brightness and
    contrast only: hue and saturation are defined for RGB.

    Args:
        image_shape: (C, S, S).
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        # kornia takes a while to import, and most runs of the tests and commands need none of it.
        from kornia import augmentation as kornia

        channels, *size = image_shape
        coloured = channels == 3
        jitter = (0.4, 0.4, 0.4, 0.1) if coloured else (0.4, 0.4, 0.0, 0.0)
        colours = kornia.ColorJitter(*jitter, p=0.8)
        # kornia's own goes over HSV images, which takes longer than all the other steps together.
        colours._hue_fn = turn_hue
        steps = [
            # "slice" gives the same crops, but loops over the images.
            kornia.RandomResizedCrop(tuple(size), scale=(0.5, 1.0), cropping_mode="resample"),
            kornia.RandomHorizontalFlip(p=0.5),
            colours,
            *([kornia.RandomGrayscale(p=0.2)] if coloured else []),
            kornia.RandomGaussianBlur((3, 3), (0.1, 2.0), p=0.5),
        ]
        self._steps = nn.Sequential(*steps)

    @torch.no_grad()
    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Augment a batch; the global random state stays as it was.

        Args:
            images: (B, C, S, S) float32 in [0, 1], on any device.
            seed: all that the draws depend on; they are the same on every device.

        Returns:
            (B, C, S, S) float32 in [0, 1], on the device of ``images``.
        """
        # kornia draws from the global CPU generator wherever the images are. Seeding that one
        # alone, unlike torch.manual_seed, leaves the generators of the GPUs as they were.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            augmented: Tensor = self._steps(images)
        return augmented.clamp(0, 1)


def turn_hue(images: Tensor, angle: Tensor) -> Tensor:
    """Change the hue of images; their saturation and value, in HSV, stay as they are.

    With the hue h in sextants, value V and chroma C = V minus the least channel, a channel that is
    least at the sextant n is ``V - C clamp(2 - d, 0, 1)``, d being the way around the circle from
    h to n.

    Args:
        images: (B, 3, S, S) in [0, 1].
        angle: (B,), in radians.

    Returns:
        (B, 3, S, S).
    """
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    # A gray pixel has any hue: nothing is left of it.
    scale = chroma.clamp(min=torch.finfo(images.dtype).tiny).reciprocal_()
    of_green = (blue - red).mul_(scale).add_(2)
    of_blue = (red - green).mul_(scale).add_(4)
    hue = torch.where(green == value, of_green, of_blue)
    hue = torch.where(red == value, (green - blue).mul_(scale), hue)
    hue.add_((angle / SEXTANT).view(-1, 1, 1)).div_(6)
    turned = torch.empty_like(images)
    for channel, least in enumerate(LEAST):
        way = hue - least / 6
        way.sub_(way.round()).abs_().mul_(6)
        way.neg_().add_(2).clamp_(0, 1)
        torch.addcmul(value, chroma, way, value=-1, out=turned[:, channel])
    return turned
