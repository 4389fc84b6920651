"""Images in memory as bytes, and their conversion to normalised floats."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Images:
    """A set of labelled images.

    Args:
        pixels: (M, C, S, S) uint8.
        labels: (M,) int64.
        mean: `normalise` subtracts it from each channel's values in [0, 1].
        deviation: `normalise` divides by it. Mean 0 and deviation 1 leave the images in [0, 1].
    """

    pixels: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def unit(self, indices: Tensor, device: torch.device | str) -> Tensor:
        """The images at ``indices`` (B,) int64 as (B, C, S, S) float32 in [0, 1], on ``device``.

        These are augmented first, and then normalised.
        """
        chosen = self.pixels[indices.to(self.pixels.device)]
        return chosen.to(device).float() / 255

    def normalise(self, images: Tensor) -> Tensor:
        """Images (B, C, S, S) in [0, 1], normalised by channel, on the same device."""
        mean = images.new_tensor(self.mean).view(-1, 1, 1)
        deviation = images.new_tensor(self.deviation).view(-1, 1, 1)
        return (images - mean) / deviation

    def denormalise(self, images: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        mean = images.new_tensor(self.mean).view(-1, 1, 1)
        deviation = images.new_tensor(self.deviation).view(-1, 1, 1)
        return images * deviation + mean

    def batch(self, indices: Tensor, device: torch.device | str) -> Tensor:
        """The images at ``indices`` (B,) int64 as normalised (B, C, S, S) float32 on ``device``."""
        return self.normalise(self.unit(indices, device))


@dataclass(frozen=True)
class Splits:
    """The three splits of a data set; no image is in two of them.

    Args:
        train: the images to train on.
        validation: the images that choose between models.
        test: the images of the linear probe's test and of the pictures.
        classes: the number of classes of the whole data set.
        notes: what the user should know of the images, a line each.
    """

    train: Images
    validation: Images
    test: Images
    classes: int
    notes: tuple[str, ...] = ()
