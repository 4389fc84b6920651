from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pcsearch.pc.dataset_checks import name_or_path, shape_conflicts, size_conflicts
from pcsearch.pc.dataset_sizes import DATASETS, held_out_images, is_path


@pytest.mark.parametrize("dataset", [*DATASETS, "./mine", "a/b", "/a", "mine.npz", "mine.npy"])
def test_names_and_paths_are_data_sets(dataset: str) -> None:
    assert name_or_path(dataset) == dataset
    assert is_path(dataset) == (dataset not in DATASETS)


@pytest.mark.parametrize("dataset", ["", "Mnist", "mine", "mine.zip", ".", "a/\0", "{x}"])
def test_other_texts_are_refused_with_all_names(dataset: str) -> None:
    with pytest.raises(PydanticCustomError, match=r"'cifar10', .*'\./images'"):
        name_or_path(dataset)


@pytest.mark.parametrize(
    ("image_shape", "patch_size", "norm", "fields"),
    [
        ((3, 64, 64), 4, False, []),
        ((1, 10, 10), 5, False, []),
        ((4, 32, 32), 4, False, ["image_shape"]),
        ((3, 32, 64), 4, False, ["image_shape"]),
        ((3, 30, 30), 4, False, ["patch_size"]),
        ((3, 32, 32), 4, True, ["use_cifar10_norm"]),
    ],
)
def test_own_images_are_grey_or_coloured_squares_of_whole_patches(
    image_shape: tuple[int, int, int], patch_size: int, norm: bool, fields: list[str]
) -> None:
    conflicts = shape_conflicts("./mine", image_shape, patch_size, norm)
    assert [field for field, _ in conflicts] == fields


@given(
    st.integers(1, 300), st.integers(1, 300), st.none() | st.integers(0, 4), st.booleans(),
    st.none() | st.tuples(st.integers(0, 300), st.integers(1, 4)),
)  # fmt: skip
def test_sizes_are_in_conflict_where_a_batch_a_class_or_a_probe_lacks_images(
    subset: int, batch: int, target: int | None, probe: bool, sizes: tuple[int, int] | None
) -> None:
    fields = {field for field, _ in size_conflicts("./a", subset, batch, target, probe, sizes)}
    images, classes = sizes or (300, 5)
    assert ("batch_size" in fields) == (batch > min(subset, images))
    assert ("target_class" in fields) == (target is not None and target >= classes)
    assert ("linear_probe_every_n_epochs" in fields) == (probe and classes == 1)


@given(st.integers(3, 10**6))
def test_some_images_are_held_out_and_some_are_not(count: int) -> None:
    assert 2 <= held_out_images(count) < count
