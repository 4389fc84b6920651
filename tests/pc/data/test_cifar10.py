"""Where the images of CIFAR-10 are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import (
    BINARY,
    BINARY_ARCHIVE,
    OFFLINE,
    PYTHON,
    PYTHON_ARCHIVE,
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

from pcsearch.pc.data import cifar10
from pcsearch.pc.data.cifar10 import PUBLISHED
from pcsearch.pc.dataset_sizes import TRAINING_POOLS


def test_the_published_release_has_as_many_images_as_the_facts_say() -> None:
    assert PUBLISHED.training_batches * PUBLISHED.batch_size == TRAINING_POOLS["cifar10"]


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
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_pixels_in_column_order_are_the_same_images(tmp_path: Path) -> None:
    files = {
        name: pickled(np.asfortranarray(pixels), labels)
        for name, (pixels, labels) in batches().items()
    }
    put(tmp_path, PYTHON, files)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (PUBLISHED.python_archive.name, PYTHON_ARCHIVE),
        (PUBLISHED.binary_archive.name, BINARY_ARCHIVE),
    ],
    ids=["python", "binary"],
)
def test_an_archive_gives_its_images_and_is_not_unpacked(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    cached = {path.name for path in tmp_path.glob("cifar10-uint8-*.npy")}
    assert names_in(tmp_path) == {name, *cached}


def test_the_sources_are_tried_in_their_documented_order(tmp_path: Path, server: Server) -> None:
    python, binary = archive_of(PYTHON, python_files(3)), archive_of(BINARY, binary_files(4))
    of = release(server.url, python, binary)
    put(tmp_path, PYTHON, python_files(1))
    put(tmp_path, BINARY, binary_files(2))
    (tmp_path / of.python_archive.name).write_bytes(python)
    (tmp_path / of.binary_archive.name).write_bytes(binary)

    sources = [PYTHON, BINARY, of.python_archive.name, of.binary_archive.name]
    for seed, name in enumerate(sources, start=1):
        assert_holds(cifar10.load(tmp_path, release=of), seed)
        source = tmp_path / name
        shutil.rmtree(source) if source.is_dir() else source.unlink()
        assert_holds(cifar10.load(tmp_path, release=of), seed)
        for cached in tmp_path.glob("*.npy"):
            cached.unlink()
    assert server.requests == []
