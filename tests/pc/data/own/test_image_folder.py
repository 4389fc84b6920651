from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cifar10_files import without_override
from hypothesis import given, settings
from hypothesis import strategies as st
from own_image_files import class_folders, encoded, noise, put, read_all
from PIL import Image

from pcsearch.pc.data.own import image_folder
from pcsearch.pc.data.own.image_folder import FORMATS, decode, look
from pcsearch.pc.data.own.pixel_limits import PixelBudget

SHAPE = (3, 8, 8)


RED = np.full((8, 8, 3), (250, 0, 0), dtype=np.uint8)


def names(folder: Path) -> list[tuple[str, int]]:
    return list(look(folder).files)


def test_class_folders_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/10.png", "a/deep/er/x.jpeg", "c/y.webp", "a/z.gif"):
        put(tmp_path, name, b"")
    assert names(tmp_path) == [
        ("a/deep/er/x.jpeg", 0), ("a/z.gif", 0), ("b/10.png", 1), ("b/2.PNG", 1), ("c/y.webp", 2),
    ]  # fmt: skip
    assert look(tmp_path).classes == 3


def test_what_is_no_image_is_not_counted(tmp_path: Path) -> None:
    put(tmp_path, "a/x.png", b"")
    for name in ("a/list.txt", "a/.hidden.png", ".cache/y.png", "empty/readme", "a/._x.png"):
        put(tmp_path, name, b"")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "a" / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert names(tmp_path) == [("a/x.png", 0)]


def test_a_class_folder_and_an_image_may_be_links(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/x.png", b"")
    put(tmp_path, "images/a/y.png", b"")
    (tmp_path / "images" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "a" / "z.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    assert names(tmp_path / "images") == [("a/y.png", 0), ("a/z.png", 0), ("b/x.png", 1)]


def test_images_without_class_folders_are_one_class(tmp_path: Path) -> None:
    put(tmp_path, "x.png", b"")
    put(tmp_path, "y.jpg", b"")
    found = look(tmp_path)
    assert (found.count, found.classes, found.notes) == (2, 1, ())


def test_images_beside_class_folders_are_noted(tmp_path: Path) -> None:
    put(tmp_path, "a/x.png", b"")
    put(tmp_path, "y.jpg", b"")
    found = look(tmp_path)
    assert names(tmp_path) == [("a/x.png", 0)]
    (note,) = found.notes
    assert "(1, such as y.jpg)" in note


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a/x.txt", b"")
    with pytest.raises(ValueError, match=r"there are no images in it \(\.bmp, "):
        look(tmp_path)


def test_the_stamp_follows_names_sizes_and_times(tmp_path: Path) -> None:
    path = put(tmp_path, "a/x.png", b"1")
    os.utime(path, ns=(0, 0))
    stamps = [look(tmp_path).stamp]
    assert look(tmp_path).stamp == stamps[0]
    os.utime(path, ns=(0, 1))
    stamps.append(look(tmp_path).stamp)
    path.write_bytes(b"12")
    os.utime(path, ns=(0, 1))
    stamps.append(look(tmp_path).stamp)
    path.rename(tmp_path / "a" / "y.png")
    stamps.append(look(tmp_path).stamp)
    assert len(set(stamps)) == 4


def test_to_count_images_none_is_opened(tmp_path: Path) -> None:
    put(tmp_path, "a/x.png", encoded(RED)).chmod(0)
    with without_override():
        found = look(tmp_path)
        with pytest.raises(PermissionError, match=r"x\.png"):
            read_all(found, SHAPE)
    assert found.count == 1


def test_the_images_are_read_in_their_order(tmp_path: Path) -> None:
    class_folders(tmp_path, classes=3, each=5)
    pixels, labels, damaged = read_all(look(tmp_path), SHAPE)
    assert labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    for number, image in enumerate(pixels):
        assert np.array_equal(image, noise(8, 8, 3, seed=number).transpose(2, 0, 1))
    assert damaged == {}


def test_only_some_images_at_a_time_wait_for_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a million waited at once, that would take more memory than the images."""
    waiting: list[list[int]] = []

    class Counting(ThreadPoolExecutor):
        def map(self, fn: Any, *iterables: Any, **others: Any) -> Any:
            (numbers,) = iterables
            waiting.append(list(numbers))
            return super().map(fn, numbers, **others)

    monkeypatch.setattr(image_folder, "ThreadPoolExecutor", Counting)
    monkeypatch.setattr(image_folder, "_AT_A_TIME", 2)
    class_folders(tmp_path, classes=1, each=5)
    pixels, labels, _ = read_all(look(tmp_path), SHAPE)
    assert waiting == [[0, 1], [2, 3], [4]]
    assert labels.tolist() == [0] * 5
    assert np.array_equal(pixels[4], noise(8, 8, 3, seed=4).transpose(2, 0, 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_read(kind: str) -> None:
    pixels = decode(encoded(RED, kind), SHAPE).astype(int)
    assert np.abs(pixels - RED.transpose(2, 0, 1)).max() <= 10


def test_a_photo_is_turned_as_the_camera_says() -> None:
    photo = Image.new("RGB", (16, 16), "black")
    photo.paste("white", (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 3
    content = io.BytesIO()
    photo.save(content, "JPEG", exif=exif)
    pixels = decode(content.getvalue(), (1, 8, 8))
    assert pixels[0, 7].min() > 200
    assert pixels[0, 0].max() < 50


def test_pixels_are_counted_as_they_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    class Budget(PixelBudget):
        def taken(self, pixels: int) -> AbstractContextManager[None]:
            counted.append(pixels)
            return super().taken(pixels)

    monkeypatch.setattr(image_folder, "_IN_MEMORY", Budget(10**7))
    decode(encoded(RED), SHAPE)
    photo = Image.new("RGB", (1600, 1600))
    for progressive in (False, True):
        content = io.BytesIO()
        photo.save(content, "JPEG", progressive=progressive)
        decode(content.getvalue(), SHAPE)
    assert counted == [64, 200**2, 1600**2]


def test_a_large_image_takes_little_more_memory_than_its_pixels(
    tmp_path: Path,
) -> None:
    program = (
        "import sys\n"
        "from pcsearch.pc.data.own.image_folder import decode\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(each.split()[1]) for each in lines if each.startswith('VmHWM'))\n"
        "decode(open(sys.argv[1], 'rb').read(), (3, 8, 8))\n"
        "before = peak()\n"
        "decode(open(sys.argv[2], 'rb').read(), (3, 8, 8))\n"
        "print(peak() - before)\n"
    )
    small = put(tmp_path, "small.png", encoded(np.zeros((64, 64), dtype=np.uint16)))
    large = put(tmp_path, "large.png", encoded(np.zeros((4000, 4000), dtype=np.uint16)))
    found = subprocess.run(
        [sys.executable, "-c", program, small, large],
        cwd=Path(image_folder.__file__).parents[4], capture_output=True, text=True, check=True,
    )  # fmt: skip
    kilobytes = int(found.stdout)
    assert 30_000 < kilobytes < 90_000, "the pixels themselves take 32,000"


def bomb(width: int, height: int) -> bytes:
    """A small file that says to be a large image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def test_damaged_images_are_named_with_their_reasons_and_left_out(tmp_path: Path) -> None:
    class_folders(tmp_path, classes=2, each=3)
    put(tmp_path, "a/0.png", b"\x89PNG garbage")
    put(tmp_path, "b/1.png", encoded(RED)[:-30])
    put(tmp_path, "b/2.jpg", b"")
    put(tmp_path, "b/3.png", bomb(10_000, 10_000))
    put(tmp_path, "b/4.png", bomb(100_000, 100_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, labels, damaged = read_all(look(tmp_path), SHAPE)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(pixels[5], noise(8, 8, 3, seed=5).transpose(2, 0, 1))
    assert {name: reason for name, reason in damaged.items() if name < "b/3"} == {
        "a/0.png": "it is no image",
        "b/1.png": damaged["b/1.png"],
        "b/2.jpg": "it is no image",
    }
    assert "10,000 x 10,000 pixels" in damaged["b/3.png"]
    assert "pixels" in damaged["b/4.png"]
    assert all(reason and "\n" not in reason for reason in damaged.values())


def test_a_file_without_end_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcsearch.pc.data.own.image_folder.LARGEST_FILE", 100)
    put(tmp_path, "a/x.png", encoded(RED) + bytes(100))
    _, _, damaged = read_all(look(tmp_path), SHAPE)
    assert damaged == {"a/x.png": "it has more than 100 bytes"}


def test_a_name_that_is_no_line_of_text_can_be_told(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n.png")
    put(tmp_path, f"a/{name}", b"")
    put(tmp_path, name, b"")
    found = look(tmp_path)
    _, _, damaged = read_all(found, SHAPE)
    assert list(damaged) == ["a/\N{REPLACEMENT CHARACTER} .png"]
    assert found.notes[0].endswith("(1, such as \N{REPLACEMENT CHARACTER} .png)")


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(list(FORMATS)),
    changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255))),
    keep=st.integers(0, 10**4),
)
def test_no_damage_ends_in_anything_but_an_image_or_a_reason(
    kind: str, changes: list[tuple[int, int]], keep: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(encoded(noise(9, 11, 3), kind))
    for place, value in changes:
        content[place % len(content)] = value
    folder = tmp_path_factory.mktemp("images")
    put(folder, f"a/x{FORMATS[kind][0]}", bytes(content[:keep]))
    pixels, labels, damaged = read_all(look(folder), SHAPE)
    assert len(pixels) == len(labels) == 1 - len(damaged)
    assert all(reason and "\n" not in reason for reason in damaged.values())
