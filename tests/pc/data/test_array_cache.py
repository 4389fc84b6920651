"""The cached images of a published data set, and directories that cannot be written."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import (
    BINARY,
    BINARY_ARCHIVE,
    BINARY_NAME,
    LOCK,
    OFFLINE,
    PYTHON,
    PYTHON_ARCHIVE,
    PYTHON_NAME,
    SIZE,
    Call,
    Files,
    Server,
    assert_holds,
    binary_files,
    cached_files,
    failure,
    names_in,
    put,
    python_files,
    read_only,
    release,
    without_override,
)
from filelock import FileLock

from pcsearch.pc.data.published import load


def test_a_second_load_needs_no_source(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    load(OFFLINE, tmp_path)
    shutil.rmtree(tmp_path / BINARY)
    assert_holds(load(OFFLINE, tmp_path))


def test_cached_pixels_are_mapped_and_writing_to_them_leaves_the_file_alone(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    _, test = load(OFFLINE, tmp_path)
    pixels, _ = cached_files(tmp_path)
    before = pixels.read_bytes()
    with pixels.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([255 - before[-1]]))
    assert test.pixels[-1, -1, -1, -1] == 255 - before[-1]

    test.pixels[-1, -1, -1, -1] = before[-1]
    assert pixels.read_bytes() == before[:-1] + bytes([255 - before[-1]])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _garble(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': [[" + path.read_bytes()[20:])


def _replace_by_objects(path: Path) -> None:
    np.save(path, np.array([Call(os.system, ("exit 1",))]), allow_pickle=True)


def _number_classes_from_one(path: Path) -> None:
    np.save(path, np.full(6 * SIZE, 10))


def _flatten(path: Path) -> None:
    np.save(path, np.load(path).reshape(-1, 1))


def _widen(path: Path) -> None:
    np.save(path, np.load(path).astype(np.int32))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _huge(path: Path) -> None:
    header = io.BytesIO()
    shape = (10**30, 3, 32, 32)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    path.write_bytes(header.getvalue())


@pytest.mark.parametrize("which", [0, 1], ids=["pixels", "labels"])
@pytest.mark.parametrize(
    "damage",
    [Path.unlink, _truncate, _garble, _replace_by_objects, _flatten, _widen, _empty, _huge],
)
def test_a_damaged_cache_is_built_anew(
    tmp_path: Path, damage: Callable[[Path], None], which: int
) -> None:
    put(tmp_path, BINARY, binary_files())
    load(OFFLINE, tmp_path)
    sound = [path.read_bytes() for path in cached_files(tmp_path)]
    damage(cached_files(tmp_path)[which])
    assert_holds(load(OFFLINE, tmp_path))
    assert [path.read_bytes() for path in cached_files(tmp_path)] == sound


def test_cached_labels_that_are_no_classes_are_built_anew(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    load(OFFLINE, tmp_path)
    _number_classes_from_one(cached_files(tmp_path)[1])
    assert_holds(load(OFFLINE, tmp_path))


def test_a_cache_that_cannot_be_written_costs_nothing_but_itself(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    load(OFFLINE, tmp_path)
    pixels, labels = cached_files(tmp_path)
    pixels.unlink()
    labels.unlink()
    pixels.mkdir()
    assert_holds(load(OFFLINE, tmp_path))
    assert names_in(tmp_path) == {BINARY, pixels.name}


def test_without_the_lock_nothing_is_written(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    (tmp_path / LOCK).mkdir()
    assert_holds(load(OFFLINE, tmp_path))
    assert names_in(tmp_path) == {BINARY}


def test_who_waited_for_the_lock_takes_the_cache_that_was_written_meanwhile(tmp_path: Path) -> None:
    data_dir, other = tmp_path / "data", tmp_path / "other"
    data_dir.mkdir()
    put(other, BINARY, binary_files())
    load(OFFLINE, other)
    with ThreadPoolExecutor() as threads:
        with FileLock(data_dir / LOCK):
            waiting = threads.submit(load, OFFLINE, data_dir)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            for path in cached_files(other):
                shutil.copy(path, data_dir)
        assert_holds(waiting.result(timeout=60))


@pytest.mark.parametrize(("folder", "files"), [(PYTHON, python_files()), (BINARY, binary_files())])
def test_a_read_only_directory_is_read_from_and_left_as_it_is(
    tmp_path: Path, folder: str, files: Files
) -> None:
    put(tmp_path, folder, files)
    with read_only(tmp_path):
        assert_holds(load(OFFLINE, tmp_path))
    assert os.listdir(tmp_path) == [folder]  # noqa: PTH208


def test_a_read_only_archive_is_read(tmp_path: Path) -> None:
    (tmp_path / BINARY_NAME).write_bytes(BINARY_ARCHIVE)
    with read_only(tmp_path):
        assert_holds(load(OFFLINE, tmp_path))


def test_nothing_is_downloaded_where_it_could_not_be_kept(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE)
    with read_only(tmp_path):
        line = failure(tmp_path, of)
    assert "Permission denied" in line
    assert "dataset: digits" in line
    assert server.requests == []


def test_a_source_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    batch = tmp_path / BINARY / "test_batch.bin"
    batch.chmod(0)
    with without_override():
        line = failure(tmp_path)
    assert "Permission denied" in line
    assert str(batch) in line
