"""Corrupted images, of which evaluation hides a part and lets inference fill it in."""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.seeds import generator


def known_pixels(config: ModelConfig, images: int, batch: int) -> Tensor:
    """1 where a pixel is known and 0 where it is hidden, (B, C, S, S) on the CPU.

    With ``use_lower_half_mask`` the lower ``corrupt_ratio`` of the rows is hidden; otherwise that
    share of the pixels of each image, drawn at random. At least one row or pixel is hidden.

    Args:
        config: the configuration of the run.
        images: B.
        batch: the number of the batch in the evaluation; the draw depends on it and on the seed.
    """
    channels, size, _ = config.image_shape
    if config.use_lower_half_mask:
        known = torch.ones(images, size, size)
        known[:, size - max(1, round(config.corrupt_ratio * size)) :] = 0
    else:
        random = generator(config.seed, "corruption", batch)
        order = torch.rand(images, size * size, generator=random).argsort(dim=1)
        hidden = order < max(1, round(config.corrupt_ratio * size * size))
        known = (~hidden).float().view(images, size, size)
    return known[:, None].expand(images, channels, size, size)


def blend_known(hidden: Hidden, images: Tensor, known: Tensor, alpha: float) -> Hidden:
    """The hidden states, with the sensory vode's known values moved towards the image.

    Args:
        hidden: the states after an update.
        images: the original images as patches, (B, N, D).
        known: 1 where the image is known, else 0, (B, N, D).
        alpha: 1 restores the known values, 0 leaves them as they are.
    """
    if hidden.sensory is None:
        return hidden
    return hidden._replace(
        sensory=hidden.sensory + alpha * known * (images - hidden.sensory),
    )
