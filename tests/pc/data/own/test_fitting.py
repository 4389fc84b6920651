from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pcsearch.pc.data.own import fitting
from pcsearch.pc.data.own.fitting import fit


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_an_image_of_the_shape_keeps_its_pixels() -> None:
    colour, grey = noise(8, 8, 3), noise(8, 8)
    assert np.array_equal(fit(Image.fromarray(colour), (3, 8, 8)), colour.transpose(2, 0, 1))
    assert np.array_equal(fit(Image.fromarray(grey), (1, 8, 8)), grey[None])
    assert np.array_equal(fit(Image.fromarray(grey), (3, 8, 8)), np.stack([grey] * 3))


def test_of_an_oblong_image_the_middle_is_taken() -> None:
    """Red, white and blue, side by side."""
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, :10, 0] = wide[:, 20:, 2] = 255
    wide[:, 10:20] = 255
    for image in (wide, wide.transpose(1, 0, 2)):
        assert (fit(Image.fromarray(image), (3, 4, 4))[:, 1:3, 1:3] > 250).all()
        assert np.array_equal(
            fit(Image.fromarray(image), (3, 10, 10)), np.full((3, 10, 10), 255, dtype=np.uint8)
        )


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LA", "I;16", "I"]),
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(1, 20),
)  # fmt: skip
def test_an_image_of_any_kind_and_size_gets_the_shape(
    mode: str, width: int, height: int, channels: int, side: int
) -> None:
    image = Image.new(mode, (width, height))
    fitted = fit(image, (channels, side, side))
    assert fitted.shape == (channels, side, side)
    assert fitted.dtype == np.uint8


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_values_of_16_bits_are_scaled(mode: str) -> None:
    image = Image.new(mode, (2, 2))
    for place, value in enumerate([0, 257, 32896, 65535]):
        image.putpixel((place % 2, place // 2), value)
    assert fit(image, (1, 2, 2)).reshape(-1).tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("value", [-1, 65536])
def test_larger_values_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="0 to 65,535"):
        fit(Image.new("I", (2, 2), value), (1, 2, 2))


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="floats"):
        fit(Image.new("F", (2, 2)), (1, 2, 2))


def test_what_is_transparent_is_white() -> None:
    palette = Image.new("P", (2, 2), 0)
    palette.info["transparency"] = 0
    for image in (Image.new("RGBA", (2, 2), (9, 9, 9, 0)), Image.new("LA", (2, 2), 0), palette):
        assert (fit(image, (3, 2, 2)) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "I"])
def test_a_large_image_is_what_a_small_one_would_be(mode: str) -> None:
    """Black and white halves, with a margin that the middle square leaves out."""
    white = {"I;16": 65535, "I": 65535, "RGB": (255,) * 3, "RGBA": (255,) * 4, "LA": (255, 255)}
    image = Image.new(mode, (2501, 2100), {"RGBA": (0, 0, 0, 255), "LA": (0, 255)}.get(mode, 0))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
        white["P"] = 1
    image.paste(white.get(mode, 255), (1250, 0, 2501, 2100))
    assert image.width * image.height > fitting._LARGE
    for channels in (1, 3):
        fitted = fit(image, (channels, 8, 8)).astype(int)
        assert fitted[:, :, :3].max() <= 1
        assert fitted[:, :, 3].max() <= 20
        assert fitted[:, :, 4].min() >= 235
        assert fitted[:, :, 5:].min() >= 254


def test_a_large_image_that_is_asked_for_large_keeps_its_pixels() -> None:
    pixels = noise(2100, 2100)
    assert np.array_equal(fit(Image.fromarray(pixels), (1, 2100, 2100)), pixels[None])
