from __future__ import annotations

import pytest
from reference import architecture

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config


def test_an_architecture_follows_the_configuration() -> None:
    config = ModelConfig(
        hidden_size=10, num_heads=5, num_blocks=4, mlp_ratio=2.55, patch_size=8, theta=77
    )
    shape = Architecture.of(config)
    assert (shape.channels, shape.image_size) == (3, 32)
    assert (shape.hidden_size, shape.num_heads, shape.num_blocks) == (10, 5, 4)
    assert (shape.mlp_size, shape.theta, shape.state_norm) == (25, 77, False)
    assert (shape.side, shape.num_patches, shape.patch_dim) == (4, 16, 192)
    assert Architecture.of(model_config({"use_vode_state_layernorm": True})).state_norm


def test_the_work_of_training_counts_the_products_of_the_definition() -> None:
    """Two products for each update, three for the weights, one for the reconstruction."""
    shape = architecture(num_blocks=0)
    rows, ends = shape.num_patches, 2 * shape.patch_dim * shape.hidden_size
    expected = 2 * rows * ends * (5 * 2 + 3 + 1) / 1e9
    assert shape.training_gigaflops(5) == pytest.approx(expected)


def test_each_block_adds_the_same_work() -> None:
    works = [architecture(num_blocks=blocks).training_gigaflops(3) for blocks in range(3)]
    assert works[2] - works[1] == pytest.approx(works[1] - works[0])
    assert works[1] > works[0]
