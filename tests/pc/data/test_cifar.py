"""Where the images of CIFAR-10 are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import (
    BINARY,
    BINARY_ARCHIVE,
    BINARY_NAME,
    OFFLINE,
    PYTHON,
    PYTHON_ARCHIVE,
    PYTHON_NAME,
    Files,
    Server,
    archive_of,
    assert_holds,
    batches,
    binary_files,
    names_in,
    pickled,
    pickled_by_python_2,
    put,
    python_files,
    release,
)

from pcsearch.pc.data.published import load


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        (PYTHON, python_files()),
        (PYTHON, {name: pickled_by_python_2(*batch) for name, batch in batches().items()}),
        (BINARY, binary_files()),
    ],
    ids=["pickles", "pickles of Python 2", "records"],
)
def test_an_extracted_folder_gives_its_images(tmp_path: Path, folder: str, files: Files) -> None:
    put(tmp_path, folder, files)
    assert_holds(load(OFFLINE, tmp_path))


def test_pixels_in_column_order_are_the_same_images(tmp_path: Path) -> None:
    files = {
        name: pickled(np.asfortranarray(pixels), labels)
        for name, (pixels, labels) in batches().items()
    }
    put(tmp_path, PYTHON, files)
    assert_holds(load(OFFLINE, tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (PYTHON_NAME, PYTHON_ARCHIVE),
        (BINARY_NAME, BINARY_ARCHIVE),
    ],
    ids=["python", "binary"],
)
def test_an_archive_gives_its_images_and_is_not_unpacked(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_holds(load(OFFLINE, tmp_path))
    cached = {path.name for path in tmp_path.glob("cifar10-uint8-*.npy")}
    assert names_in(tmp_path) == {name, *cached}


def test_the_sources_are_tried_in_their_documented_order(tmp_path: Path, server: Server) -> None:
    python, binary = archive_of(PYTHON, python_files(3)), archive_of(BINARY, binary_files(4))
    of = release(server.url, python, binary)
    put(tmp_path, PYTHON, python_files(1))
    put(tmp_path, BINARY, binary_files(2))
    (tmp_path / PYTHON_NAME).write_bytes(python)
    (tmp_path / BINARY_NAME).write_bytes(binary)

    sources = [PYTHON, BINARY, PYTHON_NAME, BINARY_NAME]
    for seed, name in enumerate(sources, start=1):
        assert_holds(load(of, tmp_path), seed)
        source = tmp_path / name
        shutil.rmtree(source) if source.is_dir() else source.unlink()
        assert_holds(load(of, tmp_path), seed)
        for cached in tmp_path.glob("*.npy"):
            cached.unlink()
    assert server.requests == []
