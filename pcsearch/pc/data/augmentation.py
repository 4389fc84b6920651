"""The augmentations of training images, as a pure function of images and seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Augmentation:
    """Random crop, flip, colour jitter, grayscale and blur, drawn for each image of a batch.

    Images of other than 3 channels get no grayscale, and their jitter changes brightness and
    contrast only: hue and saturation are defined for RGB.

    Args:
        image_shape: (C, S, S).
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        # kornia takes seconds to import, and most commands augment no images.
        from kornia import augmentation as kornia

        from pcsearch.pc.data.colour_jitter import ColourJitter

        channels, *size = image_shape
        coloured = channels == 3
        jitter = (0.4, 0.4, 0.4, 0.1) if coloured else (0.4, 0.4, 0.0, 0.0)
        steps = [
            # The mode "slice" gives the same crops, but loops over the images.
            kornia.RandomResizedCrop(tuple(size), scale=(0.5, 1.0), cropping_mode="resample"),
            kornia.RandomHorizontalFlip(p=0.5),
            ColourJitter(*jitter, p=0.8),
            *([kornia.RandomGrayscale(p=0.2)] if coloured else []),
            kornia.RandomGaussianBlur((3, 3), (0.1, 2.0), p=0.5),
        ]
        self._steps = nn.Sequential(*steps)

    @torch.no_grad()
    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Augment a batch; the global random state stays as it was.

        Args:
            images: (B, C, S, S) float32 in [0, 1], on any device.
            seed: the draws depend on it alone; they are the same on every device.

        Returns:
            (B, C, S, S) float32 in [0, 1], on the device of ``images``.
        """
        # kornia draws from the global CPU generator wherever the images are. Seeding that one
        # alone, unlike torch.manual_seed, leaves the generators of the GPUs as they were.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            augmented: Tensor = self._steps(images)
        return augmented.clamp(0, 1)
