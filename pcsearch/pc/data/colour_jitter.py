"""Colour jitter, with a faster change of hue than kornia's."""

from __future__ import annotations

import math
from typing import Any

import torch
from kornia import augmentation, enhance
from torch import Tensor

SEXTANT = math.pi / 3
LEAST = (3, 5, 1)
"""The hues where red, green and blue are least, in sextants of the colour circle."""

STEPS = {
    "brightness_factor": (1.0, enhance.adjust_brightness_accumulative),
    "contrast_factor": (1.0, enhance.adjust_contrast_with_mean_subtraction),
    "saturation_factor": (1.0, enhance.adjust_saturation_with_gray_subtraction),
    "hue_factor": (0.0, lambda images, turns: turn_hue(images, turns * 2 * math.pi)),
}
"""The steps in kornia's numbering, each with the factor that changes nothing."""


class ColourJitter(augmentation.ColorJitter):  # type: ignore[misc]  # kornia has no types
    """kornia's ColorJitter with the same draws, and results within 1e-5.

    Its own change of hue goes through HSV images, and takes longer than all other augmentations
    together.
    """

    def apply_transform(
        self,
        input: Tensor,  # noqa: A002 - kornia's own name
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Apply the steps, with the factors and in the order that were drawn.

        Args:
            input: (B, C, S, S) in [0, 1].
            params: the order of the steps, and for each step its factors, (B,).
            flags: the constants of the augmentation; not used.
            transform: a matrix of geometric augmentations; not used.

        Returns:
            (B, C, S, S) in [0, 1].
        """
        images = input.clamp(0, 1)
        names = list(STEPS)
        for number in params["order"].tolist():
            name = names[number]
            neutral, step = STEPS[name]
            factors = params[name].to(images)
            # Saturation and hue are defined for RGB; the factors of other images are neutral.
            if (factors != neutral).any():
                images = step(images, factors)
        return images.clamp(0, 1)


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
