from __future__ import annotations

from pcsearch.pc.dataset_sizes import DATASETS, EMBEDDED


def test_patches_fit_the_images() -> None:
    assert DATASETS.keys() > EMBEDDED
    for sizes in DATASETS.values():
        _, height, width = sizes.image_shape
        assert height == width
        assert height % sizes.patch_size == 0
