from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    architecture,
    label,
    position,
    random_images,
    to_patches,
)

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.model.patches import patchify, positional_encoding, unpatchify

ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=3),
    architecture(num_blocks=2, state_norm=True),
]


@given(
    patch_size=st.integers(1, 5),
    side=st.integers(1, 4),
    channels=st.integers(1, 4),
    batch=st.integers(1, 3),
)
def test_unpatchify_undoes_patchify(patch_size: int, side: int, channels: int, batch: int) -> None:
    size = patch_size * side
    count = batch * channels * size * size
    images = torch.arange(count, dtype=torch.float32).view(batch, channels, size, size)
    patches = patchify(images, patch_size)
    assert patches.shape == (batch, side * side, patch_size * patch_size * channels)
    assert torch.equal(unpatchify(patches, patch_size, channels), images)
    assert torch.equal(patchify(unpatchify(patches, patch_size, channels), patch_size), patches)


@pytest.mark.parametrize(
    "shape", [architecture(), architecture(channels=3, patch_size=3)], ids=label
)
def test_patches_hold_rows_of_columns_of_channels(shape: Architecture) -> None:
    """Any other order also reconstructs, but makes the weights of others unreadable."""
    images = random_images(shape)
    expected = to_patches(images, shape)
    assert torch.equal(patchify(images, shape.patch_size), expected)
    assert torch.equal(unpatchify(expected, shape.patch_size, shape.channels), images)


@pytest.mark.parametrize(
    "shape",
    [
        architecture(),
        architecture(hidden_size=6, image_size=8, theta=100.0),
        architecture(hidden_size=2, image_size=8),
        architecture(hidden_size=64, image_size=16, theta=10000.0),
    ],
    ids=label,
)
def test_the_positional_encoding_is_sines_and_cosines_of_row_and_column(
    shape: Architecture,
) -> None:
    """Halves of odd size, too: their last feature is a sine without its cosine."""
    found = positional_encoding(shape.side, shape.hidden_size, shape.theta)
    torch.testing.assert_close(found, position(shape))
    assert found.dtype == torch.float32


def test_every_patch_has_its_own_position() -> None:
    found = positional_encoding(8, 48, 100.0)
    distances = torch.cdist(found, found) + 10 * torch.eye(64)
    assert distances.min() > 0.1
