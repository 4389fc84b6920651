"""Images as sequences of patches, and where each patch lies.

Patch n is (row n // (S/p), column n % (S/p)); inside a patch the D = p * p * C values are ordered
(row in patch, column in patch, channel).
"""

from __future__ import annotations

import torch
from torch import Tensor


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Images (B, C, S, S) as patches (B, N, D)."""
    batch, channels, size, _ = images.shape
    side = size // patch_size
    grid = images.reshape(batch, channels, side, patch_size, side, patch_size)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(batch, side * side, -1)


def unpatchify(patches: Tensor, patch_size: int, channels: int) -> Tensor:
    """Patches (B, N, D) as images (B, C, S, S): the inverse of `patchify`."""
    batch, count, _ = patches.shape
    side = round(count**0.5)
    grid = patches.reshape(batch, side, side, patch_size, patch_size, channels)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(
        batch, channels, side * patch_size, side * patch_size
    )


def positional_encoding(side: int, hidden_size: int, theta: float) -> Tensor:
    """The fixed two-dimensional sinusoidal encoding, (side * side, hidden_size).

    The first half of the features encodes the row, the second the column; in each half, even
    features hold sin(position * f_k), odd ones cos(position * f_k), f_k = theta^(-2k / half).
    """
    half = hidden_size // 2
    frequencies = theta ** (-2.0 * torch.arange((half + 1) // 2, dtype=torch.float64) / half)
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    axis = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :half]
    rows = axis[:, None, :].expand(side, side, half)
    columns = axis[None, :, :].expand(side, side, half)
    return torch.cat([rows, columns], dim=-1).reshape(side * side, hidden_size).float()
