"""Hidden parts of images, for evaluations that have to fill them in."""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.seeds import generator


def known_pixels(config: ModelConfig, batch: int, *purpose: str | int) -> Tensor:
    """1 where a pixel is known and 0 where it is hidden, (B, C, S, S) on the CPU.

    The lower ``corrupt_ratio`` of the rows is hidden with ``use_lower_half_mask``; otherwise that
    share of the pixels of each image, drawn for the seed and the purpose. At least one row or pixel
    is hidden.
    """
    channels, size, _ = config.image_shape
    if config.use_lower_half_mask:
        known = torch.ones(batch, size, size)
        known[:, size - max(1, round(config.corrupt_ratio * size)) :] = 0
    else:
        random = generator(config.seed, "corruption", *purpose)
        order = torch.rand(batch, size * size, generator=random).argsort(dim=1)
        hidden = order < max(1, round(config.corrupt_ratio * size * size))
        known = (~hidden).float().view(batch, size, size)
    return known[:, None].expand(batch, channels, size, size)
