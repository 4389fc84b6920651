from __future__ import annotations

import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_image_files import noise, read_all

from pcsearch.pc.data.own import image_array
from pcsearch.pc.data.own.image_array import look

SHAPE = (3, 8, 8)


IMAGES = noise(7, 8, 8, 3)


def saved(folder: Path, images: Any = IMAGES, **others: Any) -> Path:
    path = folder / "mine.npz"
    np.savez(path, images=images, **others)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_images_and_labels_are_those_of_the_file(compressed: bool, tmp_path: Path) -> None:
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "mine.npz", images=IMAGES, labels=np.arange(7) % 3, more=np.zeros(3))
    found = look(tmp_path / "mine.npz")
    pixels, labels, damaged = read_all(found, SHAPE)
    assert (found.count, found.classes) == (7, 3)
    assert np.array_equal(pixels, IMAGES.transpose(0, 3, 1, 2))
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert labels.dtype == np.int64
    assert damaged == {}


def test_images_without_labels_are_one_class(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", IMAGES)
    for path in (saved(tmp_path), tmp_path / "mine.npy"):
        found = look(path)
        pixels, labels, _ = read_all(found, SHAPE)
        assert found.classes == 1
        assert np.array_equal(pixels, IMAGES.transpose(0, 3, 1, 2))
        assert labels.tolist() == [0] * 7


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.transpose(0, 3, 1, 2),
        IMAGES.astype(np.int64),
        IMAGES.astype(">u2"),
        IMAGES.astype(np.float64) / 255,
        IMAGES.astype(np.float32) / np.float32(255),
        np.ascontiguousarray(IMAGES[:, ::-1])[:, ::-1],
    ],
    ids=["channels first", "int64", "big-endian", "float64", "float32", "strides"],
)
def test_the_same_images_in_other_forms_are_the_same(images: Any, tmp_path: Path) -> None:
    pixels, _, _ = read_all(look(saved(tmp_path, np.ascontiguousarray(images))), SHAPE)
    assert np.array_equal(pixels, IMAGES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 1), (4, 1, 8, 8)])
def test_grey_images_have_one_channel_or_none(shape: tuple[int, ...], tmp_path: Path) -> None:
    images = noise(*shape)
    found = look(saved(tmp_path, images))
    assert np.array_equal(read_all(found, (1, 8, 8))[0], images.reshape(4, 1, 8, 8))
    coloured = read_all(found, SHAPE)[0]
    assert np.array_equal(coloured, images.reshape(4, 1, 8, 8).repeat(3, axis=1))


@pytest.mark.parametrize("shape", [(5, 20, 30), (5, 20, 30, 3), (5, 4, 30, 20), (5, 1, 1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_another_size_are_resized(
    shape: tuple[int, ...], channels: int, tmp_path: Path
) -> None:
    images = np.full(shape, 200, dtype=np.uint8)
    if shape[1] == 4:
        images[:, 3] = 255
    pixels = read_all(look(saved(tmp_path, images)), (channels, 8, 8))[0]
    assert pixels.shape == (5, channels, 8, 8)
    assert (pixels == 200).all()


def test_a_file_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_all(look(saved(tmp_path, IMAGES)), (1, 4, 4))[0]
    for size in (1, 8 * 8 * 3 * 2, 8 * 8 * 3 * 3 + 1):
        monkeypatch.setattr(image_array, "_PIECE", size)
        assert np.array_equal(read_all(look(saved(tmp_path, IMAGES)), (1, 4, 4))[0], whole)


WRONG: list[tuple[Any, str]] = [
    (IMAGES.astype(np.float32), "float32 from 0.0 to 255.0, and have to be floats from 0 to 1"),
    (IMAGES.astype(np.float32) / 127 - 1, "float32 from -1.0"),
    (np.full((3, 8, 8), np.nan), "from nan to nan"),
    (IMAGES.astype(np.int16) - 1, "int16 from -1 to 254"),
    (IMAGES.astype(np.int64) + 1, "int64 from 1 to 256"),
    (IMAGES > 3, "images are bool, and have to be whole numbers or floats"),
    (IMAGES.astype(str), "images are <U3"),
    (IMAGES.astype(object), "images are object"),
    (IMAGES.astype(complex), "images are complex128"),
    (IMAGES[0, 0], "have the shape (8, 3)"),
    (IMAGES[..., :2], "have the shape (7, 8, 8, 2)"),
    (IMAGES[:0], "have the shape (0, 8, 8, 3)"),
    (IMAGES[:, :0], "have the shape (7, 0, 8, 3)"),
    (IMAGES[None], "have the shape (1, 7, 8, 8, 3)"),
    (np.asfortranarray(IMAGES), "in the order of Fortran; save np.ascontiguousarray(images)"),
    (3, "have the shape ()"),
]


@pytest.mark.parametrize(("images", "told"), WRONG, ids=[told[:30] for _, told in WRONG])
def test_images_that_cannot_be_used_are_refused_with_the_reason(
    images: Any, told: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", images=images)
    with pytest.raises(ValueError, match=re.escape(told)):
        read_all(look(tmp_path / "mine.npz"), SHAPE)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(6), "int64 of the shape (6,)"),
        (np.zeros(7), "float64"),
        (np.array(list("abcdefg")), "labels are <U1"),
        (np.array([None] * 7), "labels are object"),
        (np.arange(7) - 1, "labels go from -1 to 5"),
        (np.arange(7) * 10**6, "to 6000000, and have to be whole numbers from 0 to 99,999"),
        (np.array([2**64 - 1] * 7, dtype=np.uint64), "labels go from 18446744073709551615"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_with_the_reason(
    labels: Any, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        look(saved(tmp_path, labels=labels))


def test_labels_in_a_column_are_labels(tmp_path: Path) -> None:
    found = look(saved(tmp_path, labels=np.arange(7, dtype=np.uint8)[:, None]))
    assert read_all(found, SHAPE)[1].tolist() == list(range(7))


def test_an_array_of_another_name_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=IMAGES, y=IMAGES)
    with pytest.raises(ValueError, match="it has no array 'images', but x, y"):
        look(tmp_path / "mine.npz")


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no folder, and no file that ends in \.npz or \.npy"):
        look(tmp_path / "mine.zip")


def header_of(*shape: int) -> bytes:
    content = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, described)
    return content.getvalue()


@pytest.mark.parametrize("count", [10**15, 10**40])
def test_an_absurd_number_of_images_is_refused(count: int, tmp_path: Path) -> None:
    (tmp_path / "mine.npy").write_bytes(header_of(count, 8, 8) + bytes(64))
    with pytest.raises(ValueError, match="at most 100,000,000 are allowed"):
        look(tmp_path / "mine.npy")


def test_a_header_that_promises_more_than_there_is_costs_no_memory(tmp_path: Path) -> None:
    (tmp_path / "mine.npy").write_bytes(header_of(10**7, 8, 8) + bytes(64))
    assert look(tmp_path / "mine.npy").count == 10**7
    with zipfile.ZipFile(tmp_path / "mine.npz", "w") as archive:
        archive.writestr("images.npy", header_of(10, 8, 8))
        archive.writestr("labels.npy", header_of(10**15))
    with pytest.raises(ValueError, match="labels are uint8 of the shape"):
        look(tmp_path / "mine.npz")


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_header_of_an_absurd_length_is_not_read(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed, hundreds of megabytes of spaces are a small file."""
    content = b"\x93NUMPY\x02\x00" + (2**20).to_bytes(4, "little") + b" " * 2**20
    path = tmp_path / f"mine.{ending}"
    if ending == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("images.npy", content)
    monkeypatch.setattr(
        np.lib.format, "read_array_header_2_0", lambda _: pytest.fail("the header is read")
    )
    with pytest.raises(ValueError, match="images is no array that can be read"):
        look(path)


def test_a_file_that_breaks_off_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", IMAGES)
    content = (tmp_path / "mine.npy").read_bytes()
    for changed, told in ((content[:-1], "breaks off after 6 of 7"), (content + b"1", "more in")):
        (tmp_path / "mine.npy").write_bytes(changed)
        with pytest.raises(ValueError, match=told):
            read_all(look(tmp_path / "mine.npy"), SHAPE)


def test_an_image_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.npy").write_bytes(header_of(1, 10**5, 10**5))
    with pytest.raises(ValueError, match="100,000 x 100,000 pixels"):
        look(tmp_path / "mine.npy")


@settings(max_examples=80, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=5),
    keep=st.integers(0, 10**4),
)
def test_no_damage_ends_in_anything_but_images_or_one_reason(
    changes: list[tuple[int, int]], keep: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = saved(tmp_path_factory.mktemp("arrays"), labels=np.arange(7))
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(bytes(content[:keep]))
    with suppress(ValueError, OSError):
        pixels, labels, _ = read_all(look(path), SHAPE)
        assert pixels.shape == (7, *SHAPE)
        assert len(labels) == 7
