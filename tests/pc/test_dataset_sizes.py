from __future__ import annotations

from pcsearch.pc.dataset_sizes import IMAGE_SHAPES, PATCH_SIZES, TRAINING_POOLS


def test_all_sizes_are_of_the_same_data_sets_and_patches_fit_the_images() -> None:
    assert IMAGE_SHAPES.keys() == PATCH_SIZES.keys() == TRAINING_POOLS.keys()
    for name, (_, height, width) in IMAGE_SHAPES.items():
        assert height == width
        assert height % PATCH_SIZES[name] == 0
