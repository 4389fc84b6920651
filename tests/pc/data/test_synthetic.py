from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.pc.data import synthetic
from pcsearch.pc.data.synthetic import CLASSES

SHAPES = [(3, 32, 32), (1, 8, 8), (2, 4, 4), (4, 17, 17)]
RGB = SHAPES[0]


def render(
    start: int, stop: int, shape: tuple[int, int, int] = RGB, pool: int = 0
) -> np.ndarray[Any, Any]:
    return synthetic.render(np.arange(start, stop), shape, pool)


@pytest.mark.parametrize("shape", SHAPES)
def test_images_are_bytes_of_the_shape_asked_for(shape: tuple[int, int, int]) -> None:
    images = render(0, 30, shape)
    assert images.dtype == np.uint8
    assert images.shape == (30, *shape)


def test_no_images_are_an_empty_array() -> None:
    assert render(0, 0).shape == (0, *RGB)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 60_000), min_size=1, max_size=40),
    st.sampled_from(SHAPES),
    st.sampled_from([0, 1]),
)
def test_an_image_depends_on_its_index_and_pool_only(
    indices: list[int], shape: tuple[int, int, int], pool: int
) -> None:
    together = synthetic.render(np.array(indices), shape, pool)
    for index, image in zip(indices, together, strict=True):
        assert np.array_equal(synthetic.render(np.array([index]), shape, pool)[0], image)


def test_images_rendered_in_chunks_are_those_rendered_one_by_one() -> None:
    many = render(0, synthetic._CHUNK + 5, (1, 4, 4))
    tail = render(synthetic._CHUNK - 5, synthetic._CHUNK + 5, (1, 4, 4))
    assert np.array_equal(many[-10:], tail)


def test_the_global_random_state_neither_matters_nor_changes() -> None:
    np.random.seed(1)
    first = render(0, 20)
    drawn = np.random.random()
    np.random.seed(1)
    assert np.random.random() == drawn
    assert np.array_equal(render(0, 20), first)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_images_are_the_same_within_a_pool_or_between_two(
    shape: tuple[int, int, int],
) -> None:
    images = np.concatenate([render(0, 1000, shape, 0), render(0, 1000, shape, 1)])
    assert len(np.unique(images.reshape(2000, -1), axis=0)) == 2000


@pytest.mark.parametrize("count", [0, 7, 50, 10_000])
def test_the_ten_classes_are_equally_frequent(count: int) -> None:
    labels = synthetic.labels(count)
    assert labels.dtype == np.int64
    frequencies = np.bincount(labels, minlength=CLASSES)
    assert len(frequencies) == CLASSES
    assert frequencies.sum() == count
    assert frequencies.max() - frequencies.min() <= 1


def test_the_shape_is_brighter_than_its_ground() -> None:
    discs = synthetic.render(np.arange(0, 500, CLASSES), RGB, 0)
    assert (discs[:, :, 16, 16] > discs[:, :, 0, 0]).all()


@pytest.mark.parametrize(("shape", "least"), [((3, 32, 32), 0.6), ((1, 8, 8), 0.4)])
def test_the_nearest_mean_of_a_class_tells_images_of_the_other_pool_apart(
    shape: tuple[int, int, int], least: float
) -> None:
    training = render(0, 1000, shape, 0).reshape(1000, -1) / 255
    test = render(0, 500, shape, 1).reshape(500, -1) / 255
    classes = synthetic.labels(1000)
    means = np.stack([training[classes == number].mean(axis=0) for number in range(CLASSES)])
    distances = np.stack([((test - mean) ** 2).sum(axis=1) for mean in means], axis=1)
    accuracy = (distances.argmin(axis=1) == synthetic.labels(500)).mean()
    assert accuracy > least


@pytest.mark.parametrize("number", range(CLASSES))
def test_images_of_one_class_vary_in_place_size_and_colour(number: int) -> None:
    images = synthetic.render(np.arange(number, 200, CLASSES), RGB, 0).astype(float)
    bright = images.mean(axis=1) > images.mean(axis=(1, 2, 3))[:, None, None]
    assert len({mask.tobytes() for mask in bright}) > 15
    assert images.mean(axis=(2, 3)).std(axis=0).min() > 5
